//! What is known from one start to the next.

use super::{Place, quiet};
use crate::known::{Kind, Known, Names, Past, Signature, file};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

#[test]
fn what_happened_while_nobody_watched_is_told_at_the_next_start() {
    let place = Place::new();
    place.make("watched/sub/empty");
    place.write("watched/changed", "one");
    place.write("watched/gone", "one");
    place.write("watched/sub/same", "one");
    drop(place.watch(&["recursive:watched"]));
    place.write("watched/changed", "two");
    std::fs::remove_file(place.path("watched/gone")).expect("removed");
    place.write("watched/sub/empty/new", "");
    let module = place.watch(&["recursive:watched"]);
    let mut alerts = module.alerts(3);
    alerts.sort();
    assert_eq!(
        alerts,
        [
            place.changed("watched/changed", "one", "two"),
            place.removed("watched/gone"),
            place.created("watched/sub/empty/new"),
        ]
    );
    drop(module);
    // Each is told once.
    let module = place.watch(&["recursive:watched"]);
    assert_eq!(module.alerts(0), Vec::<String>::new());
}

#[test]
fn an_entry_that_is_new_in_the_profile_raises_nothing() {
    let place = Place::new();
    place.make("watched/sub");
    place.write("watched/x", "one");
    place.write("watched/y", "one");
    place.write("watched/sub/z", "one");
    for paths in [
        &["watched/x"][..],
        &["watched"],
        &["recursive:watched"],
        &["watched/y", "watched/sub"],
        &["recursive:watched"],
    ] {
        let module = place.watch(paths);
        assert_eq!(module.alerts(0), Vec::<String>::new(), "{paths:?}");
    }
}

#[test]
fn a_path_that_went_while_nobody_watched_is_told_once() {
    let place = Place::new();
    place.make("watched");
    place.write("watched/x", "one");
    place.write("file", "one");
    drop(place.watch(&["watched", "file"]));
    std::fs::remove_dir_all(place.path("watched")).expect("removed");
    std::fs::remove_file(place.path("file")).expect("removed");
    let module = place.watch(&["watched", "file"]);
    assert_eq!(
        module.alerts(2),
        [place.removed("watched"), place.removed("file")]
    );
    drop(module);
    let module = place.watch(&["watched", "file"]);
    assert_eq!(module.alerts(0), Vec::<String>::new());
}

#[test]
fn a_damaged_record_is_said_and_replaced() {
    let place = Place::new();
    place.write("x", "one");
    drop(place.watch(&[""]));
    let path = place.state.path().join("known");
    let mut bytes = std::fs::read(&path).expect("a record");
    bytes[20] ^= 1;
    std::fs::write(&path, bytes).expect("a damaged record");
    let module = place.watch(&[""]);
    module.log_with("cannot be used: its checksum is wrong");
    assert_eq!(module.alerts(0), Vec::<String>::new());
    drop(module);
    let module = place.watch(&[""]);
    assert_eq!(quiet(&module)["files"], 1);
    let logs = module.logs();
    assert!(!logs.iter().any(|(_, line)| line.contains("cannot be used")));
}

fn known() -> impl Strategy<Value = Known> {
    let kind = prop_oneof![
        Just(Kind::New),
        Just(Kind::File(Signature::None)),
        any::<[u8; 32]>().prop_map(|hash| Kind::File(Signature::Sha256(hash))),
        Just(Kind::Directory),
        Just(Kind::Special),
    ];
    (kind, any::<bool>()).prop_map(|(kind, gone)| Known { kind, gone })
}

fn past() -> impl Strategy<Value = BTreeMap<PathBuf, Past>> {
    let name = prop::collection::vec(1_u8.., 1..20);
    let names = prop::collection::vec((name, known()), 0..6);
    prop::collection::btree_map("/[a-z]{1,9}", (any::<bool>(), names), 0..5).prop_map(|all| {
        all.into_iter()
            .map(|(path, (whole, names))| {
                let names: Names = names
                    .into_iter()
                    .map(|(name, known)| (OsStr::from_bytes(&name).into(), known))
                    .collect();
                (PathBuf::from(path), Past { whole, names })
            })
            .collect()
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_back_and_damage_is_noticed(past in past(), at: prop::sample::Index, bit in 0_u32..8) {
        let written = past.iter().map(|(path, past)| (path.as_path(), past.whole, &past.names));
        let mut bytes = file::encode(written);
        prop_assert_eq!(file::decode(&bytes), Ok(past));
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert!(file::decode(&bytes).is_err());
        prop_assert!(file::decode(&bytes[..at]).is_err());
    }
}
