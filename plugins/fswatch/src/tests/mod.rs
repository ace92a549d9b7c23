//! The module on real directories, with a host that only tests have.

mod alerts;
mod configuration;
mod events;
mod limits;
mod queries;
mod restarts;
mod roots;

use crate::FswatchModule;
use mig_plugin_sdk::testing::FakeService;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A directory to watch, and one for what is known.
struct Place {
    directory: TempDir,
    state: TempDir,
}

impl Place {
    fn new() -> Self {
        Self {
            directory: TempDir::with_prefix("mig-fswatch-").expect("a directory"),
            state: TempDir::with_prefix("mig-fswatch-").expect("a directory"),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        // The system's directory for temporary files may be a link.
        let root = self.directory.path().canonicalize().expect("a directory");
        match name {
            "" => root,
            name => root.join(name),
        }
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().expect("a text").to_owned()
    }

    fn write(&self, name: &str, content: &str) {
        std::fs::write(self.path(name), content).expect("a file");
    }

    fn make(&self, name: &str) {
        std::fs::create_dir_all(self.path(name)).expect("a directory");
    }

    /// Watches these paths without delay or suppression. However long the test
    /// takes, the profile is not looked at again.
    fn watch(&self, paths: &[&str]) -> FakeService {
        self.watch_with(paths, json!({"delay": 0, "suppress": 0, "lookout": 3600}))
    }

    /// The same, with looks at the profile: for what is missing every second, for
    /// the rest every twelve.
    fn watch_and_look(&self, paths: &[&str]) -> FakeService {
        self.watch_with(paths, json!({"delay": 0, "suppress": 0, "lookout": 1}))
    }

    fn watch_with(&self, paths: &[&str], settings: Value) -> FakeService {
        let paths: Vec<String> = paths
            .iter()
            .map(|path| match path.strip_prefix("recursive:") {
                Some(path) => format!("recursive:{}", self.text(path)),
                None => self.text(path),
            })
            .collect();
        let module = FakeService::start::<FswatchModule>(json!({
            "config": {"Paths": {"Path": paths}, "Fswatch": settings},
            "directory": self.state.path(),
        }));
        module.wait_until_ready();
        quiet(&module);
        module
    }

    fn alert(&self, severity: &str, before: &str, name: &str, after: &str) -> String {
        let path = self.text(name);
        format!(r#"{{"severity":"{severity}","alert":"{before}{path}{after}"}}"#)
    }

    fn created(&self, name: &str) -> String {
        self.alert("low", "path ", name, " created")
    }

    fn removed(&self, name: &str) -> String {
        self.alert("low", "path ", name, " removed")
    }

    fn changed(&self, name: &str, old: &str, new: &str) -> String {
        let sentence = format!(" signature changed {} -> {}", sha256(old), sha256(new));
        self.alert("critical", "", name, &sentence)
    }
}

fn sha256(content: &str) -> String {
    let hash = Sha256::digest(content);
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Waits until everything is listed and hashed.
fn quiet(module: &FakeService) -> Value {
    module.status_with(|status| status["scanning"] == false && status["pending"] == 0)
}

/// Makes a pipe with a name.
fn pipe(path: &Path) {
    let path = std::ffi::CString::new(path.to_str().expect("a text")).expect("a path");
    // SAFETY: the path is NUL-terminated.
    assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
}
