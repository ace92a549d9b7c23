//! The C header is generated from the Rust source of the tables, so that the
//! two cannot drift apart. `MIG_REGENERATE_HEADER=1 cargo test -p
//! mig-plugin-abi` writes it anew.

#[path = "header/generator.rs"]
mod generator;

use std::path::Path;
use std::process::Command;

const HEADER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../include/mig_plugin.h");
const REGENERATE: &str = "MIG_REGENERATE_HEADER";

#[test]
fn the_committed_header_is_the_generated_one() {
    let source = include_str!("../src/lib.rs");
    let generated = generator::header(source, mig_plugin_abi::fingerprint::FINGERPRINT);
    if std::env::var_os(REGENERATE).is_some() {
        std::fs::write(HEADER, &generated).expect("write the header");
    }
    let committed = std::fs::read_to_string(HEADER).expect("the committed header");
    assert!(
        committed == generated,
        "{HEADER} is not what the tables say; set {REGENERATE}=1 and run this test again"
    );
}

#[test]
fn c_and_cpp_compilers_see_the_same_layout() {
    use mig_plugin_abi::{MigBytes, MigHost, MigPlugin, MigService};
    use std::mem::{offset_of, size_of};

    let directory = tempfile::tempdir().expect("a directory");
    let mut source = String::from("#include \"mig_plugin.h\"\n");
    for (number, (expression, value)) in [
        ("sizeof(MigBytes)", size_of::<MigBytes>()),
        ("sizeof(MigHost)", size_of::<MigHost>()),
        ("sizeof(MigPlugin)", size_of::<MigPlugin>()),
        ("sizeof(MigService)", size_of::<MigService>()),
        ("offsetof(MigService, send)", offset_of!(MigService, send)),
        ("offsetof(MigHost, context)", offset_of!(MigHost, context)),
        ("offsetof(MigHost, emit)", offset_of!(MigHost, emit)),
        (
            "offsetof(MigHost, get_service)",
            offset_of!(MigHost, get_service),
        ),
        (
            "offsetof(MigPlugin, manifest)",
            offset_of!(MigPlugin, manifest),
        ),
        ("offsetof(MigPlugin, call)", offset_of!(MigPlugin, call)),
        ("offsetof(MigPlugin, serve)", offset_of!(MigPlugin, serve)),
    ]
    .into_iter()
    .enumerate()
    {
        // An array of negative size is an error in every C and C++.
        source.push_str(&format!(
            "typedef char check_{number}[({expression} == {value}) ? 1 : -1];\n"
        ));
    }
    source.push_str(
        "int used(MigEntry entry) { return entry()->size > 0 ? MIG_CODE_OK : MIG_CODE_PANIC; }\n",
    );
    for (compiler, name, standard) in [
        ("gcc", "check.c", "-std=c99"),
        ("g++", "check.cpp", "-std=c++11"),
    ] {
        let file = directory.path().join(name);
        std::fs::write(&file, &source).expect("write the source");
        let output = Command::new(compiler)
            .args([
                standard,
                "-Wall",
                "-Wextra",
                "-Wpedantic",
                "-Werror",
                "-fsyntax-only",
                "-I",
            ])
            .arg(Path::new(HEADER).parent().expect("a directory"))
            .arg(&file)
            .output();
        match output {
            Ok(output) => assert!(
                output.status.success(),
                "{compiler}: {}",
                String::from_utf8_lossy(&output.stderr)
            ),
            Err(_) => mig_testkit::skip(&format!("no {compiler}")),
        }
    }
}
