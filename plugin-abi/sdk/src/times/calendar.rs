//! Points in time.

/// `2024-05-17 08:30:12.123456789 +0000 UTC`: seconds since 1970 and
/// nanoseconds of the second. The fraction has no trailing zeros and is absent
/// when zero. Any year that 64 bits of seconds reach.
pub fn utc(seconds: i64, nanoseconds: u32) -> String {
    let (date, time) = date_and_time(seconds, nanoseconds);
    format!("{date} {time} +0000 UTC")
}

/// `2024-05-17T10:30:12.1+02:00`: seconds since 1970, nanoseconds of the
/// second, and how many seconds the zone is ahead of UTC, which is written as
/// `Z` when it is not. Seconds of the offset are cut off: the format has none.
pub fn rfc3339(seconds: i64, nanoseconds: u32, offset: i32) -> String {
    let minutes = offset / 60;
    let local = seconds.saturating_add(i64::from(minutes) * 60);
    let (date, time) = date_and_time(local, nanoseconds);
    let sign = if minutes < 0 { '-' } else { '+' };
    let (hour, minute) = (minutes.abs() / 60, minutes.abs() % 60);
    if minutes == 0 {
        format!("{date}T{time}Z")
    } else {
        format!("{date}T{time}{sign}{hour:02}:{minute:02}")
    }
}

fn date_and_time(seconds: i64, nanoseconds: u32) -> (String, String) {
    let days = seconds.div_euclid(86_400);
    let of_day = seconds.rem_euclid(86_400);
    let (year, month, day) = civil(days);
    let fraction = match nanoseconds {
        0 => String::new(),
        nanoseconds => {
            let digits = format!("{nanoseconds:09}");
            format!(".{}", digits.trim_end_matches('0'))
        }
    };
    let sign = if year < 0 { "-" } else { "" };
    let year = year.unsigned_abs();
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    (
        format!("{sign}{year:04}-{month:02}-{day:02}"),
        format!("{hour:02}:{minute:02}:{second:02}{fraction}"),
    )
}

/// Year, month and day of a day counted from 1970-01-01, in the proleptic
/// Gregorian calendar. Years are counted from March, so that the leap day is
/// the last one, in eras of 400 years.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}
