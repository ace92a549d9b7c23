//! Reading from any place of a file.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Bytes that can be read from any place.
pub trait ReadAt {
    /// Reads from `place` on until the buffer is full or the end is reached;
    /// how much it was.
    ///
    /// # Errors
    /// Those of reading.
    fn read_at(&self, place: u64, buffer: &mut [u8]) -> io::Result<usize>;
}

impl ReadAt for File {
    fn read_at(&self, place: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            let Some(from) = place.checked_add(filled as u64) else {
                break;
            };
            match FileExt::read_at(self, &mut buffer[filled..], from) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Beyond what a file can be: there is nothing.
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => break,
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }
}

impl ReadAt for &[u8] {
    fn read_at(&self, place: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = usize::try_from(place)
            .ok()
            .and_then(|place| self.get(place..))
            .unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }
}
