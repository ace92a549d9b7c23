//! Who may ask agents for what.

use mig_protocol::acl::Refusal;
use mig_protocol::{Acl, Action, Fingerprint, Operation};

const ANA: Fingerprint = Fingerprint([0xaa; 20]);
const BEN: Fingerprint = Fingerprint([0xbb; 20]);
const SCHEDULER: Fingerprint = Fingerprint([0xcc; 20]);

fn acl() -> Acl {
    let json = format!(
        r#"{{
          "default": {{"minimumweight": 2, "investigators": {{
            "Ana": {{"fingerprint": "{ANA}", "weight": 2}},
            "Ben": {{"fingerprint": "{}", "weight": 1}},
            "Ben at home": {{"fingerprint": "{BEN}", "weight": 1}}}}}},
          "agentdestroy": {{"minimumweight": 1, "investigators": {{"scheduler": {{"fingerprint": "{SCHEDULER}", "weight": 1}}}}}},
          "open": {{"minimumweight": 0, "investigators": {{}}}}
        }}"#,
        BEN.to_string().to_lowercase()
    );
    Acl::parse(json.as_bytes()).expect("an ACL")
}

fn asking(modules: &[&str]) -> Action {
    let operation = |module: &&str| Operation {
        module: (*module).to_owned(),
        ..Operation::default()
    };
    Action {
        operations: Some(modules.iter().map(operation).collect()),
        ..Action::default()
    }
}

#[test]
fn the_signers_weights_decide_for_every_module() {
    let insufficient = |module: &str, entry: &str, needed, held| {
        Err(Refusal::InsufficientWeight {
            module: module.into(),
            entry: entry.into(),
            needed,
            held,
        })
    };
    type Case<'a> = (&'a [&'a str], &'a [Fingerprint], Result<(), Refusal>);
    let cases: [Case; 8] = [
        (&["file"], &[ANA], Ok(())),
        (&["file"], &[ANA, BEN], Ok(())),
        // Ben is listed twice and counts once.
        (&["file"], &[BEN], insufficient("file", "default", 2, 1)),
        (
            &["file"],
            &[SCHEDULER],
            insufficient("file", "default", 2, 0),
        ),
        (&["agentdestroy"], &[SCHEDULER], Ok(())),
        // A module's entry replaces the default.
        (
            &["agentdestroy"],
            &[ANA],
            insufficient("agentdestroy", "agentdestroy", 1, 0),
        ),
        (
            &["agentdestroy", "file"],
            &[SCHEDULER],
            insufficient("file", "default", 2, 0),
        ),
        (
            &["open"],
            &[ANA],
            Err(Refusal::MinimumWeight {
                entry: "open".into(),
                weight: 0,
            }),
        ),
    ];
    for (modules, signers, expected) in cases {
        assert_eq!(
            acl().evaluate(&asking(modules), signers, false),
            expected,
            "{modules:?} {signers:?}"
        );
    }
    assert_eq!(
        acl().evaluate(&asking(&["File"]), &[ANA], false),
        Ok(()),
        "names are case-sensitive, so this is the default's"
    );
}

#[test]
fn nobody_counts_twice_and_nothing_is_empty_also_when_only_keys_are_verified() {
    for only_keys in [false, true] {
        assert_eq!(
            acl().evaluate(&asking(&["file"]), &[], only_keys),
            Err(Refusal::NotSigned)
        );
        assert_eq!(
            acl().evaluate(&asking(&["file"]), &[ANA, BEN, ANA], only_keys),
            Err(Refusal::DuplicateSigner(ANA))
        );
        assert_eq!(
            acl().evaluate(&asking(&[]), &[ANA], only_keys),
            Err(Refusal::NoOperations)
        );
        assert_eq!(
            acl().evaluate(&Action::default(), &[ANA], only_keys),
            Err(Refusal::NoOperations)
        );
    }
    assert_eq!(
        acl().evaluate(&asking(&["file"]), &[SCHEDULER], true),
        Ok(()),
        "weights are not looked at"
    );
}

#[test]
fn without_a_rule_nothing_is_allowed() {
    let none = Acl::parse(b"{}").expect("an ACL");
    assert_eq!(
        none.evaluate(&asking(&["file"]), &[ANA], false),
        Err(Refusal::NoEntry {
            module: "file".into()
        })
    );
    assert!(
        Acl::built_in()
            .evaluate(&asking(&["file"]), &[ANA], false)
            .is_err()
    );
    assert_eq!(Acl::parse(b"null").expect("an ACL"), Acl::default());
}

#[test]
fn negative_weights_are_summed_and_sums_do_not_overflow() {
    let json = format!(
        r#"{{"default":{{"MinimumWeight":1,"investigators":{{"a":{{"fingerprint":"{ANA}","weight":{}}},"b":{{"Fingerprint":"{BEN}","weight":-1}},
            "c":{{"fingerprint":"{SCHEDULER}","weight":9}}}}}}}}"#,
        i64::MAX
    );
    let acl = Acl::parse(json.as_bytes()).expect("an ACL");
    assert_eq!(
        acl.evaluate(&asking(&["file"]), &[ANA, SCHEDULER], false),
        Ok(())
    );
    assert!(acl.evaluate(&asking(&["file"]), &[BEN], false).is_err());
}

#[test]
fn wrong_rules_are_refused_and_doubtful_ones_named() {
    for json in [
        &b"{"[..],
        b"[]",
        br#"{"default":{"minimumweight":"2"}}"#,
        br#"{"default":{"minimumweight":1.5}}"#,
        br#"{"default":[]}"#,
    ] {
        assert!(
            Acl::parse(json).is_err(),
            "{}",
            String::from_utf8_lossy(json)
        );
    }
    let warnings = acl().warnings();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(
        warnings[0].contains("`Ben` and `Ben at home`"),
        "{warnings:?}"
    );
    assert!(warnings[1].contains("`open`"), "{warnings:?}");
    let spaced = Acl::parse(br#"{"default":{"minimumweight":1,"investigators":{"x":{"fingerprint":"AAAA BBBB","weight":1}}}}"#).expect("an ACL");
    assert!(
        spaced.warnings()[0].contains("40 hex digits"),
        "{:?}",
        spaced.warnings()
    );
}
