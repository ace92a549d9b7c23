//! Types are encoded to the same bytes as their JSON values.

use mig_plugin_payload::{EncodeError, encode, encode_serialize};
use proptest::prelude::*;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

#[derive(Serialize, Clone, Debug, Default)]
struct Finding {
    file: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    rawpath: Option<String>,
    size: u64,
    ratio: f32,
    flags: (bool, char, i8),
    #[serde(flatten)]
    more: BTreeMap<String, Option<u16>>,
    numbers: BTreeMap<i32, Kind>,
    unit: (),
}

#[derive(Serialize, Clone, Debug, Default)]
enum Kind {
    #[default]
    Plain,
    One(u8),
    Two(u8, f64),
    Named {
        a: Option<Box<Kind>>,
    },
}

fn same<T: Serialize>(value: &T) {
    let json = serde_json::to_value(value).expect("JSON");
    assert_eq!(
        encode_serialize(value).expect("payload"),
        encode(&json).expect("payload of the JSON value"),
        "{json}"
    );
}

#[test]
fn every_shape_of_serde_is_encoded_as_json_has_it() {
    let finding = Finding {
        file: "/etc/passwd".to_owned(),
        size: 1417,
        ratio: 0.5,
        flags: (true, 'é', -3),
        more: (0..30)
            .map(|n| (format!("k{n}"), (n % 2 == 0).then_some(n)))
            .collect(),
        ..Finding::default()
    };
    same(&finding);
    same(&vec![finding.clone(); 30]);
    for kind in [
        Kind::Plain,
        Kind::One(1),
        Kind::Two(2, 2.0),
        Kind::Named { a: None },
        Kind::Named {
            a: Some(Box::new(Kind::One(3))),
        },
    ] {
        same(&kind);
        same(&Finding {
            numbers: [(-7, kind)].into(),
            ..finding.clone()
        });
    }
    same(&HashMap::from([("a", f64::NAN)]));
    same(&serde_json::json!({"a": [1, 2.5, null, {"b": "c"}], "d": 3.0}));
    // An iterator does not know its length.
    struct Lazy;
    impl Serialize for Lazy {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_seq((0..100).filter(|n| n % 3 == 0))
        }
    }
    same(&Lazy);
    same(&vec![Lazy, Lazy]);
}

#[test]
fn what_does_not_fit_the_profile_is_an_error() {
    assert!(matches!(
        encode_serialize(&u64::MAX),
        Err(EncodeError::IntegerTooLarge(_))
    ));
    assert!(matches!(
        encode_serialize(&u128::MAX),
        Err(EncodeError::IntegerTooLarge(_))
    ));
    assert!(matches!(
        encode_serialize(&BTreeMap::from([(vec![1], 1)])),
        Err(EncodeError::KeyNotText)
    ));
    assert!(matches!(
        encode_serialize(&BTreeMap::from([((), 1)])),
        Err(EncodeError::KeyNotText)
    ));
    let mut deep = Kind::Plain;
    for _ in 0..40 {
        deep = Kind::Named {
            a: Some(Box::new(deep)),
        };
    }
    assert!(matches!(encode_serialize(&deep), Err(EncodeError::TooDeep)));
}

proptest! {
    #[test]
    fn records_are_encoded_as_their_json(
        file in any::<String>(), size in 0u64..1 << 53, ratio in any::<f32>(), flags in any::<(bool, char, i8)>(),
        more in prop::collection::btree_map("x[a-z]{0,3}", any::<Option<u16>>(), 0..40),
        numbers in prop::collection::btree_map(any::<i32>(), any::<(u8, f64)>().prop_map(|(a, b)| Kind::Two(a, b)), 0..5),
    ) {
        same(&Finding { file, rawpath: None, size, ratio, flags, more, numbers, unit: () });
    }
}
