//! What is known, from one start of the module to the next: so that a change
//! while nobody watched is noticed.
//!
//! The format is this module's own. After the line `MIG fswatch 1` come the
//! directories: length of the path (u32, little endian as all numbers), path,
//! whether all its names were known (u8), number of names (u32), and for each
//! its length (u16), the name, what lies there (u8; bit 7: it is gone) and, after
//! [`HASHED`], the 32 bytes of the SHA-256. The last 32 bytes of the file are the
//! SHA-256 of all before them: whoever tears or damages it makes it unusable
//! instead of wrong.

use super::{Kind, Known, Names, Past, Signature};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

const BEGINNING: &[u8] = b"MIG fswatch 1\n";
const NAME: &str = "known";
/// Largest file that is read, in bytes: a million files of usual names.
const LARGEST: u64 = 128 << 20;

const NEW: u8 = 0;
const UNREADABLE: u8 = 1;
const HASHED: u8 = 2;
const DIRECTORY: u8 = 3;
const SPECIAL: u8 = 4;
const GONE: u8 = 0x80;

/// What was known when the module last ran; nothing when it never did.
///
/// # Errors
/// The file cannot be read or is damaged.
pub fn load(directory: &Path) -> io::Result<BTreeMap<PathBuf, Past>> {
    let file = match File::open(directory.join(NAME)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes)?;
    decode(&bytes).map_err(|reason| io::Error::new(io::ErrorKind::InvalidData, reason))
}

/// Replaces the file, whole or not at all.
///
/// # Errors
/// The file cannot be written.
pub fn save<'a>(
    directory: &Path,
    known: impl Iterator<Item = (&'a Path, bool, &'a Names)>,
) -> io::Result<()> {
    let draft = directory.join(format!("{NAME}.new"));
    let mut file = File::create(&draft)?;
    file.write_all(&encode(known))?;
    file.sync_all()?;
    std::fs::rename(&draft, directory.join(NAME))
}

/// A file with these records, whatever they are.
pub fn sealed(records: &[u8]) -> Vec<u8> {
    let mut bytes = [BEGINNING, records].concat();
    let sum = Sha256::digest(&bytes);
    bytes.extend(sum);
    bytes
}

/// The file's bytes.
pub fn encode<'a>(known: impl Iterator<Item = (&'a Path, bool, &'a Names)>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (path, whole, names) in known {
        let path = path.as_os_str().as_bytes();
        // A name has at most 255 bytes in Linux, a path or a directory's number
        // of names fewer than 32 bits can count.
        bytes.extend((path.len() as u32).to_le_bytes());
        bytes.extend(path);
        bytes.push(u8::from(whole));
        bytes.extend((names.len() as u32).to_le_bytes());
        for (name, known) in names {
            bytes.extend((name.len() as u16).to_le_bytes());
            bytes.extend(name.as_bytes());
            let gone = if known.gone { GONE } else { 0 };
            let (sort, hash): (u8, &[u8]) = match &known.kind {
                Kind::New => (NEW, &[]),
                Kind::File(Signature::None) => (UNREADABLE, &[]),
                Kind::File(Signature::Sha256(hash)) => (HASHED, hash),
                Kind::Directory => (DIRECTORY, &[]),
                Kind::Special => (SPECIAL, &[]),
            };
            bytes.push(sort | gone);
            bytes.extend(hash);
        }
    }
    sealed(&bytes)
}

/// What the file's bytes say.
///
/// # Errors
/// Why they are not such a file.
pub fn decode(bytes: &[u8]) -> Result<BTreeMap<PathBuf, Past>, &'static str> {
    let (content, sum) = bytes.split_last_chunk::<32>().ok_or("it is too short")?;
    if Sha256::digest(content)[..] != sum[..] {
        return Err("its checksum is wrong");
    }
    let content = content
        .strip_prefix(BEGINNING)
        .ok_or("it is of another version")?;
    let mut rest = Rest(content);
    let mut all = BTreeMap::new();
    while !rest.0.is_empty() {
        let length = rest.number::<4>()?;
        let path = PathBuf::from(OsStr::from_bytes(rest.take(length)?));
        let whole = rest.number::<1>()? != 0;
        let mut names = Names::new();
        for _ in 0..rest.number::<4>()? {
            let length = rest.number::<2>()?;
            let name = OsStr::from_bytes(rest.take(length)?).into();
            names.insert(name, rest.known()?);
        }
        all.insert(path, Past { whole, names });
    }
    Ok(all)
}

struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], &'static str> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or("it ends early")?;
        self.0 = rest;
        Ok(taken)
    }

    fn number<const BYTES: usize>(&mut self) -> Result<usize, &'static str> {
        let bytes = self.take(BYTES)?.iter().rev();
        Ok(bytes.fold(0, |sum, byte| sum << 8 | usize::from(*byte)))
    }

    fn known(&mut self) -> Result<Known, &'static str> {
        let tag = self.take(1)?[0];
        let kind = match tag & !GONE {
            NEW => Kind::New,
            UNREADABLE => Kind::File(Signature::None),
            HASHED => {
                let hash = self.take(32)?.try_into().map_err(|_| "it ends early")?;
                Kind::File(Signature::Sha256(hash))
            }
            DIRECTORY => Kind::Directory,
            SPECIAL => Kind::Special,
            _ => return Err("it has something unknown in it"),
        };
        Ok(Known {
            kind,
            gone: tag & GONE != 0,
        })
    }
}
