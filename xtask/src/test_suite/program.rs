//! One test program: where it is, how it is called, and what it may run beside.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::building::{root, target_directory};

/// Packages whose test programs run one after the other, at the side of those
/// of other packages: each starts whole fleets and servers.
const LARGE: &[&str] = &["acceptance"];

/// Packages whose test programs run by themselves at the end: they count what
/// the kernel reports about the whole machine, where a test of another program
/// is noise.
const ALONE: &[&str] = &["plugins/audit"];

/// How many tests of a program run at the same time, and at most by themselves: they
/// share servers, which have room for so many connections.
const THREADS: &str = "RUST_TEST_THREADS";
const MOST_THREADS: usize = 4;

/// What a test program may run beside. In this order they are started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Company {
    /// Any but another of its kind.
    NotLarge,
    /// Any.
    Any,
    /// None.
    Alone,
}

/// One built test program.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Program {
    /// What it may run beside.
    pub company: Company,
    executable: PathBuf,
    /// Folder of its package: tests expect to start there.
    folder: PathBuf,
}

impl Program {
    /// The program that cargo built for the package in this folder.
    pub fn new(executable: PathBuf, folder: PathBuf) -> Self {
        let root = root();
        let package = folder.strip_prefix(&root).unwrap_or(&folder);
        let is_in = |list: &[&str]| list.iter().any(|known| Path::new(known) == package);
        let company = if is_in(ALONE) {
            Company::Alone
        } else if is_in(LARGE) {
            Company::NotLarge
        } else {
            Company::Any
        };
        Self {
            company,
            executable,
            folder,
        }
    }

    /// What cargo calls it.
    pub fn name(&self) -> String {
        let name = self.executable.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// The call that runs it, as somebody else whose files are in `work` if so
    /// wished.
    pub fn command(&self, run_as: Option<u32>, work: &Path) -> Command {
        let mut command = match run_as {
            Some(id) => {
                let mut command = Command::new("setpriv");
                command
                    .args([format!("--reuid={id}"), format!("--regid={id}")])
                    .args(["--clear-groups", "--inh-caps=-all", "--bounding-set=-all"])
                    .arg(&self.executable)
                    .env("HOME", work)
                    .env("TMPDIR", work);
                command
            }
            None => Command::new(&self.executable),
        };
        command
            .current_dir(&self.folder)
            .env("MIG_PLUGIN_BUILD", target_directory());
        if std::env::var_os(THREADS).is_none() {
            let cores = std::thread::available_parallelism().map_or(1, usize::from);
            command.env(THREADS, cores.min(MOST_THREADS).to_string());
        }
        // Servers of tests are on this machine.
        for name in ["http_proxy", "https_proxy", "all_proxy", "no_proxy"] {
            command.env_remove(name).env_remove(name.to_uppercase());
        }
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn company(package: &str) -> Company {
        Program::new("/t/a-1".into(), root().join(package)).company
    }

    #[test]
    fn the_package_says_what_a_program_runs_beside() {
        assert_eq!(company("acceptance"), Company::NotLarge);
        assert_eq!(company("plugins/audit"), Company::Alone);
        assert_eq!(company("plugins/file"), Company::Any);
        for package in LARGE.iter().chain(ALONE) {
            let manifest = root().join(package).join("Cargo.toml");
            assert!(manifest.is_file(), "{} is gone", manifest.display());
        }
    }
}
