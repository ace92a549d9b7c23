//! What holds for every input.

use super::{all, assembler};
use crate::events::{Event, Options};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Kinds that matter, and any other.
fn kind() -> impl Strategy<Value = u16> {
    prop_oneof![
        prop::sample::select(vec![
            1005, 1100, 1107, 1124, 1300, 1302, 1306, 1309, 1312, 1320, 1323, 1326, 1327, 1400,
            1701, 2100
        ]),
        any::<u16>(),
    ]
}

/// Bytes of which some look like a record.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        vec(any::<u8>(), 0..20),
        prop::sample::select(vec![
            " a0=",
            " a1[0]=",
            " a1[1]=",
            "saddr=0200",
            " mode=",
            " syscall=59",
            " arch=c000003e",
            "\"",
            "'",
            " msg='",
            "=",
            " uid=",
            "4294967295",
            "99999999999999999999",
            "-1",
            " {",
            " }",
            " avc:",
            " for",
            "(null)",
            ")",
            " exit=0",
            "0A",
            "FF",
            " code=0x",
            " key=",
            " flags=0x22",
            " sig=9",
            "\0",
            "\n",
            " comm=\"a b\"",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
    ];
    vec(piece, 0..20).prop_map(|pieces| pieces.concat())
}

fn record() -> impl Strategy<Value = (u16, Vec<u8>)> {
    let text = prop_oneof![
        1 => body(),
        4 => (0_u32..6, body()).prop_map(|(serial, body)| {
            let mut text = format!("audit(1715934612.204:{serial}): ").into_bytes();
            text.extend(body);
            text
        }),
    ];
    (kind(), text)
}

/// How many records an event is made of.
fn weight(event: &Event) -> u64 {
    let end = event.kind == "EOE" && !event.incomplete;
    event.records.len().max(1) as u64 + u64::from(end)
}

proptest! {
    #[test]
    fn any_bytes_become_events_of_valid_json(records in vec(record(), 0..60), raw: bool) {
        let mut assembler = assembler(Options { include_raw: raw, waiting_events: 4, event_bytes: 500, ..Options::default() });
        let start = Instant::now();
        let mut events = Vec::new();
        for (place, (kind, text)) in records.iter().enumerate() {
            let now = start + Duration::from_millis(300 * place as u64);
            assembler.due(now);
            assembler.record(*kind, text, now);
            prop_assert!(assembler.buffered() <= 4);
            events.extend(all(&mut assembler));
        }
        assembler.flush(Instant::now());
        events.extend(all(&mut assembler));
        let counters = assembler.counters();
        prop_assert_eq!(counters.records, records.len() as u64);
        prop_assert_eq!(counters.events, events.len() as u64);
        for event in &events {
            let line = event.to_json();
            prop_assert!(!line.contains('\n'));
            let value: serde_json::Value = serde_json::from_str(&line).expect("JSON");
            prop_assert_eq!(&value["Type"], event.kind.as_ref());
            let (short, _) = event.to_json_within(300);
            serde_json::from_str::<serde_json::Value>(&short).expect("JSON");
        }
    }

    /// Given numbered records of several events, mixed in any order that keeps
    /// each event's own, then every record is in exactly one event, and the
    /// events are those that come out when they arrive one after the other.
    #[test]
    fn mixing_events_changes_none(lengths in vec(1_usize..6, 1..8), picks in vec(any::<prop::sample::Index>(), 64)) {
        let whole = |serial: usize, length: usize| -> Vec<(u16, String)> {
            let mut records: Vec<_> = (0..length)
                .map(|place| (if place == 0 { 1300 } else { 1302 }, format!("audit(1.5:{serial}): mark{place}={serial}.{place} item={place}")))
                .collect();
            records.push((1320, format!("audit(1.5:{serial}): ")));
            records
        };
        let queues: Vec<Vec<(u16, String)>> = lengths.iter().enumerate().map(|(serial, &length)| whole(serial, length)).collect();
        let now = Instant::now();
        let run = |records: Vec<(u16, String)>| {
            let mut assembler = assembler(Options::default());
            for (kind, text) in records {
                assembler.record(kind, text.as_bytes(), now);
            }
            prop_assert_eq!(assembler.buffered(), 0);
            let events = all(&mut assembler);
            let total: u64 = events.iter().map(weight).sum();
            prop_assert_eq!(total, assembler.counters().records);
            let by_serial: BTreeMap<String, Event> = events.into_iter().map(|event| (event.serial.clone(), event)).collect();
            Ok(by_serial)
        };
        let ordered = run(queues.concat())?;
        let mut rest: Vec<std::collections::VecDeque<_>> = queues.iter().cloned().map(Into::into).collect();
        let mut mixed = Vec::new();
        let mut picks = picks.iter().cycle();
        while rest.iter().any(|queue| !queue.is_empty()) {
            rest.retain(|queue| !queue.is_empty());
            let place = picks.next().expect("endless").index(rest.len());
            mixed.extend(rest[place].pop_front());
        }
        let total = mixed.len();
        let mixed = run(mixed)?;
        prop_assert_eq!(&ordered, &mixed);
        prop_assert_eq!(total, mixed.values().map(|event| event.records.len().max(1) + 1).sum::<usize>());
        for (serial, event) in &ordered {
            for place in 0..event.records.len().max(1) {
                let mark = format!("{serial}.{place}");
                prop_assert_eq!(event.data.get(&format!("mark{place}")), Some(mark.as_str()));
            }
        }
    }
}
