//! rpm's databases.
//!
//! Every format stores one header per package, under a number. Readers hand the
//! bytes of each to [`header`], which takes what it needs from the beginning
//! and leaves the rest unread: a database of hundreds of megabytes costs no
//! more than a few kilobytes for each package.

pub mod berkeley;
mod header;
pub mod ndb;
mod read;
mod source;
pub mod sqlite;

pub use read::{DIRECTORIES, Taking, read};

use crate::Package;
use crate::trouble::Trouble;
use source::Source;

/// What a reader hands its finds to.
pub trait Take {
    /// A header of this many bytes. A damaged one is noted and the reader goes
    /// on; an error ends it.
    fn header(&mut self, source: &mut dyn Source, length: u64) -> Result<(), Trouble>;

    /// A part of the database is damaged, and the reader goes on.
    fn damaged(&mut self, what: String);

    /// Whether to go on.
    fn check(&mut self) -> Result<(), Trouble>;
}

impl Package {
    /// A package of a header.
    fn of_header(header: header::Header) -> Self {
        Self {
            version: header.evr(),
            name: header.name,
            kind: crate::Kind::Rpm,
            arch: header.arch.unwrap_or_else(|| header::NONE.to_owned()),
        }
    }
}
