//! rpm's own database format, `Packages.db`: pages of slots that say where
//! each header is, then the headers. Numbers have the least significant byte
//! first; places are counted in blocks of 16 bytes.

use super::Take;
use super::source::{Source, Stretch, little, read_at};
use crate::sys::Database;
use crate::trouble::Trouble;

const MAGIC: &[u8] = b"RpmP";
const SLOT_MAGIC: &[u8] = b"Slot";
const HEAD_MAGIC: &[u8] = b"BlbS";
const TAIL_MAGIC: &[u8] = b"BlbE";

const PAGE: usize = 4096;
const BLOCK: u64 = 16;
const SLOT: usize = 16;
/// The first page starts with two slots' room for the file's header.
const FILE_HEADER: usize = 32;
/// In front of and behind each header: magic, number of the package, time,
/// length; and, at the end of the last block, checksum, length, magic.
const HEAD: u64 = 16;
const TAIL: u64 = 12;
/// Most slots that are looked at.
const MAX_SLOTS: usize = 1 << 20;

/// Where a header is.
struct Slot {
    package: u32,
    offset: u32,
    blocks: u32,
}

/// Reads all headers, in the order in which they lie in the file, which is also
/// that of `rpm -qa`.
pub fn read(file: &Database, take: &mut dyn Take) -> Result<(), Trouble> {
    let mut header = [0; FILE_HEADER];
    read_at(file, &mut header, 0, "its header")?;
    if &header[..4] != MAGIC {
        return Err(Trouble::damaged("not an ndb database of packages"));
    }
    let version = little(&header, 4);
    if version != 0 {
        return Err(Trouble::Unsupported(format!(
            "version {version} of the ndb format is unknown"
        )));
    }
    let mut slots = slots(file, little(&header, 12), take)?;
    slots.sort_by_key(|slot| slot.offset);
    let mut last = None;
    for slot in slots {
        if last.replace(slot.offset) == Some(slot.offset) {
            take.damaged(format!(
                "the header of package {} is that of another one",
                slot.package
            ));
            continue;
        }
        let mut source = Stretch {
            file,
            offset: u64::from(slot.offset) * BLOCK,
        };
        let mut head = [0; HEAD as usize];
        if let Err(trouble) = source.read(&mut head) {
            note(trouble, take)?;
            continue;
        }
        let length = u64::from(little(&head, 12));
        let room = u64::from(slot.blocks) * BLOCK;
        if &head[..4] != HEAD_MAGIC
            || little(&head, 4) != slot.package
            || (HEAD + length + TAIL).next_multiple_of(BLOCK) != room
        {
            take.damaged(format!(
                "the header of package {} is not there",
                slot.package
            ));
            continue;
        }
        if let Err(trouble) = tail(file, &slot, length) {
            note(trouble, take)?;
        }
        take.header(&mut source, length)?;
    }
    Ok(())
}

/// Whether a header was written to its end. Its checksum is not calculated: that
/// would mean to read all of it.
fn tail(file: &Database, slot: &Slot, length: u64) -> Result<(), Trouble> {
    let mut tail = [0; TAIL as usize];
    let end = (u64::from(slot.offset) + u64::from(slot.blocks)) * BLOCK;
    read_at(file, &mut tail, end - TAIL, "a record")?;
    if u64::from(little(&tail, 4)) == length && &tail[8..] == TAIL_MAGIC {
        return Ok(());
    }
    Err(Trouble::damaged(format!(
        "the header of package {} was not written to its end",
        slot.package
    )))
}

/// The slots in use.
fn slots(file: &Database, pages: u32, take: &mut dyn Take) -> Result<Vec<Slot>, Trouble> {
    let mut slots = Vec::new();
    let mut page = [0; PAGE];
    for number in 0..pages {
        take.check()?;
        if let Err(trouble) = read_at(
            file,
            &mut page,
            u64::from(number) * PAGE as u64,
            "its slots",
        ) {
            note(trouble, take)?;
            break;
        }
        let start = if number == 0 { FILE_HEADER } else { 0 };
        // A wrong number of pages could lead through terabytes of holes.
        if !page[start..]
            .chunks_exact(SLOT)
            .any(|slot| &slot[..4] == SLOT_MAGIC)
        {
            take.damaged(format!(
                "page {number} of {pages} holds no slot; the rest is left out"
            ));
            break;
        }
        for slot in page[start..].chunks_exact(SLOT) {
            if &slot[..4] != SLOT_MAGIC {
                take.damaged(format!("a slot on page {number} is none"));
                continue;
            }
            let found = Slot {
                package: little(slot, 4),
                offset: little(slot, 8),
                blocks: little(slot, 12),
            };
            if found.offset == 0 {
                continue;
            }
            if slots.len() == MAX_SLOTS {
                take.damaged(format!("more than {MAX_SLOTS} slots; the rest is left out"));
                return Ok(slots);
            }
            slots.push(found);
        }
    }
    Ok(slots)
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
