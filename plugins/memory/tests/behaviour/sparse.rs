//! Memory that was never written is not read, so that it stays that way.

use crate::support::{Target, finds, hex, mark, search, unread};
use serde_json::json;
use std::os::unix::ffi::OsStrExt;

/// A line of `/proc/PID/status`, in KiB.
fn status(target: &Target, line: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", target.pid())).unwrap();
    let value = status
        .lines()
        .find_map(|found| found.strip_prefix(line))
        .unwrap();
    value
        .trim_start_matches(':')
        .split_whitespace()
        .next()
        .unwrap()
        .parse()
        .unwrap()
}

#[test]
fn reserved_memory_does_not_grow_and_takes_no_time() {
    // Under a name of its own: what is read of other tests' processes, which have
    // large mappings as well, would be counted too.
    let directory = tempfile::tempdir().unwrap();
    let program = crate::hostile::copy(&directory, b"sparse");
    let names = [format!("^{}$", program.display())];
    let mut target = Target::of(&program);
    let size = 32_usize << 30;
    let place = target.map(size);
    let (low, high) = (mark(30), mark(31));
    target.put(place + (size / 2) - 7, low.as_bytes());
    target.put(place + size - 20, high.as_bytes());
    let before = (status(&target, "VmPTE"), status(&target, "VmRSS"));
    let options = json!({"offset": place});
    let contents = [low.clone(), format!("(?i){high}$")];
    let document = search(json!({"names": names, "contents": contents, "options": options}));
    assert_eq!(crate::support::pids(&document), [target.pid()]);
    assert!(document["statistics"]["memoryread"].as_u64().unwrap() < 64 << 20);
    // What lies between counts as the zeros it is.
    let across = format!("{low}\\x00+{high}");
    assert!(finds(
        &target,
        json!({"names": names, "contents": [across], "options": options})
    ));
    assert!(!finds(
        &target,
        json!({"names": names, "contents": [format!("{low}\\x00*\\x01")], "options": options})
    ));
    let bytes = [low.as_bytes(), &[0; 5000]].concat();
    assert!(finds(
        &target,
        json!({"names": names, "bytes": [hex(&bytes)], "options": options})
    ));
    let after = (status(&target, "VmPTE"), status(&target, "VmRSS"));
    assert!(
        after.0 <= before.0 + 64,
        "page tables grew from {} to {} KiB",
        before.0,
        after.0
    );
    assert!(
        after.1 <= before.1 + (16 << 10),
        "memory grew from {} to {} KiB",
        before.1,
        after.1
    );
}

#[test]
fn shared_memory_that_nobody_touched_stays_untouched_and_is_counted() {
    let directory = std::path::Path::new("/dev/shm");
    let Ok(file) = tempfile::NamedTempFile::new_in(directory) else {
        return mig_testkit::skip("/dev/shm cannot be written");
    };
    let size = 64_u64 << 20;
    file.as_file().set_len(size).unwrap();
    let blocks = || std::os::unix::fs::MetadataExt::blocks(&file.as_file().metadata().unwrap());
    let mut target = Target::start();
    let path = hex(file.path().as_os_str().as_bytes());
    let place = target.order(&format!("shared {size} {path}"));
    let mark = mark(32);
    target.put(place + (33 << 20), mark.as_bytes());
    let before = blocks();
    // Not even for the name that a library would have there.
    search(json!({"libraries": ["nobody has this"]}));
    let document = search(json!({"contents": [format!("{mark}|{mark}!"), "not there at all"]}));
    assert_eq!(blocks(), before);
    let untouched = unread(&document, "shared memory that the process never touched");
    assert!(untouched.unwrap() >= size - (4 << 20), "{document}");
    assert!(finds(&target, json!({"contents": [mark]})));
}
