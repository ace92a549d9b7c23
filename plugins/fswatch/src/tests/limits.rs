//! More than there is room for: events, watches, bytes; and what is forbidden.

use super::{Place, quiet};
use crate::hashing::{Begun, Hashing};
use crate::known::Signature;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::os::unix::fs::PermissionsExt;

#[test]
fn an_overflow_is_said_and_everything_is_compared_again() {
    let limit = std::fs::read_to_string("/proc/sys/fs/inotify/max_queued_events");
    let limit: u32 = limit.expect("a limit").trim().parse().expect("a number");
    if limit > 100_000 {
        mig_testkit::skip("the kernel's queue is too long to fill");
        return;
    }
    let place = Place::new();
    place.make("watched/sub");
    place.write("watched/sub/x", "one");
    place.write("watched/noise", "");
    place.write("draft", "two");
    let inotify = crate::sys::Inotify::new().expect("a queue");
    inotify
        .watch(&place.path("watched"), false)
        .expect("a watch");
    // Two names in turn: equal events that follow each other count once.
    let (one, two) = (place.path("watched/noise"), place.path("watched/noise2"));
    for _ in 0..=limit / 2 {
        std::fs::rename(&one, &two).expect("another name");
        std::fs::rename(&two, &one).expect("the old name");
    }
    let mut buffer = vec![0; 4 << 20];
    let count = inotify.read(&mut buffer).expect("events");
    let last = crate::sys::events(&buffer[..count]).last();
    assert!(last.is_some_and(|event| event.overflow()));

    // The module's own queue: nobody takes alerts, so it reads nothing, while
    // more happens than fits, and directories are replaced by others.
    let again: Vec<String> = (0..20).map(|n| format!("watched/again{n}")).collect();
    again.iter().for_each(|name| place.make(name));
    let module = place.watch(&["recursive:watched"]);
    module.status_with(|status| status["directories"] == 22 && status["hashed"] == 2);
    module.hold_alerts(true);
    for _ in 0..=limit {
        std::fs::rename(&one, &two).expect("another name");
        std::fs::rename(&two, &one).expect("the old name");
    }
    for name in &again {
        std::fs::remove_dir(place.path(name)).expect("removed");
        place.make(name);
    }
    module.hold_alerts(false);
    module.log_with("the kernel's queue ran over");
    std::fs::rename(place.path("draft"), place.path("watched/sub/x")).expect("a new file");
    module.alert_with(&place.changed("watched/sub/x", "one", "two"));
    // The first ones by the listing at the latest, the others by the watches of
    // the new directories.
    for file in ["first", "second"] {
        let names = again.iter().map(|name| format!("{name}/{file}"));
        let names: Vec<String> = names.collect();
        names.iter().for_each(|name| place.write(name, ""));
        for name in &names {
            module.alert_with(&place.created(name));
        }
    }
}

#[test]
fn what_may_not_be_read_is_watched_without_a_checksum() {
    if mig_testkit::is_root() {
        return as_an_ordinary_user();
    }
    let place = Place::new();
    place.make("watched/closed");
    place.write("watched/secret", "one");
    let mode = |name: &str, bits| {
        let mode = std::fs::Permissions::from_mode(bits);
        std::fs::set_permissions(place.path(name), mode).expect("permissions");
    };
    mode("watched/secret", 0);
    mode("watched/closed", 0);
    let module = place.watch(&["recursive:watched"]);
    let status = module.status_with(|status| status["notwatched"] == 1);
    assert_eq!(status["directories"], 1);
    let line = module.log_with("is not watched: ");
    assert!(line.contains("closed"), "{line}");
    std::fs::remove_file(place.path("watched/secret")).expect("removed");
    assert_eq!(module.alerts(1), [place.removed("watched/secret")]);
    mode("watched/closed", 0o700);
}

/// Root may read everything; so the test runs again as somebody who may not.
fn as_an_ordinary_user() {
    let output = std::process::Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .args(["--inh-caps=-all", "--bounding-set=-all"])
        .arg(std::env::current_exe().expect("own program"))
        .args([
            "--exact",
            "tests::limits::what_may_not_be_read_is_watched_without_a_checksum",
        ])
        .env("TMPDIR", "/tmp")
        .output();
    let output = match output {
        Ok(output) => output,
        Err(error) => return mig_testkit::skip(&format!("setpriv: {error}")),
    };
    let said = String::from_utf8_lossy(&output.stdout);
    if !said.contains("running 1 test") {
        let reason = String::from_utf8_lossy(&output.stderr);
        return mig_testkit::skip(&format!("no ordinary user may run tests: {reason}"));
    }
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn a_file_that_is_too_large_is_said_and_not_read() {
    let place = Place::new();
    let file = std::fs::File::create(place.path("huge")).expect("a file");
    file.set_len(1 << 40).expect("a hole");
    place.write("small", "one");
    let module = place.watch_with(&[""], json!({"delay": 0, "lookout": 1, "maxsize": 1}));
    let line = module.log_with("is larger than 1 MiB and is not hashed");
    assert!(line.contains("huge"), "{line}");
    assert_eq!(quiet(&module)["toolarge"], 1);
    place.make("marker");
    assert_eq!(module.alerts(1), [place.created("marker")]);
}

#[test]
fn queries_are_answered_while_a_large_file_is_hashed() {
    let place = Place::new();
    let file = std::fs::File::create(place.path("large")).expect("a file");
    // Would take hours: it is not over however slow this test is.
    file.set_len(1 << 40).expect("a hole");
    let path = place.text("");
    let settings = json!({"delay": 0, "maxsize": 2 << 20});
    let module = mig_plugin_sdk::testing::FakeService::start::<crate::FswatchModule>(
        json!({"config": {"Paths": {"Path": [path]}, "Fswatch": settings}}),
    );
    module.wait_until_ready();
    for _ in 0..20 {
        assert!(module.query(&json!({})).is_ok());
    }
    place.make("marker");
    assert_eq!(module.alerts(1), [place.created("marker")]);
    // It ends in the middle of it as well.
    let status = module.status_with(|status| !status.is_null());
    assert_eq!(status["scanning"], true);
}

/// Set for the run of the test inside a user namespace with few watches.
const INSIDE: &str = "MIG_FSWATCH_FEW_WATCHES";

#[test]
fn a_full_table_of_watches_is_named_with_its_setting() {
    if std::env::var_os(INSIDE).is_some() {
        return with_few_watches();
    }
    let program = std::env::current_exe().expect("own program");
    let script = "echo 3 > /proc/sys/user/max_inotify_watches || exit 77; exec \"$0\" --exact \
        tests::limits::a_full_table_of_watches_is_named_with_its_setting";
    let output = std::process::Command::new("unshare")
        .args(["-Ur", "sh", "-c", script])
        .arg(program)
        .env(INSIDE, "1")
        .output();
    let output = match output {
        Ok(output) => output,
        Err(error) => return mig_testkit::skip(&format!("unshare: {error}")),
    };
    // What the test itself says of a failure begins with its count.
    let said = String::from_utf8_lossy(&output.stdout);
    if !said.contains("running 1 test") {
        let reason = String::from_utf8_lossy(&output.stderr);
        return mig_testkit::skip(&format!("no user namespace: {reason}"));
    }
    assert!(output.status.success(), "{output:?}");
}

fn with_few_watches() {
    let place = Place::new();
    for name in ["a", "b", "c", "d"] {
        place.make(&format!("watched/{name}"));
    }
    let module = place.watch_and_look(&["recursive:watched"]);
    let status = module.status_with(|status| status["notwatched"] == 2);
    assert_eq!(status["directories"], 3);
    let line = module.log_with("no watch left");
    assert!(
        line.contains("raise fs.inotify.max_user_watches, which is "),
        "{line}"
    );
    // The others are watched.
    place.make("watched/a/seen");
    assert_eq!(module.alerts(1), [place.created("watched/a/seen")]);
    module.status_with(|status| status["notwatched"] == 3);
    // What becomes free is used.
    std::fs::remove_dir(place.path("watched/b")).expect("removed");
    module.status_with(|status| status["notwatched"] == 2 && status["directories"] == 3);
    // Said once, however often it was tried again meanwhile.
    let logs = module.logs();
    let lines = logs
        .iter()
        .filter(|(_, line)| line.contains("no watch left"));
    assert_eq!(lines.count(), 1, "{logs:?}");
}

#[test]
fn checksums_are_those_of_the_content_whatever_its_size() {
    let place = Place::new();
    let mut buffer = Vec::new();
    for size in [0, 1, 128 << 10, (128 << 10) + 1, 1 << 20] {
        let content = vec![7_u8; size];
        std::fs::write(place.path("x"), &content).expect("a file");
        let Begun::Reading(mut hashing) = Hashing::begin(&place.path("x"), 1 << 20) else {
            panic!("{size} bytes are not read");
        };
        let done = loop {
            if let Some(done) = hashing.advance(&mut buffer) {
                break done;
            }
        };
        let Begun::Done(signature) = done else {
            panic!("{done:?}");
        };
        assert_eq!(
            signature,
            Signature::Sha256(Sha256::digest(&content).into())
        );
    }
    // It grew while it was read.
    std::fs::write(place.path("x"), "12").expect("a file");
    let Begun::Reading(mut hashing) = Hashing::begin(&place.path("x"), 2) else {
        panic!("it is not read");
    };
    std::fs::write(place.path("x"), "123").expect("a longer file");
    assert!(matches!(
        hashing.advance(&mut buffer),
        Some(Begun::TooLarge)
    ));
}
