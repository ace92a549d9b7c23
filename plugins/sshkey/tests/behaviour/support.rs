//! Directories with keys, and short ways to ask about them.

use mig_module_sshkey::SshkeyModule;
use mig_plugin_sdk::testing::{Answer, FakeHost};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A public key, its fingerprints in MD5 and SHA-256.
pub struct Known {
    pub line: &'static str,
    pub md5: &'static str,
    pub sha256: &'static str,
}

/// The Ed25519 key of the fixtures.
pub fn known() -> Known {
    let line = include_str!("../data/keys/ed25519.pub").trim_end();
    let fixture = fixtures()
        .into_iter()
        .find(|fixture| fixture.name == "ed25519.pub")
        .expect("it is listed");
    Known {
        line,
        md5: fixture.md5,
        sha256: fixture.sha256,
    }
}

/// A file of `tests/data/keys` and what is known of it, from `ssh-keygen`.
pub struct Fixture {
    pub name: &'static str,
    pub kind: &'static str,
    pub encrypted: bool,
    /// Empty when it cannot be known.
    pub md5: &'static str,
    pub sha256: &'static str,
}

/// The directory of the fixtures.
pub fn fixture_directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/keys")
}

/// All fixtures.
pub fn fixtures() -> Vec<Fixture> {
    let known = |text: &'static str| if text == "-" { "" } else { text };
    include_str!("../data/keys.txt")
        .lines()
        .map(|line| {
            let fields: Vec<&str> = line.split(' ').collect();
            let [name, kind, encrypted, md5, sha256] = fields[..] else {
                panic!("not a line of five fields: {line}");
            };
            Fixture {
                name,
                kind,
                encrypted: encrypted == "true",
                md5: known(md5),
                sha256: known(sha256),
            }
        })
        .collect()
}

pub struct Home(TempDir);

impl Home {
    pub fn new() -> Self {
        Self(TempDir::new().expect("a directory"))
    }

    /// A directory with one file.
    pub fn of(name: &str, content: impl AsRef<[u8]>) -> Self {
        let home = Self::new();
        home.file(name, content);
        home
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn text(&self, name: &str) -> String {
        self.path().join(name).to_str().expect("text").to_owned()
    }

    pub fn file(&self, name: impl AsRef<Path>, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("below the root")).expect("directories");
        std::fs::write(&path, content).expect("a file");
        path
    }

    /// What a run finds here.
    pub fn search(&self) -> Value {
        run(json!({"paths": [self.path()]}))
    }
}

/// Runs parameters and insists on success.
pub fn run(parameters: Value) -> Value {
    let answer = attempt(parameters);
    answer.expect_result();
    assert_eq!(answer.misuse, Vec::<String>::new());
    let document = answer.document();
    assert_eq!(document["success"], true, "{document}");
    document
}

/// Runs parameters.
pub fn attempt(parameters: Value) -> Answer {
    FakeHost::new().run::<SshkeyModule>(parameters)
}

/// The keys of a document.
pub fn keys(document: &Value) -> Vec<Value> {
    document["elements"]["keys"]
        .as_array()
        .cloned()
        .unwrap_or_default()
}
