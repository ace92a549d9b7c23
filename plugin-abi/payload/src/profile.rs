//! The payload profile: the part of CBOR that may cross the boundary.
//!
//! [`walk`] reads tokens with a fixed stack, so that a payload of two hundred
//! thousand nested arrays costs an error and not the stack of the agent.

/// Deepest nesting of arrays and maps.
pub const MAX_DEPTH: usize = 32;
/// Largest magnitude of an integer: what a JSON number holds exactly.
pub const MAX_INTEGER: u64 = (1 << 53) - 1;

/// What a payload did wrong, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("payload byte {position}: {rule}")]
pub struct ProfileError {
    /// Offset of the offending item in the payload.
    pub position: usize,
    /// The rule it breaks.
    pub rule: Rule,
}

/// The rules of the profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rule {
    /// More bytes than the operation may use.
    #[error("larger than the limit")]
    TooLarge,
    /// An item ends beyond the last byte.
    #[error("truncated")]
    Truncated,
    /// Bytes follow the item.
    #[error("bytes after the end of the item")]
    TrailingBytes,
    /// Arrays and maps nested deeper than [`MAX_DEPTH`].
    #[error("nested deeper than 32 levels")]
    TooDeep,
    /// A length that is not given up front.
    #[error("indefinite length")]
    IndefiniteLength,
    /// A header that CBOR reserves.
    #[error("reserved header")]
    ReservedHeader,
    /// A tagged item.
    #[error("tag")]
    Tag,
    /// A byte string.
    #[error("byte string")]
    ByteString,
    /// `undefined` or another simple value than true, false and null.
    #[error("simple value other than true, false and null")]
    SimpleValue,
    /// A 16-bit float.
    #[error("half-precision float")]
    HalfFloat,
    /// A 32-bit float.
    #[error("single-precision float")]
    SingleFloat,
    /// Not a number, or an infinity.
    #[error("float that is not finite")]
    NotFinite,
    /// An integer beyond ±(2^53−1).
    #[error("integer beyond 2^53-1")]
    IntegerTooLarge,
    /// A map key of another type than text.
    #[error("map key that is not text")]
    KeyNotText,
    /// The same key twice in one map.
    #[error("duplicate map key")]
    DuplicateKey,
    /// Text that is not UTF-8.
    #[error("text that is not valid UTF-8")]
    InvalidUtf8,
}

/// Checks one payload of at most `limit` bytes against the profile.
///
/// # Errors
/// The first rule that is broken, with its position. Duplicate keys are
/// noticed at the end of their map.
pub fn walk(bytes: &[u8], limit: usize) -> Result<(), ProfileError> {
    if bytes.len() > limit.min(u32::MAX as usize) {
        return Err(ProfileError {
            position: limit,
            rule: Rule::TooLarge,
        });
    }
    Walker {
        bytes,
        at: 0,
        keys: Vec::new(),
    }
    .walk()
}

/// An open array or map.
#[derive(Clone, Copy, Default)]
struct Frame {
    /// Items still to come; in a map, keys and values count alike, so an even
    /// number means that a key is next.
    remaining: u64,
    map: bool,
    /// Where this map's keys start in [`Walker::keys`].
    first_key: usize,
}

struct Walker<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Start and end of the keys of all open maps.
    keys: Vec<(u32, u32)>,
}

/// What follows a header.
enum Item {
    Scalar,
    Text { start: usize, end: usize },
    Container { items: u64, map: bool },
}

impl Walker<'_> {
    fn walk(mut self) -> Result<(), ProfileError> {
        let mut stack = [Frame::default(); MAX_DEPTH];
        let mut depth = 0;
        loop {
            let start = self.at;
            let key_expected =
                depth > 0 && stack[depth - 1].map && stack[depth - 1].remaining.is_multiple_of(2);
            let item = self.item()?;
            if depth > 0 {
                stack[depth - 1].remaining -= 1;
            }
            match item {
                Item::Text { start, end } if key_expected => {
                    self.keys.push((start as u32, end as u32));
                }
                _ if key_expected => return fail(start, Rule::KeyNotText),
                Item::Scalar | Item::Text { .. } => {}
                Item::Container { items, map } => {
                    if depth == MAX_DEPTH {
                        return fail(start, Rule::TooDeep);
                    }
                    stack[depth] = Frame {
                        remaining: items,
                        map,
                        first_key: self.keys.len(),
                    };
                    depth += 1;
                }
            }
            while depth > 0 && stack[depth - 1].remaining == 0 {
                depth -= 1;
                if stack[depth].map {
                    self.close_map(stack[depth].first_key)?;
                }
            }
            if depth == 0 {
                break;
            }
        }
        if self.at < self.bytes.len() {
            return fail(self.at, Rule::TrailingBytes);
        }
        Ok(())
    }

    /// Reads one header, and the text or number it introduces.
    fn item(&mut self) -> Result<Item, ProfileError> {
        let start = self.at;
        let Some(&first) = self.bytes.get(start) else {
            return fail(start, Rule::Truncated);
        };
        self.at += 1;
        let (major, info) = (first >> 5, first & 0x1f);
        match major {
            2 => return fail(start, Rule::ByteString),
            6 => return fail(start, Rule::Tag),
            7 => return self.simple(start, info),
            _ => {}
        }
        let argument = self.argument(start, major, info)?;
        let left = (self.bytes.len() - self.at) as u64;
        match major {
            0 if argument > MAX_INTEGER => fail(start, Rule::IntegerTooLarge),
            // The value is −1 − argument.
            1 if argument >= MAX_INTEGER => fail(start, Rule::IntegerTooLarge),
            0 | 1 => Ok(Item::Scalar),
            3 => {
                if argument > left {
                    return fail(start, Rule::Truncated);
                }
                let text = self.at;
                self.at += argument as usize;
                match std::str::from_utf8(&self.bytes[text..self.at]) {
                    Ok(_) => Ok(Item::Text {
                        start: text,
                        end: self.at,
                    }),
                    Err(error) => fail(text + error.valid_up_to(), Rule::InvalidUtf8),
                }
            }
            // Every item takes a byte at least: this bounds the counters too.
            4 if argument > left => fail(start, Rule::Truncated),
            5 if argument > left / 2 => fail(start, Rule::Truncated),
            4 => Ok(Item::Container {
                items: argument,
                map: false,
            }),
            _ => Ok(Item::Container {
                items: argument * 2,
                map: true,
            }),
        }
    }

    fn simple(&mut self, start: usize, info: u8) -> Result<Item, ProfileError> {
        match info {
            20..=22 => Ok(Item::Scalar),
            25 => fail(start, Rule::HalfFloat),
            26 => fail(start, Rule::SingleFloat),
            27 => {
                let bits = self.big_endian(start, 8)?;
                if f64::from_bits(bits).is_finite() {
                    Ok(Item::Scalar)
                } else {
                    fail(start, Rule::NotFinite)
                }
            }
            28..=30 => fail(start, Rule::ReservedHeader),
            31 => fail(start, Rule::IndefiniteLength),
            _ => fail(start, Rule::SimpleValue),
        }
    }

    fn argument(&mut self, start: usize, major: u8, info: u8) -> Result<u64, ProfileError> {
        match info {
            0..=23 => Ok(u64::from(info)),
            24..=27 => self.big_endian(start, 1 << (info - 24)),
            31 if (3..=5).contains(&major) => fail(start, Rule::IndefiniteLength),
            _ => fail(start, Rule::ReservedHeader),
        }
    }

    fn big_endian(&mut self, start: usize, count: usize) -> Result<u64, ProfileError> {
        let Some(bytes) = self.bytes.get(self.at..self.at + count) else {
            return fail(start, Rule::Truncated);
        };
        self.at += count;
        Ok(bytes
            .iter()
            .fold(0, |value, byte| (value << 8) | u64::from(*byte)))
    }

    fn close_map(&mut self, first_key: usize) -> Result<(), ProfileError> {
        let bytes = self.bytes;
        let text = |key: &(u32, u32)| &bytes[key.0 as usize..key.1 as usize];
        let keys = &mut self.keys[first_key..];
        // Records are small maps; comparing pairs beats sorting there.
        let duplicate = if keys.len() <= 8 {
            keys.iter()
                .enumerate()
                .find(|(index, key)| keys[..*index].iter().any(|other| text(other) == text(key)))
                .map(|(_, key)| key.0)
        } else {
            keys.sort_unstable_by(|a, b| text(a).cmp(text(b)).then(a.0.cmp(&b.0)));
            keys.windows(2)
                .filter(|pair| text(&pair[0]) == text(&pair[1]))
                .map(|pair| pair[1].0)
                .min()
        };
        self.keys.truncate(first_key);
        match duplicate {
            Some(position) => fail(position as usize, Rule::DuplicateKey),
            None => Ok(()),
        }
    }
}

fn fail<T>(position: usize, rule: Rule) -> Result<T, ProfileError> {
    Err(ProfileError { position, rule })
}
