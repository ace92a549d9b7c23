//! Something to find on this machine: a key, a setting, a process.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::building::Outcome;
use crate::demo::interruption;

/// What is in the memory of the process, and what the question says to find it.
/// They differ, or whoever asks would be found too.
const CARRIED: &str = "mig-demo-needle-7f3a";
pub const NEEDLE: &str = "mig-demo-needle-[0-9a-f]{4}";

/// A public key nobody has the other half of.
const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEs0uYLyJ4mJ9w8yJvY8kZt3n4dQ5o1qS6pO2u7cX9aB demo\n";

/// A document of checks: the setting is wrong where the file says so.
const CHECKS: &str = r#"
variables:
  - key: place
    value: DIRECTORY
objects:
  - object: setting
    filecontent:
      path: ${place}
      file: ^demo\.conf$
      expression: ^guard\s*=\s*(\w+)
tests:
  - test: demo-setting-is-wrong
    name: the guard is off
    object: setting
    exactmatch:
      value: "off"
  - test: demo-setting-is-right
    object: setting
    exactmatch:
      value: "on"
"#;

/// Files in the site's directory, and a process.
pub struct Prey {
    directory: PathBuf,
    process: Child,
}

impl Prey {
    /// Lays everything out in `directory`.
    pub fn new(directory: &Path) -> Outcome<Self> {
        let directory = directory.join("prey");
        let keys = directory.join("keys");
        std::fs::create_dir_all(&keys).map_err(|error| format!("{}: {error}", keys.display()))?;
        let checks = CHECKS.replace("DIRECTORY", &directory.display().to_string());
        for (name, text) in [
            ("keys/id_demo.pub", KEY),
            ("demo.conf", "guard = off\n"),
            ("checks.yaml", &checks),
        ] {
            let path = directory.join(name);
            std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        }
        let process = Command::new("sleep")
            .arg("3600")
            .env("MIG_DEMO", CARRIED)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("cannot run sleep: {error}"))?;
        interruption::watch_process(process.id());
        Ok(Self { directory, process })
    }

    /// The directory with a key.
    pub fn keys(&self) -> PathBuf {
        self.directory.join("keys")
    }

    /// The document of checks.
    pub fn checks(&self) -> PathBuf {
        self.directory.join("checks.yaml")
    }

    /// The process with the needle in its memory.
    pub fn process(&self) -> u32 {
        self.process.id()
    }

    /// Why an agent of this user cannot read the memory of that process.
    pub fn memory_is_closed() -> Option<String> {
        if nix::unistd::geteuid().is_root() {
            return None;
        }
        let scope = std::fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").ok()?;
        let scope = scope.trim().parse::<u32>().unwrap_or(0);
        (scope > 0).then(|| {
            format!("this system lets only root look into processes (ptrace_scope is {scope})")
        })
    }
}

impl Drop for Prey {
    fn drop(&mut self) {
        // It may have been ended by whoever interrupts the demo.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
