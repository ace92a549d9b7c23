//! Why a database could not be read to its end.

use std::io;

/// What stopped a reader.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// The system refused.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The content breaks the rules of its format.
    #[error("damaged: {0}")]
    Damaged(String),
    /// The content follows rules that are not implemented.
    #[error("cannot be read: {0}")]
    Unsupported(String),
    /// So many packages are taken, and no more.
    #[error("more than {0} packages; the rest is left out")]
    Full(usize),
    /// Nobody wants more: cancelled, or told why already.
    #[error("stopped")]
    Stopped,
}

impl Trouble {
    /// The content breaks the rules of its format.
    pub fn damaged(what: impl Into<String>) -> Self {
        Self::Damaged(what.into())
    }
}
