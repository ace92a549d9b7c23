//! Which methods a client may send, and where the table sits in their
//! arguments.

use super::table::{check_table, cut, read_u32};
use crate::exception::Exception;

/// Arguments to step over before the table.
#[derive(Clone, Copy)]
enum Field {
    Bits,
    Short,
    ShortString,
}

use Field::{Bits, Short, ShortString};

/// Methods a client sends that carry a table: class, method, what precedes it.
const WITH_TABLE: &[(u16, u16, &[Field])] = &[
    (10, 11, &[]),
    (40, 10, &[Short, ShortString, ShortString, Bits]),
    (
        40,
        30,
        &[Short, ShortString, ShortString, ShortString, Bits],
    ),
    (
        40,
        40,
        &[Short, ShortString, ShortString, ShortString, Bits],
    ),
    (50, 10, &[Short, ShortString, Bits]),
    (
        50,
        20,
        &[Short, ShortString, ShortString, ShortString, Bits],
    ),
    (50, 50, &[Short, ShortString, ShortString, ShortString]),
    (60, 20, &[Short, ShortString, ShortString, Bits]),
];

/// The other methods a client may send.
const WITHOUT_TABLE: &[(u16, &[u16])] = &[
    (10, &[21, 31, 40, 50, 51, 70]),
    (20, &[10, 20, 21, 40, 41]),
    (30, &[10]),
    (40, &[20]),
    (50, &[30, 40]),
    (60, &[10, 30, 31, 40, 70, 80, 90, 100, 110, 120]),
    (85, &[10]),
    (90, &[10, 20, 30]),
];

/// Methods that only a server sends.
const FROM_SERVER: &[(u16, &[u16])] = &[
    (10, &[10, 20, 30, 41, 60, 61, 71]),
    (20, &[11]),
    (30, &[11]),
    (40, &[11, 21, 31, 51]),
    (50, &[11, 21, 31, 41, 51]),
    (60, &[11, 21, 50, 60, 71, 72, 111]),
    (85, &[11]),
    (90, &[11, 21, 31]),
];

/// Class and method of a method frame's payload.
pub(crate) fn method_id(payload: &[u8]) -> Option<(u16, u16)> {
    let [a, b, c, d] = *payload.first_chunk::<4>()?;
    Some((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
}

/// Decides whether the codec may see this method payload.
///
/// # Errors
/// 540 for a method that does not exist, 503 for one a client cannot send, 502
/// when its table is damaged or nests too deeply.
pub(crate) fn check_method(payload: &[u8]) -> Result<(u16, u16), Exception> {
    let (class, method) = method_id(payload).ok_or_else(cut)?;
    if let Some((_, _, fields)) = WITH_TABLE
        .iter()
        .find(|(c, m, _)| (*c, *m) == (class, method))
    {
        let mut at = 4;
        for field in *fields {
            at += match field {
                Bits => 1,
                Short => 2,
                ShortString => 1 + usize::from(*payload.get(at).ok_or_else(cut)?),
            };
        }
        check_table(payload.get(at..).ok_or_else(cut)?)?;
        return Ok((class, method));
    }
    let listed = |list: &[(u16, &[u16])]| {
        list.iter()
            .any(|(c, methods)| *c == class && methods.contains(&method))
    };
    if listed(FROM_SERVER) {
        return Err(Exception::command_invalid(format!(
            "method {class}.{method} is for servers to send"
        )));
    }
    if !listed(WITHOUT_TABLE) {
        return Err(Exception::not_implemented(format!(
            "there is no method {class}.{method}"
        )));
    }
    // The codec drops this argument, which only 0 is implemented for.
    if (class, method) == (60, 10) && read_u32(payload, 4)? != 0 {
        return Err(Exception::not_implemented(
            "basic.qos with a prefetch size other than 0",
        ));
    }
    Ok((class, method))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::encode_method;
    use crate::frame_guard::{HEADER, OVERHEAD};
    use amq_protocol::protocol::{AMQPClass, basic, connection, exchange, queue};

    fn payload(class: AMQPClass) -> Vec<u8> {
        let frame = encode_method(1, &class);
        frame[HEADER..frame.len() - (OVERHEAD - HEADER)].to_vec()
    }

    fn with_tables() -> Vec<AMQPClass> {
        vec![
            AMQPClass::Connection(connection::AMQPMethod::StartOk(connection::StartOk {
                mechanism: "PLAIN".into(),
                ..Default::default()
            })),
            AMQPClass::Exchange(exchange::AMQPMethod::Declare(exchange::Declare {
                exchange: "e".into(),
                kind: "direct".into(),
                ..Default::default()
            })),
            AMQPClass::Exchange(exchange::AMQPMethod::Bind(exchange::Bind::default())),
            AMQPClass::Exchange(exchange::AMQPMethod::Unbind(exchange::Unbind::default())),
            AMQPClass::Queue(queue::AMQPMethod::Declare(queue::Declare {
                queue: "some queue".into(),
                ..Default::default()
            })),
            AMQPClass::Queue(queue::AMQPMethod::Bind(queue::Bind::default())),
            AMQPClass::Queue(queue::AMQPMethod::Unbind(queue::Unbind::default())),
            AMQPClass::Basic(basic::AMQPMethod::Consume(basic::Consume {
                queue: "q".into(),
                consumer_tag: "tag".into(),
                ..Default::default()
            })),
        ]
    }

    #[test]
    fn the_table_is_found_in_every_method_that_has_one() {
        for class in with_tables() {
            let mut bytes = payload(class.clone());
            assert!(check_method(&bytes).is_ok(), "{class:?}");
            // Make the (empty, hence last four zero bytes before other
            // arguments) table claim a byte that is not there.
            let table = match class {
                AMQPClass::Connection(_) => 7,
                _ => bytes.len() - 1,
            };
            bytes[table] = 200;
            assert_eq!(check_method(&bytes).unwrap_err().code, 502, "{class:?}");
        }
    }

    #[test]
    fn unknown_and_server_methods_are_refused() {
        assert_eq!(check_method(&[0, 99, 0, 10]).unwrap_err().code, 540);
        assert_eq!(check_method(&[0, 60, 0, 77]).unwrap_err().code, 540);
        assert_eq!(check_method(&[0, 10, 0, 10]).unwrap_err().code, 503);
        assert_eq!(check_method(&[0, 60, 0, 60]).unwrap_err().code, 503);
        assert_eq!(check_method(&[0, 60]).unwrap_err().code, 502);
        assert_eq!(
            check_method(&[0, 60, 0, 10, 0, 0, 0, 1, 0, 0, 0])
                .unwrap_err()
                .code,
            540
        );
    }
}
