//! Durations as the original prints them.

use std::time::Duration;

/// `1m2.5s`, `14.3ms`, `85.3µs`, `740ns`: the unit by magnitude, no trailing
/// zeros.
pub fn duration(value: Duration) -> String {
    let nanoseconds = value.as_nanos();
    let minutes = value.as_secs() / 60;
    let (scale, unit) = match nanoseconds {
        0 => return "0s".to_owned(),
        1..1_000 => (1, "ns"),
        1_000..1_000_000 => (1_000, "µs"),
        1_000_000..1_000_000_000 => (1_000_000, "ms"),
        _ => (1_000_000_000, "s"),
    };
    let rest = nanoseconds - u128::from(minutes) * 60_000_000_000;
    let prefix = match (minutes / 60, minutes % 60) {
        (0, 0) => String::new(),
        (0, minutes) => format!("{minutes}m"),
        (hours, minutes) => format!("{hours}h{minutes}m"),
    };
    let (whole, fraction) = (rest / scale, rest % scale);
    let digits = scale.ilog10() as usize;
    let fraction = match fraction {
        0 => String::new(),
        fraction => format!(".{fraction:0digits$}")
            .trim_end_matches('0')
            .to_owned(),
    };
    format!("{prefix}{whole}{fraction}{unit}")
}

#[test]
fn durations_are_printed_as_go_does() {
    for (nanoseconds, text) in [
        (0, "0s"),
        (740, "740ns"),
        (85_300, "85.3µs"),
        (14_300_000, "14.3ms"),
        (11_200_123, "11.200123ms"),
        (1_000_000_000, "1s"),
        (1_050_000_000, "1.05s"),
        (62_500_000_000, "1m2.5s"),
        (3_600_000_000_000, "1h0m0s"),
        (3_661_000_000_001, "1h1m1.000000001s"),
    ] {
        assert_eq!(duration(Duration::from_nanos(nanoseconds)), text);
    }
}
