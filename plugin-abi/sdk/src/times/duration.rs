//! Spans of time.

use std::time::Duration;

/// `1m2.5s`, `512.4ms`, `85.3µs`, `740ns`, `0s`: the unit goes by magnitude,
/// the fraction has no trailing zeros.
pub fn duration(value: Duration) -> String {
    written(value.as_nanos())
}

/// The same for nanoseconds that may be negative: `-2.5s`.
pub fn signed_duration(nanoseconds: i64) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    format!("{sign}{}", written(u128::from(nanoseconds.unsigned_abs())))
}

fn written(nanoseconds: u128) -> String {
    if nanoseconds == 0 {
        return "0s".to_owned();
    }
    let (unit, digits) = match nanoseconds {
        0..1_000 => ("ns", 0),
        1_000..1_000_000 => ("µs", 3),
        1_000_000..1_000_000_000 => ("ms", 6),
        _ => ("s", 9),
    };
    let scale = 10u128.pow(digits);
    let mut whole = nanoseconds / scale;
    let mut out = String::new();
    if unit == "s" {
        let minutes = whole / 60;
        if minutes >= 60 {
            out.push_str(&format!("{}h", minutes / 60));
        }
        if minutes > 0 {
            out.push_str(&format!("{}m", minutes % 60));
        }
        whole %= 60;
    }
    out.push_str(&whole.to_string());
    let fraction = nanoseconds % scale;
    if fraction > 0 {
        let text = format!("{fraction:0width$}", width = digits as usize);
        out.push('.');
        out.push_str(text.trim_end_matches('0'));
    }
    out.push_str(unit);
    out
}

/// Why a text is no duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// Nothing there, or something that is no number.
    #[error("is not a duration; write it like 5s, 1m30s or 250ms")]
    Syntax,
    /// A number without a unit.
    #[error("lacks a unit; write one of ns, us, ms, s, m or h after each number")]
    NoUnit,
    /// A unit that does not exist.
    #[error("has an unknown unit; there are ns, us, ms, s, m and h")]
    UnknownUnit,
    /// More than 64 bits of nanoseconds: 292 years.
    #[error("is longer than 292 years")]
    TooLong,
}

/// Reads a duration as Go does, as nanoseconds: a sign, then numbers with a
/// unit each, `1h15m30.918s`; `0` needs no unit.
///
/// # Errors
/// When the text is none.
pub fn parse_duration(text: &str) -> Result<i64, DurationError> {
    let negative = text.starts_with('-');
    let mut rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(DurationError::Syntax);
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (whole, after) = digits(rest);
        let (fraction, after) = match after.strip_prefix('.') {
            Some(after) => digits(after),
            None => ("", after),
        };
        if whole.is_empty() && fraction.is_empty() {
            return Err(DurationError::Syntax);
        }
        let end = after
            .find(|c: char| c == '.' || c.is_ascii_digit())
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let value = nanoseconds(whole, fraction, unit_of(unit)?)?;
        total = total
            .checked_add(value)
            .filter(|total| *total <= 1 << 63)
            .ok_or(DurationError::TooLong)?;
        rest = after;
    }
    match (negative, i64::try_from(total)) {
        (false, Ok(total)) => Ok(total),
        (true, Ok(total)) => Ok(-total),
        // One more fits below zero than above.
        (true, Err(_)) => Ok(i64::MIN),
        (false, Err(_)) => Err(DurationError::TooLong),
    }
}

/// The digits at the start, and what follows.
fn digits(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    text.split_at(end)
}

/// Nanoseconds of a unit. Both characters that look like a Greek mu count.
fn unit_of(unit: &str) -> Result<u64, DurationError> {
    Ok(match unit {
        "ns" => 1,
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        "" => return Err(DurationError::NoUnit),
        _ => return Err(DurationError::UnknownUnit),
    })
}

fn nanoseconds(whole: &str, fraction: &str, unit: u64) -> Result<u64, DurationError> {
    let whole: u64 = match whole {
        "" => 0,
        whole => whole.parse().map_err(|_| DurationError::TooLong)?,
    };
    let value = whole.checked_mul(unit).ok_or(DurationError::TooLong)?;
    // Digits that 64 bits cannot hold are below anything that matters.
    let fraction = &fraction[..fraction.len().min(18)];
    let part = fraction.parse::<u64>().unwrap_or(0);
    let scale = 10u64.pow(u32::try_from(fraction.len()).unwrap_or(0));
    let part = u128::from(part) * u128::from(unit) / u128::from(scale);
    value
        .checked_add(u64::try_from(part).unwrap_or(u64::MAX))
        .ok_or(DurationError::TooLong)
}
