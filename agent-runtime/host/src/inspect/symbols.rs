//! Symbols of an ELF file: what it offers and which versions it wants.

use goblin::container::Ctx;
use goblin::elf::VerneedSection;
use goblin::elf::dynamic::{self, Dynamic};
use goblin::elf::program_header::ProgramHeader;
use goblin::elf::section_header::{self as section, SectionHeader};
use goblin::elf::sym::{STB_GLOBAL, STB_GNU_UNIQUE, STB_WEAK, Symtab};

use super::InspectError;
use super::elf::{broken, entry, file_offset, malformed, name, offset};

/// Most dynamic symbols that are read.
const MAX_SYMBOLS: usize = 1 << 16;
/// Most version requirements that are read.
const MAX_VERSIONS: usize = 4096;

/// Names of the defined symbols others can bind to.
pub(super) fn exports<'a>(
    bytes: &'a [u8],
    segments: &[ProgramHeader],
    dynamic: &Dynamic,
    strings: &'a [u8],
    ctx: Ctx,
) -> Result<Vec<&'a str>, InspectError> {
    let count = symbol_count(bytes, segments, dynamic)?;
    let start = entry(dynamic, dynamic::DT_SYMTAB)
        .and_then(|address| file_offset(segments, address))
        .ok_or_else(|| broken("no symbol table"))?;
    if count > MAX_SYMBOLS {
        return Err(broken("number of symbols"));
    }
    let table = Symtab::parse(bytes, start, count, ctx).map_err(|error| malformed(&error))?;
    let mut exports = Vec::new();
    for symbol in table.iter() {
        let bound = matches!(symbol.st_bind(), STB_GLOBAL | STB_WEAK | STB_GNU_UNIQUE);
        if symbol.st_shndx != section::SHN_UNDEF as usize && bound {
            let name = name(strings, symbol.st_name)?;
            // Markers some linkers leave behind; they cannot be called.
            if !matches!(name, "_edata" | "_end" | "__bss_start" | "_init" | "_fini") {
                exports.push(name);
            }
        }
    }
    Ok(exports)
}

/// The dynamic segment does not state how many symbols there are; the hash
/// table that the loader searches does.
fn symbol_count(
    bytes: &[u8],
    segments: &[ProgramHeader],
    dynamic: &Dynamic,
) -> Result<usize, InspectError> {
    let table = |tag| {
        entry(dynamic, tag).map(|address| {
            file_offset(segments, address).ok_or_else(|| broken("hash table beyond the end"))
        })
    };
    let mut count = 0;
    if let Some(at) = table(dynamic::DT_HASH) {
        count = word(bytes, at?, 1)? as usize;
    }
    if let Some(at) = table(dynamic::DT_GNU_HASH) {
        count = count.max(gnu_symbol_count(bytes, at?)?);
    }
    if count == 0 {
        return Err(broken("no symbol hash table"));
    }
    Ok(count)
}

fn gnu_symbol_count(bytes: &[u8], at: usize) -> Result<usize, InspectError> {
    let buckets = word(bytes, at, 0)? as usize;
    let first = word(bytes, at, 1)? as usize;
    let bloom_words = (word(bytes, at, 2)? as usize)
        .checked_mul(size_of::<usize>() / 4)
        .ok_or_else(|| broken("hash table"))?;
    if buckets > MAX_SYMBOLS || first > MAX_SYMBOLS || bloom_words > bytes.len() {
        return Err(broken("hash table"));
    }
    let mut last = 0;
    for bucket in 0..buckets {
        last = last.max(word(bytes, at, 4 + bloom_words + bucket)? as usize);
    }
    if last < first {
        // Nothing is exported; undefined symbols come first.
        return Ok(first);
    }
    let chains = 4 + bloom_words + buckets;
    while last < MAX_SYMBOLS {
        // The lowest bit ends a chain.
        if word(bytes, at, chains + (last - first))? & 1 == 1 {
            return Ok(last + 1);
        }
        last += 1;
    }
    Err(broken("hash table"))
}

/// The word with this index, counted from a file offset.
fn word(bytes: &[u8], at: usize, index: usize) -> Result<u32, InspectError> {
    index
        .checked_mul(4)
        .and_then(|distance| at.checked_add(distance))
        .and_then(|start| bytes.get(start..)?.first_chunk::<4>())
        .map(|word| u32::from_ne_bytes(*word))
        .ok_or_else(|| broken("table beyond the end"))
}

/// The newest version of glibc that any imported symbol wants.
pub(super) fn glibc(
    bytes: &[u8],
    segments: &[ProgramHeader],
    dynamic: &Dynamic,
    strings: &[u8],
    ctx: Ctx,
) -> Result<Option<(u32, u32)>, InspectError> {
    let Some(address) = entry(dynamic, dynamic::DT_VERNEED) else {
        return Ok(None);
    };
    let start = file_offset(segments, address).ok_or_else(|| broken("version table"))?;
    let count = offset(entry(dynamic, dynamic::DT_VERNEEDNUM).unwrap_or(0))?;
    if count > MAX_VERSIONS {
        return Err(broken("version table"));
    }
    // goblin finds this table by section header; give it one that says what the
    // dynamic segment says.
    let table = SectionHeader {
        sh_type: section::SHT_GNU_VERNEED,
        sh_offset: start as u64,
        sh_size: bytes.len().saturating_sub(start) as u64,
        sh_info: count as u32,
        ..SectionHeader::default()
    };
    let needs = VerneedSection::parse(bytes, std::slice::from_ref(&table), ctx)
        .map_err(|error| malformed(&error))?;
    let mut newest = None;
    let mut seen = 0;
    for library in needs.iter().flat_map(VerneedSection::iter) {
        for version in library.iter() {
            seen += 1;
            if seen > MAX_VERSIONS {
                return Err(broken("version table"));
            }
            let version = name(strings, version.vna_name)?;
            if version == "GLIBC_PRIVATE" {
                return Err(InspectError::PrivateGlibc);
            }
            newest = newest.max(glibc_version(version));
        }
    }
    Ok(newest)
}

/// `GLIBC_2.34` and what stands for a version without saying its number.
fn glibc_version(name: &str) -> Option<(u32, u32)> {
    let version = match name.strip_prefix("GLIBC_")? {
        "ABI_DT_RELR" => return Some((2, 36)),
        "ABI_DT_X86_64_PLT" => return Some((2, 39)),
        version => version,
    };
    let (major, rest) = version.split_once('.')?;
    let minor = rest.split('.').next()?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
