//! `mig-plugin new`. The template itself is compiled into this test, so that it
//! cannot fall behind the SDK.

#[path = "../template/src/lib.rs"]
mod template;

use mig_plugin_sdk::abi::fingerprint::FINGERPRINT;
use mig_plugin_sdk::testing::FakeHost;
use mig_plugin_sdk::{Manifest, Module};
use serde_json::json;
use std::path::Path;
use std::process::{Command, Output};

const SDK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../plugin-abi/sdk");

fn new(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mig-plugin"))
        .arg("new")
        .args(arguments)
        .current_dir(directory)
        .output()
        .expect("the program starts")
}

fn refusal(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8_lossy(&output.stderr)
        .trim_end()
        .to_owned()
}

#[test]
fn the_new_module_carries_its_name_everywhere() {
    let place = tempfile::tempdir().expect("a directory");
    let output = new(
        place.path(),
        &[
            "disk-usage",
            "--sdk",
            SDK,
            "--publisher",
            "A \"quoted\" name",
        ],
    );
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("target/release/libdisk_usage.so"), "{said}");

    let directory = place.path().join("disk-usage");
    let read = |name: &str| std::fs::read_to_string(directory.join(name)).expect(name);
    let manifest = Manifest::parse(read("manifest.json").as_bytes()).expect("manifest");
    assert_eq!(manifest.name, "disk-usage");
    assert_eq!(manifest.publisher, "A \"quoted\" name");
    assert_eq!(manifest.abi.fingerprint, FINGERPRINT);
    let source = read("src/lib.rs");
    assert!(
        source.contains("pub struct DiskUsage;") && source.contains("export_plugin!(DiskUsage)")
    );
    let cargo = read("Cargo.toml");
    assert!(cargo.contains("name = \"disk-usage\""));
    let sdk = Path::new(SDK).canonicalize().expect("the SDK");
    assert!(cargo.contains(&format!("path = \"{}\"", sdk.display())));
    for (name, text) in [
        ("Cargo.toml", cargo),
        ("manifest.json", read("manifest.json")),
        ("lib.rs", source),
    ] {
        for left in ["sample", "Sample", "FINGERPRINT", "PUBLISHER", "\"SDK\""] {
            assert!(!text.contains(left), "{left} is left in {name}");
        }
    }
}

#[test]
fn what_cannot_be_made_is_refused_and_nothing_is_overwritten() {
    let place = tempfile::tempdir().expect("a directory");
    for name in ["Disk", "../x", "1st", "_", ""] {
        let line = refusal(&new(place.path(), &[name, "--sdk", SDK]));
        assert!(line.contains("cannot name a module"), "{line}");
    }
    let line = refusal(&new(place.path(), &["disk", "--sdk", "/no/such/sdk"]));
    assert_eq!(
        line,
        "mig-plugin: cannot read /no/such/sdk: No such file or directory (os error 2)"
    );
    assert_eq!(
        std::fs::read_dir(place.path()).expect("directory").count(),
        0
    );
    std::fs::create_dir(place.path().join("disk")).expect("directory");
    let line = refusal(&new(place.path(), &["disk", "--sdk", SDK]));
    assert_eq!(
        line,
        "mig-plugin: disk exists already; choose another name or remove it first"
    );
}

#[test]
fn the_templates_module_works() {
    let text = std::str::from_utf8(template::Sample::MANIFEST).expect("UTF-8");
    let manifest = Manifest::parse(text.as_bytes()).expect("manifest");
    let table = template::plugin();
    assert!(!table.is_null());
    let answer = FakeHost::new().run::<template::Sample>(json!({"paths": ["/"]}));
    let document = answer.document();
    assert_eq!(manifest.result().validate(&document, false), Ok(()));
    let result = serde_json::from_value(document).expect("a result");
    assert_eq!(
        FakeHost::new().print::<template::Sample>(&result, true),
        ["/ is a directory"]
    );
}
