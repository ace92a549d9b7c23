//! Original agents: a program with the marks that the Go linker leaves in them.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::victim::{Victim, refusal};

const VERSION: &str = "20190913-0.9e7e4f52.dev";

/// Compiles the stand-in, with further words for gcc.
fn compile(directory: &TempDir, words: &[&str]) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/original_agent.c");
    let program = directory.path().join("original");
    let made = Command::new("gcc")
        .args(["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O1", "-s"])
        .args(["-static", "-no-pie", "-fno-pie"])
        .arg(format!("-DVERSION=\"{VERSION}\""))
        .args(words)
        .arg("-o")
        .arg(&program)
        .arg(source)
        .output()
        .unwrap_or_else(|error| panic!("gcc: {error}"));
    let said = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "{said}");
    program
}

#[test]
fn an_original_agent_is_killed_and_its_executable_removed() {
    let directory = TempDir::new().expect("a directory");
    let program = compile(&directory, &[]);
    let mut victim = Victim::program(&program, "mig-agent-20190913", &[]);
    let document = victim.destroy(VERSION);
    let wanted = format!(
        "PID {} from agent {VERSION} has been killed and its executable removed from {}",
        victim.pid(),
        victim.executable.display()
    );
    assert_eq!(document["elements"], wanted, "{document}");
    assert_eq!(victim.end_signal(), Some(9));
    assert!(!victim.executable.exists());
}

#[test]
fn an_original_agent_of_another_version_is_spared() {
    let directory = TempDir::new().expect("a directory");
    let program = compile(&directory, &[]);
    let mut victim = Victim::program(&program, "mig-agent", &[]);
    let executable = victim.executable.display().to_string();
    for (other, why) in [
        (
            "20190913-0.9e7e4f52.prod",
            "is an original MIG agent, but not of version 20190913-0.9e7e4f52.prod",
        ),
        (
            "20190913-0.9e7e4f52",
            "is an original MIG agent, but not of version 20190913-0.9e7e4f52",
        ),
        (
            "dev",
            "is an original MIG agent, in which a version as short as dev cannot be recognised",
        ),
    ] {
        let document = victim.destroy(other);
        let wanted = format!(
            "pid {} was not killed: its executable {executable} {why}",
            victim.pid()
        );
        assert_eq!(refusal(&document), wanted);
        assert!(victim.is_running() && victim.executable.exists());
    }
}

#[test]
fn other_programs_of_the_original_are_spared() {
    let directory = TempDir::new().expect("a directory");
    let program = compile(&directory, &["-DSOURCE=\"mig-loader/loader.go\""]);
    let mut victim = Victim::program(&program, "mig-loader", &[]);
    let document = victim.destroy(VERSION);
    assert!(
        refusal(&document).ends_with("is not a MIG agent"),
        "{document}"
    );
    assert!(victim.is_running() && victim.executable.exists());
}
