//! Bytes that are not UTF-8, as Go's regular expressions see them: each bad
//! byte is one U+FFFD. Unlike `String::from_utf8_lossy`, which replaces a whole
//! truncated sequence by one.

use std::borrow::Cow;

/// UTF-8 of U+FFFD.
const REPLACEMENT: &[u8] = "\u{FFFD}".as_bytes();

/// The text of `bytes`, borrowed when it is valid already.
pub fn text(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => {
            let mut out = String::with_capacity(bytes.len() + 16);
            for chunk in bytes.utf8_chunks() {
                out.push_str(chunk.valid());
                out.extend(chunk.invalid().iter().map(|_| '\u{FFFD}'));
            }
            Cow::Owned(out)
        }
    }
}

/// Transcribes a stream piece by piece: a character may be split between two
/// pieces.
#[derive(Debug, Default, Clone)]
pub struct Transcriber {
    /// The start of a character whose rest has not come yet.
    pending: Vec<u8>,
}

impl Transcriber {
    /// Hands the transcription of `piece`, as far as it is decided, to `sink`.
    pub fn push(&mut self, piece: &[u8], mut sink: impl FnMut(&[u8])) {
        let mut piece = piece;
        while !self.pending.is_empty() {
            let Some((&next, rest)) = piece.split_first() else {
                return;
            };
            let mut joined = self.pending.clone();
            joined.push(next);
            match std::str::from_utf8(&joined) {
                Ok(_) => {
                    sink(&joined);
                    self.pending.clear();
                    piece = rest;
                }
                // Still the start of something.
                Err(error) if error.valid_up_to() == 0 && error.error_len().is_none() => {
                    self.pending = joined;
                    piece = rest;
                }
                // Not continued: what was pending is bad bytes, `next` is not.
                Err(_) => {
                    self.flush(&mut sink);
                }
            }
        }
        while !piece.is_empty() {
            match std::str::from_utf8(piece) {
                Ok(_) => return sink(piece),
                Err(error) => {
                    let (valid, rest) = piece.split_at(error.valid_up_to());
                    if !valid.is_empty() {
                        sink(valid);
                    }
                    match error.error_len() {
                        Some(length) => {
                            (0..length).for_each(|_| sink(REPLACEMENT));
                            piece = &rest[length..];
                        }
                        None => {
                            self.pending = rest.to_vec();
                            return;
                        }
                    }
                }
            }
        }
    }

    /// Ends the text: a character that never got complete is bad bytes.
    pub fn finish(&mut self, mut sink: impl FnMut(&[u8])) {
        self.flush(&mut sink);
    }

    /// True when no character is incomplete.
    pub fn is_settled(&self) -> bool {
        self.pending.is_empty()
    }

    fn flush(&mut self, sink: &mut impl FnMut(&[u8])) {
        for _ in self.pending.drain(..) {
            sink(REPLACEMENT);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bad_byte_is_one_replacement_character() {
        let cases: &[(&[u8], &str)] = &[
            (b"plain", "plain"),
            (b"a\xFFb", "a\u{FFFD}b"),
            (b"\xE2\x82", "\u{FFFD}\u{FFFD}"),
            (b"\xE2\x82A", "\u{FFFD}\u{FFFD}A"),
            (b"\xED\xA0\x80", "\u{FFFD}\u{FFFD}\u{FFFD}"),
            (b"\xF0\x9F\x98\x80", "\u{1F600}"),
            (
                b"\xF0\x9F\x98\xF0\x9F\x98\x80",
                "\u{FFFD}\u{FFFD}\u{FFFD}\u{1F600}",
            ),
            (b"\xC0\x80", "\u{FFFD}\u{FFFD}"),
        ];
        for (bytes, wanted) in cases {
            assert_eq!(text(bytes), *wanted, "{bytes:?}");
            for split in 0..=bytes.len() {
                let mut out = Vec::new();
                let mut transcriber = Transcriber::default();
                transcriber.push(&bytes[..split], |part| out.extend_from_slice(part));
                transcriber.push(&bytes[split..], |part| out.extend_from_slice(part));
                transcriber.finish(|part| out.extend_from_slice(part));
                assert_eq!(out, wanted.as_bytes(), "{bytes:?} split at {split}");
            }
        }
    }
}
