//! A file that is being looked at.

use super::directory::Directory;
use crate::sys::{self, At, Stat};
use std::ffi::CStr;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// A file under evaluation, with what is already known of it.
pub struct Target<'t> {
    /// Where it was found.
    pub directory: &'t Arc<Directory>,
    /// Its name there; the base name.
    pub name: &'t CStr,
    /// It is a link that is followed.
    pub follow: bool,
    /// What `stat` said, once somebody asked.
    pub stat: Option<Stat>,
    /// The open file, once somebody opened it.
    pub file: Option<OwnedFd>,
    /// Why its content is never read, if so.
    pub unreadable: Option<Unreadable>,
    /// It was counted before.
    pub counted: bool,
}

/// Search paths whose content is no content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    /// A link to a directory: has no lines and no checksum.
    Directory,
    /// A pipe or device: reading could wait forever or never end.
    Special,
}

impl<'t> Target<'t> {
    /// A file of a directory.
    pub fn new(directory: &'t Arc<Directory>, name: &'t CStr) -> Self {
        Self {
            directory,
            name,
            follow: false,
            stat: None,
            file: None,
            unreadable: None,
            counted: false,
        }
    }

    /// Path as walked.
    pub fn path(&self) -> Vec<u8> {
        self.directory.path_of(self.name.to_bytes())
    }

    /// Calls `call` with a place and a name relative to it.
    fn located<T>(&self, call: impl FnOnce(At<'_>, &CStr) -> io::Result<T>) -> io::Result<T> {
        if let Some(at) = self.directory.at() {
            return call(at, self.name);
        }
        // A search path, or a directory that was too deep to stay open.
        let path = std::ffi::CString::new(self.path())?;
        call(At::WorkingDirectory, &path)
    }

    /// What `stat` says about the file, following its link.
    ///
    /// # Errors
    /// Those of `fstatat`.
    pub fn stat(&mut self) -> io::Result<Stat> {
        match self.stat {
            Some(stat) => Ok(stat),
            None => {
                let stat = self.located(|at, name| sys::stat(at, name, self.follow))?;
                self.stat = Some(stat);
                Ok(stat)
            }
        }
    }

    /// Opens the file, and asks `stat` of what was opened: the name may have
    /// changed hands since.
    ///
    /// # Errors
    /// Those of `openat`; also when it is no regular file.
    pub fn open(&mut self) -> io::Result<()> {
        use std::os::fd::AsFd;
        if self.file.is_some() {
            return Ok(());
        }
        let file = self.located(|at, name| sys::open_file(at, name, self.follow))?;
        let stat = sys::stat_open(file.as_fd())?;
        if stat.file_type() != sys::FileType::Regular {
            return Err(io::Error::other("not a regular file"));
        }
        self.stat = Some(stat);
        self.file = Some(file);
        Ok(())
    }
}
