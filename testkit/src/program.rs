//! Program files that a test makes.

use std::path::Path;
use std::process::Command;

/// Copies a file to where it will be executed, with this mode. Another process writes
/// it: if this one did, a program that a test beside this one starts just then would
/// hold the file open for writing, and executing it would fail (`ETXTBSY`).
///
/// # Panics
/// When that cannot be done; the message is what `install` says.
pub fn install(from: &Path, to: &Path, mode: u32) {
    let output = Command::new("install")
        .arg(format!("--mode={mode:o}"))
        .args([from, to])
        .output()
        .expect("install");
    assert!(
        output.status.success(),
        "install: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}
