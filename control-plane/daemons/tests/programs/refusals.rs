//! Each reason not to start is one line, and an exit code.

use std::fs;
use std::process::{Command, Output, Stdio};

use super::process::fatal;

fn run(program: &str, config: &str, words: &[&str]) -> Output {
    let directory = tempfile::tempdir().expect("temporary directory");
    let file = directory.path().join("site.cfg");
    fs::write(&file, config).expect("configuration");
    Command::new(program)
        .arg("-c")
        .arg(&file)
        .args(words)
        .stdin(Stdio::null())
        .output()
        .expect("the program runs")
}

const SCHEDULER: &str = env!("CARGO_BIN_EXE_mig-scheduler");
const API: &str = env!("CARGO_BIN_EXE_mig-api");

/// A database nobody serves: port 1 is reserved.
const NOWHERE: &str = "[postgres]\nhost = 127.0.0.1\nport = 1\ndbname = mig\nuser = u\n\
                       password = p\nsslmode = disable\n[logging]\nlevel = crit\n";

#[test]
fn a_bad_configuration_is_named_with_its_line() {
    for program in [SCHEDULER, API] {
        let error = fatal(&run(program, "[postgres]\nhots = x\n", &[]));
        assert!(
            error.contains("site.cfg: line 2: unknown key `hots`"),
            "{error}"
        );
        assert!(error.contains("`host`"), "{error}");
        let error = fatal(&run(program, "", &["check"]));
        assert!(
            error.contains("site.cfg: [postgres] host is missing"),
            "{error}"
        );
    }
    let error = fatal(&run(SCHEDULER, NOWHERE, &["check"]));
    assert!(error.contains("[mq] host is missing"), "{error}");
    let missing = Command::new(API)
        .args(["-c", "/nonexistent/api.cfg"])
        .output()
        .expect("the program runs");
    assert!(fatal(&missing).contains("/nonexistent/api.cfg: No such file"));
}

#[test]
fn files_that_the_configuration_names_have_to_be_there() {
    let mq = "[mq]\nhost = localhost\nuser = u\npass = p\nusetls = on\ncacert = /nonexistent/ca\n";
    let error = fatal(&run(SCHEDULER, &format!("{NOWHERE}{mq}"), &["check"]));
    assert!(
        error.starts_with("/nonexistent/ca: No such file"),
        "{error}"
    );
    let list = "[agent]\nwhitelist = /nonexistent/list\n";
    let error = fatal(&run(API, &format!("{NOWHERE}{list}"), &["check"]));
    assert!(error.contains("/nonexistent/list"), "{error}");
    let tls = "[server]\ncert = /nonexistent/cert\nkey = /nonexistent/key\n";
    let error = fatal(&run(API, &format!("{NOWHERE}{tls}"), &["check"]));
    assert!(
        error.starts_with("/nonexistent/cert: No such file"),
        "{error}"
    );
}

#[test]
fn a_valid_file_is_called_so_with_what_is_to_be_known_of_it() {
    let file = format!(
        "{NOWHERE}[mq]\nhost = localhost\nuser = u\npass = p\n[collector]\nfreq = 1s\n\
         [agent]\nkilldupagents = on\n"
    );
    let output = run(SCHEDULER, &file, &["check"]);
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(
        said.contains("notice: ") && said.contains("[collector] freq"),
        "{said}"
    );
    assert!(
        said.contains("warning: ") && said.contains("killdupagents"),
        "{said}"
    );
    assert!(said.contains("chmod o-rwx"), "{said}");
    assert!(String::from_utf8_lossy(&output.stdout).ends_with(": the configuration is valid\n"));
}

#[test]
fn a_database_that_cannot_be_reached_is_named() {
    let error = fatal(&run(API, NOWHERE, &["investigator", "list"]));
    assert!(error.contains("mig at 127.0.0.1:1"), "{error}");
}

#[test]
fn the_version_is_printed() {
    for (program, name) in [(SCHEDULER, "mig-scheduler "), (API, "mig-api ")] {
        let output = run(program, "", &["-V"]);
        assert!(output.status.success());
        assert!(output.stdout.starts_with(name.as_bytes()), "{output:?}");
    }
}
