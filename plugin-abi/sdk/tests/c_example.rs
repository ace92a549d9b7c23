//! The C example, built by gcc as an author would and driven through its table.

use mig_plugin_sdk::Manifest;
use mig_plugin_sdk::abi::{
    ABI_MAJOR, ABI_MINOR, ENTRY_SYMBOL, EntryFn, MANIFEST_SECTION, MigPlugin, code, fingerprint,
};
use mig_plugin_sdk::payload::encode;
use mig_plugin_sdk::testing::{Answer, FakeHost};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/c");
const INCLUDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../include");

/// Compiles the example; `None` when there is no gcc.
fn build(directory: &Path) -> Option<PathBuf> {
    let library = directory.join("libhello.so");
    let output = Command::new("gcc")
        .args([
            "-std=c99", "-Wall", "-Wextra", "-Werror", "-O2", "-shared", "-fPIC",
        ])
        .args([
            "-fvisibility=hidden",
            "-Wl,-z,noexecstack",
            "-I",
            INCLUDE,
            "-o",
        ])
        .arg(&library)
        .arg(Path::new(EXAMPLE).join("hello.c"))
        .output()
        .ok()?;
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Some(library)
}

/// The loaded example, once for all tests and never unloaded.
struct Example {
    table: *const MigPlugin,
    file: Vec<u8>,
}

// SAFETY: the table is immutable and its code has no state.
unsafe impl Send for Example {}
// SAFETY: as above.
unsafe impl Sync for Example {}

fn example() -> Option<&'static Example> {
    static EXAMPLE: OnceLock<Option<Example>> = OnceLock::new();
    let example = EXAMPLE.get_or_init(|| {
        let directory = tempfile::tempdir().expect("a directory");
        let path = build(directory.path())?;
        let file = std::fs::read(&path).expect("the library");
        // SAFETY: the library is ours and has no constructors.
        let library = unsafe { libloading::Library::new(&path) }.expect("loads");
        // SAFETY: the symbol has the type the ABI says.
        let entry =
            unsafe { library.get::<EntryFn>(ENTRY_SYMBOL.as_bytes()) }.expect("exports the entry");
        // SAFETY: as above.
        let table = unsafe { entry() };
        std::mem::forget(library);
        Some(Example { table, file })
    });
    if example.is_none() {
        mig_testkit::skip("no gcc");
    }
    example.as_ref()
}

impl Example {
    fn call(&self, operation: &str, input: Value) -> Answer {
        self.call_raw(operation, &encode(&input).expect("input"))
    }

    fn call_raw(&self, operation: &str, input: &[u8]) -> Answer {
        // SAFETY: the table is static and its library stays loaded.
        unsafe { FakeHost::new().call(self.table, operation, input) }
    }

    fn table(&self) -> &MigPlugin {
        // SAFETY: static and immutable, as the ABI says.
        unsafe { &*self.table }
    }
}

#[test]
fn its_table_and_manifest_are_those_of_this_abi() {
    let Some(example) = example() else { return };
    let table = example.table();
    assert_eq!((table.abi_major, table.abi_minor), (ABI_MAJOR, ABI_MINOR));
    assert_eq!(fingerprint::accept_size(1, 0, table.size), Ok(()));
    assert!(table.serve.is_none());
    // SAFETY: static bytes, as the ABI says.
    let bytes = unsafe { table.manifest.as_slice() };
    let manifest = Manifest::parse(bytes).expect("manifest");
    let abi = &manifest.abi;
    assert_eq!(
        fingerprint::accept(abi.major, abi.minor, &abi.fingerprint, &abi.earlier),
        Ok(())
    );
    let section = example
        .file
        .windows(bytes.len())
        .filter(|window| *window == bytes);
    assert_eq!(section.count(), 1, "the manifest stands in the file once");
    let name = example
        .file
        .windows(MANIFEST_SECTION.len())
        .any(|window| window == MANIFEST_SECTION.as_bytes());
    assert!(name, "in a section of its name");
}

#[test]
fn it_runs_and_its_result_fits_its_schema() {
    let Some(example) = example() else { return };
    let answer = example.call("run", json!({"nouptime": false}));
    assert_eq!(
        (answer.code, &answer.misuse[..]),
        (code::OK, &[][..]),
        "{}",
        answer.message()
    );
    let document = answer.document();
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").expect("a kernel");
    assert_eq!(document["elements"]["kernel"][0]["release"], release.trim());
    assert!(
        document["statistics"]["uptime"]
            .as_u64()
            .is_some_and(|up| up > 0)
    );
    // SAFETY: static bytes, as the ABI says.
    let manifest =
        Manifest::parse(unsafe { example.table().manifest.as_slice() }).expect("manifest");
    assert_eq!(manifest.result().validate(&document, false), Ok(()));
    assert_eq!(
        manifest.result().mask(document.clone()),
        document,
        "all of it is open"
    );
    let without = example.call("run", json!({"nouptime": true})).document();
    assert_eq!(without["statistics"], Value::Null);
    assert_eq!(example.call_raw("run", b"").code, code::OK);
}

#[test]
fn its_words_become_parameters_and_its_results_become_lines() {
    let Some(example) = example() else { return };
    let parameters =
        |words: Value| example.call("options", json!({"words": words, "defaults": "mig"}));
    assert_eq!(
        parameters(json!(["-nouptime"])).expect_result(),
        &json!({"parameters": {"nouptime": true}})
    );
    assert_eq!(
        parameters(json!([])).expect_result(),
        &json!({"parameters": {"nouptime": false}})
    );
    let help = parameters(json!(["help"]));
    assert!(
        help.expect_result()["help"]
            .as_str()
            .is_some_and(|help| help.contains("-nouptime"))
    );
    let wrong = parameters(json!(["-x"]));
    assert_eq!(
        (wrong.code, wrong.message()),
        (code::BAD_PARAMETERS, "the only option is -nouptime")
    );
    let result = json!({"elements": {"kernel": [{"sysname": "Linux", "release": "6.1", "machine": "x"}]},
        "statistics": {"uptime": 70}});
    let lines = example.call("print", json!({"result": result, "foundonly": false}));
    assert_eq!(
        lines.expect_result(),
        &json!({"lines": ["Linux 6.1 x", "up 70 seconds"]})
    );
}

#[test]
fn its_failures_have_codes_and_messages() {
    let Some(example) = example() else { return };
    let wrong = example.call("run", json!({"nouptime": 1}));
    assert_eq!(
        (wrong.code, wrong.message()),
        (code::BAD_PARAMETERS, "nouptime: must be boolean")
    );
    assert_eq!(example.call("dance", Value::Null).code, code::UNSUPPORTED);
    let input = encode(&json!({})).expect("input");
    // SAFETY: the table is static and its library stays loaded.
    let cancelled = unsafe {
        FakeHost::new()
            .cancel_after(0)
            .call(example.table, "run", &input)
    };
    assert_eq!(cancelled.code, code::CANCELLED);
    // SAFETY: as above.
    let refused = unsafe {
        FakeHost::new()
            .refuse_emit_after(0)
            .call(example.table, "run", &input)
    };
    assert_eq!(refused.code, code::LIMIT);
}

proptest! {
    #[test]
    fn any_input_gets_a_code(input in prop::collection::vec(any::<u8>(), 0..100)) {
        if let Some(example) = example() {
            for operation in ["run", "options", "print"] {
                let answer = example.call_raw(operation, &input);
                prop_assert!((code::OK..=code::UNSUPPORTED).contains(&answer.code));
                prop_assert!(answer.misuse.is_empty(), "{:?}", answer.misuse);
            }
        }
    }
}
