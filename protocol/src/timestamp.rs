//! Points in time as the wire carries them.

use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use time::macros::datetime;
use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, UtcOffset};

/// A point in time with its offset from UTC, written as RFC 3339 with up to nine
/// fractional digits.
///
/// The offset is kept so that a document is written back as it was read; it does
/// not count in comparisons. The default is [`Time::ZERO`], which stands for
/// "not set".
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(OffsetDateTime);

/// Why a text is not a time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a time; write it like 2024-03-01T10:00:00Z or 2024-03-01T12:00:00.5+02:00")]
pub struct TimeError(String);

impl Time {
    /// The unset time, `0001-01-01T00:00:00Z`; always written, never omitted.
    pub const ZERO: Time = Time(datetime!(0001-01-01 00:00:00 UTC));
    /// "Not yet finished": stands in for an end that is not known.
    pub const FAR_FUTURE: Time = Time(datetime!(9998-01-11 11:11:11.000000011 UTC));
    /// "Not yet started". The original wrote the year as `0011`, which its
    /// language reads as octal, so the year is 9.
    pub const FAR_PAST: Time = Time(datetime!(0009-01-11 11:11:11.000000011 UTC));

    /// The system's time now, in UTC.
    pub fn now() -> Time {
        Time(OffsetDateTime::now_utc())
    }

    /// The time `seconds` after 1970-01-01T00:00:00Z.
    ///
    /// Values outside the years 0 to 9999 become the nearest year's sentinel.
    pub fn from_unix(seconds: i64) -> Time {
        match OffsetDateTime::from_unix_timestamp(seconds) {
            Ok(value) if (0..=9999).contains(&value.year()) => Time(value),
            _ if seconds < 0 => Time::ZERO,
            _ => Time::FAR_FUTURE,
        }
    }

    /// Reads a time by the wire's rules: RFC 3339 with upper-case `T` and `Z`,
    /// any number of fractional digits (those beyond nine are ignored), no leap
    /// second. The years 0 to 9999 hold in UTC too.
    ///
    /// # Errors
    /// Anything else, an empty text and a missing offset included.
    pub fn parse(text: &str) -> Result<Time, TimeError> {
        read(text.as_bytes()).ok_or_else(|| {
            TimeError(
                text.chars()
                    .take(64)
                    .collect::<String>()
                    .escape_debug()
                    .to_string(),
            )
        })
    }

    /// True for [`Time::ZERO`], that is, for "not set".
    pub fn is_zero(self) -> bool {
        self == Time::ZERO
    }

    /// Whole seconds since 1970-01-01T00:00:00Z, rounded down also before 1970.
    pub fn unix_seconds(self) -> i64 {
        self.0.unix_timestamp()
    }

    /// The same point in time written with `Z`.
    pub fn to_utc(self) -> Time {
        Time(self.0.to_offset(UtcOffset::UTC))
    }

    /// The same point in time without what a database of microseconds loses.
    pub fn truncated_to_micros(self) -> Time {
        let nanos = self.0.nanosecond() / 1000 * 1000;
        Time(self.0.replace_nanosecond(nanos).unwrap_or(self.0))
    }

    /// How long after `earlier` this is; zero if it is before.
    pub fn since(self, earlier: Time) -> Duration {
        (self.0 - earlier.0).try_into().unwrap_or(Duration::ZERO)
    }

    /// This time plus `duration`, or [`Time::FAR_FUTURE`] if that is beyond it.
    pub fn saturating_add(self, duration: Duration) -> Time {
        let added = time::Duration::try_from(duration)
            .ok()
            .and_then(|duration| self.0.checked_add(duration));
        added.map_or(Time::FAR_FUTURE, Time)
    }

    /// This time minus `duration`, or [`Time::ZERO`] if that is before it.
    pub fn saturating_sub(self, duration: Duration) -> Time {
        let taken = time::Duration::try_from(duration)
            .ok()
            .and_then(|duration| self.0.checked_sub(duration));
        taken
            .map(Time)
            .filter(|value| *value > Time::ZERO)
            .unwrap_or(Time::ZERO)
    }
}

/// Reads the fixed positions of RFC 3339 the way Go's layout does.
fn read(text: &[u8]) -> Option<Time> {
    let number = |range: std::ops::Range<usize>| -> Option<u32> {
        let mut value = 0;
        for byte in text.get(range)? {
            value = value * 10 + u32::from(byte.is_ascii_digit().then(|| byte - b'0')?);
        }
        Some(value)
    };
    let literal = |at: usize, byte: u8| (text.get(at) == Some(&byte)).then_some(());

    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    literal(4, b'-')?;
    literal(7, b'-')?;
    literal(10, b'T')?;
    literal(13, b':')?;
    literal(16, b':')?;

    let mut at = 19;
    let mut nanos = 0;
    if text.get(at) == Some(&b'.') {
        let digits = text[at + 1..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        if digits == 0 {
            return None;
        }
        for place in 0..9 {
            let digit = if place < digits {
                text[at + 1 + place] - b'0'
            } else {
                0
            };
            nanos = nanos * 10 + u32::from(digit);
        }
        at += 1 + digits;
    }

    let offset = match text.get(at)? {
        b'Z' => {
            at += 1;
            UtcOffset::UTC
        }
        sign @ (b'+' | b'-') => {
            let (hours, minutes) = (number(at + 1..at + 3)?, number(at + 4..at + 6)?);
            literal(at + 3, b':')?;
            if hours > 23 || minutes > 59 {
                return None;
            }
            at += 6;
            let minutes = i32::try_from(hours * 60 + minutes).ok()?;
            UtcOffset::from_whole_seconds(if *sign == b'-' {
                -minutes * 60
            } else {
                minutes * 60
            })
            .ok()?
        }
        _ => return None,
    };
    if at != text.len() {
        return None;
    }

    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    let date =
        Date::from_calendar_date(i32::try_from(year).ok()?, month, u8::try_from(day).ok()?).ok()?;
    let clock = time::Time::from_hms_nano(
        u8::try_from(hour).ok()?,
        u8::try_from(minute).ok()?,
        u8::try_from(second).ok()?,
        nanos,
    )
    .ok()?;
    let value = PrimitiveDateTime::new(date, clock).assume_offset(offset);
    // Databases and other readers hold it in UTC: a time that leaves the years
    // of the wire there could be stored and never read or written again.
    let utc = value.checked_to_offset(UtcOffset::UTC)?;
    (0..=9999).contains(&utc.year()).then_some(Time(value))
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.0;
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
            value.year(),
            u8::from(value.month()),
            value.day(),
            value.hour(),
            value.minute(),
            value.second()
        )?;
        if value.nanosecond() != 0 {
            let digits = format!("{:09}", value.nanosecond());
            write!(f, ".{}", digits.trim_end_matches('0'))?;
        }
        // Go drops the seconds of an offset as well.
        let minutes = value.offset().whole_seconds() / 60;
        if minutes == 0 {
            f.write_str("Z")
        } else {
            let sign = if minutes < 0 { '-' } else { '+' };
            write!(
                f,
                "{sign}{:02}:{:02}",
                minutes.abs() / 60,
                minutes.abs() % 60
            )
        }
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Default for Time {
    fn default() -> Time {
        Time::ZERO
    }
}

impl FromStr for Time {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Time, TimeError> {
        Time::parse(text)
    }
}

impl From<OffsetDateTime> for Time {
    fn from(value: OffsetDateTime) -> Time {
        Time(value)
    }
}

impl From<Time> for OffsetDateTime {
    fn from(value: Time) -> OffsetDateTime {
        value.0
    }
}

/// Saturates at [`Time::FAR_FUTURE`].
impl Add<Duration> for Time {
    type Output = Time;

    fn add(self, duration: Duration) -> Time {
        self.saturating_add(duration)
    }
}

/// Saturates at [`Time::ZERO`].
impl Sub<Duration> for Time {
    type Output = Time;

    fn sub(self, duration: Duration) -> Time {
        self.saturating_sub(duration)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !(0..=9999).contains(&self.0.year()) {
            return Err(ser::Error::custom(
                "a time outside the years 0 to 9999 cannot be written",
            ));
        }
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
        struct TimeVisitor;

        impl de::Visitor<'_> for TimeVisitor {
            type Value = Time;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time such as \"2024-03-01T10:00:00Z\"")
            }

            fn visit_unit<E: de::Error>(self) -> Result<Time, E> {
                Ok(Time::ZERO)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Time, E> {
                Time::parse(text).map_err(E::custom)
            }
        }

        deserializer.deserialize_any(TimeVisitor)
    }
}
