//! Points in time and intervals as a target writes them.

use time::{Date, Duration, Month, OffsetDateTime, PrimitiveDateTime, Time, UtcOffset};

use crate::ast::{Interval, Shift};

/// Largest interval in years; far beyond any record, far below any overflow.
const MAX_YEARS: i64 = 10_000;

/// Cuts to the microseconds that both databases keep.
pub(crate) fn to_micros(time: OffsetDateTime) -> OffsetDateTime {
    let time = time.to_offset(UtcOffset::UTC);
    time.replace_nanosecond(time.nanosecond() / 1000 * 1000)
        .unwrap_or(time)
}

/// Microseconds since the Unix epoch, as SQLite stores times here.
pub(crate) fn epoch_micros(time: OffsetDateTime) -> i64 {
    let micros = time.unix_timestamp_nanos().div_euclid(1000);
    i64::try_from(micros).unwrap_or(if micros < 0 { i64::MIN } else { i64::MAX })
}

/// `2024-03-01T10:00:00.000000Z`.
pub(crate) fn print(time: OffsetDateTime) -> String {
    let time = time.to_offset(UtcOffset::UTC);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z",
        time.year(),
        u8::from(time.month()),
        time.day(),
        time.hour(),
        time.minute(),
        time.second(),
        time.microsecond()
    )
}

/// Reads `2024-03-01`, `2024-03-01 10:00[:00[.5]]`, with `T` for the space and
/// with `Z` or an offset `+02[:00]`; UTC without one.
pub(crate) fn parse_time(text: &str) -> Option<OffsetDateTime> {
    let mut rest = text.trim();
    let year = digits(&mut rest, 4, 4)?;
    eat(&mut rest, '-')?;
    let month = digits(&mut rest, 2, 2)?;
    eat(&mut rest, '-')?;
    let day = digits(&mut rest, 2, 2)?;
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    let date = Date::from_calendar_date(i32::try_from(year).ok()?, month, u8::try_from(day).ok()?);
    let date = date.ok()?;
    let (mut time, mut offset) = (Time::MIDNIGHT, UtcOffset::UTC);
    if eat(&mut rest, 'T')
        .or_else(|| eat(&mut rest, ' '))
        .is_some()
    {
        time = clock(&mut rest)?;
        offset = zone(&mut rest)?;
    }
    if !rest.is_empty() {
        return None;
    }
    let local = PrimitiveDateTime::new(date, time);
    // Near the ends of the calendar the offset could lead out of it.
    let utc = local.checked_sub(Duration::seconds(i64::from(offset.whole_seconds())))?;
    Some(to_micros(utc.assume_utc()))
}

fn clock(rest: &mut &str) -> Option<Time> {
    let hour = digits(rest, 2, 2)?;
    eat(rest, ':')?;
    let minute = digits(rest, 2, 2)?;
    let (mut second, mut micros) = (0, 0);
    if eat(rest, ':').is_some() {
        second = digits(rest, 2, 2)?;
        if eat(rest, '.').is_some() {
            let before = rest.len();
            let fraction = digits(rest, 1, 9)?;
            let width = u32::try_from(before - rest.len()).ok()?;
            micros = fraction * 1_000_000_000 / 10_i64.pow(width) / 1000;
        }
    }
    Time::from_hms_micro(
        u8::try_from(hour).ok()?,
        u8::try_from(minute).ok()?,
        u8::try_from(second).ok()?,
        u32::try_from(micros).ok()?,
    )
    .ok()
}

fn zone(rest: &mut &str) -> Option<UtcOffset> {
    if rest.is_empty() || eat(rest, 'Z').is_some() {
        return Some(UtcOffset::UTC);
    }
    let sign = match (eat(rest, '+'), eat(rest, '-')) {
        (Some(()), None) => 1,
        (None, Some(())) => -1,
        _ => return None,
    };
    let hours = i8::try_from(digits(rest, 2, 2)?).ok()?;
    let mut minutes = 0;
    if !rest.is_empty() {
        eat(rest, ':')?;
        minutes = i8::try_from(digits(rest, 2, 2)?).ok()?;
    }
    UtcOffset::from_hms(sign * hours, sign * minutes, 0).ok()
}

fn eat(rest: &mut &str, expected: char) -> Option<()> {
    *rest = rest.strip_prefix(expected)?;
    Some(())
}

fn digits(rest: &mut &str, least: usize, most: usize) -> Option<i64> {
    let count = rest
        .bytes()
        .take(most)
        .take_while(u8::is_ascii_digit)
        .count();
    if count < least {
        return None;
    }
    let (number, tail) = rest.split_at(count);
    *rest = tail;
    number.parse().ok()
}

/// Reads `30 days`, `1 year 2 months`, `-5 min`, `01:30:00`.
pub(crate) fn parse_interval(text: &str) -> Option<Interval> {
    let mut total = Interval::default();
    let mut words = text.split_ascii_whitespace();
    let mut any = false;
    while let Some(word) = words.next() {
        any = true;
        if word.contains(':') {
            total.seconds = total.seconds.checked_add(clock_seconds(word)?)?;
            continue;
        }
        let digits = word
            .find(|c: char| c.is_ascii_alphabetic())
            .unwrap_or(word.len());
        let (number, unit) = word.split_at(digits);
        let number: i64 = number.parse().ok()?;
        let unit = if unit.is_empty() { words.next()? } else { unit };
        add(&mut total, number, &unit.to_ascii_lowercase())?;
    }
    let years = (i64::from(total.months) / 12).abs() + (i64::from(total.days) / 365).abs();
    let fits = years <= MAX_YEARS && (total.seconds / 31_536_000).abs() <= MAX_YEARS;
    (any && fits).then_some(total)
}

fn add(total: &mut Interval, number: i64, unit: &str) -> Option<()> {
    let small = |factor: i64| i32::try_from(number.checked_mul(factor)?).ok();
    match unit {
        "y" | "yr" | "yrs" | "year" | "years" => {
            total.months = total.months.checked_add(small(12)?)?;
        }
        "mon" | "mons" | "month" | "months" => {
            total.months = total.months.checked_add(small(1)?)?
        }
        "w" | "week" | "weeks" => total.days = total.days.checked_add(small(7)?)?,
        "d" | "day" | "days" => total.days = total.days.checked_add(small(1)?)?,
        _ => {
            let factor = match unit {
                "h" | "hr" | "hrs" | "hour" | "hours" => 3600,
                "m" | "min" | "mins" | "minute" | "minutes" => 60,
                "s" | "sec" | "secs" | "second" | "seconds" => 1,
                _ => return None,
            };
            total.seconds = total.seconds.checked_add(number.checked_mul(factor)?)?;
        }
    }
    Some(())
}

fn clock_seconds(word: &str) -> Option<i64> {
    let mut rest = word;
    let back = eat(&mut rest, '-').is_some();
    let hours = digits(&mut rest, 1, 6)?;
    eat(&mut rest, ':')?;
    let minutes = digits(&mut rest, 2, 2).filter(|minutes| *minutes < 60)?;
    let mut seconds = 0;
    if eat(&mut rest, ':').is_some() {
        seconds = digits(&mut rest, 2, 2).filter(|seconds| *seconds < 60)?;
    }
    let total = hours * 3600 + minutes * 60 + seconds;
    rest.is_empty().then_some(if back { -total } else { total })
}

/// `NOW()` moved by its intervals, cut to microseconds; stops at the ends of the
/// calendar.
pub(crate) fn fold(now: OffsetDateTime, shifts: &[Shift]) -> OffsetDateTime {
    shifts
        .iter()
        .fold(to_micros(now), |time, Shift { back, interval }| {
            let sign: i64 = if *back { -1 } else { 1 };
            let moved = add_months(time, sign * i64::from(interval.months));
            moved
                .saturating_add(Duration::days(sign * i64::from(interval.days)))
                .saturating_add(Duration::seconds(sign * interval.seconds))
        })
}

/// A day past the end of the month becomes its last day, as in PostgreSQL.
fn add_months(time: OffsetDateTime, months: i64) -> OffsetDateTime {
    if months == 0 {
        return time;
    }
    let counted = i64::from(time.year()) * 12 + i64::from(u8::from(time.month())) - 1 + months;
    let year = i32::try_from(counted.div_euclid(12))
        .unwrap_or(i32::MAX)
        .clamp(-9999, 9999);
    let month = u8::try_from(counted.rem_euclid(12) + 1)
        .ok()
        .and_then(|m| Month::try_from(m).ok());
    let Some(month) = month else { return time };
    let day = time.day().min(month.length(year));
    let Ok(date) = Date::from_calendar_date(year, month, day) else {
        return time;
    };
    time.replace_date(date)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_the_forms_postgresql_prints() {
        let cases = [
            ("2024-03-01", Some("2024-03-01T00:00:00.000000Z")),
            ("2024-03-01 10:20", Some("2024-03-01T10:20:00.000000Z")),
            (
                "2024-03-01T10:20:30.5Z",
                Some("2024-03-01T10:20:30.500000Z"),
            ),
            (
                "2024-03-01 10:20:30.1234567+02",
                Some("2024-03-01T08:20:30.123456Z"),
            ),
            ("0009-01-11T11:11:11Z", Some("0009-01-11T11:11:11.000000Z")),
            (
                "9998-01-11T11:11:11.000000011Z",
                Some("9998-01-11T11:11:11.000000Z"),
            ),
            ("9999-12-31T23:59:59-01:00", None),
            ("2024-02-30", None),
            ("2024-03-01 25:00", None),
            ("yesterday", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_time(text).map(print).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn intervals_are_read_and_folded() {
        let now = parse_time("2024-03-31T12:00:00Z").unwrap();
        let cases = [
            ("30 days", Some("2024-03-01T12:00:00.000000Z")),
            ("1 month", Some("2024-02-29T12:00:00.000000Z")),
            ("1 year 2 months", Some("2023-01-31T12:00:00.000000Z")),
            ("90min", Some("2024-03-31T10:30:00.000000Z")),
            ("1 day 01:30:00", Some("2024-03-30T10:30:00.000000Z")),
            ("2 fortnights", None),
            ("30", None),
            ("", None),
            ("99999999 years", None),
            ("9223372036854775807 seconds", None),
        ];
        for (text, expected) in cases {
            let folded = parse_interval(text).map(|interval| {
                print(fold(
                    now,
                    &[Shift {
                        back: true,
                        interval,
                    }],
                ))
            });
            assert_eq!(folded.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn folding_stops_at_the_ends_of_the_calendar() {
        let now = parse_time("2024-03-31").unwrap();
        let interval = Interval {
            months: 119_999,
            days: 3_649_999,
            seconds: 1,
        };
        for back in [true, false] {
            let folded = fold(now, &[Shift { back, interval }; 3]);
            assert_eq!(folded < now, back);
        }
    }
}
