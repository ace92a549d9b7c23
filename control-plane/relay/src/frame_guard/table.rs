//! Walks a field table without recursion and without building anything.

use crate::exception::Exception;

/// Tables and arrays inside one another. Real clients use two (the capabilities
/// inside the client properties).
const MAX_DEPTH: usize = 16;
/// Values in one table, nested ones included.
const MAX_VALUES: usize = 1024;

/// Checks the table at the start of `bytes` (its length prefix included) and
/// returns how many bytes it takes.
///
/// # Errors
/// 502 when it is cut short, nests too deeply or has too many values.
pub(crate) fn check_table(bytes: &[u8]) -> Result<usize, Exception> {
    let length = read_u32(bytes, 0)? as usize;
    let end = 4 + length;
    if end > bytes.len() {
        return Err(cut());
    }
    // The containers being walked: where each ends and whether it has keys.
    let mut open = [(0_usize, false); MAX_DEPTH];
    open[0] = (end, true);
    let mut depth = 1;
    let mut at = 4;
    let mut values = 0;
    while depth > 0 {
        let (end, keyed) = open[depth - 1];
        if at == end {
            depth -= 1;
            continue;
        }
        let inside = &bytes[..end];
        if keyed {
            at += 1 + usize::from(*inside.get(at).ok_or_else(cut)?);
        }
        let kind = *inside.get(at).ok_or_else(cut)?;
        at += 1;
        values += 1;
        if values > MAX_VALUES {
            return Err(Exception::syntax_error(format!(
                "table has more than {MAX_VALUES} values"
            )));
        }
        at += match kind {
            b'V' => 0,
            b't' | b'b' | b'B' => 1,
            b's' | b'U' | b'u' => 2,
            b'I' | b'i' | b'f' => 4,
            b'D' => 5,
            b'L' | b'l' | b'd' | b'T' => 8,
            b'S' | b'x' => 4 + read_u32(inside, at)? as usize,
            b'F' | b'A' => {
                let inner = at + 4 + read_u32(inside, at)? as usize;
                if inner > end {
                    return Err(cut());
                }
                if depth == MAX_DEPTH {
                    return Err(Exception::syntax_error(format!(
                        "table nests deeper than {MAX_DEPTH}"
                    )));
                }
                open[depth] = (inner, kind == b'F');
                depth += 1;
                4
            }
            other => {
                return Err(Exception::syntax_error(format!(
                    "table holds a value of unknown type {other:#04x}"
                )));
            }
        };
        if at > end {
            return Err(cut());
        }
    }
    Ok(end)
}

pub(super) fn read_u32(bytes: &[u8], at: usize) -> Result<u32, Exception> {
    bytes
        .get(at..)
        .and_then(|rest| rest.first_chunk::<4>())
        .map(|four| u32::from_be_bytes(*four))
        .ok_or_else(cut)
}

pub(super) fn cut() -> Exception {
    Exception::syntax_error("arguments are cut short")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A table that holds a table that holds … `depth` times.
    pub(crate) fn nested(depth: usize) -> Vec<u8> {
        let mut table = 0_u32.to_be_bytes().to_vec();
        for _ in 1..depth {
            let mut outer = (table.len() as u32 + 2).to_be_bytes().to_vec();
            outer.extend([0, b'F']);
            outer.extend(&table);
            table = outer;
        }
        table
    }

    #[test]
    fn nesting_is_bounded() {
        assert!(check_table(&nested(MAX_DEPTH)).is_ok());
        assert_eq!(check_table(&nested(MAX_DEPTH + 1)).unwrap_err().code, 502);
        assert_eq!(check_table(&nested(2000)).unwrap_err().code, 502);
    }

    #[test]
    fn what_the_codec_writes_is_accepted_whole() {
        use amq_protocol::types::{AMQPValue, FieldArray, FieldTable, generation::gen_field_table};
        let mut inner = FieldTable::default();
        inner.insert("yes".into(), AMQPValue::Boolean(true));
        inner.insert("none".into(), AMQPValue::Void);
        let mut array = FieldArray::default();
        array.push(AMQPValue::Double(1.5));
        array.push(AMQPValue::FieldTable(inner.clone()));
        let mut table = FieldTable::default();
        table.insert("table".into(), AMQPValue::FieldTable(inner));
        table.insert("array".into(), AMQPValue::FieldArray(array));
        table.insert("text".into(), AMQPValue::LongString("abc".into()));
        table.insert("number".into(), AMQPValue::LongLongInt(-5));
        table.insert("short".into(), AMQPValue::ShortInt(-5));
        let (mut bytes, _) = gen_field_table(&table)(Vec::<u8>::new().into())
            .expect("a table")
            .into_inner();
        let length = bytes.len();
        bytes.extend(b"rest");
        assert_eq!(check_table(&bytes), Ok(length));
        for cut in 0..length {
            assert!(check_table(&bytes[..cut]).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn too_many_values_are_refused() {
        let body: Vec<u8> = std::iter::repeat_n([0, b'V'], MAX_VALUES + 1)
            .flatten()
            .collect();
        let mut bytes = (body.len() as u32).to_be_bytes().to_vec();
        bytes.extend(body);
        assert_eq!(check_table(&bytes).unwrap_err().code, 502);
    }

    proptest! {
        #[test]
        fn any_bytes_are_walked_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(length) = check_table(&bytes) {
                prop_assert!(length <= bytes.len());
            }
        }
    }
}
