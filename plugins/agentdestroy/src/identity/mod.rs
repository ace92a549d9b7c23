//! Whether a program file is an agent, and of which version, by what stands in
//! it.
//!
//! Our own agents carry an ELF note with the words `mig-agent VERSION`.
//! Original agents are Go programs; what the linker leaves in those tells them
//! apart, see [`original`].

mod image;
mod note;
mod original;
mod read_at;

use image::Image;
pub use read_at::ReadAt;
use std::io;

/// What a program file turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// The agent in question.
    Agent,
    /// An agent of this version.
    OtherVersion(String),
    /// An original agent, but not of the version in question.
    OtherOriginal,
    /// An original agent, whose version is too short to be told from the many
    /// other words in its file.
    Unrecognisable,
    /// Something else.
    NoAgent,
}

/// Why a program file could not be judged.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It could not be read.
    #[error("{}", crate::sys::reason(.0))]
    Read(#[from] io::Error),
    /// The run was cancelled.
    #[error("cancelled")]
    Cancelled,
}

/// Judges a program file. `cancelled` is asked between blocks.
///
/// # Errors
/// When it cannot be read, or when cancelled. A file that is no program, or a
/// damaged one, is no agent.
pub fn identify(
    file: &impl ReadAt,
    version: &str,
    cancelled: &dyn Fn() -> bool,
) -> Result<Finding, Error> {
    let Some(image) = Image::open(file)? else {
        return Ok(Finding::NoAgent);
    };
    let notes = note::read(&image)?;
    if let Some(found) = notes.agent {
        return Ok(if found == version {
            Finding::Agent
        } else {
            Finding::OtherVersion(found)
        });
    }
    if notes.made_by_go {
        return original::identify(&image, version, cancelled);
    }
    Ok(Finding::NoAgent)
}

#[cfg(test)]
mod tests;
