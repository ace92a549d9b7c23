//! The pages of a database, those in its log first.

use super::log::Log;
use crate::rpm::source::{big, read_at};
use crate::sys::Database;
use crate::trouble::Trouble;

const MAGIC: &[u8] = b"SQLite format 3\0";
/// Bytes of the header on the first page.
pub const HEADER: usize = 100;
/// A page must have this much for its content.
const LEAST_USABLE: usize = 480;

/// How texts are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    Utf8,
    Utf16Little,
    Utf16Big,
}

impl Encoding {
    /// A text in it.
    pub fn decode(self, bytes: &[u8]) -> String {
        let wide = |number: fn([u8; 2]) -> u16| {
            let units: Vec<u16> = bytes
                .chunks_exact(2)
                .map(|pair| number([pair[0], pair[1]]))
                .collect();
            String::from_utf16_lossy(&units)
        };
        match self {
            Self::Utf8 => String::from_utf8_lossy(bytes).into_owned(),
            Self::Utf16Little => wide(u16::from_le_bytes),
            Self::Utf16Big => wide(u16::from_be_bytes),
        }
    }
}

/// A snapshot of a database.
pub struct Pages<'a> {
    file: &'a Database,
    log: Option<Log>,
    size: usize,
    usable: usize,
    count: u32,
    encoding: Encoding,
}

impl<'a> Pages<'a> {
    /// Reads the header.
    pub fn new(file: &'a Database, log: Option<Log>) -> Result<Self, Trouble> {
        let mut header = [0; HEADER];
        read_at(file, &mut header, 0, "its header")?;
        if !header.starts_with(MAGIC) {
            return Err(Trouble::damaged("not an SQLite database"));
        }
        let size = match u16::from_be_bytes([header[16], header[17]]) {
            1 => 65_536,
            size => usize::from(size),
        };
        if !(512..=65_536).contains(&size) || !size.is_power_of_two() {
            return Err(Trouble::damaged(format!("its pages have {size} bytes")));
        }
        let in_file = file.length() / size as u64;
        let mut pages = Self {
            file,
            log,
            size,
            usable: size,
            count: u32::try_from(in_file).unwrap_or(u32::MAX),
            encoding: Encoding::Utf8,
        };
        if let Some(log) = &pages.log {
            if log.page_size() != size {
                return Err(Trouble::damaged(format!(
                    "its pages have {size} bytes, those in its log {}",
                    log.page_size()
                )));
            }
            pages.count = log.pages();
        }
        // The log may hold a newer header.
        let mut first = Vec::new();
        pages.read(1, &mut first)?;
        if !first.starts_with(MAGIC) {
            return Err(Trouble::damaged("its log holds another kind of file"));
        }
        if first[19] > 2 {
            return Err(Trouble::Unsupported(format!(
                "version {} of the SQLite format is unknown",
                first[19]
            )));
        }
        pages.usable = size - usize::from(first[20]);
        if pages.usable < LEAST_USABLE {
            return Err(Trouble::damaged("its pages reserve too much"));
        }
        pages.encoding = match big(&first, 56) {
            2 => Encoding::Utf16Little,
            3 => Encoding::Utf16Big,
            _ => Encoding::Utf8,
        };
        Ok(pages)
    }

    /// Bytes of a page that hold content.
    pub fn usable(&self) -> usize {
        self.usable
    }

    /// How many pages can be there at most, by the sizes of file and log.
    pub fn present(&self) -> u64 {
        let logged = self.log.as_ref().map_or(0, Log::held);
        self.file.length() / self.size as u64 + logged + 1
    }

    /// How many bytes can be there at most.
    pub fn bytes(&self) -> u64 {
        self.present().saturating_mul(self.size as u64)
    }

    /// How texts are stored.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Reads a whole page.
    pub fn read(&self, number: u32, buffer: &mut Vec<u8>) -> Result<(), Trouble> {
        buffer.resize(self.size, 0);
        self.part(number, buffer, 0)
    }

    /// Reads a part of a page.
    pub fn part(&self, number: u32, buffer: &mut [u8], at: usize) -> Result<(), Trouble> {
        if number == 0 || number > self.count {
            return Err(Trouble::damaged(format!(
                "it points to page {number} of {}",
                self.count
            )));
        }
        match &self.log {
            Some(log) if log.holds(number) => log.part(number, buffer, at),
            _ => {
                let offset = u64::from(number - 1) * self.size as u64 + at as u64;
                read_at(self.file, buffer, offset, &format!("page {number}"))
            }
        }
    }
}
