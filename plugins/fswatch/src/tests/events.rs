//! Directories that come, go and move; and the bytes of the kernel.

use super::{Place, quiet};
use crate::sys;
use proptest::prelude::*;

#[test]
fn what_is_in_a_new_directory_is_new_too() {
    let place = Place::new();
    place.make("watched");
    place.make("elsewhere/deep/er");
    place.write("elsewhere/deep/x", "one");
    let module = place.watch(&["recursive:watched"]);
    std::fs::rename(place.path("elsewhere"), place.path("watched/in")).expect("moved in");
    let mut alerts = module.alerts(4);
    alerts.sort();
    let names = ["in", "in/deep", "in/deep/er", "in/deep/x"];
    assert_eq!(
        alerts,
        names.map(|name| place.created(&format!("watched/{name}")))
    );
    module.status_with(|status| status["hashed"] == 1);
    // And it is watched from now on.
    place.write("draft", "two");
    std::fs::rename(place.path("draft"), place.path("watched/in/deep/x")).expect("a new file");
    module.alert_with(&place.changed("watched/in/deep/x", "one", "two"));
    place.make("watched/in/deep/er/est");
    module.alert_with(&place.created("watched/in/deep/er/est"));
}

#[test]
fn without_recursive_only_the_directory_itself_is_watched() {
    let place = Place::new();
    place.make("watched/sub");
    let module = place.watch(&["watched"]);
    place.make("watched/sub/unseen");
    place.make("watched/seen");
    assert_eq!(module.alerts(1), [place.created("watched/seen")]);
    assert_eq!(quiet(&module)["directories"], 1);
}

#[test]
fn a_directory_that_moves_within_is_followed() {
    let place = Place::new();
    place.make("watched/one/sub");
    place.write("watched/one/sub/x", "one");
    let module = place.watch(&["recursive:watched"]);
    std::fs::rename(place.path("watched/one"), place.path("watched/two")).expect("moved");
    module.alert_with(&place.removed("watched/one"));
    module.alert_with(&place.created("watched/two/sub/x"));
    module.status_with(|status| status["hashed"] == 2);
    place.write("draft", "two");
    std::fs::rename(place.path("draft"), place.path("watched/two/sub/x")).expect("a new file");
    module.alert_with(&place.changed("watched/two/sub/x", "one", "two"));
}

#[test]
fn a_tree_that_is_removed_is_told_once_for_each_path() {
    let place = Place::new();
    place.make("watched/a/b");
    place.write("watched/a/b/x", "one");
    let module = place.watch(&["recursive:watched"]);
    std::fs::remove_dir_all(place.path("watched/a")).expect("removed");
    module.alert_with(&place.removed("watched/a"));
    place.make("watched/marker");
    module.alert_with("marker");
    let mut alerts = module.alerts(4);
    alerts.sort();
    let mut expected = ["a", "a/b", "a/b/x"].map(|name| place.removed(&format!("watched/{name}")));
    expected.sort();
    assert_eq!(alerts[..3], expected);
    // The watched one and the marker.
    module.status_with(|status| status["directories"] == 2);
}

#[test]
fn overlapping_entries_are_watched_once() {
    let place = Place::new();
    place.make("watched/cron.d");
    place.write("watched/cron.d/x", "one");
    place.write("draft", "two");
    let module = place.watch(&["watched/cron.d", "recursive:watched", "watched/cron.d/x"]);
    assert_eq!(quiet(&module)["directories"], 2);
    std::fs::rename(place.path("draft"), place.path("watched/cron.d/x")).expect("a new file");
    module.alerts(1);
    place.make("watched/cron.d/marker");
    assert_eq!(
        module.alerts(2),
        [
            place.changed("watched/cron.d/x", "one", "two"),
            place.created("watched/cron.d/marker"),
        ]
    );
}

fn event(watch: i32, mask: u32, name: &[u8], padding: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(watch.to_ne_bytes());
    bytes.extend(mask.to_ne_bytes());
    bytes.extend(0_u32.to_ne_bytes());
    let length = u32::try_from(name.len() + padding).expect("a length");
    bytes.extend(length.to_ne_bytes());
    bytes.extend(name);
    bytes.extend(vec![0; padding]);
    bytes
}

proptest! {
    #[test]
    fn events_are_read_as_the_kernel_wrote_them(
        all in prop::collection::vec((any::<i32>(), any::<u32>(), prop::collection::vec(1_u8.., 0..40), 1_usize..16), 0..8),
    ) {
        use std::os::unix::ffi::OsStrExt;
        let bytes: Vec<u8> = all.iter().flat_map(|(watch, mask, name, padding)| event(*watch, *mask, name, *padding)).collect();
        let read: Vec<_> = sys::events(&bytes).collect();
        prop_assert_eq!(read.len(), all.len());
        for (event, (watch, mask, name, _)) in read.iter().zip(&all) {
            prop_assert_eq!(event.watch, *watch);
            prop_assert_eq!(event.name.as_bytes(), &name[..]);
            prop_assert_eq!(event.overflow(), mask & libc::IN_Q_OVERFLOW != 0);
            prop_assert_eq!(event.went(), mask & (libc::IN_DELETE | libc::IN_MOVED_FROM) != 0);
        }
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(sys::events(&bytes).count() <= bytes.len() / 16);
    }
}
