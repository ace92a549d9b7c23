//! The characters of a stream of bytes, as Go's regular expressions see them:
//! each byte that is not part of valid UTF-8 is one U+FFFD.

/// What stands at the start of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// A character of so many bytes.
    Character(usize),
    /// A byte that belongs to no character.
    Bad,
    /// The beginning of a character whose rest is not there.
    Partial,
}

/// Looks at the start of `bytes`, which are not empty. The table of well-formed
/// sequences is that of the Unicode standard, chapter 3.9.
pub fn start(bytes: &[u8]) -> Start {
    let (length, second) = match bytes[0] {
        0..0x80 => return Start::Character(1),
        0xC2..=0xDF => (2, 0x80..=0xBF),
        0xE0 => (3, 0xA0..=0xBF),
        0xE1..=0xEC | 0xEE..=0xEF => (3, 0x80..=0xBF),
        0xED => (3, 0x80..=0x9F),
        0xF0 => (4, 0x90..=0xBF),
        0xF1..=0xF3 => (4, 0x80..=0xBF),
        0xF4 => (4, 0x80..=0x8F),
        _ => return Start::Bad,
    };
    for (position, byte) in bytes.iter().enumerate().take(length).skip(1) {
        let fits = if position == 1 {
            second.contains(byte)
        } else {
            matches!(byte, 0x80..=0xBF)
        };
        if !fits {
            return Start::Bad;
        }
    }
    if bytes.len() < length {
        Start::Partial
    } else {
        Start::Character(length)
    }
}
