//! Texts of any length in lines of bounded length.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A text or its beginning, with what identifies the whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    /// Bytes of the whole.
    pub bytes: u64,
    /// SHA-256 of the whole, in hex.
    pub sha256: String,
    /// Whether `text` is only the beginning.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
    /// The text.
    pub text: String,
}

impl Text {
    /// Keeps `most` bytes of a text at most.
    pub fn new(whole: &str, most: usize) -> Self {
        let text = beginning(whole, most);
        Self {
            bytes: whole.len() as u64,
            sha256: sha256(whole.as_bytes()),
            cut: text.len() < whole.len(),
            text: text.to_owned(),
        }
    }

    /// The same of bytes that should be UTF-8; what is not is replaced.
    pub fn of_bytes(whole: &[u8], most: usize) -> Self {
        let kept = &whole[..whole.len().min(most)];
        let text = String::from_utf8_lossy(kept);
        Self {
            bytes: whole.len() as u64,
            sha256: sha256(whole),
            cut: kept.len() < whole.len(),
            text: beginning(&text, most).to_owned(),
        }
    }
}

/// How much text the lines about one command may still take, so that no single
/// command fills the record.
pub(super) struct Allowance {
    each: usize,
    left: usize,
}

impl Allowance {
    pub(super) fn new(each: usize, all: usize) -> Self {
        Self { each, left: all }
    }

    pub(super) fn take(&mut self, whole: &[u8]) -> Text {
        let text = Text::of_bytes(whole, self.each.min(self.left));
        self.left = self.left.saturating_sub(text.text.len());
        text
    }
}

/// At most `most` bytes from the beginning, whole characters only.
pub(super) fn beginning(text: &str, most: usize) -> &str {
    if text.len() <= most {
        return text;
    }
    let mut end = most;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// A short text: a name, a reason.
pub(super) fn short(text: &str, most: usize) -> String {
    let kept = beginning(text, most);
    if kept.len() < text.len() {
        format!("{kept}…")
    } else {
        kept.to_owned()
    }
}

/// SHA-256 in hex.
pub(super) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Bytes in lower-case hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_keeps_its_beginning_and_the_sum_of_the_whole() {
        let whole = "é".repeat(10);
        let text = Text::new(&whole, 5);
        assert_eq!((text.text.as_str(), text.bytes, text.cut), ("éé", 20, true));
        assert_eq!(text.sha256, sha256(whole.as_bytes()));
        let all = Text::new("abc", 3);
        assert_eq!((all.text.as_str(), all.cut), ("abc", false));
        assert_eq!(
            all.sha256,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn bytes_that_are_no_text_are_kept_within_the_bound() {
        let text = Text::of_bytes(&[0xff; 9], 6);
        assert!(text.text.len() <= 6 && text.cut, "{text:?}");
        assert_eq!(text.bytes, 9);
    }

    #[test]
    fn an_allowance_is_used_up() {
        let mut allowance = Allowance::new(4, 6);
        let kept: Vec<usize> = (0..3)
            .map(|_| allowance.take(b"abcdefgh").text.len())
            .collect();
        assert_eq!(kept, [4, 2, 0]);
    }
}
