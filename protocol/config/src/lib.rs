//! Configuration files in the dialect every program of a MIG site uses.
//!
//! `[section]`, `key = value`, comments from `;` or `#`, section and key names
//! in any case, double quotes around values with the escapes `\"` `\\` `\n`
//! `\t`, a key without `=` means true. An unknown section or key is an error:
//! a program that ignored it would run with something other than what its
//! operator wrote. Errors name file, line and the nearest valid name.
//!
//! What a file may hold is a table that a program has, or one made when it runs,
//! for the files of modules that describe their own.
//!
//! The dialect is close to git's, but git's own readers treat names, repeated
//! keys and errors differently, and the existing files must keep their meaning.

#![forbid(unsafe_code)]

mod duration;
mod error;
mod lexer;
mod nearest;
mod value;

use std::path::{Path, PathBuf};
use std::time::Duration;

pub use duration::{DurationError, parse_duration};
pub use error::{ConfigError, Problem};
pub use value::Kind;

use value::Value;

/// A key that a program knows.
#[derive(Debug, Clone, Copy)]
pub struct Key<'a> {
    /// Its name; the file may write it in any case.
    pub name: &'a str,
    /// What its value is.
    pub kind: Kind,
}

/// A section that a program knows.
#[derive(Debug, Clone, Copy)]
pub struct Section<'a> {
    /// Its name; the file may write it in any case.
    pub name: &'a str,
    /// Its keys.
    pub keys: &'a [Key<'a>],
}

/// A key, for the tables of the programs.
pub const fn key(name: &str, kind: Kind) -> Key<'_> {
    Key { name, kind }
}

/// Largest configuration file that is read, in bytes.
pub const LARGEST_FILE: u64 = 1 << 20;

/// The keys of `[modules]`, which agent and clients share.
pub const MODULES: Section<'static> = Section {
    name: "modules",
    keys: &[
        key("path", Kind::List),
        key("allowunsigned", Kind::Bool),
        key("requiredsignatures", Kind::Integer),
        key("keyring", Kind::Path),
        key("enable", Kind::List),
    ],
};

/// The keys of `[logging]`, which all daemons share.
pub const LOGGING: Section<'static> = Section {
    name: "logging",
    keys: &[
        key("mode", Kind::Text),
        key("level", Kind::Text),
        key("file", Kind::Path),
        key("maxfilesize", Kind::Integer),
        key("host", Kind::Text),
        key("port", Kind::Integer),
        key("protocol", Kind::Text),
        key("facility", Kind::Text),
    ],
};

/// A file that has been read and understood.
#[derive(Debug, Clone)]
pub struct Configuration {
    file: String,
    entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    section: Box<str>,
    key: Box<str>,
    value: Value,
    /// Where each value of a list stands, and where any other was set last.
    lines: Vec<usize>,
}

/// Reads a file.
///
/// # Errors
/// When it cannot be read, or for the first thing in it that makes no sense.
pub fn load(path: &Path, sections: &[Section<'_>]) -> Result<Configuration, ConfigError> {
    let file = path.display().to_string();
    let unreadable = |source| ConfigError::Unreadable {
        file: file.clone(),
        source,
    };
    let length = std::fs::metadata(path).map_err(unreadable)?.len();
    if length > LARGEST_FILE {
        return Err(ConfigError::TooLarge { file, length });
    }
    let bytes = std::fs::read(path).map_err(unreadable)?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let line = error.as_bytes()[..error.utf8_error().valid_up_to()]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count();
        ConfigError::at(&file, line + 1, Problem::NotUtf8)
    })?;
    parse(&file, &text, sections)
}

/// Reads the text of a file; `file` is its name in errors.
///
/// # Errors
/// The first thing that makes no sense.
pub fn parse(
    file: &str,
    text: &str,
    sections: &[Section<'_>],
) -> Result<Configuration, ConfigError> {
    let (configuration, mut errors) = parse_all(file, text, sections);
    if errors.is_empty() {
        Ok(configuration)
    } else {
        Err(errors.swap_remove(0))
    }
}

/// Reads the text of a file and reports everything that makes no sense, in the
/// order of the lines; what does make sense is in the configuration.
pub fn parse_all(
    file: &str,
    text: &str,
    sections: &[Section<'_>],
) -> (Configuration, Vec<ConfigError>) {
    let mut configuration = Configuration {
        file: file.to_owned(),
        entries: Vec::new(),
    };
    let mut errors = Vec::new();
    let mut current: Option<&Section<'_>> = None;
    let mut skipping = false;
    for (line, item) in lexer::items(text) {
        let problem = match item {
            Ok(lexer::Item::Section(name)) => {
                current = sections
                    .iter()
                    .find(|known| known.name.eq_ignore_ascii_case(&name));
                skipping = current.is_none();
                match current {
                    Some(_) => continue,
                    None => Problem::unknown_section(&name, sections),
                }
            }
            // The section was reported already.
            Ok(lexer::Item::Key(..)) if skipping => continue,
            Ok(lexer::Item::Key(name, text)) => match current {
                None => Problem::NoSection(name),
                Some(section) => match assign(&mut configuration, section, &name, text, line) {
                    Ok(()) => continue,
                    Err(problem) => problem,
                },
            },
            Err(problem) => problem,
        };
        errors.push(ConfigError::at(file, line, problem));
    }
    (configuration, errors)
}

fn assign(
    configuration: &mut Configuration,
    section: &Section<'_>,
    name: &str,
    text: Option<String>,
    line: usize,
) -> Result<(), Problem> {
    let key = section
        .keys
        .iter()
        .find(|known| known.name.eq_ignore_ascii_case(name))
        .ok_or_else(|| Problem::unknown_key(name, section))?;
    let value = Value::read(key, text)?;
    let same = |entry: &&mut Entry| *entry.section == *section.name && *entry.key == *key.name;
    match configuration.entries.iter_mut().find(same) {
        Some(entry) => {
            if !matches!(value, Value::List(_)) {
                entry.lines.clear();
            }
            entry.lines.push(line);
            entry.value.merge(value);
        }
        None => {
            configuration.entries.push(Entry {
                section: section.name.into(),
                key: key.name.into(),
                value,
                lines: vec![line],
            });
        }
    }
    Ok(())
}

impl Configuration {
    /// The name of the file, for messages.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Whether the file sets the key.
    pub fn has(&self, section: &str, key: &str) -> bool {
        self.value(section, key).is_some()
    }

    /// A text.
    pub fn text(&self, section: &str, key: &str) -> Option<&str> {
        match self.value(section, key)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A text without which the program cannot start; an empty one counts as
    /// missing.
    ///
    /// # Errors
    /// When the key is missing or empty.
    pub fn required(&self, section: &str, key: &str) -> Result<&str, ConfigError> {
        self.text(section, key)
            .filter(|text| !text.is_empty())
            .ok_or_else(|| ConfigError::Missing {
                file: self.file.clone(),
                section: section.to_owned(),
                key: key.to_owned(),
            })
    }

    /// A path.
    pub fn path(&self, section: &str, key: &str) -> Option<PathBuf> {
        self.text(section, key)
            .filter(|text| !text.is_empty())
            .map(PathBuf::from)
    }

    /// A truth value.
    pub fn bool(&self, section: &str, key: &str) -> Option<bool> {
        match self.value(section, key)? {
            Value::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// A whole number.
    pub fn integer(&self, section: &str, key: &str) -> Option<i64> {
        match self.value(section, key)? {
            Value::Integer(value) => Some(*value),
            _ => None,
        }
    }

    /// A time span.
    pub fn duration(&self, section: &str, key: &str) -> Option<Duration> {
        match self.value(section, key)? {
            Value::Duration(value) => Some(*value),
            _ => None,
        }
    }

    /// All values of a repeatable key, in the order of the file.
    pub fn list(&self, section: &str, key: &str) -> &[String] {
        match self.value(section, key) {
            Some(Value::List(values)) => values,
            _ => &[],
        }
    }

    /// The line that sets the key; of a list, the one that holds the value with
    /// this index, counted from 0. Lines are counted from 1.
    pub fn line(&self, section: &str, key: &str, index: usize) -> Option<usize> {
        let lines = &self.entry(section, key)?.lines;
        lines.get(index).or(lines.last()).copied()
    }

    fn value(&self, section: &str, key: &str) -> Option<&Value> {
        self.entry(section, key).map(|entry| &entry.value)
    }

    fn entry(&self, section: &str, key: &str) -> Option<&Entry> {
        self.entries
            .iter()
            .find(|entry| *entry.section == *section && *entry.key == *key)
    }
}

#[cfg(test)]
mod tests;
