//! The way of a fuzzer to the records.

use std::time::{Duration, Instant};

use super::{Assembler, Options};

/// Reads bytes as a stream of records: two bytes of kind, one of length in
/// units of eight bytes, then the text; the time that passes between two is
/// part of the kind. Every record must end up in an event of valid JSON.
///
/// # Panics
/// When a promise is broken.
pub fn audit_records(data: &[u8]) {
    let mut assembler = Assembler::new(Options {
        include_raw: data.len().is_multiple_of(2),
        waiting_events: 8,
        event_bytes: 2048,
        ..Options::default()
    });
    let mut now = Instant::now();
    let mut rest = data;
    let mut records = 0;
    let mut events = 0;
    let mut check = |assembler: &mut Assembler| {
        while let Some(event) = assembler.next_event() {
            events += 1;
            let line = event.to_json();
            let value: serde_json::Value =
                serde_json::from_str(&line).expect("an event is valid JSON");
            assert_eq!(value["Serial"], event.serial);
            let (short, _) = event.to_json_within(512);
            assert!(short.len() <= 512, "{short}");
        }
    };
    while let [low, high, length, more @ ..] = rest {
        let (text, after) = more.split_at((usize::from(*length) * 8).min(more.len()));
        rest = after;
        let kind = u16::from_le_bytes([*low, *high]);
        now += Duration::from_millis(u64::from(kind) % 700);
        assembler.due(now);
        assembler.record(kind, text, now);
        records += 1;
        assert!(assembler.buffered() <= 8);
        check(&mut assembler);
    }
    assembler.flush(now);
    check(&mut assembler);
    let counters = assembler.counters();
    assert_eq!((counters.records, counters.events), (records, events));
}
