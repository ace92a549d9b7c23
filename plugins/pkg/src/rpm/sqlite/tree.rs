//! The tree of a table: inner pages with the numbers of their children, leaves
//! with the rows. A row that does not fit continues on a chain of pages.

use super::pages::{HEADER, Pages};
use super::record::varint;
use crate::rpm::Take;
use crate::rpm::source::{Source, big};
use crate::trouble::Trouble;

const INNER: u8 = 5;
const LEAF: u8 = 13;
/// Deeper than any tree that fits into the largest possible file.
const MAX_DEPTH: u32 = 24;

/// What is done with a row: its content, the length of it, and where finds go.
type Row<'a> = dyn FnMut(&mut dyn Source, u64, &mut dyn Take) -> Result<(), Trouble> + 'a;

/// Visits all rows of a table in the order of their numbers. Damage is noted,
/// and what is beside it is visited nevertheless.
pub fn walk(
    pages: &Pages<'_>,
    root: u32,
    take: &mut dyn Take,
    row: &mut Row<'_>,
) -> Result<(), Trouble> {
    let mut walk = Walk {
        pages,
        // Every page belongs to one place of one tree.
        left: pages.present(),
        last: None,
        row,
    };
    walk.page(root, 0, take)
}

struct Walk<'a, 'b> {
    pages: &'a Pages<'a>,
    left: u64,
    /// The number of the last row.
    last: Option<i64>,
    row: &'a mut Row<'b>,
}

impl Walk<'_, '_> {
    fn page(&mut self, number: u32, depth: u32, take: &mut dyn Take) -> Result<(), Trouble> {
        take.check()?;
        if self.left == 0 || depth > MAX_DEPTH {
            // This would come again and again: an end, not a note.
            return Err(Trouble::Unsupported(
                "its pages point to each other in circles".to_owned(),
            ));
        }
        self.left -= 1;
        let mut page = Vec::new();
        match self.pages.read(number, &mut page) {
            Ok(()) => {}
            Err(trouble) => return note(trouble, take),
        }
        page.truncate(self.pages.usable());
        let start = if number == 1 { HEADER } else { 0 };
        let kind = page[start];
        let cells = usize::from(u16::from_be_bytes([page[start + 3], page[start + 4]]));
        let first = start + if kind == INNER { 12 } else { 8 };
        if !matches!(kind, INNER | LEAF) || first + 2 * cells > page.len() {
            take.damaged(format!("page {number} is not a page of a table"));
            return Ok(());
        }
        for cell in 0..cells {
            let at = first + 2 * cell;
            let at = usize::from(u16::from_be_bytes([page[at], page[at + 1]]));
            let cell = page.get(at..).unwrap_or_default();
            if kind == LEAF {
                if let Err(trouble) = self.cell(cell, take) {
                    note(trouble, take)?;
                }
            } else if cell.len() < 4 {
                take.damaged(format!("page {number} has a child outside of itself"));
            } else {
                self.page(big(cell, 0), depth + 1, take)?;
            }
        }
        if kind == INNER {
            self.page(big(&page, start + 8), depth + 1, take)?;
        }
        Ok(())
    }

    fn cell(&mut self, cell: &[u8], take: &mut dyn Take) -> Result<(), Trouble> {
        take.check()?;
        let mut rest = cell;
        let (length, _) = varint(&mut rest)?;
        let (number, _) = varint(&mut rest)?;
        let number = number.cast_signed();
        if self.last.is_some_and(|last| last >= number) {
            return Err(Trouble::damaged("rows are out of order or there twice"));
        }
        self.last = Some(number);
        if length > self.pages.bytes() {
            return Err(Trouble::damaged(format!(
                "row {number} claims {length} bytes"
            )));
        }
        let local = local(length, self.pages.usable() as u64);
        let here = usize::try_from(local)
            .ok()
            .and_then(|local| rest.split_at_checked(local));
        let Some((here, after)) = here else {
            return Err(Trouble::damaged(format!("row {number} leaves its page")));
        };
        let next = match length > local {
            false => 0,
            true if after.len() >= 4 => big(after, 0),
            true => return Err(Trouble::damaged(format!("row {number} leaves its page"))),
        };
        let mut payload = Payload {
            pages: self.pages,
            here,
            next,
            page: Vec::new(),
            at: 0,
            end: 0,
            beyond: length - local,
        };
        (self.row)(&mut payload, length, take)
    }
}

/// How much of a row's content is on its leaf.
fn local(length: u64, usable: u64) -> u64 {
    let most = usable - 35;
    if length <= most {
        return length;
    }
    let least = (usable - 12) * 32 / 255 - 23;
    let fitting = least + (length - least) % (usable - 4);
    if fitting <= most { fitting } else { least }
}

/// The content of a row.
struct Payload<'a> {
    pages: &'a Pages<'a>,
    /// What is left of it on the leaf.
    here: &'a [u8],
    /// The next page of the chain.
    next: u32,
    /// The current page of the chain, and what is left of its content.
    page: Vec<u8>,
    at: usize,
    end: usize,
    /// Content on pages of the chain that are not read yet.
    beyond: u64,
}

impl Payload<'_> {
    /// Content of a full page of the chain.
    fn capacity(&self) -> u64 {
        self.pages.usable() as u64 - 4
    }

    fn turn(&mut self) -> Result<(), Trouble> {
        if self.beyond == 0 {
            return Err(Trouble::damaged("a row ends too early"));
        }
        self.pages.read(self.next, &mut self.page)?;
        self.next = big(&self.page, 0);
        let content = self.beyond.min(self.capacity());
        self.beyond -= content;
        (self.at, self.end) = (4, 4 + content as usize);
        Ok(())
    }
}

impl Source for Payload<'_> {
    fn read(&mut self, mut buffer: &mut [u8]) -> Result<(), Trouble> {
        while !buffer.is_empty() {
            let available = if self.here.is_empty() {
                if self.at == self.end {
                    self.turn()?;
                }
                &self.page[self.at..self.end]
            } else {
                self.here
            };
            let count = available.len().min(buffer.len());
            let (filled, rest) = buffer.split_at_mut(count);
            filled.copy_from_slice(&available[..count]);
            buffer = rest;
            if self.here.is_empty() {
                self.at += count;
            } else {
                self.here = &self.here[count..];
            }
        }
        Ok(())
    }

    fn skip(&mut self, mut count: u64) -> Result<(), Trouble> {
        let here = count.min(self.here.len() as u64);
        self.here = &self.here[here as usize..];
        count -= here;
        let loaded = count.min((self.end - self.at) as u64);
        self.at += loaded as usize;
        count -= loaded;
        // Of pages that are passed over as a whole only the link is read.
        while count >= self.capacity() && self.beyond >= self.capacity() {
            let mut link = [0; 4];
            self.pages.part(self.next, &mut link, 0)?;
            self.next = big(&link, 0);
            self.beyond -= self.capacity();
            count -= self.capacity();
        }
        if count > 0 {
            self.turn()?;
            if count > (self.end - self.at) as u64 {
                return Err(Trouble::damaged("a row ends too early"));
            }
            self.at += count as usize;
        }
        Ok(())
    }
}

/// Damage is noted; anything else ends the walk.
fn note(trouble: Trouble, take: &mut dyn Take) -> Result<(), Trouble> {
    match trouble {
        Trouble::Damaged(what) => {
            take.damaged(what);
            Ok(())
        }
        other => Err(other),
    }
}
