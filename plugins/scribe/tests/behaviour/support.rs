//! Files to look at and short ways to ask about them.

use mig_module_scribe::ScribeModule;
use mig_plugin_sdk::ResultDocument;
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

    pub fn of(files: &[(&str, &str)]) -> Self {
        let tree = Self::new();
        for (name, content) in files {
            tree.file(name, content.as_bytes());
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

    pub fn link(&self, name: &str, target: &str) {
        std::os::unix::fs::symlink(target, self.path(name)).expect("a link");
    }

    pub fn fifo(&self, name: &str) {
        let path = CString::new(self.path(name).as_os_str().as_bytes()).expect("a path");
        // SAFETY: the path is NUL-terminated.
        let made = unsafe { libc::mkfifo(path.as_ptr(), 0o644) };
        assert_eq!(made, 0, "{}", std::io::Error::last_os_error());
    }

    pub fn mode(&self, name: &str, mode: u32) {
        use std::os::unix::fs::PermissionsExt;
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(self.path(name), permissions).expect("a mode");
    }
}

/// Runs with a document.
pub fn attempt(document: Value) -> Answer {
    FakeHost::new().run::<ScribeModule>(json!({"scribedoc": document}))
}

/// The result of a run that comes to its end.
#[track_caller]
pub fn run(document: Value) -> Value {
    finished(&attempt(document))
}

/// The result of a run that came to its end.
#[track_caller]
pub fn finished(answer: &Answer) -> Value {
    answer.expect_result();
    assert_eq!(answer.misuse, [""; 0]);
    answer.document()
}

/// The result of a run with a document from which false tests are left out.
#[track_caller]
pub fn run_only_true(document: Value) -> Value {
    let answer =
        FakeHost::new().run::<ScribeModule>(json!({"scribedoc": document, "onlytrue": true}));
    finished(&answer)
}

/// The entry of a test.
#[track_caller]
pub fn entry<'r>(result: &'r Value, test: &str) -> &'r Value {
    let entries = result["elements"]["results"].as_array().expect("entries");
    let mut mine = entries.iter().filter(|entry| entry["testid"] == test);
    mine.next()
        .unwrap_or_else(|| panic!("no entry for {test} in {result:#}"))
}

/// Master results by test, in order: `true`, `false` or the error.
pub fn masters(result: &Value) -> Vec<(String, String)> {
    let entries = result["elements"]["results"].as_array().expect("entries");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let master = |entry: &Value| match entry["iserror"] == true {
        true => text(&entry["error"]),
        false => entry["masterresult"].to_string(),
    };
    entries
        .iter()
        .map(|e| (text(&e["testid"]), master(e)))
        .collect()
}

/// The same, to compare with.
pub fn pairs(wanted: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(a, b): &(&str, &str)| ((*a).to_owned(), (*b).to_owned());
    wanted.iter().map(owned).collect()
}

/// The values of an object, which never leave the module: found by testing for
/// each of `candidates`. Each with its identifier's place below the tree.
#[track_caller]
pub fn values(
    tree: &Tree,
    objects: Value,
    object: &str,
    candidates: &[&str],
) -> Vec<(String, String)> {
    let tests: Vec<Value> = candidates
        .iter()
        .map(|value| match *value {
            // An exact match with nothing would ask nothing.
            "" => json!({"test": "", "object": object, "regexp": {"value": "^$"}}),
            value => json!({"test": value, "object": object, "exactmatch": {"value": value}}),
        })
        .enumerate()
        .map(|(number, mut test)| {
            test["test"] = json!(format!("t{number}"));
            test
        })
        .collect();
    let result = run(json!({"objects": objects, "tests": tests}));
    let entries = result["elements"]["results"].as_array().expect("entries");
    let count = entries[0]["results"].as_array().map_or(0, Vec::len);
    let mut found = vec![(String::new(), String::new()); count];
    for (entry, value) in entries.iter().zip(candidates) {
        assert_eq!(entry["iserror"], false, "{entry}");
        for (place, sub) in entry["results"]
            .as_array()
            .into_iter()
            .flatten()
            .enumerate()
        {
            let identifier = sub["identifier"].as_str().expect("an identifier");
            let prefix = format!("{}/", tree.root());
            found[place].0 = identifier
                .strip_prefix(&prefix)
                .unwrap_or(identifier)
                .to_owned();
            if sub["result"] == true {
                found[place].1 = (*value).to_owned();
            }
        }
    }
    found
}

/// A result as clients have it.
pub fn document(result: &Value) -> ResultDocument {
    serde_json::from_value(result.clone()).expect("a result document")
}

/// A document in which one test asks one value, for checks of the document.
pub fn small(objects: Value, test: Value) -> Value {
    json!({"objects": objects, "tests": [test]})
}
