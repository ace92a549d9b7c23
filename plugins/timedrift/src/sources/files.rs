//! Reading configuration files, of which there may be any number, size and
//! kind.

use crate::sys;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Longest part of a file that is read.
const LARGEST: u64 = 256 << 10;
/// Most files read; they may include each other.
const MOST: usize = 64;
/// Most entries of a directory looked at.
const ENTRIES: usize = 1024;

/// A file's text, and its path as the machine itself would write it.
pub struct Content {
    /// Absolute, whatever the root is.
    pub path: String,
    /// Bytes that are no UTF-8 are replaced: no host name has any.
    pub text: String,
}

/// Files below a root directory.
pub struct Files<'a> {
    root: &'a Path,
    read: usize,
    /// What could not be read, with the reason.
    pub errors: Vec<String>,
}

impl<'a> Files<'a> {
    /// Nothing read so far.
    pub fn below(root: &'a Path) -> Self {
        Self {
            root,
            read: 0,
            errors: Vec::new(),
        }
    }

    /// Reads a file; `None` when there is none, or none that can be read, which
    /// is then one of the errors.
    pub fn read(&mut self, path: &str) -> Option<Content> {
        if self.read == MOST {
            let full = format!("only {MOST} configuration files are read");
            if !self.errors.contains(&full) {
                self.errors.push(full);
            }
            return None;
        }
        match text_of(&self.place(path)) {
            Ok((text, is_whole)) => {
                self.read += 1;
                if !is_whole {
                    let path = path.escape_debug();
                    let read = LARGEST >> 10;
                    self.errors
                        .push(format!("{path}: only its first {read} KiB are read"));
                }
                let path = path.to_owned();
                Some(Content { path, text })
            }
            Err(error) if is_absent(&error) => None,
            Err(error) => {
                self.errors
                    .push(format!("{}: {error}", path.escape_debug()));
                None
            }
        }
    }

    /// Paths of the files in a directory whose names end like this, sorted.
    pub fn list(&mut self, directory: &str, prefix: &str, ending: &str) -> Vec<String> {
        let entries = match std::fs::read_dir(self.place(directory)) {
            Ok(entries) => entries,
            Err(error) => {
                if !is_absent(&error) {
                    let directory = directory.escape_debug();
                    self.errors.push(format!("{directory}: {error}"));
                }
                return Vec::new();
            }
        };
        let mut paths: Vec<String> = entries
            .filter_map(Result::ok)
            .take(ENTRIES)
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| {
                let length = prefix.len() + ending.len();
                name.len() >= length && name.starts_with(prefix) && name.ends_with(ending)
            })
            // Hidden ones are leftovers of editors.
            .filter(|name| !name.starts_with('.'))
            .map(|name| format!("{}/{name}", directory.trim_end_matches('/')))
            .collect();
        paths.sort();
        paths
    }

    fn place(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// The text of a file, up to the end of the last line that fits, and whether
/// that is all of it.
fn text_of(path: &Path) -> io::Result<(String, bool)> {
    let file = sys::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("is not a plain file"));
    }
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes)?;
    let is_whole = bytes.len() as u64 <= LARGEST;
    if !is_whole {
        // Half a line could name another server than the whole one.
        let end = bytes.iter().rposition(|byte| *byte == b'\n');
        bytes.truncate(end.unwrap_or(0));
    }
    Ok((String::from_utf8_lossy(&bytes).into_owned(), is_whole))
}
