//! Debian's ordering: `[epoch:]upstream[-revision]`, deb-version(7).

use super::number;
use std::cmp::Ordering;

/// Compares epochs as numbers, then the parts of the version.
pub fn compare(a: &str, b: &str) -> Ordering {
    let (a_epoch, a_upstream, a_revision) = parts(a.as_bytes());
    let (b_epoch, b_upstream, b_revision) = parts(b.as_bytes());
    number::compare(a_epoch, b_epoch)
        .then_with(|| text(a_upstream, b_upstream))
        .then_with(|| text(a_revision, b_revision))
}

/// Epoch, upstream version and revision. What stands before a colon without
/// being a number belongs to the version.
fn parts(version: &[u8]) -> (&[u8], &[u8], &[u8]) {
    let (epoch, rest) = match number::leading(version) {
        (epoch, [b':', rest @ ..]) => (epoch, rest),
        _ => (&version[..0], version),
    };
    match rest.iter().rposition(|&byte| byte == b'-') {
        Some(dash) => (epoch, &rest[..dash], &rest[dash + 1..]),
        None => (epoch, rest, &rest[..0]),
    }
}

/// Compares runs without digits and numbers in turns.
fn text(mut a: &[u8], mut b: &[u8]) -> Ordering {
    while !a.is_empty() || !b.is_empty() {
        let (a_word, a_rest) = word(a);
        let (b_word, b_rest) = word(b);
        let (a_number, a_rest) = number::leading(a_rest);
        let (b_number, b_rest) = number::leading(b_rest);
        let order = words(a_word, b_word).then_with(|| number::compare(a_number, b_number));
        if order.is_ne() {
            return order;
        }
        (a, b) = (a_rest, b_rest);
    }
    Ordering::Equal
}

fn word(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text
        .iter()
        .position(u8::is_ascii_digit)
        .unwrap_or(text.len());
    text.split_at(end)
}

/// Compares two runs without digits; where the shorter one ends, its end takes
/// part in the comparison.
fn words(a: &[u8], b: &[u8]) -> Ordering {
    let weights = |word: &[u8], length: usize| -> Vec<i16> {
        (0..length)
            .map(|at| weight(word.get(at).copied()))
            .collect()
    };
    let length = a.len().max(b.len());
    weights(a, length).cmp(&weights(b, length))
}

/// A tilde sorts before the end, the end before letters, letters before
/// everything else.
fn weight(byte: Option<u8>) -> i16 {
    match byte {
        Some(b'~') => -1,
        None => 0,
        Some(letter) if letter.is_ascii_alphabetic() => i16::from(letter),
        Some(other) => i16::from(other) + 256,
    }
}
