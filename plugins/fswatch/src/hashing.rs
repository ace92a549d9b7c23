//! Checksums, a piece at a time: events are heard between two pieces, and memory
//! does not grow with the file.

use crate::known::Signature;
use crate::sys;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Bytes read at once.
const PIECE: usize = 128 << 10;

/// How the beginning of a checksum went.
#[derive(Debug)]
pub enum Begun {
    /// There is more to read.
    Reading(Box<Hashing>),
    /// It needed no reading, or cannot be read.
    Done(Signature),
    /// The file is larger than allowed.
    TooLarge,
    /// Nothing is there any more, or no file: its events say so.
    Gone,
}

/// A checksum that has begun.
#[derive(Debug)]
pub struct Hashing {
    file: File,
    hasher: Sha256,
    /// What may still be read: the file may grow meanwhile.
    left: u64,
}

impl Hashing {
    /// Looks at a path without following it, and opens it if it is a file.
    pub fn begin(path: &Path, largest: u64) -> Begun {
        let metadata = match path.symlink_metadata() {
            Ok(metadata) => metadata,
            Err(error) => return unreadable(&error),
        };
        if metadata.is_symlink() {
            return match std::fs::read_link(path) {
                Ok(target) => {
                    let hash = Sha256::digest(target.as_os_str().as_bytes());
                    Begun::Done(Signature::Sha256(hash.into()))
                }
                Err(error) => unreadable(&error),
            };
        }
        if !metadata.is_file() {
            return Begun::Gone;
        }
        // What was looked at may be something else by now.
        match sys::open_without_waiting(path).and_then(|file| Ok((file.metadata()?, file))) {
            Ok((metadata, _)) if !metadata.is_file() => Begun::Gone,
            Ok((metadata, _)) if metadata.len() > largest => Begun::TooLarge,
            Ok((_, file)) => Begun::Reading(Box::new(Self {
                file,
                hasher: Sha256::new(),
                left: largest,
            })),
            Err(error) => unreadable(&error),
        }
    }

    /// Reads one more piece. `Some` at the end.
    pub fn advance(&mut self, buffer: &mut Vec<u8>) -> Option<Begun> {
        buffer.resize(PIECE, 0);
        match self.file.read(buffer) {
            Ok(0) => {
                let hash = std::mem::take(&mut self.hasher).finalize();
                Some(Begun::Done(Signature::Sha256(hash.into())))
            }
            Ok(count) => {
                self.hasher.update(&buffer[..count]);
                match self.left.checked_sub(count as u64) {
                    Some(left) => {
                        self.left = left;
                        None
                    }
                    None => Some(Begun::TooLarge),
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => None,
            Err(error) => Some(unreadable(&error)),
        }
    }
}

fn unreadable(error: &io::Error) -> Begun {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Begun::Gone,
        _ => Begun::Done(Signature::None),
    }
}
