//! The stream from a host to a serving worker, on the socket that brought the
//! request: messages of kind, number and payload.
//!
//! Thirteen bytes of header: kind, number (64 bits), length of the payload (32
//! bits), little-endian. The end of the stream asks the module to end.

use mig_plugin_abi::message;

/// Bytes before the payload.
pub(crate) const HEADER: usize = 13;
/// Longest payload; it is written by this program.
const MAX_PAYLOAD: usize = 64 << 20;

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// For the module: a query of this number.
    Query = message::QUERY as u8,
    /// For the module: an alert of this number.
    Alert = message::ALERT as u8,
    /// For the module: other surroundings.
    Surroundings = message::SURROUNDINGS as u8,
    /// For the module: what no version says, to see whether it minds.
    Strange = 99,
    /// For the worker: to be echoed when the module asks for the next message.
    Ping = 100,
    /// For the worker: what the alerts of this life may cost in all.
    Credit = 101,
}

impl Kind {
    fn from_byte(byte: u8) -> Option<Self> {
        [
            Kind::Query,
            Kind::Alert,
            Kind::Surroundings,
            Kind::Strange,
            Kind::Ping,
            Kind::Credit,
        ]
        .into_iter()
        .find(|kind| *kind as u8 == byte)
    }
}

/// One message, borrowed from where it was read into.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Message<'a> {
    pub(crate) kind: Kind,
    pub(crate) number: u64,
    pub(crate) payload: &'a [u8],
}

/// The stream is not one of this program's version.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Appends one message to a buffer.
pub(crate) fn append(buffer: &mut Vec<u8>, kind: Kind, number: u64, payload: &[u8]) {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    buffer.reserve(HEADER + payload.len());
    buffer.push(kind as u8);
    buffer.extend_from_slice(&number.to_le_bytes());
    buffer.extend_from_slice(&length.to_le_bytes());
    buffer.extend_from_slice(&payload[..length as usize]);
}

/// The first message of `bytes` and how long it is, once all of it is there.
pub(crate) fn first(bytes: &[u8]) -> Result<Option<(Message<'_>, usize)>, Malformed> {
    let Some((header, rest)) = bytes.split_first_chunk::<HEADER>() else {
        return Ok(None);
    };
    let [kind, number @ .., a, b, c, d] = *header;
    let length = u32::from_le_bytes([a, b, c, d]) as usize;
    if length > MAX_PAYLOAD {
        return Err(Malformed);
    }
    let kind = Kind::from_byte(kind).ok_or(Malformed)?;
    let Some(payload) = rest.get(..length) else {
        return Ok(None);
    };
    let message = Message {
        kind,
        number: u64::from_le_bytes(number),
        payload,
    };
    Ok(Some((message, HEADER + length)))
}

/// What an alert of so many bytes costs of the credit: short ones are work too.
pub(crate) fn alert_cost(length: usize) -> u64 {
    length as u64 + 128
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_out_as_they_went_in_however_they_are_cut() {
        let mut stream = Vec::new();
        append(&mut stream, Kind::Query, 7, b"abc");
        append(&mut stream, Kind::Ping, u64::MAX, b"");
        for length in 0..HEADER + 3 {
            assert_eq!(first(&stream[..length]), Ok(None), "{length}");
        }
        let query = Message {
            kind: Kind::Query,
            number: 7,
            payload: b"abc",
        };
        assert_eq!(first(&stream), Ok(Some((query, HEADER + 3))));
        let ping = Message {
            kind: Kind::Ping,
            number: u64::MAX,
            payload: b"",
        };
        assert_eq!(first(&stream[HEADER + 3..]), Ok(Some((ping, HEADER))));
    }

    #[test]
    fn what_is_no_message_is_refused() {
        assert_eq!(first(&[9; HEADER]), Err(Malformed));
        let mut long = vec![Kind::Query as u8; HEADER];
        long[9..].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(first(&long), Err(Malformed));
    }
}
