//! The orderings against tables and against the tools themselves.

use super::compare;
use crate::Kind;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use std::cmp::Ordering::{self, Equal, Greater, Less};
use std::process::{Command, Stdio};

/// Each version against each other one: the place in the list decides.
fn ascending(kind: Kind, versions: &[&str]) {
    for (a_place, a) in versions.iter().enumerate() {
        for (b_place, b) in versions.iter().enumerate() {
            let expected = a_place.cmp(&b_place);
            assert_eq!(compare(kind, a, b), expected, "{kind}: {a} against {b}");
        }
    }
}

#[test]
fn rpm_versions_are_ordered_as_rpm_orders_them() {
    let ascending = |versions: &[&str]| ascending(Kind::Rpm, versions);
    ascending(&[
        "1.0~rc1-1",
        "1.0~rc1.1-1",
        "1.0-1",
        "1.0^git1-1",
        "1.0.1-1",
        "1.1-1",
    ]);
    ascending(&[
        "1.a", "1.1", "1.1.el8", "1.1.1", "1.10", "2", "1:0.1", "10:0.1",
    ]);
    ascending(&["4.18.0-477.el8", "4.18.0-477.10.1.el8", "4.18.0-513.el8"]);
    ascending(&["1.0", "1.0-1", "1.0-2"]);
    for (a, b) in [
        ("1.010", "1.10"),
        ("1_0", "1.0"),
        ("0:1.0-1", "1.0-1"),
        ("1.00", "1.0"),
    ] {
        assert_eq!(compare(Kind::Rpm, a, b), Equal, "{a} {b}");
    }
}

#[test]
fn dpkg_versions_are_ordered_as_debian_policy_says() {
    let ascending = |versions: &[&str]| ascending(Kind::Dpkg, versions);
    ascending(&[
        "1.0~~",
        "1.0~~a",
        "1.0~",
        "1.0~rc1-1",
        "1.0",
        "1.0-1",
        "1.0a",
        "1.0+dfsg-1",
        "1.0.1",
    ]);
    ascending(&["5.2.15-2", "5.2.15-2+b8", "5.2.15-10", "1:1.0", "2:0.1"]);
    assert_eq!(compare(Kind::Dpkg, "0:1.0", "1.0-0"), Equal);
}

#[test]
fn apk_versions_are_ordered_as_alpine_orders_them() {
    let ascending = |versions: &[&str]| ascending(Kind::Apk, versions);
    ascending(&[
        "1.0_alpha",
        "1.0_alpha2",
        "1.0_beta",
        "1.0_pre1",
        "1.0_rc1",
        "1.0_rc1-r1",
        "1.0_rc2",
        "1.0",
        "1.0-r0",
        "1.0-r1",
        "1.0-r10",
        "1.0_cvs1",
        "1.0_svn1",
        "1.0_git20200101",
        "1.0_hg1",
        "1.0_p1",
        "1.0_p1-r1",
        "1.0_p2",
        "1.0a",
        "1.0b",
        "1.0.1",
        "1.1",
        "1.10",
        "2.0",
    ]);
    ascending(&["1.2.05", "1.2.1", "1.2.3", "1.2.10"]);
    ascending(&["1.1.1n-r0", "1.1.1t-r0", "3.0.8-r0"]);
    assert_eq!(compare(Kind::Apk, "01.0", "1.0"), Equal);
}

/// Texts that look like versions, with everything that has a meaning in one.
fn version() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        Just("~".to_owned()),
        Just("^".to_owned()),
        Just(".".to_owned()),
        Just("-".to_owned()),
        Just("+".to_owned()),
        Just("_rc".to_owned()),
        Just("_p".to_owned()),
        Just("-r1".to_owned()),
        "[0-9]{1,3}",
        "0{1,2}",
        "[a-z]{1,2}",
        "[A-Z]",
    ];
    ("([0-9]:)?", proptest::collection::vec(part, 0..7))
        .prop_map(|(epoch, parts)| format!("{epoch}1{}", parts.concat()))
}

fn is_installed(tool: &str) -> bool {
    Command::new(tool)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn dpkg_says(a: &str, b: &str) -> Ordering {
    let holds = |relation: &str| {
        Command::new("dpkg")
            .args(["--compare-versions", a, relation, b])
            .stderr(Stdio::null())
            .status()
            .expect("dpkg runs")
            .success()
    };
    match (holds("lt"), holds("gt")) {
        (true, _) => Less,
        (_, true) => Greater,
        _ => Equal,
    }
}

#[test]
fn dpkg_itself_orders_versions_the_same_way() {
    if !is_installed("dpkg") {
        return mig_testkit::skip("dpkg is not installed");
    }
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 150,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    // `^` and `_` are in no Debian version.
    let debian = |text: String| {
        text.replace(['^', '_'], "+")
            .trim_end_matches('-')
            .to_owned()
    };
    let versions = (version(), version());
    runner
        .run(&versions, |(a, b)| {
            let (a, b) = (debian(a), debian(b));
            prop_assert_eq!(
                compare(Kind::Dpkg, &a, &b),
                dpkg_says(&a, &b),
                "{} {}",
                a,
                b
            );
            Ok(())
        })
        .expect("dpkg agrees");
}

#[test]
fn rpm_itself_orders_versions_the_same_way() {
    if !is_installed("rpm") {
        return mig_testkit::skip("rpm is not installed (apt-get install rpm)");
    }
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let pairs: Vec<(String, String)> = (0..400)
        .map(|_| {
            let pair = (version(), version());
            pair.new_tree(&mut runner).expect("a value").current()
        })
        .collect();
    // One call for all: each starts an interpreter.
    for pairs in pairs.chunks(200) {
        let calls: String = pairs
            .iter()
            .map(|(a, b)| format!("print(rpm.vercmp('{a}','{b}')..' ')"))
            .collect();
        let output = Command::new("rpm")
            .args(["--eval", &format!("%{{lua:{calls}}}")])
            .output()
            .expect("rpm runs");
        let text = String::from_utf8(output.stdout).expect("numbers");
        let said: Vec<Ordering> = text
            .split_whitespace()
            .map(|number| number.parse::<i32>().expect("a number").cmp(&0))
            .collect();
        assert_eq!(said.len(), pairs.len(), "{text}");
        for ((a, b), said) in pairs.iter().zip(said) {
            assert_eq!(compare(Kind::Rpm, a, b), said, "{a} against {b}");
        }
    }
}

proptest! {
    #[test]
    fn every_ordering_is_total_whatever_the_texts(
        a in prop_oneof![version(), ".{0,8}"],
        b in prop_oneof![version(), ".{0,8}"],
        c in prop_oneof![version(), ".{0,8}"],
    ) {
        for kind in [Kind::Rpm, Kind::Dpkg, Kind::Apk] {
            prop_assert_eq!(compare(kind, &a, &a), Equal);
            prop_assert_eq!(compare(kind, &a, &b), compare(kind, &b, &a).reverse());
            if compare(kind, &a, &b).is_le() && compare(kind, &b, &c).is_le() {
                prop_assert!(compare(kind, &a, &c).is_le(), "{} {:?} {:?} {:?}", kind, a, b, c);
            }
        }
    }
}
