//! The configuration file and the profile.

use crate::configuration::{Configuration, Paths, Wanted};
use crate::{FswatchModule, Settings};
use mig_plugin_sdk::abi::code;
use mig_plugin_sdk::testing::FakeService;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::time::Duration;

fn read(value: Value) -> Configuration {
    serde_json::from_value(value).expect("a configuration")
}

#[test]
fn without_paths_the_originals_profile_is_watched() {
    for value in [
        json!({}),
        json!({"Paths": {}}),
        json!({"Paths": {"Path": []}}),
        json!({"Paths": {"Path": null}}),
    ] {
        let profile = read(value).profile().expect("a profile");
        let profile: Vec<_> = profile
            .iter()
            .map(|wanted| (wanted.path.to_str().expect("a text"), wanted.recursive))
            .collect();
        assert_eq!(
            profile,
            [
                ("/boot", false),
                ("/etc/cron.d", false),
                ("/var/spool/cron", false),
                ("/bin", false),
                ("/sbin", false),
                ("/usr/bin", false),
                ("/usr/sbin", false),
                ("/etc", true),
                ("/etc/init.d", false),
                ("/etc/systemd", true),
            ]
        );
    }
}

#[test]
fn paths_that_are_not_absolute_are_refused_by_name() {
    for path in ["etc", "recursive:etc", "", "recursive:", "/etc/../root"] {
        let config = json!({"Paths": {"Path": ["/ok", path]}});
        let module = FakeService::start::<FswatchModule>(json!({"config": config}));
        let answer = module.ended();
        assert_eq!(answer.code, code::BAD_PARAMETERS, "{path}");
        let expected = format!("`{path}` is not an absolute path without `..`");
        assert!(answer.message().starts_with(&expected), "{answer:?}");
    }
}

#[test]
fn settings_have_the_originals_values_when_absent() {
    let settings = read(json!({})).settings;
    assert_eq!(settings.delay(), Duration::from_secs(9));
    assert_eq!(settings.suppress(), Duration::from_secs(900));
    assert_eq!(settings.lookout(), Duration::from_secs(5));
    assert_eq!(settings.largest(), 1 << 30);
    let settings = read(json!({"Fswatch": {"delay": -1, "lookout": 0}})).settings;
    assert_eq!(settings.delay(), Duration::ZERO);
    assert_eq!(settings.lookout(), Duration::from_secs(1));
}

proptest! {
    #[test]
    fn each_path_is_watched_once_and_recursively_if_anywhere_so(paths in prop::collection::vec("(recursive:)?/[ab](/[ab]){0,2}/?", 1..8)) {
        let configuration = Configuration {
            paths: Paths { path: Some(paths.clone()) },
            ..Configuration::default()
        };
        let profile = configuration.profile().expect("a profile");
        for Wanted { path, recursive } in &profile {
            prop_assert_eq!(profile.iter().filter(|other| other.path == *path).count(), 1);
            let text = path.to_str().expect("a text");
            let spelt = |one: &&String| one.trim_start_matches("recursive:").trim_end_matches('/') == text;
            let of_it: Vec<_> = paths.iter().filter(spelt).collect();
            prop_assert!(!of_it.is_empty());
            prop_assert_eq!(*recursive, of_it.iter().any(|one| one.starts_with("recursive:")));
        }
    }

    #[test]
    fn any_numbers_are_times(delay: i64, suppress: i64, lookout: i64, maxsize: i64) {
        let settings = Settings { delay, suppress, lookout, maxsize };
        let now = std::time::Instant::now();
        prop_assert!(now.checked_add(settings.delay()).is_some());
        prop_assert!(now.checked_add(settings.suppress()).is_some());
        prop_assert!(now.checked_add(settings.lookout() * 12).is_some());
        let _bytes = settings.largest();
    }
}
