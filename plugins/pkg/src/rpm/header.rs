//! Headers as databases store them: number of entries, size of the data, the
//! entries (tag, type, offset, count, 16 bytes each), the data. All numbers
//! have the most significant byte first. The entries that mark regions, for
//! signatures, are of no interest here.

use super::source::{Source, big};
use crate::collection::MAX_FIELD;
use crate::stanzas::text;
use crate::trouble::Trouble;

/// What rpm prints in place of what a header does not have; the public keys in
/// its database have no architecture.
pub const NONE: &str = "(none)";

const NAME: u32 = 1000;
const VERSION: u32 = 1001;
const RELEASE: u32 = 1002;
const EPOCH: u32 = 1003;
const ARCH: u32 = 1022;

const INT32: u32 = 4;
const STRING: u32 = 6;

/// rpm's own limits: entries, bytes of data.
const MAX_ENTRIES: u32 = 0xffff;
const MAX_DATA: u32 = 256 << 20;
/// Bytes of one entry.
const ENTRY: usize = 16;

/// What names a package.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Header {
    pub name: String,
    pub version: Option<String>,
    pub release: Option<String>,
    pub epoch: Option<u32>,
    pub arch: Option<String>,
}

impl Header {
    /// `epoch:version-release`, the epoch only if there is one.
    pub fn evr(&self) -> String {
        let version = self.version.as_deref().unwrap_or(NONE);
        let release = self.release.as_deref().unwrap_or(NONE);
        match self.epoch {
            Some(epoch) => format!("{epoch}:{version}-{release}"),
            None => format!("{version}-{release}"),
        }
    }
}

/// Reads a header of `length` bytes, as far as needed.
pub fn read(source: &mut dyn Source, length: u64) -> Result<Header, Trouble> {
    let mut intro = [0; 8];
    if length < intro.len() as u64 {
        return Err(Trouble::damaged(format!("a header of {length} bytes")));
    }
    source.read(&mut intro)?;
    let (entries, data) = (big(&intro, 0), big(&intro, 4));
    let whole = 8 + u64::from(entries) * ENTRY as u64 + u64::from(data);
    if entries == 0 || entries > MAX_ENTRIES || data > MAX_DATA || whole != length {
        return Err(Trouble::damaged(format!(
            "a header of {length} bytes that claims {entries} entries and {data} bytes of data"
        )));
    }
    let mut wanted = wanted(source, entries, data)?;
    wanted.sort_by_key(|entry| entry.offset);
    let mut store = Store {
        source,
        position: 0,
        length: data,
        buffer: [0; 256],
        filled: 0,
        used: 0,
    };
    let mut header = Header::default();
    for entry in wanted {
        store.seek(entry.offset)?;
        match entry.tag {
            EPOCH => header.epoch = Some(store.number()?),
            NAME => header.name = store.string()?,
            VERSION => header.version = Some(store.string()?),
            RELEASE => header.release = Some(store.string()?),
            _ => header.arch = Some(store.string()?),
        }
    }
    if header.name.is_empty() {
        return Err(Trouble::damaged("a header without a name"));
    }
    Ok(header)
}

/// An entry of the index.
struct Entry {
    tag: u32,
    offset: u32,
}

/// The first entry of each tag that matters.
fn wanted(source: &mut dyn Source, entries: u32, data: u32) -> Result<Vec<Entry>, Trouble> {
    let mut found: Vec<Entry> = Vec::new();
    let mut entry = [0; ENTRY];
    for _ in 0..entries {
        source.read(&mut entry)?;
        let (tag, kind) = (big(&entry, 0), big(&entry, 4));
        let (offset, count) = (big(&entry, 8), big(&entry, 12));
        let fits = match tag {
            NAME | VERSION | RELEASE | ARCH => kind == STRING,
            EPOCH => kind == INT32,
            _ => continue,
        };
        if found.iter().any(|known| known.tag == tag) {
            continue;
        }
        if !fits || count != 1 || offset >= data {
            return Err(Trouble::damaged(format!(
                "a header whose tag {tag} has type {kind}, count {count} and offset {offset}"
            )));
        }
        found.push(Entry { tag, offset });
    }
    Ok(found)
}

/// The data of a header, read once from front to back.
struct Store<'a> {
    source: &'a mut dyn Source,
    /// Bytes taken or passed over.
    position: u32,
    length: u32,
    buffer: [u8; 256],
    filled: usize,
    used: usize,
}

impl Store<'_> {
    fn seek(&mut self, offset: u32) -> Result<(), Trouble> {
        let forward = offset
            .checked_sub(self.position)
            .ok_or_else(|| Trouble::damaged("a header whose tags overlap"))?;
        let buffered = self.filled - self.used;
        let forward = forward as usize;
        if forward <= buffered {
            self.used += forward;
        } else {
            self.source.skip((forward - buffered) as u64)?;
            self.used = self.filled;
        }
        self.position = offset;
        Ok(())
    }

    fn byte(&mut self) -> Result<u8, Trouble> {
        if self.used == self.filled {
            let left = (self.length - self.position) as usize;
            if left == 0 {
                return Err(Trouble::damaged("a header whose text has no end"));
            }
            let count = left.min(self.buffer.len());
            self.source.read(&mut self.buffer[..count])?;
            (self.filled, self.used) = (count, 0);
        }
        let byte = self.buffer[self.used];
        self.used += 1;
        self.position += 1;
        Ok(byte)
    }

    fn number(&mut self) -> Result<u32, Trouble> {
        let mut number = 0;
        for _ in 0..4 {
            number = number << 8 | u32::from(self.byte()?);
        }
        Ok(number)
    }

    fn string(&mut self) -> Result<String, Trouble> {
        let mut bytes = Vec::new();
        loop {
            match self.byte()? {
                0 => return Ok(text(&bytes)),
                _ if bytes.len() == MAX_FIELD => {
                    return Err(Trouble::damaged(format!(
                        "a header with a text of more than {MAX_FIELD} bytes"
                    )));
                }
                byte => bytes.push(byte),
            }
        }
    }
}
