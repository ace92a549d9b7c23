//! What is written, what is read, and that the two agree.

use super::*;
use proptest::prelude::*;
use std::time::Duration;

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
        assert_eq!(utc(seconds, nanoseconds), wanted);
    }
}

#[test]
fn times_of_a_zone_say_how_far_it_is_ahead() {
    let cases = [
        (0, 100_000_000, 0, "1970-01-01T00:00:00.1Z"),
        (1_715_934_612, 0, 7200, "2024-05-17T10:30:12+02:00"),
        (
            1_715_934_612,
            5,
            -12_600,
            "2024-05-17T05:00:12.000000005-03:30",
        ),
        (1_715_934_612, 0, 20_700, "2024-05-17T14:15:12+05:45"),
        // Local mean time of long ago had seconds.
        (0, 0, -1_172, "1969-12-31T23:41:00-00:19"),
        (-62_135_596_800, 0, 0, "0001-01-01T00:00:00Z"),
    ];
    for (seconds, nanoseconds, offset, wanted) in cases {
        assert_eq!(rfc3339(seconds, nanoseconds, offset), wanted);
    }
}

#[test]
fn durations_are_written_as_go_writes_them() {
    let cases = [
        (0, "0s"),
        (740, "740ns"),
        (1_000, "1µs"),
        (85_300, "85.3µs"),
        (512_400_000, "512.4ms"),
        (1_230_000_000, "1.23s"),
        (62_500_000_000, "1m2.5s"),
        (3_600_000_000_000, "1h0m0s"),
        (90_061_000_000_001, "25h1m1.000000001s"),
    ];
    for (nanoseconds, wanted) in cases {
        assert_eq!(signed_duration(nanoseconds), wanted);
        assert_eq!(
            duration(Duration::from_nanos(nanoseconds.unsigned_abs())),
            wanted
        );
        if nanoseconds > 0 {
            assert_eq!(signed_duration(-nanoseconds), format!("-{wanted}"));
        }
    }
    assert_eq!(signed_duration(i64::MIN), "-2562047h47m16.854775808s");
}

#[test]
fn durations_are_read_as_go_reads_them() {
    let cases = [
        ("0", 0),
        ("-0", 0),
        ("5s", 5_000_000_000),
        ("+5s", 5_000_000_000),
        ("1m30s", 90_000_000_000),
        ("250ms", 250_000_000),
        ("1.5h", 5_400_000_000_000),
        (".5s", 500_000_000),
        ("5.s", 5_000_000_000),
        ("-2.5s", -2_500_000_000),
        ("1us", 1_000),
        ("1µs", 1_000),
        ("1μs", 1_000),
        ("1s1s", 2_000_000_000),
        ("0.100000000000000000000h", 360_000_000_000),
        ("9223372036854775807ns", i64::MAX),
        ("-9223372036854775808ns", i64::MIN),
    ];
    for (text, wanted) in cases {
        assert_eq!(parse_duration(text), Ok(wanted), "{text}");
    }
}

#[test]
fn what_is_no_duration_is_refused_with_the_reason() {
    let cases = [
        ("", DurationError::Syntax),
        ("-", DurationError::Syntax),
        (".", DurationError::Syntax),
        (".s", DurationError::Syntax),
        ("s", DurationError::Syntax),
        (" 5s", DurationError::Syntax),
        ("--5s", DurationError::Syntax),
        ("5", DurationError::NoUnit),
        ("1m30", DurationError::NoUnit),
        ("5 s", DurationError::UnknownUnit),
        ("5d", DurationError::UnknownUnit),
        ("3h-", DurationError::UnknownUnit),
        ("5S", DurationError::UnknownUnit),
        ("9223372036854775808ns", DurationError::TooLong),
        ("-9223372036854775809ns", DurationError::TooLong),
        ("99999999999999999999h", DurationError::TooLong),
        ("2562048h", DurationError::TooLong),
    ];
    for (text, wanted) in cases {
        assert_eq!(parse_duration(text), Err(wanted), "{text:?}");
    }
}

proptest! {
    #[test]
    fn what_was_written_reads_back(nanoseconds: i64) {
        prop_assert_eq!(parse_duration(&signed_duration(nanoseconds)), Ok(nanoseconds));
    }

    #[test]
    fn any_text_is_answered(text in "[-+0-9.a-zµ]{0,24}|.*") {
        let _ = parse_duration(&text);
    }
}
