//! Directories and what is remembered of them.

use super::paths::prefix_of;
use super::scope::Scope;
use crate::sys::{At, FileType};
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Directories that stay open for what waits inside them, at most. Deeper ones
/// are found again by their path.
const MAX_OPEN: usize = 64;
static OPEN: AtomicUsize = AtomicUsize::new(0);

/// A directory that is or was walked.
#[derive(Debug)]
pub struct Directory {
    /// What stands in front of its names, for example `/etc/`.
    pub prefix: Vec<u8>,
    /// The searches it belongs to.
    pub scope: Arc<Scope>,
    /// The device it lies on, when somebody asked.
    pub device: u64,
    /// Some search path lies directly inside: see [`super::roots`].
    pub holds_roots: bool,
    fd: Option<OwnedFd>,
}

impl Directory {
    /// An open directory at a cleaned path.
    pub fn open(
        path: &[u8],
        scope: Arc<Scope>,
        device: u64,
        holds_roots: bool,
        fd: OwnedFd,
    ) -> Self {
        OPEN.fetch_add(1, Ordering::Relaxed);
        Self {
            prefix: prefix_of(path),
            scope,
            device,
            holds_roots,
            fd: Some(fd),
        }
    }

    /// The place of a search path that is not a directory: `front` stands in
    /// front of its name.
    pub fn around(front: &[u8], scope: Arc<Scope>) -> Self {
        Self {
            prefix: front.to_vec(),
            scope,
            device: 0,
            holds_roots: false,
            fd: None,
        }
    }

    /// Where its names start.
    pub fn at(&self) -> Option<At<'_>> {
        self.fd.as_ref().map(|fd| At::Directory(fd.as_fd()))
    }

    /// Path of something inside.
    pub fn path_of(&self, name: &[u8]) -> Vec<u8> {
        [self.prefix.as_slice(), name].concat()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if self.fd.is_some() {
            OPEN.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// Directories with a common parent that wait to be walked.
#[derive(Debug)]
pub struct Directories {
    /// The open parent, unless too many are open.
    parent: Option<Arc<Directory>>,
    /// What stands in front of the names.
    pub prefix: Vec<u8>,
    /// The scope of all of them.
    pub scope: Arc<Scope>,
    /// The device of the parent.
    pub device: u64,
    /// The names, each with a NUL behind it.
    pub names: Vec<u8>,
}

impl Directories {
    /// Directories of `names` in `parent`.
    pub fn inside(parent: &Arc<Directory>, scope: Arc<Scope>, names: Vec<u8>) -> Self {
        let keep = OPEN.load(Ordering::Relaxed) < MAX_OPEN;
        Self {
            prefix: parent.prefix.clone(),
            device: parent.device,
            parent: keep.then(|| Arc::clone(parent)),
            scope,
            names,
        }
    }

    /// The parent, if it is still open.
    pub fn at(&self) -> Option<At<'_>> {
        self.parent.as_ref()?.at()
    }

    /// The last of the first `left` bytes of names, and how many bytes are
    /// left without it.
    pub fn last_name(&self, left: usize) -> (CString, usize) {
        let end = left.saturating_sub(1);
        let start = memchr::memrchr(0, &self.names[..end]).map_or(0, |at| at + 1);
        // Without NULs inside by construction.
        let name = CString::new(&self.names[start..end]).unwrap_or_default();
        (name, start)
    }
}

/// Files of a directory, for another thread.
#[derive(Debug)]
pub struct Batch {
    /// Where they are.
    pub directory: Arc<Directory>,
    /// Their names, each behind a byte for its type and in front of a NUL.
    entries: Vec<u8>,
}

impl Batch {
    /// Packs files.
    pub fn new<'n>(
        directory: Arc<Directory>,
        files: impl Iterator<Item = (FileType, &'n CStr)>,
    ) -> Self {
        let mut entries = Vec::new();
        for (file_type, name) in files {
            entries.push(match file_type {
                FileType::Regular => b'-',
                FileType::Link => b'l',
                _ => b'?',
            });
            entries.extend_from_slice(name.to_bytes_with_nul());
        }
        Self { directory, entries }
    }

    /// The files.
    pub fn files(&self) -> impl Iterator<Item = (FileType, &CStr)> {
        let mut rest = self.entries.as_slice();
        std::iter::from_fn(move || {
            let (&letter, after) = rest.split_first()?;
            let name = CStr::from_bytes_until_nul(after).ok()?;
            rest = &after[name.to_bytes_with_nul().len()..];
            let file_type = match letter {
                b'-' => FileType::Regular,
                b'l' => FileType::Link,
                _ => FileType::Unknown,
            };
            Some((file_type, name))
        })
    }
}
