//! An ELF program, of which only the segments are looked at: they are what is
//! loaded, and stripping leaves them.

use super::ReadAt;
use goblin::container::Ctx;
use goblin::elf::header::{ET_DYN, ET_EXEC};
use goblin::elf::{Elf, ProgramHeader, program_header::PT_LOAD};
use std::io;

/// Size of the larger of both file headers.
const HEADER: usize = 64;
/// Most segments looked at; programs have about a dozen.
const MOST_SEGMENTS: usize = 256;

/// A program file with its segments.
pub struct Image<'f, F> {
    /// The file.
    pub file: &'f F,
    /// Word size and byte order.
    pub context: Ctx,
    /// Its segments, in the order of the file.
    pub segments: Vec<ProgramHeader>,
}

impl<'f, F: ReadAt> Image<'f, F> {
    /// Reads the headers. `None` when the file is no ELF program.
    ///
    /// # Errors
    /// Those of reading.
    pub fn open(file: &'f F) -> io::Result<Option<Self>> {
        let mut start = [0; HEADER];
        file.read_at(0, &mut start)?;
        let Ok(header) = Elf::parse_header(&start) else {
            return Ok(None);
        };
        let (Ok(container), Ok(order)) = (header.container(), header.endianness()) else {
            return Ok(None);
        };
        if !matches!(header.e_type, ET_EXEC | ET_DYN) {
            return Ok(None);
        }
        let context = Ctx::new(container, order);
        let count = usize::from(header.e_phnum).min(MOST_SEGMENTS);
        let mut table = vec![0; count * ProgramHeader::size(context)];
        let read = file.read_at(header.e_phoff, &mut table)?;
        table.truncate(read);
        let segments = ProgramHeader::parse(&table, 0, count, context);
        Ok(segments.ok().map(|segments| Self {
            file,
            context,
            segments,
        }))
    }

    /// Bytes per word of the program.
    pub fn word(&self) -> usize {
        self.context.size()
    }

    /// Reads a word in the program's byte order.
    pub fn number(&self, bytes: &[u8]) -> u64 {
        let digit = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
        if self.context.is_little_endian() {
            bytes.iter().rev().fold(0, digit)
        } else {
            bytes.iter().fold(0, digit)
        }
    }

    /// Whether the program, once loaded, has exactly these bytes at an address.
    ///
    /// # Errors
    /// Those of reading.
    pub fn has_at(&self, address: u64, wanted: &[u8]) -> io::Result<bool> {
        let length = wanted.len() as u64;
        let segment = self.segments.iter().find(|segment| {
            segment.p_type == PT_LOAD
                && address
                    .checked_sub(segment.p_vaddr)
                    .and_then(|within| within.checked_add(length))
                    .is_some_and(|end| end <= segment.p_filesz)
        });
        let Some(segment) = segment else {
            return Ok(false);
        };
        let Some(place) = segment.p_offset.checked_add(address - segment.p_vaddr) else {
            return Ok(false);
        };
        let mut found = vec![0; wanted.len()];
        let read = self.file.read_at(place, &mut found)?;
        Ok(read == wanted.len() && found == wanted)
    }
}
