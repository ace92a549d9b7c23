//! Alerts and their texts.

use super::{Place, pipe, quiet};
use mig_plugin_sdk::{Manifest, Module};
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

#[test]
fn a_changed_file_is_critical_with_both_checksums() {
    let place = Place::new();
    place.write("hosts", "one");
    let module = place.watch(&[""]);
    assert_eq!(module.alerts(0), Vec::<String>::new());
    place.write("hosts", "two");
    module.alert_with("critical");
    // `std::fs::write` empties the file first; that state may be seen as well.
    let alerts = module.alerts(1);
    let through_nothing = [
        place.changed("hosts", "one", ""),
        place.changed("hosts", "", "two"),
    ];
    match alerts.len() {
        1 if alerts[0] == place.changed("hosts", "one", "two") => {}
        _ => {
            module.alert_with(&super::sha256("two"));
            assert_eq!(module.alerts(2), through_nothing);
        }
    }
}

#[test]
fn a_file_that_is_replaced_whole_has_changed() {
    let place = Place::new();
    place.make("watched");
    place.write("watched/passwd", "one");
    place.write("draft", "two");
    let module = place.watch(&["watched"]);
    std::fs::rename(place.path("draft"), place.path("watched/passwd")).expect("a new file");
    assert_eq!(
        module.alerts(1),
        [place.changed("watched/passwd", "one", "two")]
    );
}

#[test]
fn the_same_content_again_raises_nothing() {
    let place = Place::new();
    place.make("watched");
    place.write("watched/same", "one");
    place.write("watched/other", "one");
    place.write("draft", "one");
    place.write("draft2", "two");
    let module = place.watch(&["watched"]);
    std::fs::rename(place.path("draft"), place.path("watched/same")).expect("a new file");
    module.status_with(|status| status["hashed"] == 3);
    std::fs::rename(place.path("draft2"), place.path("watched/other")).expect("a new file");
    assert_eq!(
        module.alerts(1),
        [place.changed("watched/other", "one", "two")]
    );
}

#[test]
fn new_and_removed_paths_are_low() {
    let place = Place::new();
    place.make("watched");
    place.write("watched/old", "one");
    let module = place.watch(&["recursive:watched"]);
    place.make("watched/sub");
    module.alerts(1);
    std::fs::remove_file(place.path("watched/old")).expect("removed");
    module.alerts(2);
    std::fs::hard_link(place.state.path(), "/nowhere").expect_err("no link");
    place.write("draft", "");
    std::fs::rename(place.path("draft"), place.path("watched/new")).expect("moved in");
    module.alerts(3);
    std::fs::rename(place.path("watched/new"), place.path("draft")).expect("moved away");
    assert_eq!(
        module.alerts(4),
        [
            place.created("watched/sub"),
            place.removed("watched/old"),
            place.created("watched/new"),
            place.removed("watched/new"),
        ]
    );
}

#[test]
fn a_removed_file_that_comes_back_changed_is_compared() {
    let place = Place::new();
    place.make("watched");
    place.write("watched/x", "one");
    place.write("draft", "two");
    let module = place.watch(&["watched"]);
    std::fs::remove_file(place.path("watched/x")).expect("removed");
    module.alerts(1);
    std::fs::rename(place.path("draft"), place.path("watched/x")).expect("moved in");
    assert_eq!(
        module.alerts(3),
        [
            place.removed("watched/x"),
            place.created("watched/x"),
            place.changed("watched/x", "one", "two"),
        ]
    );
}

#[test]
fn what_is_no_file_is_high_and_never_opened() {
    let place = Place::new();
    place.make("watched");
    pipe(&place.path("watched/old"));
    let module = place.watch(&["watched"]);
    // Opening one would wait for its other end.
    pipe(&place.path("watched/pipe"));
    assert_eq!(
        module.alerts(1),
        [place.alert("high", "unhandled notification for ", "watched/pipe", "")]
    );
    assert!(module.query(&json!({})).is_ok());
    assert_eq!(quiet(&module)["hashed"], 0);
}

#[test]
fn what_is_gone_before_it_is_looked_at_is_medium() {
    let place = Place::new();
    place.make("watched");
    let module = place.watch(&["watched"]);
    // Sooner or later one of them is gone before it was looked at.
    let text = "unable to stat new path ";
    mig_testkit::wait_until("a medium alert", Duration::from_secs(50), || {
        for _ in 0..200 {
            place.write("watched/x", "");
            std::fs::remove_file(place.path("watched/x")).expect("removed");
        }
        module.alerts(0).iter().any(|alert| alert.contains(text))
    });
    assert_eq!(
        module.alert_with(text),
        place.alert("medium", text, "watched/x", "")
    );
}

#[test]
fn links_count_by_where_they_point() {
    let place = Place::new();
    place.make("watched");
    symlink("/one", place.path("watched/link")).expect("a link");
    symlink("/two", place.path("other")).expect("a link");
    let module = place.watch(&["watched"]);
    std::fs::rename(place.path("other"), place.path("watched/link")).expect("another link");
    assert_eq!(
        module.alerts(1),
        [place.changed("watched/link", "/one", "/two")]
    );
}

#[test]
fn permissions_raise_nothing() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    place.write("x", "one");
    let module = place.watch(&[""]);
    let mode = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(place.path("x"), mode).expect("other permissions");
    place.make("marker");
    assert_eq!(module.alerts(1), [place.created("marker")]);
}

#[test]
fn changes_are_suppressed_for_a_while() {
    let place = Place::new();
    place.make("watched");
    place.write("watched/x", "one");
    let module = place.watch_with(&["watched"], json!({"delay": 0, "suppress": 3600}));
    replace(&place, "two");
    module.alerts(1);
    replace(&place, "three");
    module.status_with(|status| status["suppressed"] == 1);
    replace(&place, "four");
    module.status_with(|status| status["suppressed"] == 2);
    assert_eq!(module.alerts(1), [place.changed("watched/x", "one", "two")]);
}

#[test]
fn after_a_while_the_last_change_is_told() {
    let place = Place::new();
    place.make("watched");
    place.write("watched/x", "one");
    let module = place.watch_with(&["watched"], json!({"delay": 0, "suppress": 2}));
    let start = Instant::now();
    replace(&place, "two");
    module.alerts(1);
    replace(&place, "three");
    replace(&place, "four");
    module.alert_with(&super::sha256("four"));
    let took = start.elapsed();
    let alerts = module.alerts(2);
    let first = place.changed("watched/x", "one", "two");
    let last = place.changed("watched/x", "two", "four");
    if alerts != [first.clone(), last] {
        // On a busy machine the while may be over before the next change.
        let between = place.changed("watched/x", "two", "three");
        let last = place.changed("watched/x", "three", "four");
        assert_eq!(alerts, [first, between, last]);
        assert!(took >= Duration::from_secs(2), "{took:?}");
    }
}

fn replace(place: &Place, content: &str) {
    place.write("draft", content);
    std::fs::rename(place.path("draft"), place.path("watched/x")).expect("a new file");
}

#[test]
fn names_that_are_no_text_do_not_break_an_alert() {
    let place = Place::new();
    place.make("watched");
    let module = place.watch(&["watched"]);
    let bytes = b"a\xff\"\n\x01";
    let path = place.path("watched").join(OsStr::from_bytes(bytes));
    std::fs::create_dir(&path).expect("a directory");
    let alert = &module.alerts(1)[0];
    let alert: Value = serde_json::from_str(alert).expect("JSON");
    let manifest = Manifest::parse(crate::FswatchModule::MANIFEST).expect("manifest");
    let schema = manifest.alert().expect("a schema of alerts");
    let strictness = mig_plugin_sdk::payload::Strictness::Parameters;
    assert_eq!(schema.validate(&alert, strictness), Ok(()));
    let text = alert["alert"].as_str().expect("a text");
    let raw = alert["rawpath"].as_str();
    let restored = mig_plugin_sdk::payload::rawpath::restore(text, raw).expect("bytes");
    assert_eq!(restored, path.as_os_str().as_bytes());
    assert_eq!(
        text,
        format!("path {}/a\u{fffd}\"\n\u{1} created", place.text("watched"))
    );
}
