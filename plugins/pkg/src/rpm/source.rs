//! Bytes that come one after the other, and may be skipped cheaply.

use crate::sys::Database;
use crate::trouble::Trouble;
use std::io::ErrorKind;

/// The content of a record, from its beginning.
pub trait Source {
    /// Fills the buffer with the next bytes.
    fn read(&mut self, buffer: &mut [u8]) -> Result<(), Trouble>;

    /// Passes over bytes.
    fn skip(&mut self, count: u64) -> Result<(), Trouble>;
}

/// A record that lies in one piece in a file.
pub struct Stretch<'a> {
    pub file: &'a Database,
    pub offset: u64,
}

impl Source for Stretch<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<(), Trouble> {
        read_at(self.file, buffer, self.offset, "a record")?;
        self.skip(buffer.len() as u64)
    }

    fn skip(&mut self, count: u64) -> Result<(), Trouble> {
        self.offset = self.offset.saturating_add(count);
        Ok(())
    }
}

impl Source for &[u8] {
    fn read(&mut self, buffer: &mut [u8]) -> Result<(), Trouble> {
        let (bytes, rest) = self
            .split_at_checked(buffer.len())
            .ok_or_else(|| Trouble::damaged("a record ends too early"))?;
        buffer.copy_from_slice(bytes);
        *self = rest;
        Ok(())
    }

    fn skip(&mut self, count: u64) -> Result<(), Trouble> {
        *self = usize::try_from(count)
            .ok()
            .and_then(|count| self.get(count..))
            .ok_or_else(|| Trouble::damaged("a record ends too early"))?;
        Ok(())
    }
}

/// Bytes that count against what a database can hold: records that share their
/// bytes with others could be read without end.
pub struct Metered<'a> {
    pub source: &'a mut dyn Source,
    /// What may still be read or passed over.
    pub left: &'a mut u64,
}

impl Metered<'_> {
    fn count(&mut self, bytes: u64) -> Result<(), Trouble> {
        *self.left = self.left.checked_sub(bytes).ok_or_else(|| {
            // This would come again and again: an end, not a note.
            Trouble::Unsupported("its records share their bytes".to_owned())
        })?;
        Ok(())
    }
}

impl Source for Metered<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<(), Trouble> {
        self.count(buffer.len() as u64)?;
        self.source.read(buffer)
    }

    fn skip(&mut self, count: u64) -> Result<(), Trouble> {
        self.count(count)?;
        self.source.skip(count)
    }
}

/// Reads at a place of a file; `what` is there.
pub fn read_at(file: &Database, buffer: &mut [u8], offset: u64, what: &str) -> Result<(), Trouble> {
    file.read_at(buffer, offset).map_err(|error| {
        if error.kind() == ErrorKind::UnexpectedEof {
            Trouble::damaged(format!("the file ends before the end of {what}"))
        } else {
            error.into()
        }
    })
}

/// Four bytes as a number, most significant first.
pub fn big(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// Four bytes as a number, least significant first.
pub fn little(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
