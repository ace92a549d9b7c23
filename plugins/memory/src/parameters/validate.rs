//! What parameters must satisfy beyond their types. Every complaint names the
//! search, the field and the value.

use super::{Parameters, Search};
use mig_plugin_patterns::goregex;
use mig_plugin_sdk::FieldError;
use mig_plugin_sdk::texts::shown;

/// Longest reason of a refused pattern, in characters.
const MAX_REASON: usize = 160;

/// Longest label, in characters.
const MAX_LABEL: usize = 64;
/// Longest byte sequence, in bytes: it has to fit into a block with its
/// neighbours, and memory is bounded.
const MAX_SEQUENCE: usize = 64 << 10;
/// Addresses and lengths end here.
const MAX_NUMBER: f64 = 18_446_744_073_709_551_616.0;

/// Checks all searches; the complaints come in the order of the labels.
pub fn validate(parameters: &Parameters) -> Vec<FieldError> {
    let mut complaints = Vec::new();
    for (label, search) in &parameters.searches {
        let mut check = Check {
            label,
            complaints: &mut complaints,
        };
        check.search(search);
    }
    complaints
}

/// The bytes of a sequence in hexadecimal; `None` when it is none.
pub fn decode_hex(value: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let (pairs, rest) = value.as_bytes().as_chunks::<2>();
    if pairs.is_empty() || !rest.is_empty() {
        return None;
    }
    pairs
        .iter()
        .map(|&[high, low]| Some((digit(high)? << 4 | digit(low)?) as u8))
        .collect()
}

struct Check<'a> {
    label: &'a str,
    complaints: &'a mut Vec<FieldError>,
}

impl Check<'_> {
    fn complain(&mut self, field: &str, message: String) {
        let field = format!("searches.{}.{field}", shown(self.label));
        self.complaints.push(FieldError::new(field, message));
    }

    fn search(&mut self, search: &Search) {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if !(1..=MAX_LABEL).contains(&self.label.len()) || !self.label.bytes().all(plain) {
            let message = format!("must have 1 to {MAX_LABEL} of the characters a-z A-Z 0-9 _ -");
            self.complain("label", message);
        }
        for (field, values) in [
            ("names", &search.names),
            ("libraries", &search.libraries),
            ("contents", &search.contents),
        ] {
            for value in values {
                self.pattern(field, value);
            }
        }
        for value in &search.bytes {
            self.bytes(value);
        }
        self.number("options.offset", search.options.offset);
        self.number("options.maxlength", search.options.maxlength);
    }

    fn pattern(&mut self, field: &str, value: &str) {
        if value.is_empty() {
            return self.complain(field, "an empty regex is not permitted".to_owned());
        }
        if let Err(error) = goregex::parse(value) {
            // The fragment may repeat a pattern of any length.
            let reason: String = error.to_string().escape_debug().take(MAX_REASON).collect();
            self.complain(
                field,
                format!("'{}' is not a regex: {reason}", shown(value)),
            );
        }
    }

    fn bytes(&mut self, value: &str) {
        if value.is_empty() {
            return self.complain("bytes", "an empty sequence is not permitted".to_owned());
        }
        if value.len() / 2 > MAX_SEQUENCE {
            let message = format!("a sequence may have {MAX_SEQUENCE} bytes; search for a part");
            return self.complain("bytes", message);
        }
        if decode_hex(value).is_none() {
            let message = format!(
                "'{}' is not a sequence of bytes: it must have an even number of hexadecimal \
                 digits and no 0x",
                shown(value)
            );
            self.complain("bytes", message);
        }
    }

    fn number(&mut self, field: &str, value: f64) {
        if !(0.0..=MAX_NUMBER).contains(&value) || value.fract() != 0.0 {
            self.complain(field, format!("{value} is not a whole number from 0 on"));
        }
    }
}
