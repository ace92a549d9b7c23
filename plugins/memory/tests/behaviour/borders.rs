//! Patterns that lie across borders of blocks and pages.

use crate::support::{BLOCK, Target, finds, hex, mark, run};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Where the original's window, a page and a block of ours end.
const BORDERS: [usize; 7] = [2048, 4096, 6144, 65536, BLOCK, 2 * BLOCK, 3 * BLOCK];

/// Every way to lie across every border, each in a mapping of its own: by
/// border and by the number of bytes before it.
fn marked() -> (Target, Vec<String>) {
    let mut target = Target::start();
    let mut marks = Vec::new();
    for shift in 0..=20 {
        let start = target.map(3 * BLOCK + 8192);
        for border in BORDERS {
            let mark = mark((border * 100 + shift) as u64);
            target.put(start + border - shift, mark.as_bytes());
            marks.push(mark);
        }
    }
    (target, marks)
}

/// All marks that one search each reports, from criteria made of a mark.
fn found(target: &Target, marks: &[String], criteria: impl Fn(&str) -> Value) -> Vec<String> {
    let searches: serde_json::Map<String, Value> = marks
        .iter()
        .map(|mark| {
            let mut search = criteria(mark);
            search["names"] = json!([crate::support::NAME]);
            search["options"] = json!({"matchall": true});
            (mark.clone(), search)
        })
        .collect();
    let document = run(json!({ "searches": searches }));
    let is_found = |mark: &&String| {
        let entries = document["elements"][mark.as_str()].as_array();
        let mut entries = entries.into_iter().flatten();
        entries.any(|entry| entry["process"]["pid"] == target.pid())
    };
    marks.iter().filter(is_found).cloned().collect()
}

#[test]
fn a_pattern_across_any_border_is_found_by_every_kind_of_search() {
    let (target, marks) = marked();
    // All together, and few at a time.
    assert_eq!(
        found(
            &target,
            &marks,
            |mark| json!({"bytes": [hex(mark.as_bytes())]})
        ),
        marks
    );
    for few in marks.chunks(5) {
        assert_eq!(found(&target, few, |mark| json!({"contents": [mark]})), few);
    }
    let upper = |mark: &str| json!({"contents": [format!("(?i){}", mark.to_uppercase())]});
    assert_eq!(found(&target, &marks, upper), marks);
    // A literal in the midst, a literal behind, none at all.
    let inner = |mark: &str| {
        let (head, tail) = mark.split_at(10);
        let class: String = head.chars().map(|c| format!("[{c}!]")).collect();
        json!({"contents": [format!("{class}{tail}")]})
    };
    assert_eq!(found(&target, &marks, inner), marks);
    let classes = |mark: &str| {
        let class: String = mark.chars().map(|c| format!("[{c}!?]")).collect();
        json!({"contents": [class]})
    };
    assert_eq!(found(&target, &marks[..12], classes), &marks[..12]);
}

#[test]
fn a_match_may_be_longer_than_any_block() {
    let mut target = Target::start();
    let start = target.map(4 * BLOCK);
    let (head, tail) = (mark(1), mark(2));
    target.put(start + 100, head.as_bytes());
    target.put(start + 4 * BLOCK - 30, tail.as_bytes());
    assert!(finds(
        &target,
        json!({"contents": [format!("(?s){head}.*{tail}")]})
    ));
    assert!(finds(
        &target,
        json!({"contents": [format!("{head}\\x00{{1000}}\\x00+{tail}")]})
    ));
    assert!(!finds(
        &target,
        json!({"contents": [format!("(?s){tail}.*{head}")]})
    ));
    assert!(!finds(
        &target,
        json!({"contents": [format!("{head}\\x01*{tail}")]})
    ));
}

#[test]
fn nothing_is_invented_from_pieces_that_do_not_meet() {
    let mut target = Target::start();
    let whole = mark(3);
    let (head, tail) = whole.split_at(8);
    // As the original's window saw it: the first half and a later one.
    let start = target.map(BLOCK);
    target.put(start + 2048 - head.len(), head.as_bytes());
    target.put(start + 4096, tail.as_bytes());
    // Across unreadable memory.
    let start = target.map(3 * 4096);
    target.put(start + 4096 - head.len(), head.as_bytes());
    target.put(start + 8192, tail.as_bytes());
    target.order(&format!("protect {} 4096 0", start + 4096));
    assert!(finds(
        &target,
        json!({"contents": [head], "bytes": [hex(tail.as_bytes())]})
    ));
    for pattern in [whole.clone(), format!("(?i){whole}")] {
        assert!(!finds(&target, json!({"contents": [pattern]})));
    }
    assert!(!finds(&target, json!({"bytes": [hex(whole.as_bytes())]})));
}

#[test]
fn adjacent_mappings_are_one_stretch_and_its_ends_are_anchors() {
    let mut target = Target::start();
    let start = target.map(4 * 4096);
    let (first, middle, last) = (mark(4), mark(5), mark(6));
    target.put(start, first.as_bytes());
    target.put(start + 8192 - 7, middle.as_bytes());
    target.put(start + 4 * 4096 - last.len(), last.as_bytes());
    // Two mappings with different rights: only one of them may be written.
    target.order(&format!("readonly {start} 8192"));
    assert!(finds(
        &target,
        json!({"contents": [middle.clone(), format!("(?i){middle}")]})
    ));
    for (pattern, wanted) in [
        (format!("^{first}"), true),
        (format!("^{middle}"), false),
        (format!("{first}$"), false),
        (format!("{last}$"), true),
        (format!("(?s)^{first}.*{last}$"), true),
    ] {
        assert_eq!(
            finds(&target, json!({"contents": [pattern]})),
            wanted,
            "{pattern}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_pattern_anywhere_is_found(
        length in prop_oneof![1_usize..40, 1_usize..6000],
        place in prop_oneof![
            0_usize..3 * BLOCK,
            (1_usize..3, 0_usize..6000).prop_map(|(block, before)| (block * BLOCK).saturating_sub(before)),
        ],
        seed in any::<u64>(),
        background in prop_oneof![Just(0_u8), Just(b'\n'), Just(b'a'), Just(0xE2)],
    ) {
        let mut target = Target::start();
        let start = target.map(3 * BLOCK + 8192);
        let mut pattern = format!("{}{}", mark(seed), mark(seed ^ 1)).into_bytes();
        while pattern.len() < length {
            pattern.extend_from_slice(mark(pattern.len() as u64 ^ seed).as_bytes());
        }
        target.put(start + place - place.min(4), &[background; 4][..place.min(4)]);
        target.put(start + place, &pattern);
        let text = String::from_utf8(pattern.clone()).unwrap();
        let shown = &text[..text.len().min(40)];
        let whole = finds(&target, json!({"bytes": [hex(&pattern)]}));
        prop_assert!(whole, "bytes");
        let upper = format!("(?i){}", shown.to_uppercase());
        let head = finds(&target, json!({"contents": [shown, upper]}));
        prop_assert!(head, "the start");
        let end = &text[text.len() - 20..];
        let span = format!("{shown}[a-z0-9]*?{end}|{shown}$");
        let both = finds(&target, json!({"contents": [span]}));
        prop_assert!(both || pattern.len() < 60, "start and end");
        // One byte less of it is not it.
        target.put(start + place + pattern.len() - 1, b"!");
        let whole = finds(&target, json!({"bytes": [hex(&pattern)]}));
        prop_assert!(!whole, "what is no longer there");
    }
}
