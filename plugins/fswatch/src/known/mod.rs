//! What is known of the files of a directory.

pub mod file;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;

/// Names of one directory. The directory's path is stored once, elsewhere.
pub type Names = BTreeMap<Box<OsStr>, Known>;

/// SHA-256 of a file's content, or of where a symbolic link points; of what
/// cannot be read there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signature {
    /// It could not be read, or is too large.
    None,
    /// The checksum.
    Sha256([u8; 32]),
}

impl fmt::Display for Signature {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => Ok(()),
            Self::Sha256(bytes) => bytes
                .iter()
                .try_for_each(|byte| write!(formatter, "{byte:02x}")),
        }
    }
}

/// What lies behind a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file or a symbolic link, of which nothing is known yet.
    New,
    /// A regular file or a symbolic link, as the last alert or the first look
    /// left it.
    File(Signature),
    /// A directory.
    Directory,
    /// A device, a pipe or a socket. These are never opened.
    Special,
}

impl Kind {
    /// Whether both are of the same sort, whatever their content.
    pub fn is_like(self, other: Self) -> bool {
        let sort = |kind| match kind {
            Self::New | Self::File(_) => 0,
            Self::Directory => 1,
            Self::Special => 2,
        };
        sort(self) == sort(other)
    }
}

/// What is known of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// What lies there.
    pub kind: Kind,
    /// It was removed. Kept to compare with what may come in its place.
    pub gone: bool,
}

impl Known {
    /// Something that is there.
    pub fn there(kind: Kind) -> Self {
        Self { kind, gone: false }
    }
}

/// A directory that is not watched now, as it was left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Past {
    /// All its names were known, not only some files of it.
    pub whole: bool,
    /// Its names.
    pub names: Names,
}
