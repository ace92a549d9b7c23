//! The module through its table, and its parts.

use crate::{Example, plugin, run_with, system};
use mig_plugin_sdk::abi::{MigPlugin, code, fingerprint};
use mig_plugin_sdk::testing::{Answer, FakeHost};
use mig_plugin_sdk::{Failure, FieldError, Manifest, Module, ResultDocument, Session, hosts};
use proptest::prelude::*;
use serde_json::{Value, json};

/// The module with a resolver that knows two names.
struct Resolved;

impl Module for Resolved {
    type Parameters = crate::Parameters;
    const MANIFEST: &'static [u8] = Example::MANIFEST;

    fn validate(parameters: &Self::Parameters) -> Vec<FieldError> {
        Example::validate(parameters)
    }

    fn run(parameters: Self::Parameters, session: &Session<'_>) -> Result<ResultDocument, Failure> {
        run_with(&parameters, session, &|name| match name {
            "one.example" => Ok(vec!["192.0.2.1".to_owned()]),
            "two.example" => Ok(vec!["192.0.2.2".to_owned(), "2001:db8::2".to_owned()]),
            _ => Err(std::io::Error::other("unknown name")),
        })
    }
}

fn resolved(parameters: Value) -> Answer {
    FakeHost::new().run::<Resolved>(parameters)
}

fn manifest() -> Manifest {
    Manifest::parse(Example::MANIFEST).expect("manifest")
}

#[test]
fn the_manifest_states_this_abi() {
    let manifest = manifest();
    assert_eq!(manifest.abi.fingerprint, fingerprint::FINGERPRINT);
    assert_eq!(manifest.version, env!("CARGO_PKG_VERSION"));
    let table: *const MigPlugin = plugin();
    // SAFETY: the table is static.
    let bytes = unsafe { (*table).manifest.as_slice() };
    assert_eq!(bytes, Example::MANIFEST);
}

#[test]
fn the_machine_tells_its_name_and_addresses() {
    let answer = FakeHost::new().run::<Example>(json!({"gethostname": true, "getaddresses": true}));
    let result = answer.expect_result();
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").expect("a host name");
    assert_eq!(result["elements"]["hostname"], name.trim());
    assert_eq!(result["success"], true);
    assert_eq!(result["foundanything"], true);
    let addresses = result["elements"]["addresses"]
        .as_array()
        .map_or(0, Vec::len);
    assert_eq!(result["statistics"]["stufffound"], json!(addresses + 1));
    let document = answer.document();
    assert!(!document.to_string().contains("127.0.0.1/"), "{document}");
    assert_eq!(manifest().result().validate(&document, false), Ok(()));
}

#[test]
fn asked_for_nothing_it_finds_nothing() {
    assert_eq!(
        resolved(Value::Null).document().to_string(),
        r#"{"foundanything":false,"success":true,"elements":{},"statistics":{"stufffound":0},"errors":null}"#
    );
}

#[test]
fn names_are_looked_up_and_do_not_count() {
    let answer = resolved(json!({"lookuphost": ["two.example", "one.example"]}));
    assert_eq!(
        answer.document(),
        json!({"foundanything": false, "success": true,
            "elements": {"lookeduphost": {"one.example": ["192.0.2.1"], "two.example": ["192.0.2.2", "2001:db8::2"]}},
            "statistics": {"stufffound": 0}, "errors": null})
    );
    assert_eq!(answer.progress.last(), Some(&(3, 4)));
}

#[test]
fn a_failed_look_up_is_an_error_in_the_result() {
    let answer = resolved(json!({"lookuphost": ["nowhere.example", "one.example"]}));
    assert_eq!(answer.code, code::OK);
    let document = answer.document();
    assert_eq!(document["success"], false);
    assert_eq!(
        document["errors"],
        json!(["look-up of nowhere.example: unknown name"])
    );
    assert_eq!(
        document["elements"]["lookeduphost"],
        json!({"one.example": ["192.0.2.1"]})
    );
}

#[test]
fn the_systems_resolver_knows_localhost() {
    let addresses = system::look_up("localhost").expect("localhost resolves");
    assert!(
        addresses
            .iter()
            .any(|address| address == "127.0.0.1" || address == "::1"),
        "{addresses:?}"
    );
    let mut once = addresses.clone();
    once.dedup();
    assert_eq!(once, addresses);
    // Refused by the resolver itself, without asking a server.
    let error = system::look_up("a..b").expect_err("no such name");
    assert!(!error.to_string().is_empty());
}

#[test]
fn a_cancel_stops_it_between_two_names() {
    let names: Vec<_> = (0..50).map(|_| "one.example").collect();
    let answer = FakeHost::new()
        .cancel_after(3)
        .run::<Resolved>(json!({"gethostname": true, "lookuphost": names}));
    assert_eq!(answer.code, code::CANCELLED);
    assert_eq!(answer.polls, 4);
    assert_eq!(
        answer.document()["elements"]["lookeduphost"]["one.example"],
        json!(["192.0.2.1"])
    );
    assert_eq!(answer.document()["statistics"]["stufffound"], 1);
}

#[test]
fn only_dns_names_are_looked_up() {
    let long = "a".repeat(64);
    let longer = "abcdefg.".repeat(40);
    for (name, objection) in [
        ("www.example.net", None),
        ("localhost", None),
        ("_ldap._tcp.example.net.", None),
        ("x--y.3com", None),
        ("", Some("is empty")),
        (".", Some("is empty")),
        ("a..b", Some("has an empty label")),
        ("-a.b", Some("has a label with a hyphen at its edge")),
        ("a b", Some("has a character that no DNS name has")),
        ("a/b", Some("has a character that no DNS name has")),
        ("é.example", Some("has a character that no DNS name has")),
        (long.as_str(), Some("has a label longer than 63 characters")),
        (longer.as_str(), Some("is longer than 253 characters")),
    ] {
        assert_eq!(hosts::name_objection(name), objection, "{name}");
    }
    let answer = resolved(json!({"lookuphost": ["ok", "a\nb"]}));
    assert_eq!(
        (answer.code, answer.message()),
        (
            code::BAD_PARAMETERS,
            "lookuphost[1]: `a\\nb` has a character that no DNS name has"
        )
    );
}

#[test]
fn addresses_are_written_with_their_prefix() {
    for (address, mask, expected) in [
        ("192.0.2.1", Some("255.255.255.0"), "192.0.2.1/24"),
        ("10.0.0.1", Some("255.0.0.0"), "10.0.0.1/8"),
        ("10.0.0.1", None, "10.0.0.1/32"),
        (
            "2001:db8::1",
            Some("ffff:ffff:ffff:ffff::"),
            "2001:db8::1/64",
        ),
        ("2001:db8::1", None, "2001:db8::1/128"),
    ] {
        let parse = |text: &str| text.parse().expect("an address");
        assert_eq!(system::cidr(parse(address), mask.map(parse)), expected);
    }
}

#[test]
fn words_become_parameters() {
    let words = [
        "-gethostname",
        "--lookuphost=a.example",
        "-lookuphost",
        "b.example",
    ];
    let answer = FakeHost::new().options::<Example>(&words);
    assert_eq!(
        answer.expect_result(),
        &json!({"parameters": {"gethostname": true, "getaddresses": false, "lookuphost": ["a.example", "b.example"]}})
    );
    let help = FakeHost::new().options::<Example>(&["help"]);
    assert!(
        help.expect_result()["help"]
            .as_str()
            .is_some_and(|help| help.contains("-getaddresses"))
    );
    let wrong = FakeHost::new().options::<Example>(&["-lookuphost", "a b"]);
    assert_eq!(
        wrong.message(),
        "lookuphost[0]: `a b` has a character that no DNS name has"
    );
}

#[test]
fn lines_are_those_of_the_original() {
    let result = ResultDocument {
        elements: json!({"hostname": "web1", "addresses": ["192.0.2.7/24", "2001:db8::7/64"],
            "lookeduphost": {"www.example.net": ["192.0.2.80", "192.0.2.81"]}}),
        statistics: json!({"stufffound": 3}),
        errors: Some(vec!["look-up of x: unknown name".to_owned()]),
        ..ResultDocument::default()
    };
    let found = [
        "hostname is web1",
        "address is 192.0.2.7/24",
        "address is 2001:db8::7/64",
        "lookedup host www.example.net has IP 192.0.2.80",
        "lookedup host www.example.net has IP 192.0.2.81",
    ];
    let rest = ["error: look-up of x: unknown name", "stat: 3 stuff found"];
    let host = FakeHost::new();
    assert_eq!(host.print::<Example>(&result, true), found);
    assert_eq!(
        host.print::<Example>(&result, false),
        [&found[..], &rest[..]].concat()
    );
}

#[test]
fn in_privacy_mode_names_and_addresses_are_masked() {
    let document = json!({"foundanything": true, "success": false,
        "elements": {"hostname": "web1", "addresses": ["192.0.2.7/24"], "lookeduphost": {"asked.example": ["192.0.2.80"]}},
        "statistics": {"stufffound": 2}, "errors": ["look-up of x: unknown name"]});
    let masked = manifest().result().mask(document);
    assert_eq!(
        masked,
        json!({"foundanything": true, "success": false,
            "elements": {"hostname": "masked", "addresses": ["masked"], "lookeduphost": {"asked.example": ["masked"]}},
            "statistics": {"stufffound": 2}, "errors": ["masked"]})
    );
    let result: ResultDocument = serde_json::from_value(masked).expect("a result");
    assert!(
        FakeHost::new()
            .print::<Example>(&result, true)
            .contains(&"hostname is masked".to_owned())
    );
}

proptest! {
    #[test]
    fn results_always_fit_the_schema(names in prop::collection::vec("(one|two|no)\\.example", 0..5), host: bool, addresses: bool) {
        let answer = resolved(json!({"gethostname": host, "getaddresses": addresses, "lookuphost": names}));
        prop_assert_eq!(answer.code, code::OK);
        prop_assert_eq!(manifest().result().validate(&answer.document(), false), Ok(()));
    }
}
