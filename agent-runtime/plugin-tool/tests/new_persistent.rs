//! `mig-plugin new --persistent`. The template itself is compiled into this
//! test, and its own tests run with it.

#[path = "../template/persistent/src/lib.rs"]
mod template;

use mig_plugin_sdk::testing::{FakeHost, FakeService};
use mig_plugin_sdk::{Manifest, Module};
use serde_json::json;
use std::path::Path;
use std::process::Command;

const SDK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../plugin-abi/sdk");

#[test]
fn the_new_persistent_module_carries_its_name_everywhere() {
    let place = tempfile::tempdir().expect("a directory");
    let output = Command::new(env!("CARGO_BIN_EXE_mig-plugin"))
        .args(["new", "door-bell", "--persistent", "--sdk", SDK])
        .current_dir(place.path())
        .output()
        .expect("the program starts");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let directory = place.path().join("door-bell");
    let read = |name: &str| std::fs::read_to_string(directory.join(name)).expect(name);
    let manifest = Manifest::parse(read("manifest.json").as_bytes()).expect("manifest");
    assert_eq!(manifest.name, "door-bell");
    assert!(manifest.persistent && manifest.alert().is_some());
    let source = read("src/lib.rs");
    assert!(source.contains("export_plugin!(persistent DoorBell)"));
    assert!(source.contains("`door-bell.cfg`"));
    for name in ["Cargo.toml", "manifest.json", "src/lib.rs"] {
        for left in ["sample", "Sample", "FINGERPRINT", "PUBLISHER", "\"SDK\""] {
            assert!(!read(name).contains(left), "{left} is left in {name}");
        }
    }
}

#[test]
fn the_persistent_templates_module_works() {
    let text = std::str::from_utf8(template::Sample::MANIFEST).expect("UTF-8");
    let manifest = Manifest::parse(text.as_bytes()).expect("manifest");
    assert!(!template::plugin().is_null());
    let paths = [Path::new("/"), Path::new("/no/such/path")];
    let service =
        FakeService::start::<template::Sample>(json!({"config": {"watch": {"path": paths}}}));
    service.wait_until_ready();
    let document = service.query(&json!({})).expect("an answer");
    assert_eq!(manifest.result().validate(&document, false), Ok(()));
    let result = serde_json::from_value(document).expect("a result");
    assert_eq!(
        FakeHost::new().print::<template::Sample>(&result, false),
        ["/ exists", "/no/such/path does not exist"]
    );
    assert_eq!(
        FakeHost::new().print::<template::Sample>(&result, true),
        ["/ exists"]
    );
    service.stop();
}
