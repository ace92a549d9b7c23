//! The data types of the SSH protocol (RFC 4251, section 5).

/// Reads values one after the other.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next so many bytes.
    pub fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    /// A 32-bit number.
    pub fn number(&mut self) -> Option<u32> {
        let bytes = self.take(4)?;
        Some(u32::from_be_bytes(bytes.try_into().ok()?))
    }

    /// A string: length and bytes.
    pub fn string(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        self.take(usize::try_from(length).ok()?)
    }

    /// Whether everything was read.
    pub fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }
}

/// Appends a string.
pub fn put_string(out: &mut Vec<u8>, bytes: &[u8]) {
    // Keys are far below 4 GiB: files of 1 MiB hold them.
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    out.extend(length.to_be_bytes());
    out.extend(bytes);
}

/// Appends a positive number given in big-endian bytes, in its shortest form: a
/// zero in front only where the first bit would make it negative.
pub fn put_number(out: &mut Vec<u8>, bytes: &[u8]) {
    let digits = without_zeros(bytes);
    let mut value = Vec::with_capacity(digits.len() + 1);
    if digits.first().is_some_and(|first| first & 0x80 != 0) {
        value.push(0);
    }
    value.extend(digits);
    put_string(out, &value);
}

/// A number's bytes without zeros in front.
pub fn without_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    &bytes[zeros..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_take_their_shortest_form() {
        for (bytes, wanted) in [
            (&b""[..], &b"\0\0\0\0"[..]),
            (b"\0\0", b"\0\0\0\0"),
            (b"\x7F", b"\0\0\0\x01\x7F"),
            (b"\0\0\x80", b"\0\0\0\x02\0\x80"),
            (b"\0\x01\0", b"\0\0\0\x02\x01\0"),
        ] {
            let mut out = Vec::new();
            put_number(&mut out, bytes);
            assert_eq!(out, wanted);
        }
    }

    #[test]
    fn lengths_beyond_the_end_are_refused() {
        assert_eq!(Reader::new(b"\0\0\0\x02a").string(), None);
        assert_eq!(Reader::new(b"\xFF\xFF\xFF\xFFab").string(), None);
        assert_eq!(Reader::new(b"\0\0").number(), None);
        let mut reader = Reader::new(b"\0\0\0\x01ab");
        assert_eq!(reader.string(), Some(&b"a"[..]));
        assert!(!reader.is_at_end());
        assert_eq!(reader.take(1), Some(&b"b"[..]));
        assert!(reader.is_at_end());
    }
}
