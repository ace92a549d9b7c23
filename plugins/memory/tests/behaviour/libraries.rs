//! Mapped files, by all their names.

use crate::support::{Target, finds, hex};
use serde_json::json;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

#[test]
fn any_mapped_file_but_the_executable_counts() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("data.bin");
    std::fs::write(&path, "something").unwrap();
    let mut target = Target::start();
    let order = format!("file 4096 {}", hex(path.as_os_str().as_bytes()));
    target.order(&order);
    for (pattern, wanted) in [
        ("/data\\.bin$", true),
        ("libc\\.so|libc-|/libc", true),
        ("memory_target$", false),
        ("\\[heap\\]", false),
        ("nobody has this", false),
    ] {
        assert_eq!(
            finds(&target, json!({"libraries": [pattern]})),
            wanted,
            "{pattern}"
        );
    }
    assert!(!finds(
        &target,
        json!({"libraries": ["/data\\.bin$", "nobody has this"]})
    ));
    // Its path stays, with and without the kernel's remark.
    std::fs::remove_file(&path).unwrap();
    assert!(finds(&target, json!({"libraries": ["/data\\.bin$"]})));
    assert!(finds(
        &target,
        json!({"libraries": ["/data\\.bin \\(deleted\\)$"]})
    ));
}

#[test]
fn paths_with_any_bytes_are_matched_as_they_are() {
    let directory = tempfile::tempdir().unwrap();
    let mut target = Target::start();
    for name in [&b"a\nb"[..], br"c\012d", b"e \xff\x1b[0m"] {
        let path = directory.path().join(OsStr::from_bytes(name));
        std::fs::write(&path, "something").unwrap();
        target.order(&format!("file 4096 {}", hex(path.as_os_str().as_bytes())));
    }
    for (pattern, wanted) in [
        ("/a\\nb$", true),
        ("/c\\\\012d$", true),
        ("/c\\nd$", false),
        ("/e \\x{FFFD}\\x1b\\[0m$", true),
    ] {
        assert_eq!(
            finds(&target, json!({"libraries": [pattern]})),
            wanted,
            "{pattern}"
        );
    }
}

/// Where a library lies that this process does not have anyway.
fn library(name: &str) -> PathBuf {
    let mut target = Target::start();
    target.order(&format!("load {}", hex(name.as_bytes())));
    let maps = std::fs::read_to_string(format!("/proc/{}/maps", target.pid())).unwrap();
    let line = maps
        .lines()
        .find(|line| line.contains("/libm"))
        .expect("the library");
    PathBuf::from(&line[line.find('/').unwrap()..])
}

#[test]
fn a_library_is_known_by_the_name_it_gives_itself() {
    let source = library("libm.so.6");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("innocent.txt");
    std::fs::copy(source, &path).unwrap();
    let mut target = Target::start();
    assert!(!finds(&target, json!({"libraries": ["^libm\\.so\\.6$"]})));
    target.order(&format!("load {}", hex(path.as_os_str().as_bytes())));
    assert!(finds(
        &target,
        json!({"libraries": ["innocent\\.txt$", "^libm\\.so\\.6$"]})
    ));
    std::fs::remove_file(&path).unwrap();
    assert!(finds(&target, json!({"libraries": ["^libm\\.so\\.6$"]})));
}
