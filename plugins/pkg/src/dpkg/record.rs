//! One paragraph of the database.

use crate::collection::MAX_FIELD;
use crate::stanzas::text;

/// What is wanted of a paragraph.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Record {
    /// `Package`
    pub name: String,
    /// `Version`
    pub version: String,
    /// `Architecture`
    pub arch: String,
    /// `Status`, three words; absent in `status.d`.
    pub status: Option<String>,
    /// `Multi-Arch: same`
    pub same: bool,
    /// Something is in the paragraph.
    pub begun: bool,
    /// A wanted field is too long, its name.
    pub oversized: Option<&'static str>,
}

impl Record {
    /// Takes a line of the paragraph.
    pub fn field(&mut self, name: &[u8], value: &[u8]) {
        self.begun = true;
        let wanted = [
            ("Package", 0),
            ("Version", 1),
            ("Architecture", 2),
            ("Status", 3),
            ("Multi-Arch", 4),
        ];
        let Some((known, place)) = wanted
            .into_iter()
            .find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(name))
        else {
            return;
        };
        if value.len() > MAX_FIELD {
            self.oversized = Some(known);
            return;
        }
        match place {
            0 => self.name = text(value),
            1 => self.version = text(value),
            2 => self.arch = text(value),
            3 => self.status = Some(text(value)),
            _ => self.same = value.eq_ignore_ascii_case(b"same"),
        }
    }

    /// Whether the package is installed, or what is wrong with the paragraph.
    ///
    /// # Errors
    /// One clause that names the field.
    pub fn installed(&self) -> Result<bool, String> {
        if let Some(field) = self.oversized {
            return Err(format!("a {field} of more than {MAX_FIELD} bytes"));
        }
        if self.name.is_empty() {
            return Err("a paragraph without Package".to_owned());
        }
        let Some(status) = &self.status else {
            return Ok(true);
        };
        let mut words = status.split_ascii_whitespace();
        let state = match (words.next(), words.next(), words.next(), words.next()) {
            (Some(_), Some(_), Some(state), None) => state,
            _ => {
                return Err(format!(
                    "Status of {} has not three words",
                    shown(&self.name)
                ));
            }
        };
        match state {
            "installed" | "triggers-awaited" | "triggers-pending" => Ok(true),
            "not-installed" | "config-files" | "half-installed" | "unpacked"
            | "half-configured" => Ok(false),
            _ => Err(format!("Status of {} is unknown", shown(&self.name))),
        }
    }
}

/// A name on one line, not too long.
fn shown(name: &str) -> String {
    name.chars().flat_map(char::escape_debug).take(80).collect()
}
