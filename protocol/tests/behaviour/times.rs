//! Times and identifiers.

use std::time::Duration;

use mig_protocol::{Id, ManualClock, Time, to_go_json};
use proptest::prelude::*;

#[test]
fn times_are_read_by_the_wires_rules_and_written_back_as_go_does() {
    let cases = [
        ("2024-03-01T10:00:00Z", "2024-03-01T10:00:00Z"),
        ("2024-03-01T10:00:00.120Z", "2024-03-01T10:00:00.12Z"),
        ("2024-03-01T10:00:00.000Z", "2024-03-01T10:00:00Z"),
        (
            "2024-03-01T10:00:00.1234567899999Z",
            "2024-03-01T10:00:00.123456789Z",
        ),
        ("2024-03-01T12:00:00.5+02:00", "2024-03-01T12:00:00.5+02:00"),
        ("2024-03-01T12:00:00-09:30", "2024-03-01T12:00:00-09:30"),
        ("2024-03-01T12:00:00+00:00", "2024-03-01T12:00:00Z"),
        ("2024-02-29T23:59:59Z", "2024-02-29T23:59:59Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00Z"),
        (
            "9999-12-31T23:59:59.999999999Z",
            "9999-12-31T23:59:59.999999999Z",
        ),
    ];
    for (input, output) in cases {
        assert_eq!(
            Time::parse(input).map(|time| time.to_string()).as_deref(),
            Ok(output),
            "{input}"
        );
    }
}

#[test]
fn what_is_not_exactly_a_time_is_refused() {
    let cases = [
        "",
        "2024-03-01",
        "2024-03-01T10:00:00",
        "2024-03-01 10:00:00Z",
        "2024-03-01t10:00:00Z",
        "2024-03-01T10:00:00z",
        "2024-03-01T10:00:60Z",
        "2024-03-01T24:00:00Z",
        "2024-02-30T10:00:00Z",
        "2023-02-29T10:00:00Z",
        "2024-13-01T10:00:00Z",
        "2024-03-01T10:00:00.Z",
        "2024-03-01T10:00:00,5Z",
        "2024-03-01T1:00:00Z",
        "2024-03-01T10:00:00+0200",
        "2024-03-01T10:00:00+24:00",
        "2024-03-01T10:00:00Z ",
        " 2024-03-01T10:00:00Z",
        "1709287200",
        "12024-03-01T10:00:00Z",
        "2024-03-01T10:00:00é",
    ];
    for input in cases {
        assert!(Time::parse(input).is_err(), "{input}");
    }
    let error = Time::parse("tomorrow\n").unwrap_err().to_string();
    assert!(
        error.contains("tomorrow\\n") && !error.contains('\n'),
        "{error}"
    );
}

#[test]
fn sentinels_have_the_originals_values() {
    assert_eq!(Time::default().to_string(), "0001-01-01T00:00:00Z");
    assert_eq!(
        Time::FAR_FUTURE.to_string(),
        "9998-01-11T11:11:11.000000011Z"
    );
    assert_eq!(Time::FAR_PAST.to_string(), "0009-01-11T11:11:11.000000011Z");
    for sentinel in [Time::ZERO, Time::FAR_FUTURE, Time::FAR_PAST] {
        assert_eq!(Time::parse(&sentinel.to_string()), Ok(sentinel));
        let json = to_go_json(&sentinel).expect("json");
        assert_eq!(
            serde_json::from_slice::<Time>(&json).expect("a time"),
            sentinel
        );
    }
    assert!(
        serde_json::from_str::<Time>("null")
            .expect("null")
            .is_zero()
    );
    assert!(serde_json::from_str::<Time>("0").is_err());
}

#[test]
fn arithmetic_stops_at_the_ends_of_time() {
    assert_eq!(Time::ZERO - Duration::from_secs(1), Time::ZERO);
    assert_eq!(Time::FAR_FUTURE + Duration::MAX, Time::FAR_FUTURE);
    assert_eq!(Time::from_unix(i64::MAX), Time::FAR_FUTURE);
    assert_eq!(Time::from_unix(i64::MIN), Time::ZERO);
    assert_eq!(
        Time::from_unix(10).since(Time::from_unix(20)),
        Duration::ZERO
    );
    assert_eq!(
        Time::parse("1969-12-31T23:59:59.5Z")
            .expect("time")
            .unix_seconds(),
        -1,
        "rounded down before 1970"
    );
}

#[test]
fn a_manual_clock_shows_what_it_is_set_to() {
    use mig_protocol::Clock;
    let clock = ManualClock::new(Time::from_unix(100));
    let other = clock.clone();
    clock.advance(Duration::from_secs(5));
    assert_eq!(other.now(), Time::from_unix(105));
    clock.set(Time::from_unix(7));
    assert_eq!(other.now(), Time::from_unix(7));
}

#[test]
fn identifiers_are_doubles_on_the_wire_and_integers_elsewhere() {
    let read = |json: &str| serde_json::from_str::<Id>(json);
    let cases = [
        ("28044140937216", 28_044_140_937_216),
        ("2.8044140937216e13", 28_044_140_937_216),
        ("2.8044140937216e+13", 28_044_140_937_216),
        ("0", 0),
        ("null", 0),
        ("-5", 0),
        ("7.9", 7),
        ("1409876543210987654", 1_409_876_543_210_987_776),
        ("1e300", u64::MAX),
    ];
    for (json, value) in cases {
        assert_eq!(read(json).expect(json), Id(value), "{json}");
    }
    assert!(read("\"28044140937216\"").is_err());

    assert_eq!(
        to_go_json(&Id(28_044_140_937_216)).expect("json"),
        b"28044140937216"
    );
    // As Go prints the double: shortest digits, then zeros.
    assert_eq!(
        to_go_json(&Id(1_409_876_543_210_987_776)).expect("json"),
        b"1409876543210987800"
    );
    assert_eq!("2.8044140937216e+13".parse(), Ok(Id(28_044_140_937_216)));
    assert!(
        "-1".parse::<Id>().is_err() && "nan".parse::<Id>().is_err() && "".parse::<Id>().is_err()
    );
}

#[test]
fn a_time_that_utc_cannot_hold_is_refused() {
    for text in [
        "9999-12-31T23:59:59-00:01",
        "9999-12-31T01:00:00-23:59",
        "0000-01-01T00:00:00+00:01",
    ] {
        assert!(Time::parse(text).is_err(), "{text}");
    }
    for text in ["9999-12-31T23:59:59Z", "0000-01-01T00:00:00-23:59"] {
        let time = Time::parse(text).expect(text);
        to_go_json(&time.to_utc()).expect("can be written in UTC");
    }
}

#[test]
fn identifiers_start_from_the_clock() {
    let start = Time::parse("2013-04-29T18:00:00Z").expect("time");
    assert_eq!(Id::first_at(start), Id(1 << 16));
    assert_eq!(
        Id::first_at(start + Duration::from_millis(1999)),
        Id(2 << 16)
    );
    assert_eq!(
        Id::first_at(Time::ZERO),
        Id(1 << 16),
        "a clock before the epoch does not wrap"
    );
    assert_eq!(Id(5).next(), Id(6));
}

proptest! {
    #[test]
    fn times_survive_the_wire(seconds in -62_135_596_800_i64..253_402_300_799, nanos in 0_u32..1_000_000_000, minutes in -1439_i32..1440) {
        let moment = time::OffsetDateTime::from_unix_timestamp(seconds).expect("in range") + Duration::from_nanos(nanos.into());
        let offset = time::UtcOffset::from_whole_seconds(minutes * 60).expect("in range");
        if let Some(shifted) = moment.checked_to_offset(offset).filter(|shifted| (0..=9999).contains(&shifted.year())) {
            let time = Time::from(shifted);
            let text = time.to_string();
            let back = Time::parse(&text).expect("reads back");
            prop_assert_eq!(back, time);
            prop_assert_eq!(back.to_string(), text, "the offset survives too");
            prop_assert_eq!(back.unix_seconds(), seconds);
        }
    }

    #[test]
    fn any_text_is_read_or_refused_without_a_panic(text in "\\PC{0,40}") {
        let _ = Time::parse(&text);
        let _ = text.parse::<Id>();
    }

    #[test]
    fn identifiers_of_any_size_keep_their_double(value in any::<u64>()) {
        let json = to_go_json(&Id(value)).expect("json");
        let back: Id = serde_json::from_slice(&json).expect("reads back");
        prop_assert_eq!(back.0 as f64, value as f64);
    }
}
