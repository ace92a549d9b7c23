//! Which processes satisfy what.

use crate::support::{NAME, Target, finds, hex, mark, pids, run, search};
use serde_json::json;

#[test]
fn names_are_searched_in_the_path_of_the_executable() {
    let target = Target::start();
    let path = crate::support::program().canonicalize().unwrap();
    for (pattern, wanted) in [
        (NAME, true),
        ("^/.*memory_target$", true),
        ("(?i)MEMORY_TARGET", true),
        ("^memory_target", false),
    ] {
        assert_eq!(
            finds(&target, json!({"names": [pattern]})),
            wanted,
            "{pattern}"
        );
    }
    let document = search(json!({"names": [NAME]}));
    let entries = document["elements"]["s"].as_array().unwrap();
    let own = entries
        .iter()
        .find(|entry| entry["process"]["pid"] == target.pid());
    assert_eq!(own.unwrap()["process"]["name"], path.to_str().unwrap());
    // All of them with matchall.
    assert!(!finds(
        &target,
        json!({"names": [NAME, "nobody is called this"]})
    ));
}

#[test]
fn with_matchall_only_processes_with_the_name_are_read() {
    let mut target = Target::start();
    let start = target.map(1 << 20);
    let mark = mark(10);
    target.put(start, mark.as_bytes());
    let document = search(json!({"names": ["nobody is called this"], "contents": [mark]}));
    assert_eq!(document["statistics"]["memoryread"], 0);
    assert_eq!(document["foundanything"], false);
    let document = search(json!({"contents": [mark]}));
    assert_eq!(pids(&document), [target.pid()]);
    assert!(document["statistics"]["memoryread"].as_u64().unwrap() >= 4096);
    assert!(document["statistics"]["processcount"].as_u64().unwrap() > 1);
}

#[test]
fn checks_may_hold_anywhere_in_the_memory_of_a_process() {
    let mut target = Target::start();
    let (one, other) = (mark(11), mark(12));
    let place = target.map(1 << 20);
    target.put(place, one.as_bytes());
    let place = target.map(2 << 20);
    target.put(place + (1 << 20) + 77, other.as_bytes());
    let both = json!({"contents": [one], "bytes": [hex(other.as_bytes())]});
    assert!(finds(&target, both));
    let third = json!({"contents": [one, mark(13)], "bytes": [hex(other.as_bytes())]});
    assert!(!finds(&target, third));
}

#[test]
fn without_matchall_each_check_reports_alone_whatever_the_name() {
    let mut target = Target::start();
    let (there, missing) = (mark(14), mark(15));
    let place = target.map(8192);
    target.put(place, there.as_bytes());
    let bytes = hex(there.as_bytes());
    // A short stretch of memory: all processes are read.
    let document = run(json!({"searches": {"s": {
        "names": ["nobody is called this"], "contents": [missing], "bytes": [bytes],
        "options": {"offset": place, "maxlength": 4096},
    }}}));
    let entries = document["elements"]["s"].as_array().unwrap();
    let kinds: Vec<(bool, bool, bool, u64)> = entries
        .iter()
        .map(|entry| {
            let search = &entry["search"];
            (
                search.get("names").is_some(),
                search.get("contents").is_some(),
                search.get("bytes").is_some(),
                entry["process"]["pid"].as_u64().unwrap(),
            )
        })
        .collect();
    let own = u64::from(target.pid());
    assert_eq!(
        kinds,
        [
            (true, false, false, 0),
            (false, true, false, 0),
            (false, false, true, own)
        ]
    );
    assert_eq!(document["statistics"]["totalhits"], 1);
    assert_eq!(document["foundanything"], true);
}

#[test]
fn bytes_that_are_not_utf8_are_one_replacement_character_each() {
    let mut target = Target::start();
    let mark = mark(16);
    let place = target.map(8192);
    let bytes = [mark.as_bytes(), b"\xE2\x82!\xFF"].concat();
    target.put(place + 5, &bytes);
    for (pattern, wanted) in [
        (format!("{mark}..!"), true),
        (format!("{mark}.!"), false),
        (format!("{mark}\\x{{FFFD}}{{2}}![^a]\\x00"), true),
        (format!("{mark}\\x{{e2}}"), false),
    ] {
        assert_eq!(
            finds(&target, json!({"contents": [pattern]})),
            wanted,
            "{pattern}"
        );
    }
    assert!(finds(&target, json!({"bytes": [hex(&bytes)]})));
    assert!(finds(
        &target,
        json!({"bytes": [hex(&bytes).to_uppercase()]})
    ));
}

#[test]
fn offset_and_length_belong_to_each_search() {
    let mut target = Target::start();
    let place = target.map(4 << 20);
    let (early, late) = (mark(17), mark(18));
    target.put(place + 1000, early.as_bytes());
    target.put(place + (3 << 20), late.as_bytes());
    let cases = [
        (place, 0, true, true),
        (place + 1001, 0, false, true),
        (place + 1000, 1020, true, false),
        (place + 1000, 20, true, false),
        (place + 1000, 19, false, false),
        (place, 1, false, false),
        (place + (3 << 20) - 5, 25, false, true),
        (place + (3 << 20) - 5, 24, false, false),
        (place + (3 << 20) + 1, 0, false, false),
    ];
    let mut searches = serde_json::Map::new();
    for (number, (offset, length, _, _)) in cases.iter().enumerate() {
        for (kind, mark) in [("early", &early), ("late", &late)] {
            for (form, pattern) in [("plain", mark.clone()), ("class", format!("(?i){mark}"))] {
                searches.insert(
                    format!("{kind}-{form}-{number}"),
                    json!({"names": [NAME], "contents": [pattern], "options":
                        {"matchall": true, "offset": offset, "maxlength": length}}),
                );
            }
        }
    }
    let document = run(json!({ "searches": searches }));
    for (number, (_, _, first, second)) in cases.iter().enumerate() {
        for form in ["plain", "class"] {
            for (kind, wanted) in [("early", first), ("late", second)] {
                let label = format!("{kind}-{form}-{number}");
                let entries = document["elements"][&label].as_array().unwrap();
                let found = entries
                    .iter()
                    .any(|entry| entry["process"]["pid"] == target.pid());
                assert_eq!(found, *wanted, "{label}");
            }
        }
    }
}

#[test]
fn the_searching_process_never_finds_itself_or_its_callers() {
    // This process holds the pattern, and is called by cargo or a shell.
    let mark = mark(19);
    let own = std::process::id();
    let document = search(json!({"names": ["."], "contents": [mark]}));
    assert_eq!(pids(&document), [0_u32; 0]);
    assert!(document["statistics"]["excluded"].as_u64().unwrap() >= 2);
    let found = pids(&search(json!({"names": ["."]})));
    assert!(!found.contains(&own));
    // SAFETY: getppid takes nothing.
    assert!(!found.contains(&(unsafe { libc::getppid() } as u32)));
    assert!(!found.is_empty());
}
