//! Modules in C, compiled by the tests: only C can misbehave this well.

use std::path::Path;
use std::process::Command;

/// Compiles a file of `tests/data` to a plugin called `name`, with further words
/// for gcc.
pub fn compile(to: &Path, source: &str, name: &str, flags: &[&str]) {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    let abi = own.join("../plugin-abi");
    let made = Command::new("gcc")
        .args(["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O1"])
        .args(["-shared", "-fPIC", "-fvisibility=hidden"])
        .args(["-Wl,-z,noexecstack", "-I"])
        .arg(abi.join("include"))
        .arg("-I")
        .arg(abi.join("examples/c"))
        .arg(format!("-DNAME=\"{name}\""))
        .args(flags)
        .arg("-o")
        .arg(to)
        .arg(own.join("tests/data").join(source))
        .output()
        .unwrap_or_else(|error| panic!("gcc: {error}"));
    let said = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "{said}");
}
