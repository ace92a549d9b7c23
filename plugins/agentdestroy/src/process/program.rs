//! The program file that a process runs.

use crate::sys::FileIdentity;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// A program file, opened through the process that runs it: the very file, also
/// when its name is gone or names another file by now.
#[derive(Debug)]
pub struct Program {
    /// Its bytes.
    pub file: File,
    /// The name under which it was started, as far as the kernel knows.
    pub path: PathBuf,
    /// Which file it is.
    pub identity: FileIdentity,
    /// No name leads to it any more.
    pub is_deleted: bool,
}

impl Program {
    /// Opens the program of a process for reading.
    ///
    /// # Errors
    /// `NotFound` when the process runs none or is gone, `PermissionDenied` when
    /// it belongs to somebody else.
    pub fn of(pid: i32) -> io::Result<Self> {
        let link = link_of(pid);
        let file = File::open(&link)?;
        let metadata = file.metadata()?;
        Ok(Self {
            file,
            path: std::fs::read_link(&link)?,
            identity: identity(&metadata),
            is_deleted: metadata.nlink() == 0,
        })
    }

    /// Which file a process runs, without opening it.
    ///
    /// # Errors
    /// As [`Program::of`].
    pub fn identity_of(pid: i32) -> io::Result<FileIdentity> {
        Ok(identity(&std::fs::metadata(link_of(pid))?))
    }
}

fn link_of(pid: i32) -> String {
    format!("/proc/{pid}/exe")
}

fn identity(metadata: &Metadata) -> FileIdentity {
    FileIdentity {
        device: metadata.dev(),
        inode: metadata.ino(),
    }
}

/// The processes that run this file, as far as they may be looked at.
///
/// # Errors
/// When `/proc` cannot be listed.
pub fn also_running(program: FileIdentity) -> io::Result<Vec<i32>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // One that ended meanwhile, or is somebody else's, does not count.
        if Program::identity_of(pid).is_ok_and(|other| other == program) {
            found.push(pid);
        }
    }
    found.sort_unstable();
    Ok(found)
}
