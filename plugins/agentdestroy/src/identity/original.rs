//! Original agents: Go programs, recognised by two things that their linker
//! leaves, stripped or not.
//!
//! - The table of source files, which panics print from, names the file with
//!   the agent's `main`: `…/mig-agent/agent.go` (in 2014 `…/mig/agent/agent.go`).
//!   Other programs of the original import packages from below that folder, but
//!   never that file.
//! - The version was given to the linker (`-ldflags "-X …Version=TEXT"`), which
//!   makes a string variable of it: in the data segment stands the address of the
//!   text, followed by its length. Programs are loaded where they were linked;
//!   for position-independent ones the address is only known to the loader, and
//!   they are not recognised.

use super::image::Image;
use super::{Error, Finding, ReadAt};
use goblin::elf::program_header::{PF_W, PT_LOAD};
use memchr::memmem::Finder;

/// Ends of the source file with the agent's `main`. Names in the table end
/// with a NUL.
const SOURCES: [&[u8]; 2] = [b"/mig-agent/agent.go\0", b"/mig/agent/agent.go\0"];
/// Versions are made of a date, a commit and an environment. A shorter text, or
/// one without a digit, could be any other word in the program.
const SHORTEST: usize = 8;
/// How much is read at a time.
pub(super) const BLOCK: usize = 1 << 18;
/// How much of a segment is looked at. Original agents have some 20 MB in all.
const MOST_BYTES: u64 = 256 << 20;

/// Judges a Go program.
///
/// # Errors
/// Those of reading, or when cancelled.
pub fn identify(
    image: &Image<'_, impl ReadAt>,
    version: &str,
    cancelled: &dyn Fn() -> bool,
) -> Result<Finding, Error> {
    if !names_source(image, cancelled)? {
        return Ok(Finding::NoAgent);
    }
    if version.len() < SHORTEST || !version.bytes().any(|byte| byte.is_ascii_digit()) {
        return Ok(Finding::Unrecognisable);
    }
    if has_variable(image, version.as_bytes(), cancelled)? {
        Ok(Finding::Agent)
    } else {
        Ok(Finding::OtherOriginal)
    }
}

fn names_source(
    image: &Image<'_, impl ReadAt>,
    cancelled: &dyn Fn() -> bool,
) -> Result<bool, Error> {
    let finders = SOURCES.map(Finder::new);
    let longest = SOURCES.iter().map(|source| source.len()).max().unwrap_or(1);
    any_block(image, 0, longest, cancelled, |block| {
        Ok(finders.iter().any(|finder| finder.find(block).is_some()))
    })
}

/// Whether a string variable with this text exists.
fn has_variable(
    image: &Image<'_, impl ReadAt>,
    text: &[u8],
    cancelled: &dyn Fn() -> bool,
) -> Result<bool, Error> {
    let word = image.word();
    let length = text.len() as u64;
    any_block(image, PF_W, 2 * word, cancelled, |block| {
        // Variables start at whole words, and so do segments and blocks.
        for pair in block.windows(2 * word).step_by(word) {
            let (address, size) = pair.split_at(word);
            if image.number(size) == length && image.has_at(image.number(address), text)? {
                return Ok(true);
            }
        }
        Ok(false)
    })
}

/// Reads what is loaded from the file with at least these access rights, in
/// blocks that overlap so far that nothing of `longest` bytes is missed, until
/// one is as wanted.
fn any_block(
    image: &Image<'_, impl ReadAt>,
    rights: u32,
    longest: usize,
    cancelled: &dyn Fn() -> bool,
    mut wanted: impl FnMut(&[u8]) -> Result<bool, Error>,
) -> Result<bool, Error> {
    // Steps are whole words, so that words stay where they are in a block.
    let overlap = longest.next_multiple_of(16);
    let mut buffer = vec![0; BLOCK + overlap];
    for segment in &image.segments {
        if segment.p_type != PT_LOAD || segment.p_flags & rights != rights {
            continue;
        }
        let size = segment.p_filesz.min(MOST_BYTES);
        let mut done = 0;
        while done < size {
            if cancelled() {
                return Err(Error::Cancelled);
            }
            let left = usize::try_from(size - done).unwrap_or(usize::MAX);
            let most = left.min(buffer.len());
            let Some(place) = segment.p_offset.checked_add(done) else {
                break;
            };
            let count = image.file.read_at(place, &mut buffer[..most])?;
            if wanted(&buffer[..count])? {
                return Ok(true);
            }
            if count < most {
                break;
            }
            done += BLOCK as u64;
        }
    }
    Ok(false)
}
