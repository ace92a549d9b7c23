//! Time spans as Go writes them.

use std::time::Duration;

use thiserror::Error;

/// Not a time span.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("expected a time span with a unit, for example 300s, 5m or 1h30m")]
pub struct DurationError;

const UNITS: &[(&str, u64)] = &[
    ("ns", 1),
    ("us", 1_000),
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Reads a sequence of decimal numbers with units, such as `1h30m` or `1.5h`.
/// `0` needs no unit; nothing else may lack one, and nothing is negative.
///
/// # Errors
/// Anything else, and spans over 292 years, which the format cannot hold.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    if rest.is_empty() {
        return Err(DurationError);
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let end = rest
            .find(|letter: char| !letter.is_ascii_digit() && letter != '.')
            .ok_or(DurationError)?;
        let (number, behind) = rest.split_at(end);
        // The longest unit first: `ms` is not `m`.
        let end = behind
            .find(|letter: char| letter.is_ascii_digit() || letter == '.')
            .unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(end);
        let scale = UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .ok_or(DurationError)?
            .1;
        let nanos = scaled(number, scale).ok_or(DurationError)?;
        total = total
            .checked_add(nanos)
            .filter(|sum| i64::try_from(*sum).is_ok())
            .ok_or(DurationError)?;
        rest = behind;
    }
    Ok(Duration::from_nanos(total))
}

/// `number` times `scale`, exact in whole nanoseconds.
fn scaled(number: &str, scale: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return None;
    }
    let whole: u64 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let mut nanos = u128::from(whole).checked_mul(u128::from(scale))?;
    // Digits beyond a nanosecond are cut off; 18 of them fit the arithmetic.
    let digits: String = fraction.chars().take(18).collect();
    if !digits.is_empty() {
        let power = 10u128.pow(u32::try_from(digits.len()).ok()?);
        nanos += digits.parse::<u128>().ok()? * u128::from(scale) / power;
    }
    u64::try_from(nanos).ok()
}

#[cfg(test)]
mod tests {
    use super::parse_duration;

    #[test]
    fn spans_are_read_as_go_reads_them() {
        for (text, millis) in [
            ("0", 0),
            ("0s", 0),
            ("300s", 300_000),
            ("5m", 300_000),
            ("1h30m", 5_400_000),
            ("1.5h", 5_400_000),
            ("250ms", 250),
            (".5s", 500),
            ("1.s", 1_000),
            ("+2s", 2_000),
            ("72h", 259_200_000),
            ("1500us", 1),
        ] {
            assert_eq!(
                parse_duration(text).map(|span| span.as_millis()),
                Ok(millis),
                "{text}"
            );
        }
    }

    #[test]
    fn a_span_without_unit_or_with_nonsense_is_refused() {
        for text in [
            "",
            "5",
            "-5s",
            "s",
            "5 s",
            "5x",
            "1..5s",
            ".s",
            "1h30",
            "9999999999h",
            "5sm",
        ] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
