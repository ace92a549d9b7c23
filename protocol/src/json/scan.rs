//! A first look at a document from a stranger: it counts before anything is
//! allocated or recursed into, and puts right what Go reads but serde_json
//! refuses.

use std::borrow::Cow;

use super::document::{Limits, ReadError};

/// The bytes to hand to the parser: U+FFFD in place of each byte that is not
/// UTF-8 and of each lone surrogate, as Go reads them.
///
/// # Errors
/// When a limit is exceeded. Errors of syntax are left to the parser.
pub(super) fn scan<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Cow<'a, [u8]>, ReadError> {
    if bytes.len() > limits.bytes {
        return Err(ReadError::TooLarge {
            size: bytes.len(),
            limit: limits.bytes,
        });
    }
    let mut depth = 0usize;
    let mut values = 1usize;
    let mut surrogates = false;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => {
                let (end, has_surrogate) = text_end(bytes, at + 1);
                surrogates |= has_surrogate;
                at = end;
                continue;
            }
            b'[' | b'{' => {
                depth += 1;
                values += 1;
                if depth > limits.depth {
                    return Err(ReadError::TooDeep {
                        limit: limits.depth,
                    });
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b',' => values += 1,
            _ => {}
        }
        at += 1;
    }
    if values > limits.values {
        return Err(ReadError::TooMany {
            limit: limits.values,
        });
    }
    Ok(if surrogates || std::str::from_utf8(bytes).is_err() {
        Cow::Owned(repaired(bytes))
    } else {
        Cow::Borrowed(bytes)
    })
}

/// The position after the quote that ends a text, and whether the text may
/// contain an escaped surrogate.
fn text_end(bytes: &[u8], start: usize) -> (usize, bool) {
    let mut at = start;
    let mut surrogate = false;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => return (at + 1, surrogate),
            b'\\' => {
                surrogate |= matches!(bytes.get(at + 1..at + 3), Some([b'u', b'd' | b'D']));
                at += 2;
            }
            _ => at += 1,
        }
    }
    (bytes.len(), surrogate)
}

const REPLACEMENT: &[u8] = "\u{fffd}".as_bytes();

/// Replaces bytes that are not UTF-8, one by one, and then lone surrogates
/// within texts.
fn repaired(bytes: &[u8]) -> Vec<u8> {
    let mut valid = Vec::with_capacity(bytes.len() + 16);
    let mut in_text = false;
    for chunk in bytes.utf8_chunks() {
        let text = chunk.valid().as_bytes();
        let mut at = 0;
        while at < text.len() {
            match text[at] {
                b'"' => in_text = !in_text,
                // An escape, whole or cut off by the end of the chunk.
                b'\\' if in_text => {
                    let (length, replaced) = escape_at(&text[at..]);
                    if replaced {
                        valid.extend_from_slice(REPLACEMENT);
                    } else {
                        valid.extend_from_slice(&text[at..at + length]);
                    }
                    at += length;
                    continue;
                }
                _ => {}
            }
            valid.push(text[at]);
            at += 1;
        }
        for _ in chunk.invalid() {
            // Outside a text this is an error of syntax, and it stays one.
            valid.extend_from_slice(REPLACEMENT);
        }
    }
    valid
}

/// The length of the escape that `text` starts with, and whether it is a lone
/// surrogate.
fn escape_at(text: &[u8]) -> (usize, bool) {
    match code_unit(text) {
        Some(0xd800..=0xdbff) if matches!(code_unit(&text[6..]), Some(0xdc00..=0xdfff)) => {
            (12, false)
        }
        Some(0xd800..=0xdfff) => (6, true),
        Some(_) => (6, false),
        None => (text.len().min(2), false),
    }
}

/// The value of a `\uXXXX` that `text` starts with.
fn code_unit(text: &[u8]) -> Option<u32> {
    let digits = text.get(..6)?.strip_prefix(b"\\u")?;
    let mut value = 0;
    for digit in digits {
        value = value * 16 + char::from(*digit).to_digit(16)?;
    }
    Some(value)
}
