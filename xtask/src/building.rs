//! Calls to cargo, announced before they start.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

/// What goes wrong in a task, as one line for the person who runs it.
pub type Outcome<T> = Result<T, String>;

/// The root of the checkout.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask is a folder of the checkout")
        .to_path_buf()
}

/// Where cargo puts what it builds.
pub fn target_directory() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// A call to the cargo that runs this task, in the root of the checkout.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    // What the cargo that started this task says of the task's own package: build
    // scripts that read it would find it changed, and they and all that needs them
    // would be built again by each of the two.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a command to its end; its output goes where ours goes.
pub fn run(what: &str, command: &mut Command) -> Outcome<()> {
    let status = command
        .stdin(Stdio::null())
        .status()
        .map_err(|error| format!("{what}: cannot start {:?}: {error}", command.get_program()))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{what} failed ({status})"))
    }
}

/// Runs a command while others run, too: prints what it said in one piece when it
/// is over, and says whether it succeeded.
pub fn run_aside(name: &str, command: &mut Command) -> Outcome<bool> {
    let wrong = |error: std::io::Error| format!("cannot run {name}: {error}");
    println!("     Running {name}");
    let start = Instant::now();
    let mut output = tempfile::tempfile().map_err(wrong)?;
    let handle = |output: &File| output.try_clone().map(Stdio::from).map_err(wrong);
    let status = command
        .stdin(Stdio::null())
        .stdout(handle(&output)?)
        .stderr(handle(&output)?)
        .status()
        .map_err(wrong)?;
    let mut said = Vec::new();
    output.rewind().map_err(wrong)?;
    output.read_to_end(&mut said).map_err(wrong)?;
    let seconds = start.elapsed().as_secs_f64();
    let verdict = if status.success() { "passed" } else { "FAILED" };
    let mut out = std::io::stdout().lock();
    let printed = writeln!(out, "     Over in {seconds:.1} s, {verdict}: {name}")
        .and_then(|()| out.write_all(&said))
        .and_then(|()| out.flush());
    printed.map_err(|error| format!("cannot print what {name} said: {error}"))?;
    Ok(status.success())
}

/// Says what is built, builds it and says how long it took.
pub fn build(what: &str, arguments: &[&str]) -> Outcome<()> {
    println!("building {what} (cargo {})", arguments.join(" "));
    let start = Instant::now();
    run(what, cargo().args(arguments))?;
    println!("built {what} in {:.0} s", start.elapsed().as_secs_f64());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_is_not_told_of_the_package_of_this_task() {
        // Cargo sets them for tests too.
        assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
        let command = cargo();
        let removed = |name: &str| {
            let mut all = command.get_envs();
            all.any(|(known, value)| known == name && value.is_none())
        };
        assert!(removed("CARGO_MANIFEST_DIR") && removed("CARGO_PKG_NAME"));
        assert!(!removed("CARGO_TARGET_DIR") && !removed("PATH"));
    }
}
