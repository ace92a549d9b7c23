//! The files that a process has mapped, by all their names.

use super::elf;
use super::maps::{Backing, Mapping, Maps};
use super::name::{DELETED, Name};
use crate::scan::Pagemap;
use crate::sys::{Memory, ProcessDirectory};
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;

/// The smallest size of a page: larger ones consist of such.
const PAGE: usize = 4096;

/// Calls `judge` with every name of every mapped file except the executable,
/// until it says that it knows enough: the path, the path without the kernel's
/// remark that it was deleted, and the name that a library gives itself.
///
/// # Errors
/// When the memory map cannot be read.
pub fn visit(
    process: &ProcessDirectory,
    memory: Option<&Memory>,
    name: &Name,
    mut judge: impl FnMut(&[u8]) -> bool,
) -> io::Result<()> {
    // Checksums instead of paths: of a process with very many files only these
    // are kept.
    let mut seen = HashSet::new();
    let mut pagemap = None;
    for mapping in Maps::new(process.file("maps")?) {
        let mapping = mapping?;
        if mapping.file().is_none() {
            continue;
        }
        let path = exact(process, &mapping);
        if name.mapped.as_ref() == Some(&path) {
            continue;
        }
        let backing = mapping.backing();
        let image = mapping.offset == 0 && mapping.readable && backing != Backing::Device;
        if seen.insert(key(&mapping, false)) {
            let undeleted = path.strip_suffix(DELETED);
            if judge(&path) || undeleted.is_some_and(&mut judge) {
                return Ok(());
            }
        }
        if image && seen.insert(key(&mapping, true)) {
            let mut pages = Pages::new(memory);
            if backing == Backing::SharedObject {
                let open = || Pagemap::open(process, crate::sys::page_size());
                pages.pagemap = pagemap.get_or_insert_with(open).as_ref();
            }
            let mut read = |address: u64, into: &mut [u8]| pages.read(address, into);
            if elf::soname(&mut read, mapping.start).is_some_and(|name| judge(&name)) {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Small pieces of memory, read page by page.
struct Pages<'m> {
    memory: Option<&'m Memory>,
    /// Of shared memory, of which only what exists is read: the rest would come
    /// into being.
    pagemap: Option<&'m Pagemap>,
    start: Option<u64>,
    page: [u8; PAGE],
}

impl<'m> Pages<'m> {
    fn new(memory: Option<&'m Memory>) -> Self {
        Self {
            memory,
            pagemap: None,
            start: None,
            page: [0; PAGE],
        }
    }

    fn read(&mut self, mut address: u64, mut into: &mut [u8]) -> Option<()> {
        while !into.is_empty() {
            let start = address & !(PAGE as u64 - 1);
            if self.start != Some(start) {
                self.start = None;
                let exists = self.pagemap.and_then(|pagemap| pagemap.exists(start));
                if exists == Some(false) {
                    return None;
                }
                let count = self.memory?.read(start, &mut self.page).ok()?;
                self.start = (count == PAGE).then_some(start);
                self.start?;
            }
            let within = usize::try_from(address - start).ok()?;
            let length = into.len().min(PAGE - within);
            let (now, later) = into.split_at_mut(length);
            now.copy_from_slice(&self.page[within..within + length]);
            into = later;
            address = address.checked_add(length as u64)?;
        }
        Some(())
    }
}

fn key(mapping: &Mapping, image: bool) -> u64 {
    let mut hasher = DefaultHasher::new();
    (image, mapping.device, mapping.inode, &mapping.path).hash(&mut hasher);
    hasher.finish()
}

/// The path to the byte: maps write a line feed as `\012`, which may also be
/// what the path really contains.
fn exact(process: &ProcessDirectory, mapping: &Mapping) -> Vec<u8> {
    let path = &mapping.path;
    if memchr::memmem::find(path, br"\012").is_none() {
        return path.clone();
    }
    let link = format!("map_files/{:x}-{:x}", mapping.start, mapping.end);
    process.link(&link).unwrap_or_else(|_| {
        let mut out = Vec::with_capacity(path.len());
        let mut rest = path.as_slice();
        while let Some(at) = memchr::memmem::find(rest, br"\012") {
            out.extend_from_slice(&rest[..at]);
            out.push(b'\n');
            rest = &rest[at + 4..];
        }
        out.extend_from_slice(rest);
        out
    })
}
