//! Names and files that somebody made with bad intent, and closed doors.

use crate::support::{Home, attempt, fixture_directory, fixtures, keys, known, run};
use mig_module_sshkey::SshkeyModule;
use mig_plugin_sdk::abi::code;
use mig_plugin_sdk::payload::rawpath;
use mig_plugin_sdk::testing::FakeHost;
use serde_json::{Value, json};
use std::ffi::{CString, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

#[test]
fn names_may_hold_anything() {
    let key = known();
    let home = Home::new();
    let mut names = ["new\nline", "esc\x1b[31m", "quote\"'", "-dash", " ", "ünï"];
    names.sort_unstable();
    for name in names {
        home.file(name, key.line);
    }
    let document = home.search();
    let found: Vec<Value> = keys(&document)
        .iter()
        .map(|key| key["path"].clone())
        .collect();
    let wanted: Vec<String> = names.iter().map(|name| home.text(name)).collect();
    assert_eq!(found, wanted);
}

#[test]
fn names_that_are_not_utf8_travel_with_their_bytes() {
    let home = Home::new();
    let path = home.file(Path::new(OsStr::from_bytes(b"id\xFF.pub")), known().line);
    let found = keys(&home.search());
    assert_eq!(found[0]["path"], home.text("id\u{FFFD}.pub"));
    let raw = rawpath::restore("", found[0]["rawpath"].as_str());
    assert_eq!(raw.as_deref(), Some(path.as_os_str().as_bytes()));
    let names: Vec<&String> = found[0].as_object().expect("an object").keys().collect();
    let order = [
        "fingerprint_md5",
        "fingerprint_sha256",
        "path",
        "rawpath",
        "encrypted",
        "type",
    ];
    assert_eq!(names, order);
}

#[test]
fn pipes_loops_and_missing_paths_hold_nothing_up() {
    let key = known();
    let home = Home::of("id.pub", key.line);
    let pipe = home.path().join("authorized_keys");
    let name = CString::new(pipe.as_os_str().as_bytes()).expect("no NUL");
    // SAFETY: the name is NUL-terminated.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    symlink(".", home.path().join("loop")).expect("a link");
    symlink("self", home.path().join("self")).expect("a link");
    symlink("gone", home.path().join("dangling")).expect("a link");
    let document =
        run(json!({"paths": [home.path(), home.text("gone"), home.text("id.pub"), pipe]}));
    assert_eq!(keys(&document).len(), 1, "{document}");
}

#[test]
fn closed_doors_are_passed_by() {
    if mig_testkit::is_root() {
        return mig_testkit::skip("root may open everything");
    }
    let key = known();
    let home = Home::of("open/id.pub", key.line);
    let secret = home.file("open/secret.pub", key.line);
    home.file("closed/id.pub", key.line);
    let mode = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("a mode");
    };
    mode(&secret, 0);
    mode(&home.path().join("closed"), 0);
    let document = home.search();
    mode(&home.path().join("closed"), 0o755);
    assert_eq!(keys(&document).len(), 1, "{document}");
    assert_eq!(document["errors"], Value::Null);
}

#[test]
fn keys_cut_short_are_no_keys_and_never_a_panic() {
    let home = Home::new();
    for fixture in fixtures() {
        let whole = std::fs::read(fixture_directory().join(fixture.name)).expect("a key");
        for part in 1..8 {
            let cut = &whole[..whole.len() * part / 8];
            home.file(format!("{}.{part}", fixture.name), cut);
        }
    }
    let document = home.search();
    // Lines of public keys end with a comment, so most of one may be all of it;
    // so may most of a PuTTY file, whose private half comes last.
    for key in keys(&document) {
        let path = key["path"].as_str().expect("a path");
        assert!(path.contains(".pub.") || path.contains(".ppk"), "{path}");
    }
}

#[test]
fn long_lines_and_large_files_are_bounded() {
    let key = known();
    let home = Home::new();
    let long = format!("command=\"{}\" {}\n", "x".repeat(900_000), key.line);
    home.file("authorized_keys", &long);
    let huge = format!("{}\n{}", key.line, "#".repeat(1 << 20));
    home.file("huge.pub", &huge);
    let mut exact = format!("{}\n", key.line).into_bytes();
    exact.resize(1 << 20, b'\n');
    home.file("exact.pub", exact);
    let document = home.search();
    let paths: Vec<Value> = keys(&document)
        .iter()
        .map(|key| key["path"].clone())
        .collect();
    assert_eq!(
        paths,
        [home.text("authorized_keys"), home.text("exact.pub")]
    );
}

#[test]
fn a_thousand_candidates_are_looked_at_and_the_rest_is_said_to_be_missing() {
    let key = known();
    let home = Home::new();
    for number in 0..1000 {
        home.file(format!("{number:04}.pub"), key.line);
    }
    let document = home.search();
    assert_eq!(keys(&document).len(), 1000);
    assert_eq!(document["errors"], Value::Null);
    home.file("9999.pub", key.line);
    let document = home.search();
    assert_eq!(keys(&document).len(), 1000);
    let error = document["errors"][0].as_str().expect("an error");
    assert!(
        error.starts_with("there are more than 1000 files"),
        "{error}"
    );
}

/// A run that was cancelled after some of its keys were found. How often the
/// walk asks differs from run to run, so the moment has to be searched for.
fn cancelled_on_the_way(parameters: &Value) -> Value {
    let all = keys(&attempt(parameters.clone()).document()).len();
    for polls in 0.. {
        let answer = FakeHost::new()
            .cancel_after(polls)
            .run::<SshkeyModule>(parameters.clone());
        assert_eq!(answer.code, code::CANCELLED, "all of it after {polls}");
        let document = answer.document();
        let found = keys(&document).len();
        assert!(found < all);
        if found > 0 {
            return document;
        }
    }
    unreachable!("an endless loop");
}

#[test]
fn a_cancelled_run_keeps_what_it_found() {
    let home = Home::new();
    for number in 0..50 {
        home.file(format!("{number}.pub"), known().line);
    }
    let document = cancelled_on_the_way(&json!({"paths": [home.path()]}));
    assert_eq!(document["success"], false);
    assert_eq!(document["foundanything"], true);
}

#[test]
fn a_file_of_many_keys_can_be_left_in_the_middle() {
    let key = include_str!("../data/keys/ecdsa521.PEM-without-public");
    let home = Home::new();
    home.file("keys", key.repeat(30));
    let document = cancelled_on_the_way(&json!({"paths": [home.path()]}));
    assert_eq!(document["success"], false);
    assert_eq!(document["foundanything"], true);
}
