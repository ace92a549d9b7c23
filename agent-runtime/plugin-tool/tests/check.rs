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
    changed_file("hello.c", from, to, more)
}

fn changed_file(file: &str, from: &str, to: &str, more: &[&str]) -> Option<Output> {
    let directory = tempfile::tempdir().expect("a directory");
    let source = std::fs::read_to_string(Path::new(EXAMPLE).join(file)).expect("example");
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
    let Some(output) = changed(from, to, &["--wall", "5"]) else {
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

#[test]
fn the_persistent_example_keeps_every_promise() {
    let directory = tempfile::tempdir().expect("a directory");
    let Some(plugin) = build(directory.path(), &Path::new(EXAMPLE).join("pulse.c")) else {
        return;
    };
    let output = check(&plugin, &["--configuration", r#"{"pulse":{"seconds":1}}"#]);
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{report}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for line in [
        "ok      serve becomes ready: and ends when asked to, in ",
        "ok      a query gets a result that fits its schema: 1 queries\n",
        "skipped print makes lines of such a result: not declared\n",
        "ok      several queries at once are each answered: 8 queries\n",
        "ok      a message of an unknown kind is passed over\n",
        "5 promises kept\n",
    ] {
        assert!(report.contains(line), "{line:?} in {report}");
    }
    assert!(!report.contains("a run stops"), "{report}");
    let inspected = Command::new(env!("CARGO_BIN_EXE_mig-plugin"))
        .arg("inspect")
        .arg(&plugin)
        .output()
        .expect("the program starts");
    let facts = String::from_utf8_lossy(&inspected.stdout);
    for part in [
        "  kind          persistent\n",
        "  configuration pulse\n",
        "  alerts        beat\n",
    ] {
        assert!(facts.contains(part), "{part:?} in {facts}");
    }
}

#[test]
fn a_broken_promise_of_a_persistent_module_is_named_with_its_evidence() {
    for (wall, from, to, promise) in [
        (
            "1",
            "send(state.service, MIG_NOTICE_READY, 0, \"\", 0);",
            "",
            "BROKEN  serve becomes ready: not within 1 s\n",
        ),
        (
            "30",
            "put_integer(&out, state->beats);",
            "put_text(&out, \"many\");",
            "BROKEN  a query gets a result that fits its schema: {}: module `pulse` sent a result",
        ),
        (
            "30",
            "if (kind == MIG_MESSAGE_QUERY)",
            "if (kind != MIG_MESSAGE_QUERY) *(volatile int *)8 = 1; else",
            "BROKEN  a message of an unknown kind is passed over: module `pulse` ",
        ),
        (
            // All of it goes by; the others do not come near theirs.
            "15",
            "    send(state->service, MIG_NOTICE_ANSWER",
            "    static int answered; if (answered++ == 0) send(state->service, MIG_NOTICE_ANSWER",
            "BROKEN  several queries at once are each answered: module `pulse` ran into its time limit",
        ),
        (
            "30",
            "seconds > 86400)",
            "seconds == 60)",
            "BROKEN  serve becomes ready: module `pulse` failed: its parameters are not acceptable\n",
        ),
    ] {
        let Some(output) = changed_file("pulse.c", from, to, &["--wall", wall]) else {
            return;
        };
        assert_eq!(output.status.code(), Some(1), "{promise}");
        let report = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            report.contains(promise) || errors.contains(promise),
            "{promise:?} in {report}{errors}"
        );
    }
    let Some(output) = changed_file("pulse.c", "seconds", "seconds", &["--configuration", "{"])
    else {
        return;
    };
    assert!(String::from_utf8_lossy(&output.stderr).contains("--configuration is not JSON"));
}
