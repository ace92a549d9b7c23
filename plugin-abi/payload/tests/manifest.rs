//! Manifests: safe defaults and one-line errors.

use mig_plugin_payload::manifest::{MAX_BYTES, parse_version};
use mig_plugin_payload::{Capability, Manifest};
use proptest::prelude::*;
use serde_json::json;

fn least() -> serde_json::Value {
    json!({"name": "hello", "version": "1", "abi": {"major": 1, "fingerprint": "ab"},
        "operations": {"run": {}}})
}

#[test]
fn what_is_not_said_is_the_safe_choice() {
    let manifest = Manifest::parse(least().to_string().as_bytes()).expect("manifest");
    assert!(!manifest.repeatable && !manifest.persistent);
    assert!(manifest.capabilities.is_empty() && manifest.libraries.is_empty());
    assert!(manifest.allows_library("libc.so.6") && !manifest.allows_library("libssl.so.3"));
    assert!(manifest.parameters().is_none());
    assert_eq!(manifest.abi.minor, 0);
    assert!(!manifest.has_operation("print"));
}

#[test]
fn a_c_string_literal_ends_with_a_nul_byte() {
    let mut bytes = least().to_string().into_bytes();
    bytes.push(0);
    assert!(Manifest::parse(&bytes).is_ok());
}

#[test]
fn capabilities_are_known_by_name_and_others_are_kept() {
    let mut value = least();
    value["capabilities"] = json!(["filesystem-read", "netlink-audit", "teleport"]);
    let manifest = Manifest::parse(value.to_string().as_bytes()).expect("manifest");
    assert!(
        manifest.needs(&Capability::FilesystemRead) && manifest.needs(&Capability::NetlinkAudit)
    );
    assert!(!manifest.needs(&Capability::Network));
    assert_eq!(
        manifest.capabilities[2],
        Capability::Other("teleport".to_owned())
    );
    let written = serde_json::to_value(&manifest).expect("written");
    assert_eq!(written["capabilities"], value["capabilities"]);
}

#[test]
fn errors_are_one_line_and_name_the_thing() {
    let with = |path: &str, new: serde_json::Value| {
        let mut value = least();
        value[path.trim_start_matches('/')] = new;
        value.to_string()
    };
    for (text, expected) in [
        (String::new(), "manifest is not valid: EOF while parsing"),
        ("\u{1}".to_owned(), "manifest is not valid: expected value"),
        (with("/name", json!("")), "manifest: `name` is missing"),
        (
            with("/name", json!("../x")),
            "manifest: module name `../x` must be",
        ),
        (
            with("/name", json!("File")),
            "manifest: module name `File` must be",
        ),
        (
            with("/version", json!("")),
            "manifest: `version` is missing",
        ),
        (with("/abi", json!({})), "manifest: `abi.major` is missing"),
        (
            with("/operations", json!({})),
            "manifest: `operations.run` is missing",
        ),
        (
            with("/persistent", json!(true)),
            "manifest: `operations.serve` is missing",
        ),
        (
            with("/capabilities", json!(["network", "alerts"])),
            "manifest: only persistent modules have the capability `alerts`;",
        ),
        (
            with("/operations", json!({"run": {"result": {"allOf": []}}})),
            "manifest is not valid: schema at /: unknown keyword `allOf`",
        ),
    ] {
        let error = Manifest::parse(text.as_bytes())
            .expect_err("must be refused")
            .to_string();
        assert!(error.starts_with(expected), "{error}");
        assert!(!error.contains('\n'), "{error}");
    }
    let mut value = least();
    value["requires"] = json!({"glibc": "two"});
    let error = Manifest::parse(value.to_string().as_bytes()).expect_err("version");
    assert_eq!(
        error.to_string(),
        "manifest: requires.glibc `two` is not a version like 2.34"
    );
    let huge = vec![b' '; MAX_BYTES + 1];
    let huge = [huge.as_slice(), b"x"].concat();
    assert!(
        Manifest::parse(&huge)
            .expect_err("huge")
            .to_string()
            .contains("1048576")
    );
}

#[test]
fn versions_compare_by_number() {
    assert!(parse_version("2.34") > parse_version("2.4"));
    assert!(parse_version("5.10.0") > parse_version("5.10"));
    assert_eq!(parse_version("2.x"), None);
}

#[test]
fn a_bomb_of_brackets_is_an_error() {
    let bomb = "[".repeat(500_000);
    assert!(Manifest::parse(bomb.as_bytes()).is_err());
    let text = format!("{{\"operations\":{{\"run\":{{\"result\":{bomb}");
    assert!(Manifest::parse(text.as_bytes()).is_err());
}

proptest! {
    #[test]
    fn reading_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Manifest::parse(&bytes).is_err());
    }

    #[test]
    fn a_changed_byte_never_panics(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = least().to_string().into_bytes();
        let index = at.index(bytes.len());
        bytes[index] = byte;
        if let Err(error) = Manifest::parse(&bytes) {
            prop_assert!(!error.to_string().contains('\n'));
        }
    }
}

#[test]
fn files_that_are_read_are_named_one_by_one() {
    let with = |reads: serde_json::Value| {
        let mut value = least();
        value["reads"] = reads;
        Manifest::parse(value.to_string().as_bytes())
    };
    let manifest = with(json!(["/etc/ntp.conf", "/etc/chrony.d"])).expect("manifest");
    assert_eq!(manifest.reads, ["/etc/ntp.conf", "/etc/chrony.d"]);
    let many: Vec<String> = (0..65).map(|number| format!("/etc/{number}")).collect();
    for (reads, named) in [
        (json!(["/"]), "`/`"),
        (json!(["etc/x"]), "`etc/x`"),
        (json!(["/etc/x", "/etc/../root"]), "`/etc/../root`"),
        (json!(["/etc//x"]), "`/etc//x`"),
        (json!(["/etc/"]), "`/etc/`"),
        (json!(["/etc/a\nb"]), "`/etc/a\\nb`"),
        (json!([""]), "``"),
        (json!(many), "`/etc/64`"),
    ] {
        let error = with(reads).expect_err(named).to_string();
        assert!(
            error.starts_with(&format!("manifest: `reads` has {named};")),
            "{error}"
        );
    }
}

#[test]
fn a_configuration_opens_the_files_that_its_schema_says() {
    let mut value = least();
    value["persistent"] = json!(true);
    value["operations"]["serve"] = json!({"parameters": {"type": "object", "properties": {
        "x": {"type": "object", "properties": {
            "cafile": {"type": "string", "x-mig-opens": true},
            "more": {"type": "array", "items": {"type": "string"}, "x-mig-opens": true},
            "other": {"type": "string"}}}}}});
    let manifest = Manifest::parse(value.to_string().as_bytes()).expect("manifest");
    assert!(manifest.names_files());
    let written = serde_json::to_vec(&manifest).expect("written");
    assert_eq!(Manifest::parse(&written).expect("manifest"), manifest);
    let named = |configuration: serde_json::Value| manifest.named_files(&configuration);
    assert_eq!(
        named(
            json!({"x": {"cafile": "/a", "more": ["/b", "/c", 1, "relative", "/"], "other": "/d"},
                     "y": {"cafile": "/e"}})
        ),
        ["/a", "/b", "/c"]
    );
    assert!(named(json!({})).is_empty() && named(json!(null)).is_empty());
    value["operations"]["serve"]["parameters"]["properties"]["x"]["properties"]["cafile"]["x-mig-opens"] =
        json!("yes");
    let error = Manifest::parse(value.to_string().as_bytes()).expect_err("no truth value");
    assert!(
        error
            .to_string()
            .contains("`x-mig-opens` must be true or false"),
        "{error}"
    );
}
