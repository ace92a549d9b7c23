//! Times, durations and modes as the original prints them.

use std::time::Duration;

/// `2024-05-17 08:30:12.123456789 +0000 UTC`: the fraction without trailing
/// zeros, absent when zero. Any year that 64 bits of seconds reach.
pub fn time(seconds: i64, nanoseconds: u32) -> String {
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
    format!(
        "{sign}{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}{fraction} +0000 UTC"
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

/// `1m2.5s`, `512.4ms`, `85.3µs`, `740ns`.
pub fn duration(value: Duration) -> String {
    let nanoseconds = value.as_nanos();
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

/// `-rw-r--r--`, `urwxr-xr-x`, `dtrwxrwxrwx`, `Dcrw-rw-rw-`: letters for the
/// type and the special bits, then the permissions, which the special bits do
/// not change.
pub fn mode_string(mode: u32) -> String {
    let mut out = String::with_capacity(12);
    let kind = mode & libc::S_IFMT;
    match kind {
        libc::S_IFDIR => out.push('d'),
        libc::S_IFLNK => out.push('L'),
        libc::S_IFBLK | libc::S_IFCHR => out.push('D'),
        libc::S_IFIFO => out.push('p'),
        libc::S_IFSOCK => out.push('S'),
        _ => {}
    }
    if mode & libc::S_ISUID != 0 {
        out.push('u');
    }
    if mode & libc::S_ISGID != 0 {
        out.push('g');
    }
    if kind == libc::S_IFCHR {
        out.push('c');
    }
    if mode & libc::S_ISVTX != 0 {
        out.push('t');
    }
    if out.is_empty() {
        out.push('-');
    }
    for (position, letter) in "rwxrwxrwx".chars().enumerate() {
        let set = mode & (0o400 >> position) != 0;
        out.push(if set { letter } else { '-' });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc_with_a_fraction_only_when_there_is_one() {
        let cases = [
            (
                1_715_934_612,
                123_456_789,
                "2024-05-17 08:30:12.123456789 +0000 UTC",
            ),
            (1_715_934_612, 0, "2024-05-17 08:30:12 +0000 UTC"),
            (
                1_715_934_612,
                500_000_000,
                "2024-05-17 08:30:12.5 +0000 UTC",
            ),
            (0, 1, "1970-01-01 00:00:00.000000001 +0000 UTC"),
            (-1, 0, "1969-12-31 23:59:59 +0000 UTC"),
            (951_782_400, 0, "2000-02-29 00:00:00 +0000 UTC"),
            (4_107_542_400, 0, "2100-03-01 00:00:00 +0000 UTC"),
            (-62_135_596_800, 0, "0001-01-01 00:00:00 +0000 UTC"),
            (253_402_300_800, 0, "10000-01-01 00:00:00 +0000 UTC"),
        ];
        for (seconds, nanoseconds, wanted) in cases {
            assert_eq!(time(seconds, nanoseconds), wanted);
        }
    }

    #[test]
    fn durations_are_written_as_go_writes_them() {
        let cases = [
            (0, "0s"),
            (740, "740ns"),
            (85_300, "85.3µs"),
            (512_400_000, "512.4ms"),
            (1_000_000, "1ms"),
            (1_230_000_000, "1.23s"),
            (62_500_000_000, "1m2.5s"),
            (60_000_000_000, "1m0s"),
            (3_600_000_000_000, "1h0m0s"),
            (5_025_000_000_001, "1h23m45.000000001s"),
            (78_941_621, "78.941621ms"),
        ];
        for (nanoseconds, wanted) in cases {
            assert_eq!(duration(Duration::from_nanos(nanoseconds)), wanted);
        }
    }

    #[test]
    fn modes_carry_type_and_special_letters_in_front() {
        let cases = [
            (libc::S_IFREG | 0o644, "-rw-r--r--"),
            (libc::S_IFREG | 0o4755, "urwxr-xr-x"),
            (libc::S_IFREG | 0o2755, "grwxr-xr-x"),
            (libc::S_IFREG | 0o6755, "ugrwxr-xr-x"),
            (libc::S_IFREG | 0o4644, "urw-r--r--"),
            (libc::S_IFDIR | 0o755, "drwxr-xr-x"),
            (libc::S_IFDIR | 0o1777, "dtrwxrwxrwx"),
            (libc::S_IFCHR | 0o666, "Dcrw-rw-rw-"),
            (libc::S_IFBLK | 0o660, "Drw-rw----"),
            (libc::S_IFIFO | 0o600, "prw-------"),
            (libc::S_IFSOCK | 0o700, "Srwx------"),
            (libc::S_IFLNK | 0o777, "Lrwxrwxrwx"),
            (libc::S_IFREG, "----------"),
        ];
        for (mode, wanted) in cases {
            assert_eq!(mode_string(mode), wanted);
        }
    }
}
