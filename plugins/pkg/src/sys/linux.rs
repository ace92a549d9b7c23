//! Opening databases and reading them at a place.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

/// A regular file that is open for reading.
#[derive(Debug)]
pub struct Database {
    content: Content,
    /// Its length when it was opened, in bytes.
    length: u64,
    identity: (u64, u64),
}

/// Where the bytes are.
#[derive(Debug)]
enum Content {
    File(File),
    Memory(io::Cursor<Vec<u8>>),
}

/// A state of a file's content.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    length: u64,
    modified: (i64, i64),
}

impl Database {
    /// Opens a regular file. A FIFO or a device in its place is refused
    /// without waiting for it.
    ///
    /// # Errors
    /// What the system says, or that it is no regular file.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
            .open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::other("is not a regular file"));
        }
        Ok(Self {
            length: metadata.len(),
            identity: (metadata.dev(), metadata.ino()),
            content: Content::File(file),
        })
    }

    /// Bytes in place of a file.
    pub fn in_memory(bytes: Vec<u8>) -> Self {
        Self {
            length: bytes.len() as u64,
            identity: (0, 0),
            content: Content::Memory(io::Cursor::new(bytes)),
        }
    }

    /// Length in bytes when it was opened.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// What tells whether two paths lead to the same file.
    pub fn identity(&self) -> (u64, u64) {
        self.identity
    }

    /// What changes when somebody writes to the file.
    ///
    /// # Errors
    /// What the system says.
    pub fn stamp(&self) -> io::Result<Stamp> {
        let Content::File(file) = &self.content else {
            return Ok(Stamp::default());
        };
        let metadata = file.metadata()?;
        Ok(Stamp {
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        })
    }

    /// Fills the buffer from a place in the file.
    ///
    /// # Errors
    /// What the system says; [`io::ErrorKind::UnexpectedEof`] when the file
    /// ends before.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        match &self.content {
            Content::File(file) => file.read_exact_at(buffer, offset),
            Content::Memory(bytes) => {
                let bytes = usize::try_from(offset)
                    .ok()
                    .and_then(|offset| bytes.get_ref().get(offset..))
                    .and_then(|rest| rest.get(..buffer.len()))
                    .ok_or(io::ErrorKind::UnexpectedEof)?;
                buffer.copy_from_slice(bytes);
                Ok(())
            }
        }
    }
}

impl Read for Database {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.content {
            Content::File(file) => file.read(buffer),
            Content::Memory(bytes) => bytes.read(buffer),
        }
    }
}
