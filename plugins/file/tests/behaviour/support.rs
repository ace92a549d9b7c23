//! A directory to search and short ways to ask about it.

use mig_module_file::FileModule;
use mig_plugin_sdk::testing::{Answer, FakeHost};
use serde_json::{Value, json};
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// A temporary directory with files.
pub struct Tree {
    directory: tempfile::TempDir,
}

impl Tree {
    pub fn new() -> Self {
        Self {
            directory: tempfile::tempdir().expect("a temporary directory"),
        }
    }

    /// A tree with these files.
    pub fn of(files: &[(&str, &[u8])]) -> Self {
        let tree = Self::new();
        for (name, content) in files {
            tree.file(name, content);
        }
        tree
    }

    pub fn root(&self) -> &str {
        self.directory.path().to_str().expect("a UTF-8 path")
    }

    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn text(&self, name: &str) -> String {
        format!("{}/{name}", self.root())
    }

    pub fn file(&self, name: impl AsRef<Path>, content: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("below the root")).expect("directories");
        std::fs::write(&path, content).expect("a file");
        path
    }

    pub fn directory(&self, name: impl AsRef<Path>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(&path).expect("directories");
        path
    }

    pub fn link(&self, name: impl AsRef<Path>, target: impl AsRef<Path>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("below the root")).expect("directories");
        std::os::unix::fs::symlink(target, &path).expect("a link");
        path
    }

    pub fn fifo(&self, name: impl AsRef<Path>) -> PathBuf {
        let path = self.path(name);
        let name = CString::new(path.as_os_str().as_bytes()).expect("no NUL");
        // SAFETY: the name is NUL-terminated.
        assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
        path
    }

    pub fn mode(&self, name: impl AsRef<Path>, mode: u32) {
        use std::os::unix::fs::PermissionsExt;
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(self.path(name), permissions).expect("permissions");
    }

    /// Names below the root, without it.
    pub fn relative(&self, path: &str) -> String {
        match path.strip_prefix(self.root()) {
            Some(rest) => rest.trim_start_matches('/').to_owned(),
            None => path.to_owned(),
        }
    }
}

/// Runs parameters and insists on success.
pub fn run(parameters: Value) -> Value {
    let answer = attempt(parameters);
    let document = answer.document();
    answer.expect_result();
    assert_eq!(answer.misuse, Vec::<String>::new());
    assert_eq!(document["success"], true, "{document}");
    document
}

/// Runs parameters.
pub fn attempt(parameters: Value) -> Answer {
    FakeHost::new().run::<FileModule>(parameters)
}

/// Runs one search labelled `s`.
pub fn search(search: Value) -> Value {
    run(json!({"searches": {"s": search}}))
}

/// Runs one search with `matchall` over the tree and returns the names found,
/// relative to the root.
pub fn found(tree: &Tree, criteria: Value) -> Vec<String> {
    let mut wanted = criteria;
    if wanted.get("paths").is_none() {
        wanted["paths"] = json!([tree.root()]);
    }
    if wanted["options"].get("matchall").is_none() {
        wanted["options"]["matchall"] = json!(true);
    }
    files(tree, &search(wanted), "s")
}

/// Names found in a search of a document, in its order, without placeholders.
pub fn files(tree: &Tree, document: &Value, label: &str) -> Vec<String> {
    document["elements"][label]
        .as_array()
        .expect("a list of entries")
        .iter()
        .map(|entry| entry["file"].as_str().expect("a path"))
        .filter(|file| !file.is_empty())
        .map(|file| tree.relative(file))
        .collect()
}

/// The errors of a document.
pub fn errors(document: &Value) -> Vec<String> {
    document["errors"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|error| error.as_str().expect("a text").to_owned())
        .collect()
}
