//! ELF notes: ours, and the one of the Go linker.

use super::ReadAt;
use super::image::Image;
use goblin::elf::note::NoteDataIterator;
use goblin::elf::program_header::PT_NOTE;
use std::io;

/// Owner, type and start of the text in the note of our agents.
const OWNER: &str = "MIG";
const KIND: u32 = 1;
const NAME: &str = "mig-agent ";
/// Owner and type of the note in which the Go linker leaves its build identifier.
const GO_OWNER: &str = "Go";
const GO_KIND: u32 = 4;
/// Longest version; real ones have some twenty characters.
const LONGEST: usize = 128;
/// Largest segment of notes looked at; usual ones are below 200 bytes.
const MOST_BYTES: u64 = 65_536;

/// What the notes of a program tell.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Notes {
    /// It is an agent of ours, of this version.
    pub agent: Option<String>,
    /// The Go linker made it.
    pub made_by_go: bool,
}

/// Reads all notes of a program.
///
/// # Errors
/// Those of reading; damaged notes tell nothing.
pub fn read(image: &Image<'_, impl ReadAt>) -> io::Result<Notes> {
    let mut notes = Notes::default();
    let segments = image.segments.iter();
    for segment in segments.filter(|segment| segment.p_type == PT_NOTE) {
        let size = segment.p_filesz.min(MOST_BYTES);
        let mut bytes = vec![0; usize::try_from(size).unwrap_or_default()];
        let count = image.file.read_at(segment.p_offset, &mut bytes)?;
        bytes.truncate(count);
        // Other alignments than 4 and 8 do not exist.
        let alignment = if segment.p_align == 8 { 8 } else { 4 };
        let entries = NoteDataIterator {
            data: &bytes,
            size: bytes.len(),
            offset: 0,
            ctx: (alignment, image.context),
        };
        for note in entries.map_while(Result::ok) {
            match (note.name.trim_end_matches('\0'), note.n_type) {
                (OWNER, KIND) => notes.agent = version(note.desc).or(notes.agent),
                (GO_OWNER, GO_KIND) => notes.made_by_go = true,
                _ => {}
            }
        }
    }
    Ok(notes)
}

fn version(text: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(text).ok()?;
    let version = text.strip_prefix(NAME)?;
    // Anybody can write such a note, and messages repeat it.
    let is_one = (1..=LONGEST).contains(&version.len()) && !version.contains(char::is_control);
    is_one.then(|| version.to_owned())
}
