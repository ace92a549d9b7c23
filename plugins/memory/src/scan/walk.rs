//! The memory of one process, mapping by mapping.

use super::pagemap::Pagemap;
use super::region::Stretch;
use crate::processes::maps::{Backing, Maps};
use crate::results::Reason;
use crate::sys::{Memory, ProcessDirectory};
use std::io;
use std::ops::Range;

/// Mappings from this size on are asked which of their pages exist, in bytes.
const LARGE: u64 = 1 << 20;
/// Shorter gaps between pages that exist are read with them, in bytes.
const SHORT: u64 = 64 << 10;
/// After so many unreadable pages in a row only some are tried.
const STUBBORN: u64 = 16;
/// At most so many pages are left out at a time then.
const LARGEST_STEP: u64 = 256;

/// Why a walk ended before the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The process has ended, or started another program.
    Gone,
    /// The host wants no more, or nothing more can be found.
    Enough,
}

/// What a walk has to report of unread memory.
pub trait Witness {
    /// This memory was not read.
    fn unread(&mut self, range: Range<u64>, reason: Reason, error: Option<&io::Error>);
    /// True when the run shall end.
    fn cancelled(&self) -> bool;
}

/// A walk through one process.
pub struct Walk<'w, 'p, W> {
    process: &'w ProcessDirectory,
    memory: &'w Memory,
    stretch: &'w mut Stretch<'p>,
    witness: &'w mut W,
    /// Asked for when first needed.
    pagemap: Option<Option<Pagemap>>,
    page: u64,
    /// Where the current stretch ends.
    reached: u64,
    /// Memory that is known to be readable, not yet read.
    ahead: Range<u64>,
    /// Bytes that were read.
    pub read: u64,
}

impl<'w, 'p, W: Witness> Walk<'w, 'p, W> {
    /// Before the first mapping.
    pub fn new(
        process: &'w ProcessDirectory,
        memory: &'w Memory,
        stretch: &'w mut Stretch<'p>,
        witness: &'w mut W,
        page: u64,
    ) -> Self {
        Self {
            process,
            memory,
            stretch,
            witness,
            pagemap: None,
            page,
            reached: 0,
            ahead: 0..0,
            read: 0,
        }
    }

    /// Walks through all mappings.
    ///
    /// # Errors
    /// When the memory map cannot be read.
    pub fn run(&mut self) -> io::Result<Result<(), Ended>> {
        let outcome = self.mappings();
        // What was seen counts, whatever came after it.
        self.stretch.end();
        outcome
    }

    fn mappings(&mut self) -> io::Result<Result<(), Ended>> {
        for mapping in Maps::new(self.process.file("maps")?) {
            let mapping = mapping?;
            if !self.stretch.is_open() {
                return Ok(Err(Ended::Enough));
            }
            let backing = mapping.backing();
            let mut range = mapping.start..mapping.end;
            let reason = match backing {
                _ if !mapping.readable => Some(Reason::Protected),
                Backing::Special => Some(Reason::Kernel),
                Backing::Device => Some(Reason::Device),
                _ => None,
            };
            if range.end <= self.stretch.lowest() {
                continue;
            }
            if let Some(reason) = reason {
                if let Err(ended) = self.catch_up() {
                    return Ok(Err(ended));
                }
                self.witness.unread(range, reason, None);
                continue;
            }
            // Whole pages, so that the answer about pages fits.
            let lowest = self.stretch.lowest() & !(self.page - 1);
            range.start = range.start.max(lowest);
            let outcome = match backing {
                Backing::Anonymous if range.end - range.start >= LARGE => {
                    self.sparse(range, SHORT, backing)
                }
                Backing::SharedObject => self.sparse(range, 0, backing),
                _ => self.readable(range),
            };
            if let Err(ended) = outcome {
                return Ok(Err(ended));
            }
        }
        Ok(self.catch_up())
    }

    /// This memory can be read. Adjacent memory is read together.
    fn readable(&mut self, range: Range<u64>) -> Result<(), Ended> {
        if range.start == self.ahead.end && !self.ahead.is_empty() {
            self.ahead.end = range.end;
            return Ok(());
        }
        self.catch_up()?;
        self.ahead = range;
        Ok(())
    }

    /// This memory can be read, but perhaps most of it was never written.
    fn sparse(&mut self, range: Range<u64>, smallest: u64, backing: Backing) -> Result<(), Ended> {
        let mut parts = Vec::new();
        let mut at = range.start;
        while at < range.end {
            let (process, page) = (self.process, self.page);
            let pagemap = self
                .pagemap
                .get_or_insert_with(|| Pagemap::open(process, page));
            let next = pagemap
                .as_mut()
                .and_then(|pagemap| pagemap.split(at..range.end, smallest, &mut parts));
            let Some(next) = next else {
                return self.readable(at..range.end);
            };
            at = next;
            for (part, exists) in parts.drain(..) {
                if exists {
                    self.readable(part)?;
                } else if backing == Backing::Anonymous {
                    self.catch_up()?;
                    self.follows(part.start);
                    self.stretch.zeros(part.start, part.end - part.start);
                    self.reached = part.end;
                } else {
                    self.catch_up()?;
                    self.witness.unread(part, Reason::Untouched, None);
                }
            }
            if self.witness.cancelled() {
                return Err(Ended::Enough);
            }
        }
        Ok(())
    }

    /// Ends the stretch, unless what comes follows it.
    fn follows(&mut self, address: u64) {
        if self.reached != address {
            self.stretch.end();
        }
    }

    /// Reads what is ahead.
    fn catch_up(&mut self) -> Result<(), Ended> {
        let mut rest = std::mem::take(&mut self.ahead);
        let mut failed = Failures::default();
        while !rest.is_empty() {
            if self.witness.cancelled() || !self.stretch.is_open() {
                return Err(Ended::Enough);
            }
            self.follows(rest.start);
            let block = self.stretch.block();
            // After a failure only a page at a time, to find out what is there.
            let most = if failed.in_a_row > 0 {
                self.page
            } else {
                block.len() as u64
            };
            let length = most.min(rest.end - rest.start) as usize;
            match self.memory.read(rest.start, &mut block[..length]) {
                Ok(0) => {
                    failed.report(self.witness);
                    self.witness.unread(rest, Reason::Ended, None);
                    return Err(Ended::Gone);
                }
                Ok(count) => {
                    if failed.step_back(&mut rest, self.page) {
                        continue;
                    }
                    failed.report(self.witness);
                    self.stretch.filled(rest.start, count);
                    self.read += count as u64;
                    rest.start += count as u64;
                    self.reached = rest.start;
                }
                Err(error) => failed.step(&mut rest, self.page, error),
            }
        }
        failed.report(self.witness);
        Ok(())
    }
}

/// Unreadable pages in a row.
#[derive(Default)]
struct Failures {
    range: Range<u64>,
    in_a_row: u64,
    /// Where the last attempt failed.
    last: u64,
    error: Option<io::Error>,
}

impl Failures {
    /// Leaves a page out, and many at a time after many failures.
    fn step(&mut self, rest: &mut Range<u64>, page: u64, error: io::Error) {
        if self.in_a_row == 0 {
            self.range = rest.start..rest.start;
        }
        self.in_a_row += 1;
        self.last = rest.start;
        self.error = Some(error);
        let pages = match self.in_a_row.checked_sub(STUBBORN) {
            None => 1,
            Some(more) => (1 << more.min(16)).min(LARGEST_STEP),
        };
        // To the start of the next page: a failure in its midst is one of it.
        let next = (rest.start & !(page - 1)).saturating_add(pages * page);
        rest.start = next.min(rest.end);
        self.range.end = rest.start;
    }

    /// After many were left out at a time, the first that can be read may lie
    /// before the one that was tried.
    fn step_back(&mut self, rest: &mut Range<u64>, page: u64) -> bool {
        let next = (self.last & !(page - 1)) + page;
        if self.in_a_row <= STUBBORN || next >= rest.start {
            return false;
        }
        rest.start = next;
        self.range.end = next;
        self.in_a_row = 1;
        true
    }

    fn report(&mut self, witness: &mut impl Witness) {
        if std::mem::take(&mut self.in_a_row) > 0 {
            let error = self.error.take();
            witness.unread(self.range.clone(), Reason::Inaccessible, error.as_ref());
        }
    }
}
