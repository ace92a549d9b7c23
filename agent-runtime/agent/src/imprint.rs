//! What the program's file says about itself to somebody who must not run it:
//! an ELF note with the words `mig-agent VERSION`.
//!
//! The module `agentdestroy` reads it before it ends another agent. A note is
//! loaded with the program, so neither link-time optimisation nor stripping
//! takes it away; it stands in the section `.note.mig.agent` and in a segment
//! of type `PT_NOTE`, with the owner `MIG` and the type 1.

use crate::VERSION;

const NAME: &str = "mig-agent ";
const LENGTH: usize = NAME.len() + VERSION.len();
/// Notes are padded to whole words.
const PADDED: usize = LENGTH.next_multiple_of(4);

/// The layout of a note, from elf(5).
#[repr(C, align(4))]
struct Note {
    owner_size: u32,
    text_size: u32,
    kind: u32,
    owner: [u8; 4],
    text: [u8; PADDED],
}

#[used]
#[cfg_attr(target_os = "linux", unsafe(link_section = ".note.mig.agent"))]
static NOTE: Note = Note {
    owner_size: 4,
    text_size: LENGTH as u32,
    kind: 1,
    owner: *b"MIG\0",
    text: text(),
};

const fn text() -> [u8; PADDED] {
    let mut text = [0; PADDED];
    let (name, rest) = text.split_at_mut(NAME.len());
    name.copy_from_slice(NAME.as_bytes());
    let (version, _) = rest.split_at_mut(VERSION.len());
    version.copy_from_slice(VERSION.as_bytes());
    text
}

/// Ties the note to the program, so that no linker takes it for unused.
pub(crate) fn keep() {
    std::hint::black_box(&NOTE);
}
