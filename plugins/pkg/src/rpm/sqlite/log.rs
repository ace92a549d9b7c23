//! The write-ahead log: pages that have been committed and are not in the
//! database file yet. rpm leaves them there for long.

use crate::rpm::source::{big, little, read_at};
use crate::sys::Database;
use crate::trouble::Trouble;
use std::collections::HashMap;

/// The last bit tells the byte order of the checksums.
const MAGIC: u32 = 0x377f_0682;
const VERSION: u32 = 3_007_000;
const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
/// Most frames that are looked at: 4 GiB of ordinary pages.
const MAX_FRAMES: u32 = 1 << 20;

/// The committed part of a log.
pub struct Log {
    file: Database,
    page_size: usize,
    salt: [u8; 8],
    /// Page number to the number of its last committed frame.
    frames: HashMap<u32, u32>,
    /// Pages of the database after the last commit.
    pages: u32,
}

impl Log {
    /// Reads a log; none when it holds no committed page. Whatever follows the
    /// first frame that does not fit is left over from earlier times.
    pub fn read(
        file: Database,
        check: &mut dyn FnMut() -> Result<(), Trouble>,
    ) -> Result<Option<Self>, Trouble> {
        if file.length() < (HEADER + FRAME_HEADER) as u64 {
            return Ok(None);
        }
        let mut header = [0; HEADER];
        read_at(&file, &mut header, 0, "the header of its log")?;
        let magic = big(&header, 0);
        let mut sum = Checksum {
            big: magic & 1 == 1,
            state: (0, 0),
        };
        let page_size = big(&header, 8) as usize;
        sum.add(&header[..24]);
        if magic & !1 != MAGIC
            || !(512..=65_536).contains(&page_size)
            || !page_size.is_power_of_two()
            || !sum.is(&header[24..])
        {
            return Ok(None);
        }
        if big(&header, 4) != VERSION {
            return Err(Trouble::Unsupported(
                "its log has an unknown version".to_owned(),
            ));
        }
        let mut log = Self {
            salt: header[16..24].try_into().unwrap_or_default(),
            file,
            page_size,
            frames: HashMap::new(),
            pages: 0,
        };
        log.scan(sum, check)?;
        Ok((log.pages > 0).then_some(log))
    }

    fn scan(
        &mut self,
        mut sum: Checksum,
        check: &mut dyn FnMut() -> Result<(), Trouble>,
    ) -> Result<(), Trouble> {
        let mut frame = vec![0; FRAME_HEADER + self.page_size];
        let mut uncommitted = Vec::new();
        for number in 0.. {
            check()?;
            let offset = self.offset(number);
            if offset + frame.len() as u64 > self.file.length() {
                break;
            }
            if number == MAX_FRAMES {
                return Err(Trouble::Unsupported(format!(
                    "its log holds more than {MAX_FRAMES} pages"
                )));
            }
            read_at(&self.file, &mut frame, offset, "its log")?;
            sum.add(&frame[..8]);
            sum.add(&frame[FRAME_HEADER..]);
            let page = big(&frame, 0);
            if frame[8..16] != self.salt || !sum.is(&frame[16..24]) || page == 0 {
                break;
            }
            uncommitted.push((page, number));
            let pages = big(&frame, 4);
            if pages > 0 {
                self.pages = pages;
                self.frames.extend(uncommitted.drain(..));
            }
        }
        Ok(())
    }

    fn offset(&self, frame: u32) -> u64 {
        HEADER as u64 + u64::from(frame) * (FRAME_HEADER + self.page_size) as u64
    }

    /// Bytes of a page.
    pub fn page_size(&self) -> usize {
        self.page_size
    }

    /// Pages of the database after the last commit.
    pub fn pages(&self) -> u32 {
        self.pages
    }

    /// How many pages are here.
    pub fn held(&self) -> u64 {
        self.frames.len() as u64
    }

    /// Whether the newest version of a page is here.
    pub fn holds(&self, page: u32) -> bool {
        self.frames.contains_key(&page)
    }

    /// Reads a part of a page that is here.
    pub fn part(&self, page: u32, buffer: &mut [u8], at: usize) -> Result<(), Trouble> {
        let Some(frame) = self.frames.get(&page) else {
            return Err(Trouble::damaged(format!("its log has no page {page}")));
        };
        let offset = self.offset(*frame);
        // Once all is in the database file, the log is written from its start
        // again.
        let mut header = [0; FRAME_HEADER];
        read_at(&self.file, &mut header, offset, "its log")?;
        if big(&header, 0) != page || header[8..16] != self.salt {
            return Err(Trouble::damaged("its log was overwritten meanwhile"));
        }
        let offset = offset + (FRAME_HEADER + at) as u64;
        read_at(&self.file, buffer, offset, "its log")
    }
}

/// The checksum over everything so far.
struct Checksum {
    big: bool,
    state: (u32, u32),
}

impl Checksum {
    /// Takes bytes, a multiple of eight.
    fn add(&mut self, bytes: &[u8]) {
        let word = if self.big { big } else { little };
        for pair in bytes.chunks_exact(8) {
            let (a, b) = &mut self.state;
            *a = a.wrapping_add(word(pair, 0)).wrapping_add(*b);
            *b = b.wrapping_add(word(pair, 4)).wrapping_add(*a);
        }
    }

    fn is(&self, stored: &[u8]) -> bool {
        (big(stored, 0), big(stored, 4)) == self.state
    }
}
