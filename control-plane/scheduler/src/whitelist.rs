//! Which agents may send heartbeats.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use regex::Regex;

/// Queuelocs listed in a file, one a line; a line that starts with `re:` is a
/// regular expression that has to match the whole queueloc. The file is read
/// again when it changed.
#[derive(Debug)]
pub struct Whitelist {
    path: PathBuf,
    read: Mutex<Read>,
}

/// Why a whitelist cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WhitelistError {
    /// The file cannot be read.
    #[error("whitelist {path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// An entry is no regular expression.
    #[error("whitelist {path}: line {line}: {reason}")]
    Pattern {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// Why, on one line.
        reason: String,
    },
}

#[derive(Debug)]
struct Read {
    modified: Option<SystemTime>,
    /// What was wrong with the file when it was looked at last.
    said: Option<String>,
    names: Vec<String>,
    patterns: Vec<Regex>,
}

impl Whitelist {
    /// Reads the file.
    ///
    /// # Errors
    /// It cannot be read, or an entry is not a valid regular expression.
    pub fn open(path: &Path) -> Result<Whitelist, WhitelistError> {
        Ok(Whitelist {
            path: path.to_owned(),
            read: Mutex::new(read(path)?),
        })
    }

    /// True when the agent is listed. A changed file that cannot be used is
    /// reported, and the entries read before stay.
    pub fn allows(&self, queueloc: &str) -> bool {
        let mut current = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if modified(&self.path) != current.modified {
            match read(&self.path) {
                Ok(newer) => *current = newer,
                Err(error) => {
                    // A file that takes its place may be as old as the one that was read.
                    current.modified = None;
                    // Once for each mistake, and not with each heartbeat.
                    let said = error.to_string();
                    if current.said.as_ref() != Some(&said) {
                        tracing::error!("{said}; the entries read before stay in force");
                        current.said = Some(said);
                    }
                }
            }
        }
        current.names.iter().any(|name| name == queueloc)
            || current
                .patterns
                .iter()
                .any(|pattern| pattern.is_match(queueloc))
    }
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|meta| meta.modified()).ok()
}

fn read(path: &Path) -> Result<Read, WhitelistError> {
    let modified = modified(path);
    let text = fs::read_to_string(path).map_err(|source| WhitelistError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    let mut names = Vec::new();
    let mut patterns = Vec::new();
    for (number, line) in text.lines().map(str::trim).enumerate() {
        match line.strip_prefix("re:") {
            _ if line.is_empty() => {}
            Some(pattern) if !pattern.is_empty() => {
                let anchored = format!("^(?:{pattern})$");
                patterns.push(Regex::new(&anchored).map_err(|error| {
                    let reason = error.to_string();
                    WhitelistError::Pattern {
                        path: path.to_owned(),
                        line: number + 1,
                        reason: reason.lines().last().unwrap_or_default().trim().to_owned(),
                    }
                })?);
            }
            _ => names.push(line.to_owned()),
        }
    }
    Ok(Read {
        modified,
        said: None,
        names,
        patterns,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().expect("temporary directory");
        let path = directory.path().join("whitelist");
        fs::write(&path, text).expect("write whitelist");
        (directory, path)
    }

    #[test]
    fn literal_lines_match_exactly_and_patterns_the_whole_queueloc() {
        let (_directory, path) = file("linux.abc\n\nre:linux\\.db[0-9]+\n");
        let list = Whitelist::open(&path).expect("a good list");
        for (queueloc, allowed) in [
            ("linux.abc", true),
            ("linux.abcd", false),
            ("linux.db17", true),
            ("xlinux.db17", false),
            ("linux.db17x", false),
            ("", false),
        ] {
            assert_eq!(list.allows(queueloc), allowed, "{queueloc}");
        }
    }

    #[test]
    fn a_changed_file_is_read_again() {
        let (_directory, path) = file("linux.abc\n");
        let list = Whitelist::open(&path).expect("a good list");
        assert!(!list.allows("linux.new"));
        fs::write(&path, "linux.new\n").expect("write whitelist");
        let later = SystemTime::now() + std::time::Duration::from_secs(5);
        fs::File::options()
            .write(true)
            .open(&path)
            .and_then(|file| file.set_modified(later))
            .expect("set time");
        assert!(list.allows("linux.new"));
    }

    #[test]
    fn a_bad_pattern_is_refused_with_its_line() {
        let (_directory, path) = file("linux.abc\nre:(\n");
        let error = Whitelist::open(&path).expect_err("a bad list").to_string();
        assert!(error.contains("line 2"), "{error}");
    }

    #[test]
    fn a_list_that_cannot_be_read_any_more_is_said_once_and_used_again_when_it_can() {
        let (_directory, path) = file("linux.abc\n");
        let list = Whitelist::open(&path).expect("a good list");
        let time = modified(&path).expect("its time");
        fs::remove_file(&path).expect("removed");
        assert!(list.allows("linux.abc"), "the entries read before stay");
        let said = |list: &Whitelist| list.read.lock().expect("the list").said.clone();
        assert!(said(&list).is_some_and(|said| said.contains("No such file")));
        assert!(list.allows("linux.abc") && !list.allows("linux.new"));
        // Also one that is as old as the first one.
        fs::write(&path, "linux.new\n").expect("write whitelist");
        fs::File::options()
            .write(true)
            .open(&path)
            .and_then(|file| file.set_modified(time))
            .expect("set time");
        assert!(list.allows("linux.new") && said(&list).is_none());
    }
}
