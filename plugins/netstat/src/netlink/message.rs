//! Messages and attributes.

/// Bytes that are not what the format says, with the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub &'static str);

/// Size of `struct nlmsghdr`.
pub const HEADER: usize = 16;
/// Size of `struct rtattr`.
const ATTRIBUTE_HEADER: usize = 4;
/// Bits of an attribute's type that are its type; the others are flags.
const ATTRIBUTE_TYPE: u16 = 0x3fff;

/// Messages and attributes start at multiples of this.
fn aligned(length: usize) -> usize {
    length.saturating_add(3) & !3
}

/// The bytes from `offset` on, as an array.
pub fn array<const N: usize>(bytes: &[u8], offset: usize) -> Option<[u8; N]> {
    bytes.get(offset..)?.first_chunk().copied()
}

/// A number of 16 bits.
pub fn u16_at(bytes: &[u8], offset: usize) -> Option<u16> {
    array(bytes, offset).map(u16::from_ne_bytes)
}

/// A number of 32 bits.
pub fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    array(bytes, offset).map(u32::from_ne_bytes)
}

/// One message of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// What it is.
    pub kind: u16,
    /// `NLM_F_…`
    pub flags: u16,
    /// Which request it answers.
    pub sequence: u32,
    /// What follows the header.
    pub payload: &'a [u8],
}

/// The messages of a datagram. Ends after the first damaged one.
#[derive(Debug)]
pub struct Messages<'a> {
    rest: &'a [u8],
}

impl<'a> Messages<'a> {
    /// Starts at the first.
    pub fn new(datagram: &'a [u8]) -> Self {
        Self { rest: datagram }
    }

    fn take(&mut self) -> Result<Message<'a>, Malformed> {
        let bytes = std::mem::take(&mut self.rest);
        let short = Malformed("a message header is cut off");
        let length = u32_at(bytes, 0).ok_or(short)? as usize;
        let kind = u16_at(bytes, 4).ok_or(short)?;
        let flags = u16_at(bytes, 6).ok_or(short)?;
        let sequence = u32_at(bytes, 8).ok_or(short)?;
        let payload = bytes
            .get(HEADER..length)
            .ok_or(Malformed("the length of a message is wrong"))?;
        self.rest = bytes.get(aligned(length)..).unwrap_or_default();
        Ok(Message {
            kind,
            flags,
            sequence,
            payload,
        })
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Result<Message<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        (!self.rest.is_empty()).then(|| self.take())
    }
}

/// The attributes at the end of a message: type and value. Ends after the first
/// damaged one.
#[derive(Debug)]
pub struct Attributes<'a> {
    rest: &'a [u8],
}

impl<'a> Attributes<'a> {
    /// The attributes that follow `fixed` bytes of a payload.
    ///
    /// # Errors
    /// When the payload is shorter.
    pub fn after(payload: &'a [u8], fixed: usize) -> Result<Self, Malformed> {
        let rest = payload
            .get(fixed..)
            .ok_or(Malformed("a message is shorter than its kind"))?;
        Ok(Self { rest })
    }

    fn take(&mut self) -> Result<(u16, &'a [u8]), Malformed> {
        let bytes = std::mem::take(&mut self.rest);
        let short = Malformed("an attribute header is cut off");
        let length = u16_at(bytes, 0).ok_or(short)? as usize;
        let kind = u16_at(bytes, 2).ok_or(short)?;
        let value = bytes
            .get(ATTRIBUTE_HEADER..length)
            .ok_or(Malformed("the length of an attribute is wrong"))?;
        self.rest = bytes.get(aligned(length)..).unwrap_or_default();
        Ok((kind & ATTRIBUTE_TYPE, value))
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Result<(u16, &'a [u8]), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        (!self.rest.is_empty()).then(|| self.take())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::testing::{attribute, message};
    use proptest::prelude::*;

    #[test]
    fn messages_and_attributes_follow_each_other_at_multiples_of_four() {
        let mut payload = vec![9; 5];
        payload.extend([0; 3]);
        payload.extend(attribute(0x8001, b"abc"));
        payload.extend(attribute(2, b""));
        payload.extend(attribute(3, b"abcd"));
        let mut datagram = message(20, 2, 7, &payload);
        datagram.extend(message(3, 0, 8, &[]));
        let messages: Vec<_> = Messages::new(&datagram).collect::<Result<_, _>>().unwrap();
        assert_eq!(messages.len(), 2);
        assert_eq!((messages[0].kind, messages[0].flags), (20, 2));
        assert_eq!((messages[0].sequence, messages[1].sequence), (7, 8));
        let attributes: Vec<_> = Attributes::after(messages[0].payload, 8)
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        let wanted: [(u16, &[u8]); 3] = [(1, b"abc"), (2, b""), (3, b"abcd")];
        assert_eq!(attributes, wanted);
    }

    #[test]
    fn wrong_lengths_end_the_reading_with_a_reason() {
        let whole = message(20, 0, 1, b"payload!");
        // Cut at every place but the end.
        for length in 1..whole.len() {
            let found: Vec<_> = Messages::new(&whole[..length]).collect();
            assert_eq!(found.len(), 1, "{length}");
            assert!(found[0].is_err(), "{length}");
        }
        // Lengths below the header's, which would never end, and beyond the end.
        for length in [0u32, 1, 15, 25, u32::MAX] {
            let mut wrong = whole.clone();
            wrong[..4].copy_from_slice(&length.to_ne_bytes());
            let found: Vec<_> = Messages::new(&wrong).collect();
            assert_eq!(found.len(), 1, "{length}");
            assert!(found[0].is_err(), "{length}");
        }
        for length in [0u16, 3, 9, u16::MAX] {
            let mut wrong = attribute(1, b"abcd");
            wrong[..2].copy_from_slice(&length.to_ne_bytes());
            let found: Vec<_> = Attributes::after(&wrong, 0).unwrap().collect();
            assert_eq!(found.len(), 1, "{length}");
            assert!(found[0].is_err(), "{length}");
        }
        assert!(Attributes::after(b"abc", 4).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_come_to_an_end(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
            let messages = Messages::new(&bytes).take(1000).count();
            prop_assert!(messages <= bytes.len() / HEADER + 1);
            let attributes = Attributes::after(&bytes, 0).unwrap().take(1000).count();
            prop_assert!(attributes <= bytes.len() / ATTRIBUTE_HEADER + 1);
        }
    }
}
