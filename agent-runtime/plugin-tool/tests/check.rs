//! `mig-plugin check` on a plugin that behaves and on ones that do not.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../plugin-abi/examples/c");
const INCLUDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../plugin-abi/include");

/// Compiles a plugin; `None` when there is no gcc.
fn build(directory: &Path, source: &Path) -> Option<PathBuf> {
    let path = directory.join("libunderstudy.so");
    let output = Command::new("gcc")
        .args(["-std=c99", "-O1", "-shared", "-fPIC", "-fvisibility=hidden"])
        .args(["-Wl,-z,noexecstack", "-I", INCLUDE, "-I", EXAMPLE, "-o"])
        .arg(&path)
        .arg(source)
        .output();
    match output {
        Ok(output) => {
            assert!(
                output.status.success(),
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
            Some(path)
        }
        Err(_) => {
            mig_testkit::skip("no gcc");
            None
        }
    }
}

fn check(plugin: &Path, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mig-plugin"))
        .arg("check")
        .arg(plugin)
        .args(more)
        .output()
        .expect("the program starts")
}

/// The C example with one line of it changed.
fn changed(from: &str, to: &str, more: &[&str]) -> Option<Output> {
    let directory = tempfile::tempdir().expect("a directory");
    let source = std::fs::read_to_string(Path::new(EXAMPLE).join("hello.c")).expect("example");
    assert!(source.contains(from), "{from}");
    let path = directory.path().join("changed.c");
    std::fs::write(&path, source.replacen(from, to, 1)).expect("write");
    let plugin = build(directory.path(), &path)?;
    Some(check(&plugin, more))
}

#[test]
fn the_example_keeps_every_promise() {
    let directory = tempfile::tempdir().expect("a directory");
    let Some(plugin) = build(directory.path(), &Path::new(EXAMPLE).join("hello.c")) else {
        return;
    };
    let output = check(&plugin, &["--parameters", "{\"nouptime\":true}"]);
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{report}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for line in [
        "skipped describe answers the manifest: not declared\n",
        "ok      options refuses an unknown option: the only option is -nouptime\n",
        "skipped validate refuses parameters of a wrong type: not declared\n",
        "ok      run ends with a result that fits its schema: 1 runs\n",
        "ok      print makes lines of a result: 2 lines\n",
        "ok      a run closes what it opened and ends its threads: 1 runs\n",
        "ok      a run makes no system call beyond its capabilities: 1 runs\n",
        "ok      a run stops when its output is full: 1 runs\n",
        "ok      invented input never crashes an operation: 80 tried\n",
        "9 promises kept\n",
    ] {
        assert!(report.contains(line), "{line:?} in {report}");
    }
}

#[test]
fn a_broken_promise_is_named_with_its_evidence() {
    for (from, to, evidence) in [
        (
            "\"sysname\\\":{\\\"type\\\":\\\"string\\\"}",
            "\"sysname\\\":{\\\"type\\\":\\\"integer\\\"}",
            "BROKEN  run ends with a result that fits its schema: {}: module `hello`",
        ),
        (
            "static int32_t print(const MigHost *host, struct reader input) {",
            "static int32_t print(const MigHost *host, struct reader input) {\n    *(volatile int *)8 = 1;",
            "BROKEN  print makes lines of a result: module `hello` crashed (SIGSEGV)",
        ),
        (
            "return fail(host, MIG_CODE_BAD_PARAMETERS, \"the only option is -nouptime\", \"words\");",
            "continue;",
            "BROKEN  options refuses an unknown option: it answers {\"parameters\":{\"nouptime\":false}}",
        ),
        (
            "if (host->cancelled(host->context))",
            "extern int dup(int);\n    dup(0);\n    if (host->cancelled(host->context))",
            "BROKEN  a run closes what it opened and ends its threads: {}: 1 descriptors stay open and 0 threads run on",
        ),
        (
            "if (host->cancelled(host->context))",
            "extern int socket(int, int, int);\n    socket(2, 1, 0);\n    if (host->cancelled(host->context))",
            "BROKEN  a run makes no system call beyond its capabilities: {}: refused: socket; declare",
        ),
        (
            "if (host->cancelled(host->context))",
            "for (int i = 0; i < 20; i++)\n        while (host->emit(host->context, MIG_EMIT_ELEMENT, (MigBytes){(const uint8_t *)\"/elements/kernel\", 16}, (MigBytes){(const uint8_t *)\"\\xa0\", 1}))\n            continue;\n    if (host->cancelled(host->context))",
            "BROKEN  a run stops when its output is full: {}: module `hello` did not stop at its output limit of 64 bytes",
        ),
    ] {
        let Some(output) = changed(from, to, &[]) else {
            return;
        };
        let report = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{report}");
        assert!(report.contains(evidence), "{evidence:?} in {report}");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(
            error.starts_with("mig-plugin: ") && error.ends_with(" promises are broken\n"),
            "{error}"
        );
    }
}

#[test]
fn a_module_that_ignores_a_cancel_is_found_out() {
    let (from, to) = (
        "if (host->cancelled(host->context))\n",
        "for (;;)\n        continue;\n    if (host->cancelled(host->context))\n",
    );
    let Some(output) = changed(from, to, &["--wall", "2"]) else {
        return;
    };
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(
        report.contains("BROKEN  a cancelled run ends within 100 ms: it took "),
        "{report}"
    );
}

#[test]
fn what_inspection_refuses_is_not_run() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("junk.so");
    std::fs::write(&path, "junk").expect("write");
    let output = check(&path, &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("not a valid ELF"));
}
