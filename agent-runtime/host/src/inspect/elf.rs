//! Reading the few facts of an ELF file that decide about loading it.
//!
//! What the dynamic loader will do follows from the program headers and the
//! dynamic segment, so those are read, not the section headers that a file can
//! carry for show; only the manifest has to be found by its section's name.

use goblin::container::{Container, Ctx, Endian};
use goblin::elf::Elf;
use goblin::elf::dynamic::{self, Dynamic};
use goblin::elf::header::{self, Header};
use goblin::elf::program_header::{self as segment, ProgramHeader};
use goblin::elf::section_header::{self as section, SectionHeader};
use mig_plugin_abi::MANIFEST_SECTION;
use mig_plugin_payload::manifest;

use super::error::shown;
use super::{InspectError, symbols};

/// Most program headers, section headers and dynamic entries that are read;
/// real plugins have a few dozen.
const MAX_HEADERS: usize = 4096;
/// Smallest page of any supported system.
const PAGE: u64 = 4096;
/// Longest name of a library or symbol.
const MAX_NAME: usize = 4096;

/// Dynamic tags that goblin has no names for.
const DT_AUXILIARY: u64 = 0x7fff_fffd;
const DT_FILTER: u64 = 0x7fff_ffff;

/// The facts.
#[derive(Debug)]
pub(super) struct File<'a> {
    pub(super) manifest: Option<&'a [u8]>,
    pub(super) exports: Vec<&'a str>,
    pub(super) libraries: Vec<&'a str>,
    pub(super) glibc: Option<(u32, u32)>,
}

/// Whether a library is the dynamic loader itself, which is there anyway.
pub(super) fn is_loader(library: &str) -> bool {
    library.starts_with("ld-linux")
}

/// Reads a file and refuses what no plugin may have.
pub(super) fn read(bytes: &[u8]) -> Result<File<'_>, InspectError> {
    let header = Elf::parse_header(bytes).map_err(|error| malformed(&error))?;
    let context = check_header(&header)?;
    let segments = segments(bytes, &header, context)?;
    check_segments(&segments)?;
    let dynamic = dynamic_entries(bytes, &segments, context)?;
    check_dynamic(&dynamic)?;
    let strings = strings(bytes, &segments, &dynamic)?;
    let sections = sections(bytes, &header, context)?;
    Ok(File {
        manifest: manifest_section(bytes, &header, &sections)?,
        exports: symbols::exports(bytes, &segments, &dynamic, strings, context)?,
        libraries: libraries(&dynamic, strings)?,
        glibc: symbols::glibc(bytes, &segments, &dynamic, strings, context)?,
    })
}

pub(super) fn malformed(error: &goblin::error::Error) -> InspectError {
    InspectError::Malformed(shown(&error.to_string()))
}

pub(super) fn broken(what: &str) -> InspectError {
    InspectError::Malformed(what.to_owned())
}

fn check_header(header: &Header) -> Result<Ctx, InspectError> {
    let big = usize::BITS == 64;
    let class = if big {
        header::ELFCLASS64
    } else {
        header::ELFCLASS32
    };
    let (data, endian) = if cfg!(target_endian = "little") {
        (header::ELFDATA2LSB, Endian::Little)
    } else {
        (header::ELFDATA2MSB, Endian::Big)
    };
    let machine = match std::env::consts::ARCH {
        "x86_64" => header::EM_X86_64,
        "aarch64" => header::EM_AARCH64,
        "riscv64" => header::EM_RISCV,
        "x86" => header::EM_386,
        "arm" => header::EM_ARM,
        _ => header::EM_NONE,
    };
    if header.e_ident[header::EI_CLASS] != class
        || header.e_ident[header::EI_DATA] != data
        || header.e_machine != machine
    {
        return Err(InspectError::Machine {
            found: header::machine_to_str(header.e_machine).to_owned(),
            host: std::env::consts::ARCH,
        });
    }
    if header.e_type != header::ET_DYN {
        return Err(InspectError::NotShared);
    }
    let container = if big {
        Container::Big
    } else {
        Container::Little
    };
    Ok(Ctx::new(container, endian))
}

fn segments(bytes: &[u8], header: &Header, ctx: Ctx) -> Result<Vec<ProgramHeader>, InspectError> {
    let count = usize::from(header.e_phnum);
    if count == 0 || count > MAX_HEADERS {
        return Err(broken("number of program headers"));
    }
    ProgramHeader::parse(bytes, offset(header.e_phoff)?, count, ctx)
        .map_err(|error| malformed(&error))
}

fn sections(bytes: &[u8], header: &Header, ctx: Ctx) -> Result<Vec<SectionHeader>, InspectError> {
    let count = usize::from(header.e_shnum);
    if header.e_shoff == 0 || count == 0 {
        return Ok(Vec::new());
    }
    if count > MAX_HEADERS {
        return Err(broken("number of section headers"));
    }
    SectionHeader::parse(bytes, offset(header.e_shoff)?, count, ctx)
        .map_err(|error| malformed(&error))
}

fn check_segments(segments: &[ProgramHeader]) -> Result<(), InspectError> {
    // Without the header the loader assumes the worst.
    let stack = segments
        .iter()
        .find(|segment| segment.p_type == segment::PT_GNU_STACK);
    if stack.is_none_or(ProgramHeader::is_executable) {
        return Err(InspectError::ExecutableStack);
    }
    if segments.iter().any(|segment| {
        segment.p_type == segment::PT_LOAD && segment.is_write() && segment.is_executable()
    }) {
        return Err(InspectError::WritableCode);
    }
    if segments
        .iter()
        .any(|segment| segment.p_type == segment::PT_INTERP)
    {
        return Err(InspectError::NotShared);
    }
    check_overlaps(segments)
}

/// A page that two segments claim would hold something else in memory than
/// what is read here.
fn check_overlaps(segments: &[ProgramHeader]) -> Result<(), InspectError> {
    let mut free_from = 0;
    for segment in segments {
        if segment.p_type != segment::PT_LOAD {
            continue;
        }
        let end = segment
            .p_vaddr
            .checked_add(segment.p_memsz.max(segment.p_filesz))
            .and_then(|end| end.checked_next_multiple_of(PAGE))
            .ok_or_else(|| broken("segment beyond the address space"))?;
        if segment.p_vaddr / PAGE * PAGE < free_from {
            return Err(broken("overlapping segments"));
        }
        free_from = end;
    }
    Ok(())
}

fn dynamic_entries(
    bytes: &[u8],
    segments: &[ProgramHeader],
    ctx: Ctx,
) -> Result<Dynamic, InspectError> {
    let mut found = segments
        .iter()
        .filter(|segment| segment.p_type == segment::PT_DYNAMIC);
    let (Some(segment), None) = (found.next(), found.next()) else {
        return Err(broken("no or several dynamic segments"));
    };
    // The loader reads the segment where it is mapped, so both must agree.
    if file_offset(segments, segment.p_vaddr) != Some(offset(segment.p_offset)?) {
        return Err(broken("dynamic segment is not where it is mapped"));
    }
    if offset(segment.p_filesz)? / 8 > MAX_HEADERS {
        return Err(broken("size of the dynamic segment"));
    }
    Dynamic::parse(bytes, std::slice::from_ref(segment), ctx)
        .map_err(|error| malformed(&error))?
        .ok_or_else(|| broken("no dynamic segment"))
}

fn check_dynamic(dynamic: &Dynamic) -> Result<(), InspectError> {
    for entry in &dynamic.dyns {
        let forbidden = match entry.d_tag {
            dynamic::DT_RPATH => return Err(InspectError::SearchPath("DT_RPATH")),
            dynamic::DT_RUNPATH => return Err(InspectError::SearchPath("DT_RUNPATH")),
            dynamic::DT_TEXTREL => "text relocations",
            dynamic::DT_FLAGS if entry.d_val & dynamic::DF_TEXTREL != 0 => "text relocations",
            dynamic::DT_FLAGS_1 if entry.d_val & dynamic::DF_1_PIE != 0 => {
                return Err(InspectError::NotShared);
            }
            dynamic::DT_AUDIT | dynamic::DT_DEPAUDIT => "audit libraries",
            DT_FILTER | DT_AUXILIARY => "filter libraries",
            _ => continue,
        };
        return Err(InspectError::Forbidden(forbidden));
    }
    Ok(())
}

/// The value of a dynamic entry. The loader takes the last one of a kind.
pub(super) fn entry(dynamic: &Dynamic, tag: u64) -> Option<u64> {
    dynamic
        .dyns
        .iter()
        .rfind(|entry| entry.d_tag == tag)
        .map(|entry| entry.d_val)
}

fn strings<'a>(
    bytes: &'a [u8],
    segments: &[ProgramHeader],
    dynamic: &Dynamic,
) -> Result<&'a [u8], InspectError> {
    let missing = || broken("no string table");
    let address = entry(dynamic, dynamic::DT_STRTAB).ok_or_else(missing)?;
    let size = offset(entry(dynamic, dynamic::DT_STRSZ).ok_or_else(missing)?)?;
    let start = file_offset(segments, address).ok_or_else(missing)?;
    start
        .checked_add(size)
        .and_then(|end| bytes.get(start..end))
        .ok_or_else(|| broken("string table beyond the end"))
}

/// The zero-terminated name at an offset of a string table.
pub(super) fn name(strings: &[u8], at: usize) -> Result<&str, InspectError> {
    strings
        .get(at..)
        .and_then(|rest| {
            let most = &rest[..rest.len().min(MAX_NAME)];
            let end = most.iter().position(|byte| *byte == 0)?;
            std::str::from_utf8(&most[..end]).ok()
        })
        .ok_or_else(|| broken("a name that cannot be read"))
}

fn libraries<'a>(dynamic: &Dynamic, strings: &'a [u8]) -> Result<Vec<&'a str>, InspectError> {
    dynamic
        .dyns
        .iter()
        .filter(|entry| entry.d_tag == dynamic::DT_NEEDED)
        .map(|entry| name(strings, offset(entry.d_val)?))
        .collect()
}

fn manifest_section<'a>(
    bytes: &'a [u8],
    header: &Header,
    sections: &[SectionHeader],
) -> Result<Option<&'a [u8]>, InspectError> {
    let Some(names) = sections.get(usize::from(header.e_shstrndx)) else {
        return Ok(None);
    };
    let names = contents(bytes, names)?;
    let mut found = sections
        .iter()
        .filter(|section| name(names, section.sh_name).is_ok_and(|it| it == MANIFEST_SECTION));
    let Some(section) = found.next() else {
        return Ok(None);
    };
    if found.next().is_some() {
        return Err(broken("two manifest sections"));
    }
    if section.sh_type != section::SHT_PROGBITS || section.sh_size > manifest::MAX_BYTES as u64 {
        return Err(broken("manifest section of a wrong type or size"));
    }
    contents(bytes, section).map(Some)
}

fn contents<'a>(bytes: &'a [u8], section: &SectionHeader) -> Result<&'a [u8], InspectError> {
    let start = offset(section.sh_offset)?;
    let size = offset(section.sh_size)?;
    start
        .checked_add(size)
        .and_then(|end| bytes.get(start..end))
        .ok_or_else(|| broken("section beyond the end"))
}

pub(super) fn offset(value: u64) -> Result<usize, InspectError> {
    usize::try_from(value).map_err(|_| broken("an offset beyond any file"))
}

/// Where in the file an address is mapped from.
pub(super) fn file_offset(segments: &[ProgramHeader], address: u64) -> Option<usize> {
    segments
        .iter()
        .filter(|segment| segment.p_type == segment::PT_LOAD)
        .find_map(|segment| {
            let distance = address.checked_sub(segment.p_vaddr)?;
            (distance < segment.p_filesz)
                .then(|| segment.p_offset.checked_add(distance))
                .flatten()
        })
        .and_then(|offset| usize::try_from(offset).ok())
}
