//! rpm's ordering: `[epoch:]version[-release]`.

use super::number;
use std::cmp::Ordering;

/// Compares epochs as numbers (none is 0), then versions, then releases. A
/// release is newer than none.
pub fn compare(a: &str, b: &str) -> Ordering {
    let (a_epoch, a_version, a_release) = parts(a.as_bytes());
    let (b_epoch, b_version, b_release) = parts(b.as_bytes());
    number::compare(a_epoch, b_epoch)
        .then_with(|| text(a_version, b_version))
        .then_with(|| match (a_release, b_release) {
            (Some(a), Some(b)) => text(a, b),
            (a, b) => a.is_some().cmp(&b.is_some()),
        })
}

/// Epoch, version and release.
fn parts(evr: &[u8]) -> (&[u8], &[u8], Option<&[u8]>) {
    let (epoch, rest) = match number::leading(evr) {
        (epoch, [b':', rest @ ..]) => (epoch, rest),
        _ => (&evr[..0], evr),
    };
    match rest.iter().rposition(|&byte| byte == b'-') {
        Some(dash) => (epoch, &rest[..dash], Some(&rest[dash + 1..])),
        None => (epoch, rest, None),
    }
}

/// Compares the runs of digits and letters of two texts; everything else only
/// separates, except `~`, older than anything, and `^`, newer than the end and
/// older than anything else.
fn text(mut a: &[u8], mut b: &[u8]) -> Ordering {
    loop {
        (a, b) = (next(a), next(b));
        let (a_first, b_first) = (a.first().copied(), b.first().copied());
        let (Some(a_byte), Some(b_byte)) = (a_first, b_first) else {
            return position(a_first).cmp(&position(b_first));
        };
        if [b'~', b'^'].contains(&a_byte) || [b'~', b'^'].contains(&b_byte) {
            let order = position(a_first).cmp(&position(b_first));
            if order.is_ne() {
                return order;
            }
            (a, b) = (&a[1..], &b[1..]);
            continue;
        }
        let digits = a_byte.is_ascii_digit();
        if digits != b_byte.is_ascii_digit() {
            // Numbers are newer than words.
            return digits.cmp(&b_byte.is_ascii_digit());
        }
        let (a_run, a_rest) = run(a, digits);
        let (b_run, b_rest) = run(b, digits);
        let order = if digits {
            number::compare(a_run, b_run)
        } else {
            a_run.cmp(b_run)
        };
        if order.is_ne() {
            return order;
        }
        (a, b) = (a_rest, b_rest);
    }
}

/// Without the separators in front.
fn next(text: &[u8]) -> &[u8] {
    let start = text
        .iter()
        .position(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'~' | b'^'))
        .unwrap_or(text.len());
    &text[start..]
}

/// Where a text that goes on with this byte stands.
fn position(byte: Option<u8>) -> u8 {
    match byte {
        Some(b'~') => 0,
        None => 1,
        Some(b'^') => 2,
        Some(_) => 3,
    }
}

/// The run of digits, or of letters, that a text starts with.
fn run(text: &[u8], digits: bool) -> (&[u8], &[u8]) {
    let belongs = |byte: &u8| {
        if digits {
            byte.is_ascii_digit()
        } else {
            byte.is_ascii_alphabetic()
        }
    };
    let end = text
        .iter()
        .position(|byte| !belongs(byte))
        .unwrap_or(text.len());
    text.split_at(end)
}
