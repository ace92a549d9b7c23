//! The name that a library gives itself (`DT_SONAME`), read from its image in
//! the memory of a process. Nothing is loaded or executed, and nothing that is
//! read is believed: every address is only an address to read from. Format: ELF
//! specification, chapters "Program Header" and "Dynamic Section".

/// Program headers that are looked at.
const MAX_HEADERS: u16 = 64;
/// Entries of the dynamic section that are looked at.
const MAX_ENTRIES: u64 = 512;
/// Longest name, in bytes.
const MAX_NAME: usize = 255;

const LOAD: u32 = 1;
const DYNAMIC: u32 = 2;
const STRTAB: u64 = 5;
const SONAME: u64 = 14;

/// Reads memory at an address; `None` when it cannot be read as a whole.
pub type Reader<'r> = dyn FnMut(u64, &mut [u8]) -> Option<()> + 'r;

struct Image<'r, 'm> {
    read: &'m mut Reader<'r>,
    wide: bool,
}

impl Image<'_, '_> {
    fn bytes<const N: usize>(&mut self, address: u64) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        (self.read)(address, &mut bytes)?;
        Some(bytes)
    }

    fn half(&mut self, address: u64) -> Option<u16> {
        self.bytes(address).map(u16::from_ne_bytes)
    }

    fn word(&mut self, address: u64) -> Option<u32> {
        self.bytes(address).map(u32::from_ne_bytes)
    }

    /// A number of the size of an address.
    fn number(&mut self, address: u64) -> Option<u64> {
        if self.wide {
            self.bytes(address).map(u64::from_ne_bytes)
        } else {
            self.word(address).map(u64::from)
        }
    }
}

/// The name in the image whose first byte is mapped at `base`.
pub fn soname(read: &mut Reader<'_>, base: u64) -> Option<Vec<u8>> {
    let mut start = [0; 6];
    read(base, &mut start)?;
    let native = if cfg!(target_endian = "little") { 1 } else { 2 };
    if &start[..4] != b"\x7fELF" || start[5] != native {
        return None;
    }
    let wide = match start[4] {
        1 => false,
        2 => true,
        _ => return None,
    };
    let mut image = Image { read, wide };
    let at = |offset: u64| base.checked_add(offset);
    let headers = if wide {
        image.number(at(32)?)
    } else {
        image.number(at(28)?)
    }?;
    let size = u64::from(image.half(at(if wide { 54 } else { 42 })?)?);
    let count = image.half(at(if wide { 56 } else { 44 })?)?;

    // The image moves as a whole: what the file calls the address of its first
    // byte is at `base`.
    let mut first = None;
    let mut dynamic = None;
    for index in 0..count.min(MAX_HEADERS) {
        let header = at(headers)?.checked_add(u64::from(index) * size)?;
        let kind = image.word(header)?;
        let field = |wide_at: u64, narrow_at: u64| {
            header.checked_add(if wide { wide_at } else { narrow_at })
        };
        let offset = image.number(field(8, 4)?)?;
        let address = image.number(field(16, 8)?)?;
        let length = image.number(field(40, 20)?)?;
        match kind {
            LOAD if offset == 0 => first = first.or(Some(address)),
            DYNAMIC => dynamic = dynamic.or(Some((address, length))),
            _ => {}
        }
    }
    let bias = base.wrapping_sub(first?);
    let (address, length) = dynamic?;
    let entry = if wide { 16 } else { 8 };
    let (mut strings, mut name) = (None, None);
    for index in 0..(length / entry).min(MAX_ENTRIES) {
        let place = bias.wrapping_add(address).checked_add(index * entry)?;
        let tag = image.number(place)?;
        let value = image.number(place.checked_add(entry / 2)?)?;
        match tag {
            0 => break,
            STRTAB => strings = Some(value),
            SONAME => name = Some(value),
            _ => {}
        }
    }
    let (strings, name) = (strings?, name?);
    // Some loaders replace the address of the file by the one in memory.
    [strings, bias.wrapping_add(strings)]
        .into_iter()
        .filter(|&table| table >= base)
        .find_map(|table| text(&mut image, table.checked_add(name)?))
}

/// A text that ends with a NUL.
fn text(image: &mut Image<'_, '_>, mut address: u64) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    while text.len() <= MAX_NAME {
        match image.bytes::<1>(address)? {
            [0] => return (!text.is_empty()).then_some(text),
            [byte] => text.push(byte),
        }
        address = address.checked_add(1)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An image at 0x10000 with one loaded segment and a dynamic section.
    pub(super) fn image(strings: u64) -> Vec<u8> {
        let mut image = vec![0; 0x400];
        image[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, native()]);
        let mut put = |at: usize, bytes: &[u8]| image[at..at + bytes.len()].copy_from_slice(bytes);
        put(32, &64_u64.to_ne_bytes());
        put(54, &56_u16.to_ne_bytes());
        put(56, &2_u16.to_ne_bytes());
        put(64, &LOAD.to_ne_bytes());
        put(64 + 16, &0x5000_u64.to_ne_bytes());
        put(120, &DYNAMIC.to_ne_bytes());
        put(120 + 8, &0x200_u64.to_ne_bytes());
        put(120 + 16, &0x5200_u64.to_ne_bytes());
        put(120 + 40, &64_u64.to_ne_bytes());
        for (index, (tag, value)) in [(SONAME, 1), (STRTAB, strings), (0, 0)].iter().enumerate() {
            put(0x200 + 16 * index, &tag.to_ne_bytes());
            put(0x208 + 16 * index, &value.to_ne_bytes());
        }
        put(0x300, b"\0libname.so.7\0");
        image
    }

    fn native() -> u8 {
        if cfg!(target_endian = "little") { 1 } else { 2 }
    }

    fn named(image: &[u8]) -> Option<Vec<u8>> {
        let mut read = |address: u64, into: &mut [u8]| {
            let at = usize::try_from(address.checked_sub(0x10000)?).ok()?;
            into.copy_from_slice(image.get(at..)?.get(..into.len())?);
            Some(())
        };
        soname(&mut read, 0x10000)
    }

    #[test]
    fn the_name_is_found_with_the_table_moved_by_the_loader_and_not() {
        assert_eq!(named(&image(0x5300)).as_deref(), Some(&b"libname.so.7"[..]));
        assert_eq!(
            named(&image(0x10300)).as_deref(),
            Some(&b"libname.so.7"[..])
        );
    }

    #[test]
    fn a_damaged_image_has_no_name_and_harms_nobody() {
        let whole = image(0x5300);
        for length in 0..whole.len() {
            let _ = named(&whole[..length]);
        }
        assert_eq!(named(&whole[..0x300]), None);
        for at in 0..0x260 {
            for value in [0, 0x7f, 0xff] {
                let mut damaged = whole.clone();
                damaged[at] = value;
                if let Some(name) = named(&damaged) {
                    assert!(name.len() <= MAX_NAME);
                }
            }
        }
    }
}
