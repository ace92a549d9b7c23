//! Which pages of a process exist, from `/proc/PID/pagemap`
//! (Documentation/admin-guide/mm/pagemap.rst): eight bytes for each page.

use crate::sys::ProcessDirectory;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;

/// Pages that are asked about at a time.
const AT_ONCE: usize = 4096;
/// Present, or swapped out.
const EXISTS: u64 = 1 << 63 | 1 << 62;

/// The pages of one process.
#[derive(Debug)]
pub struct Pagemap {
    file: File,
    page: u64,
    answer: Vec<u8>,
}

impl Pagemap {
    /// Opens it; `None` where it may not be read.
    pub fn open(process: &ProcessDirectory, page: u64) -> Option<Self> {
        Some(Self {
            file: process.file("pagemap").ok()?,
            page,
            answer: vec![0; AT_ONCE * 8],
        })
    }

    /// Whether the page at an address exists; `None` when there is no answer.
    pub fn exists(&self, address: u64) -> Option<bool> {
        let mut entry = [0; 8];
        let place = address / self.page * 8;
        self.file.read_exact_at(&mut entry, place).ok()?;
        Some(u64::from_ne_bytes(entry) & EXISTS != 0)
    }

    /// Splits the beginning of a range, which starts and ends with a page, into
    /// parts that exist and parts that do not. Gaps up to `smallest` bytes count
    /// as existing. Returns where it stopped; `None` when there is no answer.
    pub fn split(
        &mut self,
        range: Range<u64>,
        smallest: u64,
        parts: &mut Vec<(Range<u64>, bool)>,
    ) -> Option<u64> {
        parts.clear();
        let pages = ((range.end - range.start) / self.page).min(AT_ONCE as u64);
        let answer = &mut self.answer[..pages as usize * 8];
        self.file
            .read_exact_at(answer, range.start / self.page * 8)
            .ok()?;
        let entries = answer.as_chunks::<8>().0;
        let mut address = range.start;
        for entry in entries {
            let exists = u64::from_ne_bytes(*entry) & EXISTS != 0;
            let next = address + self.page;
            match parts.last_mut() {
                Some((part, kind)) if *kind == exists => part.end = next,
                _ => parts.push((address..next, exists)),
            }
            address = next;
        }
        join(parts, smallest);
        Some(address)
    }
}

/// Makes short gaps part of what lies around them.
fn join(parts: &mut Vec<(Range<u64>, bool)>, smallest: u64) {
    for (part, exists) in parts.iter_mut() {
        *exists |= part.end - part.start <= smallest;
    }
    parts.dedup_by(|next, part| {
        let same = next.1 == part.1;
        if same {
            part.0.end = next.0.end;
        }
        same
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_gaps_belong_to_what_lies_around_them() {
        let mut parts = vec![(0..1, true), (1..2, false), (2..3, true), (3..9, false)];
        join(&mut parts, 1);
        assert_eq!(parts, [(0..3, true), (3..9, false)]);
        join(&mut parts, 0);
        assert_eq!(parts, [(0..3, true), (3..9, false)]);
        join(&mut parts, 6);
        assert_eq!(parts, [(0..9, true)]);
    }
}
