//! The codec behind the guard: what passed [`crate::frame_guard`] becomes a
//! method or a content header, and answers become bytes.

use crate::exception::Exception;
use crate::frame_guard::{check_method, check_table};
use amq_protocol::frame::parsing::parse_content_header;
use amq_protocol::frame::{AMQPFrame, gen_frame};
use amq_protocol::protocol::{AMQPClass, BasicProperties, parse_class};
use bytes::{BufMut, Bytes, BytesMut};

/// Class and method of the method being answered, for `close`.
pub(crate) type MethodId = (u16, u16);

/// The class all content belongs to.
const BASIC: u16 = 60;
const HEADERS_FLAG: u16 = 1 << 13;

/// A content header.
#[derive(Debug, Clone)]
pub(crate) struct ContentHeader {
    pub body_size: u64,
    /// Flags and values exactly as received: they are forwarded as they came.
    pub properties: Bytes,
    pub parsed: BasicProperties,
}

/// Decodes the payload of a method frame.
///
/// # Errors
/// What [`check_method`] refuses, and 502 when the arguments do not parse. The
/// ids are known unless the payload is shorter than four bytes.
pub(crate) fn decode_method(payload: &[u8]) -> Result<(MethodId, AMQPClass), Exception> {
    let id = check_method(payload)?;
    match parse_class(payload) {
        Ok(([], class)) => Ok((id, class)),
        Ok(_) => Err(Exception::syntax_error(format!(
            "bytes after the arguments of method {}.{}",
            id.0, id.1
        ))),
        Err(_) => Err(Exception::syntax_error(format!(
            "cannot read the arguments of method {}.{}",
            id.0, id.1
        ))),
    }
}

/// Decodes the payload of a content header frame.
///
/// # Errors
/// 502 when it does not parse, 505 for another class than basic.
pub(crate) fn decode_content_header(payload: &[u8]) -> Result<ContentHeader, Exception> {
    let damaged = || Exception::syntax_error("cannot read the content header");
    let [c0, c1, _, _, rest @ ..] = payload else {
        return Err(damaged());
    };
    let class = u16::from_be_bytes([*c0, *c1]);
    if class != BASIC {
        return Err(Exception::unexpected_frame(format!(
            "expected a content header of class {BASIC}, got class {class}"
        )));
    }
    let properties = rest.get(8..).ok_or_else(damaged)?;
    check_properties(properties).ok_or_else(damaged)??;
    match parse_content_header(payload) {
        Ok(([], header)) => Ok(ContentHeader {
            body_size: header.body_size,
            properties: Bytes::copy_from_slice(properties),
            parsed: header.properties,
        }),
        _ => Err(damaged()),
    }
}

/// Checks the table among the properties; `None` when they are cut short.
fn check_properties(properties: &[u8]) -> Option<Result<(), Exception>> {
    let flags = u16::from_be_bytes(*properties.first_chunk::<2>()?);
    // Bit 0 announces more flags, bit 1 a property that does not exist: the
    // codec would pass over both, and what is forwarded would be misread.
    if flags & 0b11 != 0 {
        return None;
    }
    if flags & HEADERS_FLAG == 0 {
        return Some(Ok(()));
    }
    let mut at = 2;
    for flag in [1_u16 << 15, 1 << 14] {
        if flags & flag != 0 {
            at += 1 + usize::from(*properties.get(at)?);
        }
    }
    Some(check_table(properties.get(at..)?).map(drop))
}

/// The bytes of a method frame.
pub(crate) fn encode_method(channel: u16, class: &AMQPClass) -> Vec<u8> {
    encode(&AMQPFrame::Method(channel, class.clone()))
}

/// The bytes of a heartbeat frame.
pub(crate) const HEARTBEAT: [u8; 8] = [8, 0, 0, 0, 0, 0, 0, 0xCE];

/// What a server answers to a protocol header it does not speak.
pub(crate) const PROTOCOL_HEADER: [u8; 8] = *b"AMQP\0\0\x09\x01";

fn encode(frame: &AMQPFrame) -> Vec<u8> {
    // Writing to memory only fails for strings beyond their length field, and
    // every string of ours was either received or cut by `exception::short`.
    gen_frame::<Vec<u8>>(frame)(Vec::with_capacity(64).into())
        .map(|context| context.into_inner().0)
        .unwrap_or_default()
}

/// Appends a content header frame.
pub(crate) fn put_content_header(out: &mut BytesMut, channel: u16, size: u64, properties: &[u8]) {
    let payload = 12 + properties.len();
    out.reserve(payload + 8);
    out.put_u8(2);
    out.put_u16(channel);
    out.put_u32(payload as u32);
    out.put_u16(BASIC);
    out.put_u16(0);
    out.put_u64(size);
    out.put_slice(properties);
    out.put_u8(0xCE);
}

/// Appends a body frame.
pub(crate) fn put_body(out: &mut BytesMut, channel: u16, chunk: &[u8]) {
    out.reserve(chunk.len() + 8);
    out.put_u8(3);
    out.put_u16(channel);
    out.put_u32(chunk.len() as u32);
    out.put_slice(chunk);
    out.put_u8(0xCE);
}

#[cfg(test)]
mod tests {
    use super::*;
    use amq_protocol::frame::parse_frame;
    use amq_protocol::protocol::basic;
    use amq_protocol::types::{AMQPValue, FieldTable};

    fn header_payload(properties: BasicProperties) -> Vec<u8> {
        let frame = AMQPFrame::Header(
            1,
            amq_protocol::frame::AMQPContentHeader {
                class_id: 60,
                body_size: 5,
                properties,
            },
        );
        let bytes = encode(&frame);
        bytes[7..bytes.len() - 1].to_vec()
    }

    #[test]
    fn properties_are_kept_as_received() {
        let mut headers = FieldTable::default();
        headers.insert("k".into(), AMQPValue::LongString("v".into()));
        let properties = BasicProperties::default()
            .with_content_type("text/plain".into())
            .with_headers(headers)
            .with_delivery_mode(2)
            .with_expiration("60000".into());
        let payload = header_payload(properties.clone());
        let header = decode_content_header(&payload).expect("a content header");
        assert_eq!(header.body_size, 5);
        assert_eq!(header.parsed, properties);

        let mut out = BytesMut::new();
        put_content_header(&mut out, 9, 5, &header.properties);
        let (rest, frame) = parse_frame(&out[..]).expect("a frame");
        assert!(rest.is_empty());
        let AMQPFrame::Header(9, again) = frame else {
            panic!("not a content header: {frame:?}");
        };
        assert_eq!((again.properties, again.body_size), (properties, 5));
    }

    #[test]
    fn damaged_content_headers_are_refused() {
        let payload = header_payload(BasicProperties::default().with_content_type("a".into()));
        for cut in 0..payload.len() {
            assert!(
                decode_content_header(&payload[..cut]).is_err(),
                "cut at {cut}"
            );
        }
        let mut other_class = payload.clone();
        other_class[1] = 50;
        assert_eq!(decode_content_header(&other_class).unwrap_err().code, 505);
        let mut continued = payload;
        continued[13] |= 1;
        assert_eq!(decode_content_header(&continued).unwrap_err().code, 502);
    }

    #[test]
    fn bytes_after_the_arguments_are_refused() {
        let frame = encode_method(
            1,
            &AMQPClass::Basic(basic::AMQPMethod::Ack(basic::Ack::default())),
        );
        let mut payload = frame[7..frame.len() - 1].to_vec();
        assert!(decode_method(&payload).is_ok());
        payload.push(0);
        assert_eq!(decode_method(&payload).unwrap_err().code, 502);
    }
}
