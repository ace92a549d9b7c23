//! Single-character escapes: `\n`, `\x41`, `\x{1F600}`, `\012`, `\.`.

use super::error::{ErrorKind, SyntaxError};

/// Highest code point.
const MAX_RUNE: u32 = 0x10_FFFF;

/// Reads an escape; `text` starts with the backslash. The answer is a code
/// point, not a `char`: Go accepts surrogates, which then never match.
pub(super) fn read_escape(text: &str) -> Result<(u32, &str), SyntaxError> {
    let mut rest = text[1..].chars();
    let Some(c) = rest.next() else {
        return Err(SyntaxError::new(ErrorKind::TrailingBackslash, ""));
    };
    let simple = |value: u32, rest: std::str::Chars<'_>| {
        let left = rest.as_str().len();
        Ok((value, &text[text.len() - left..]))
    };
    match c {
        // A single non-zero digit would be a back-reference.
        '1'..='7' if !rest.as_str().starts_with(|d| matches!(d, '0'..='7')) => {}
        '0'..='7' => {
            let mut value = u32::from(c) - u32::from('0');
            for _ in 0..2 {
                let mut ahead = rest.clone();
                let Some(digit @ '0'..='7') = ahead.next() else {
                    break;
                };
                value = value * 8 + (u32::from(digit) - u32::from('0'));
                rest = ahead;
            }
            return simple(value, rest);
        }
        'x' => {
            if let Some(value) = read_hex(&mut rest) {
                return simple(value, rest);
            }
        }
        'a' => return simple(7, rest),
        'f' => return simple(12, rest),
        'n' => return simple(10, rest),
        'r' => return simple(13, rest),
        't' => return simple(9, rest),
        'v' => return simple(11, rest),
        // Punctuation, control characters and `_` stand for themselves.
        c if c.is_ascii() && !c.is_ascii_alphanumeric() => {
            return simple(u32::from(c), rest);
        }
        _ => {}
    }
    let read = text.len() - rest.as_str().len();
    Err(SyntaxError::new(ErrorKind::Escape, &text[..read]))
}

/// `41` or `{1F600}`, after `\x`.
fn read_hex(rest: &mut std::str::Chars<'_>) -> Option<u32> {
    let first = rest.next()?;
    if first != '{' {
        let high = first.to_digit(16)?;
        let low = rest.next()?.to_digit(16)?;
        return Some(high * 16 + low);
    }
    let mut value = 0;
    let mut digits = 0;
    loop {
        match rest.next()? {
            '}' => return (digits > 0).then_some(value),
            c => {
                value = value * 16 + c.to_digit(16)?;
                if value > MAX_RUNE {
                    return None;
                }
                digits += 1;
            }
        }
    }
}
