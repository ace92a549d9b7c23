//! What a process is called.

use crate::sys::ProcessDirectory;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What the kernel adds to the path of a file that has no name any more.
pub const DELETED: &[u8] = b" (deleted)";

/// The executable of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// The path of the executable, or the name of the process in square
    /// brackets when there is no such file.
    pub shown: Vec<u8>,
    /// Where the executable lay before it was deleted.
    pub deleted: Option<Vec<u8>>,
    /// What maps call the executable.
    pub mapped: Option<Vec<u8>>,
}

impl Name {
    /// Finds it out; `None` when the process has ended.
    pub fn of(process: &ProcessDirectory) -> Option<Self> {
        let link = process.link("exe").ok().filter(|link| !link.is_empty());
        if let Some(link) = &link {
            let path = link.strip_suffix(DELETED);
            if path.is_none() || is_called(process, link) {
                return Some(Self {
                    shown: link.clone(),
                    deleted: None,
                    mapped: Some(link.clone()),
                });
            }
        }
        let mut status = Vec::new();
        process
            .file("status")
            .ok()?
            .take(4096)
            .read_to_end(&mut status)
            .ok()?;
        let line = status.split(|byte| *byte == b'\n').next()?;
        let name = line.strip_prefix(b"Name:")?.trim_ascii();
        Some(Self {
            shown: [b"[", name, b"]"].concat(),
            deleted: link
                .as_ref()
                .and_then(|link| link.strip_suffix(DELETED))
                .map(<[u8]>::to_vec),
            mapped: link,
        })
    }

    /// The texts that a pattern for names may match.
    pub fn texts(&self) -> impl Iterator<Item = &[u8]> {
        [Some(&self.shown), self.deleted.as_ref()]
            .into_iter()
            .flatten()
            .map(Vec::as_slice)
    }
}

/// Whether the executable is really called that, `(deleted)` included.
fn is_called(process: &ProcessDirectory, path: &[u8]) -> bool {
    let file = std::fs::metadata(Path::new(std::ffi::OsStr::from_bytes(path)));
    let (Ok(file), Ok((device, inode, _))) = (file, process.target("exe")) else {
        return false;
    };
    (file.dev(), file.ino()) == (device, inode)
}
