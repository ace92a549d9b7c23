//! Messages of netlink, as `linux/netlink.h` and `linux/audit.h` describe them.

/// Numbers of the audit subsystem's requests and answers.
pub(crate) mod kind {
    /// An error or, with the number 0, an acknowledgement.
    pub(crate) const ERROR: u16 = 2;
    /// The end of an answer of several messages.
    pub(crate) const DONE: u16 = 3;
    /// Asks for the status, and answers with it.
    pub(crate) const GET: u16 = 1000;
    /// Sets parts of the status.
    pub(crate) const SET: u16 = 1001;
    /// A record that a program sent, in the form of very old programs.
    pub(crate) const USER: u16 = 1005;
    /// The record of a login user id being set.
    pub(crate) const LOGIN: u16 = 1006;
    /// Adds a rule.
    pub(crate) const ADD_RULE: u16 = 1011;
    /// Deletes a rule.
    pub(crate) const DEL_RULE: u16 = 1012;
    /// Asks for the rules, and answers with each of them.
    pub(crate) const LIST_RULES: u16 = 1013;
    /// First number of what is a record of an event.
    pub(crate) const FIRST_RECORD: u16 = 1100;
    /// The kernel asks whether this daemon is alive, for another one that wants
    /// its place.
    pub(crate) const REPLACE: u16 = 1329;
}

/// True for what tells of an event: those of a range of their own, but for the
/// kernel's question to its daemon, and two that are older than the range.
pub(crate) fn is_record(kind: u16) -> bool {
    match kind {
        kind::REPLACE => false,
        kind::USER | kind::LOGIN => true,
        other => other >= kind::FIRST_RECORD,
    }
}

/// Bytes of a message's header.
pub(crate) const HEADER: usize = 16;
const REQUEST: u16 = 1;
const ACKNOWLEDGE: u16 = 4;

/// One message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Message<'a> {
    /// One of [`kind`], or the kind of a record.
    pub(crate) kind: u16,
    /// The number of the request that it answers; 0 for records.
    pub(crate) sequence: u32,
    /// What follows the header.
    pub(crate) payload: &'a [u8],
}

impl<'a> Message<'a> {
    /// Reads a datagram, of which the audit subsystem fills each with exactly
    /// one message.
    ///
    /// For records the length of the datagram counts, not that of the header:
    /// the kernel has never agreed with itself whether the latter includes the
    /// header. `None` when it is no message.
    pub(crate) fn read(datagram: &'a [u8]) -> Option<Self> {
        let word = |at: usize| -> Option<u32> {
            let bytes = datagram.get(at..at + 4)?;
            bytes.try_into().ok().map(u32::from_ne_bytes)
        };
        let kind = datagram.get(4..6)?;
        let kind = u16::from_ne_bytes(kind.try_into().ok()?);
        let sequence = word(8)?;
        let payload = match is_record(kind) {
            true => datagram.get(HEADER..)?,
            false => datagram.get(HEADER..usize::try_from(word(0)?).ok()?)?,
        };
        Some(Self {
            kind,
            sequence,
            payload,
        })
    }

    /// The operating system's error number of an [`kind::ERROR`] message, 0 for
    /// an acknowledgement.
    pub(crate) fn error(&self) -> Option<i32> {
        let number = self.payload.get(..4)?;
        let number = i32::from_ne_bytes(number.try_into().ok()?);
        Some(number.saturating_neg())
    }
}

/// A request that wants an acknowledgement, as a datagram.
pub(crate) fn request(kind: u16, sequence: u32, payload: &[u8]) -> Vec<u8> {
    let length = HEADER + payload.len();
    let mut datagram = Vec::with_capacity(length.next_multiple_of(4));
    datagram.extend((length as u32).to_ne_bytes());
    datagram.extend(kind.to_ne_bytes());
    datagram.extend((REQUEST | ACKNOWLEDGE).to_ne_bytes());
    datagram.extend(sequence.to_ne_bytes());
    datagram.extend(0u32.to_ne_bytes());
    datagram.extend(payload);
    datagram.resize(length.next_multiple_of(4), 0);
    datagram
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_request_reads_back_as_what_it_is(
            kind in 0u16..1005, sequence in any::<u32>(),
            payload in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let datagram = request(kind, sequence, &payload);
            let message = Message::read(&datagram).expect("a message");
            prop_assert_eq!(message, Message { kind, sequence, payload: &payload });
            prop_assert_eq!(datagram.len() % 4, 0);
        }

        #[test]
        fn any_bytes_are_a_message_or_none(datagram in prop::collection::vec(any::<u8>(), 0..64)) {
            if let Some(message) = Message::read(&datagram) {
                prop_assert!(datagram.len() >= HEADER);
                prop_assert!(message.payload.len() <= datagram.len() - HEADER);
                let _any = message.error();
            }
        }
    }

    #[test]
    fn a_record_is_as_long_as_its_datagram_whatever_its_header_says() {
        let text = b"audit(1.2:3): a=b";
        for counted in [text.len(), text.len() + HEADER, 0, usize::MAX] {
            let mut datagram = request(1300, 0, text);
            datagram.truncate(HEADER + text.len());
            datagram[..4].copy_from_slice(&(counted as u32).to_ne_bytes());
            let message = Message::read(&datagram).expect("a record");
            assert_eq!((message.kind, message.payload), (1300, &text[..]));
        }
    }

    #[test]
    fn errors_are_positive_numbers_and_acknowledgements_zero() {
        for (sent, read) in [(0i32, 0), (-17, 17), (i32::MIN, i32::MAX)] {
            let datagram = request(kind::ERROR, 1, &sent.to_ne_bytes());
            assert_eq!(
                Message::read(&datagram).and_then(|message| message.error()),
                Some(read)
            );
        }
        let short = request(kind::ERROR, 1, b"ab");
        assert_eq!(
            Message::read(&short).and_then(|message| message.error()),
            None
        );
    }
}
