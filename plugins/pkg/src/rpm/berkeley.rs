//! Berkeley DB, the format of `Packages` before rpm 4.16: hash tables, and
//! trees for good measure. The pages are read from front to back and those that
//! hold records are looked at, so no damaged directory can hide any.
//!
//! Layout of a page: log position (8 bytes), its number, the previous and the
//! next page of a chain (4 each), number of items, bytes used or start of the
//! items (2 each), level and type (1 each); then where each item is. Numbers
//! are in the byte order of the machine that made the database.

use super::Take;
use super::source::{Source, read_at};
use crate::sys::Database;
use crate::trouble::Trouble;

const PAGE_HEADER: usize = 26;
/// The part of the first page that matters.
const META: usize = 72;
const HASH_MAGIC: u32 = 0x0006_1561;
const TREE_MAGIC: u32 = 0x0005_3162;

/// Types of pages.
const HASH_UNSORTED: u8 = 2;
const TREE_LEAF: u8 = 5;
const OVERFLOW: u8 = 7;
const HASH: u8 = 13;

/// Types of items: in place, on a chain of pages.
const IN_PLACE: u8 = 1;
const ELSEWHERE: u8 = 3;
/// Marks an item of a tree as deleted.
const DELETED: u8 = 0x80;

/// Reads all headers, in the order of pages.
pub fn read(file: &Database, take: &mut dyn Take) -> Result<(), Trouble> {
    let book = Book::open(file)?;
    if book.last >= book.count {
        take.damaged(format!(
            "the file ends after {} of {} pages",
            book.count,
            u64::from(book.last) + 1
        ));
    }
    let mut page = vec![0; book.size];
    for number in 1..book.count {
        take.check()?;
        if let Err(trouble) = book.page(number, &mut page) {
            note(trouble, take)?;
            continue;
        }
        match page[25] {
            HASH_UNSORTED | HASH | TREE_LEAF => book.records(number, &page, take)?,
            _ => {}
        }
    }
    Ok(())
}

/// A database file.
struct Book<'a> {
    file: &'a Database,
    size: usize,
    /// Number of pages with the first one, which is no page of records.
    count: u32,
    /// The last page, as the file says.
    last: u32,
    big: bool,
}

impl<'a> Book<'a> {
    fn open(file: &'a Database) -> Result<Self, Trouble> {
        let mut meta = [0; META];
        read_at(file, &mut meta, 0, "its header")?;
        let mut book = Self {
            file,
            size: 0,
            count: 0,
            last: 0,
            big: false,
        };
        if !book.is_known(&meta) {
            book.big = true;
            if !book.is_known(&meta) {
                return Err(Trouble::damaged("not a Berkeley database"));
            }
        }
        let version = book.number(&meta, 16);
        if !(7..=10).contains(&version) {
            return Err(Trouble::Unsupported(format!(
                "version {version} of the Berkeley format is unknown"
            )));
        }
        if meta[24] != 0 {
            return Err(Trouble::Unsupported("it is encrypted".to_owned()));
        }
        if meta[26] & 1 != 0 {
            return Err(Trouble::Unsupported("its pages have checksums".to_owned()));
        }
        let size = book.number(&meta, 20);
        if !(512..=65_536).contains(&size) || !size.is_power_of_two() {
            return Err(Trouble::damaged(format!("its pages have {size} bytes")));
        }
        book.size = size as usize;
        book.last = book.number(&meta, 32);
        let in_file = u32::try_from(file.length() / u64::from(size)).unwrap_or(u32::MAX);
        book.count = in_file.min(book.last.saturating_add(1));
        Ok(book)
    }

    fn is_known(&self, meta: &[u8]) -> bool {
        matches!(self.number(meta, 12), HASH_MAGIC | TREE_MAGIC)
    }

    fn number(&self, bytes: &[u8], at: usize) -> u32 {
        let bytes = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
        if self.big {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        }
    }

    fn short(&self, bytes: &[u8], at: usize) -> usize {
        let bytes = [bytes[at], bytes[at + 1]];
        usize::from(if self.big {
            u16::from_be_bytes(bytes)
        } else {
            u16::from_le_bytes(bytes)
        })
    }

    fn page(&self, number: u32, page: &mut [u8]) -> Result<(), Trouble> {
        let offset = u64::from(number) * self.size as u64;
        read_at(self.file, page, offset, &format!("page {number}"))?;
        // Pages that were never used are empty.
        if self.number(page, 8) != number && page[25] != 0 {
            return Err(Trouble::damaged(format!("page {number} is another one")));
        }
        Ok(())
    }

    /// The records of a page: key, value, key, value…
    fn records(&self, number: u32, page: &[u8], take: &mut dyn Take) -> Result<(), Trouble> {
        let items = self.short(page, 20);
        if PAGE_HEADER + 2 * items > self.size {
            take.damaged(format!("page {number} has {items} items"));
            return Ok(());
        }
        for key in (0..items.saturating_sub(1)).step_by(2) {
            take.check()?;
            let (key, value) = (self.item(page, key), self.item(page, key + 1));
            let (key, value) = match (key, value) {
                (Some(key), Some(value)) => (key, value),
                _ => {
                    take.damaged(format!("page {number} has an item outside of itself"));
                    continue;
                }
            };
            // Number 0 is no package but counts them.
            if matches!(key, Item::Here(key) if key.iter().all(|&byte| byte == 0)) {
                continue;
            }
            match value {
                Item::Deleted => {}
                Item::Here(mut value) => {
                    let length = value.len() as u64;
                    take.header(&mut value, length)?;
                }
                Item::Chain(first, length) => {
                    let mut chain = Chain {
                        book: self,
                        next: first,
                        page: Vec::new(),
                        at: 0,
                        end: 0,
                        left: length,
                    };
                    take.header(&mut chain, u64::from(length))?;
                }
                Item::Other(kind) => {
                    take.damaged(format!("page {number} has an item of type {kind}"));
                }
            }
        }
        Ok(())
    }

    fn item<'p>(&self, page: &'p [u8], index: usize) -> Option<Item<'p>> {
        let place = PAGE_HEADER + 2 * index;
        let start = self.short(page, place);
        let tree = page[25] == TREE_LEAF;
        let content = page.get(start..)?;
        let kind = *content.get(if tree { 2 } else { 0 })?;
        match kind {
            kind if tree && kind & DELETED != 0 => Some(Item::Deleted),
            IN_PLACE if tree => {
                let length = self.short(content, 0);
                content.get(3..3 + length).map(Item::Here)
            }
            IN_PLACE => {
                // Items are laid from the end of the page to its front.
                let end = match index {
                    0 => self.size,
                    _ => self.short(page, place - 2),
                };
                page.get(start + 1..end).map(Item::Here)
            }
            ELSEWHERE => {
                let content = content.get(..12)?;
                Some(Item::Chain(
                    self.number(content, 4),
                    self.number(content, 8),
                ))
            }
            other => Some(Item::Other(other)),
        }
    }
}

/// A key or a value.
enum Item<'a> {
    Here(&'a [u8]),
    /// The first page of a chain, and the length of what is on it.
    Chain(u32, u32),
    Deleted,
    Other(u8),
}

/// What is on a chain of pages.
struct Chain<'a> {
    book: &'a Book<'a>,
    next: u32,
    page: Vec<u8>,
    at: usize,
    end: usize,
    /// Bytes on pages that are not read yet.
    left: u32,
}

impl Chain<'_> {
    fn turn(&mut self) -> Result<(), Trouble> {
        let number = self.next;
        if number == 0 || self.left == 0 {
            return Err(Trouble::damaged("a record ends too early"));
        }
        self.page.resize(self.book.size, 0);
        self.book.page(number, &mut self.page)?;
        let content = self.book.short(&self.page, 22);
        let fits =
            content <= self.book.size - PAGE_HEADER && content as u64 <= u64::from(self.left);
        // Empty pages could form a circle without end.
        if self.page[25] != OVERFLOW || content == 0 || !fits {
            return Err(Trouble::damaged(format!(
                "page {number} is not part of a record"
            )));
        }
        self.next = self.book.number(&self.page, 16);
        self.left -= content as u32;
        (self.at, self.end) = (PAGE_HEADER, PAGE_HEADER + content);
        Ok(())
    }
}

impl Source for Chain<'_> {
    fn read(&mut self, mut buffer: &mut [u8]) -> Result<(), Trouble> {
        while !buffer.is_empty() {
            if self.at == self.end {
                self.turn()?;
            }
            let count = (self.end - self.at).min(buffer.len());
            let (filled, rest) = buffer.split_at_mut(count);
            filled.copy_from_slice(&self.page[self.at..self.at + count]);
            self.at += count;
            buffer = rest;
        }
        Ok(())
    }

    fn skip(&mut self, mut count: u64) -> Result<(), Trouble> {
        while count > 0 {
            if self.at == self.end {
                self.turn()?;
            }
            let here = count.min((self.end - self.at) as u64);
            self.at += here as usize;
            count -= here;
        }
        Ok(())
    }
}

/// Damage is noted; anything else ends the reader.
fn note(trouble: Trouble, take: &mut dyn Take) -> Result<(), Trouble> {
    match trouble {
        Trouble::Damaged(what) => {
            take.damaged(what);
            Ok(())
        }
        other => Err(other),
    }
}
