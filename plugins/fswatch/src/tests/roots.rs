//! The profile's own paths: files, links, missing ones, ones that come and go.

use super::{Place, quiet};
use std::os::unix::fs::symlink;

#[test]
fn a_single_file_is_watched_and_its_neighbours_are_not() {
    let place = Place::new();
    place.write("hosts", "one");
    place.write("neighbour", "one");
    let module = place.watch(&["hosts"]);
    place.make("marker");
    place.write("draft", "two");
    std::fs::remove_file(place.path("neighbour")).expect("removed");
    std::fs::rename(place.path("draft"), place.path("hosts")).expect("a new file");
    module.alerts(1);
    std::fs::remove_file(place.path("hosts")).expect("removed");
    module.alerts(2);
    place.make("hosts");
    assert_eq!(
        module.alerts(3),
        [
            place.changed("hosts", "one", "two"),
            place.removed("hosts"),
            place.created("hosts"),
        ]
    );
    assert_eq!(quiet(&module)["missing"], 0);
}

#[test]
fn missing_paths_are_waited_for_and_said_once() {
    let place = Place::new();
    place.make("there");
    let module = place.watch_and_look(&["later", "there", "file"]);
    let status = module.status_with(|status| status["missing"] == 2);
    assert_eq!(status["directories"], 1);
    // The others are watched meanwhile.
    place.make("there/x");
    module.alert_with(&place.created("there/x"));
    place.make("draft");
    place.write("draft/inside", "one");
    std::fs::rename(place.path("draft"), place.path("later")).expect("there now");
    module.alert_with(&place.created("later"));
    module.alert_with(&place.created("later/inside"));
    place.write("file", "");
    module.alert_with(&place.created("file"));
    module.status_with(|status| status["missing"] == 0);
    let logs = module.logs();
    let said = logs
        .iter()
        .filter(|(_, line)| line.contains("is not there"));
    assert_eq!(said.count(), 2, "{logs:?}");
}

#[test]
fn a_directory_that_goes_and_comes_back_is_compared() {
    let place = Place::new();
    place.make("watched");
    place.write("watched/x", "one");
    place.write("watched/y", "same");
    let module = place.watch_and_look(&["recursive:watched"]);
    std::fs::rename(place.path("watched"), place.path("away")).expect("moved");
    module.alert_with(&place.removed("watched"));
    module.status_with(|status| status["missing"] == 1);
    place.write("away/x", "two");
    std::fs::rename(place.path("away"), place.path("watched")).expect("moved");
    module.alert_with(&place.changed("watched/x", "one", "two"));
    assert_eq!(
        module.alerts(3)[..2],
        [place.removed("watched"), place.created("watched")]
    );
    quiet(&module);
    place.make("watched/sub");
    module.alert_with(&place.created("watched/sub"));
    assert_eq!(module.alerts(4).len(), 4, "{:?}", module.alerts(0));
}

#[test]
fn an_entry_that_is_a_link_is_followed_and_said() {
    let place = Place::new();
    place.make("real/sub");
    place.make("other");
    place.write("real/sub/x", "one");
    symlink("real", place.path("link")).expect("a link");
    let module = place.watch(&["recursive:link", "real"]);
    module.log_with("is a symbolic link");
    module.log_with("is the same directory as");
    place.write("draft", "two");
    std::fs::rename(place.path("draft"), place.path("real/sub/x")).expect("a new file");
    module.alert_with(&place.changed("link/sub/x", "one", "two"));
    // Where it points is watched like the content of a file.
    symlink("other", place.path("draft")).expect("a link");
    std::fs::rename(place.path("draft"), place.path("link")).expect("another link");
    module.alert_with(&place.changed("link", "real", "other"));
    assert_eq!(module.alerts(2).len(), 2);
}

#[test]
fn a_file_behind_a_link_is_watched_too() {
    let place = Place::new();
    place.make("zones");
    place.write("zones/here", "one");
    symlink("zones/here", place.path("localtime")).expect("a link");
    let module = place.watch(&["localtime"]);
    place.write("draft", "two");
    std::fs::rename(place.path("draft"), place.path("zones/here")).expect("a new file");
    assert_eq!(
        module.alerts(1),
        [place.changed("zones/here", "one", "two")]
    );
}

#[test]
fn loops_of_links_end() {
    let place = Place::new();
    place.make("watched/sub");
    symlink("..", place.path("watched/sub/up")).expect("a link");
    symlink("self", place.path("watched/self")).expect("a link");
    let module = place.watch(&["recursive:watched", "watched/self"]);
    let status = module.status_with(|status| status["missing"] == 1 && status["scanning"] == false);
    assert_eq!(status["directories"], 2);
    assert_eq!(module.alerts(0), Vec::<String>::new());
}

#[test]
fn what_the_kernel_makes_up_is_not_watched() {
    let module = mig_plugin_sdk::testing::FakeService::start::<crate::FswatchModule>(
        serde_json::json!({"config": {"Paths": {"Path": ["recursive:/proc"]}}}),
    );
    module.log_with("the kernel makes up what is in it");
    assert_eq!(quiet(&module)["directories"], 0);
}
