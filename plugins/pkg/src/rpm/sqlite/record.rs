//! Rows: a list of types, then the values.

use crate::rpm::source::Source;
use crate::trouble::Trouble;

/// Most bytes of a row's types; tables of rpm and of the schema have few columns.
const MAX_TYPES: u64 = 256;

/// What a column holds. Lengths are in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    Null,
    /// A number of so many bytes.
    Integer(u64),
    /// 0 or 1, stored in the type itself.
    Constant(i64),
    Real,
    Blob(u64),
    Text(u64),
}

impl Column {
    fn of_type(code: u64) -> Result<Self, Trouble> {
        Ok(match code {
            0 => Self::Null,
            1..=4 => Self::Integer(code),
            5 => Self::Integer(6),
            6 => Self::Integer(8),
            7 => Self::Real,
            8 => Self::Constant(0),
            9 => Self::Constant(1),
            10 | 11 => return Err(Trouble::damaged("a row with a value of no type")),
            even if even % 2 == 0 => Self::Blob((even - 12) / 2),
            odd => Self::Text((odd - 13) / 2),
        })
    }

    /// Bytes it takes in the row.
    pub fn length(self) -> u64 {
        match self {
            Self::Null | Self::Constant(_) => 0,
            Self::Real => 8,
            Self::Integer(length) | Self::Blob(length) | Self::Text(length) => length,
        }
    }

    /// Its value as a whole number; 0 when it is none.
    pub fn integer(self, payload: &mut dyn Source) -> Result<i64, Trouble> {
        match self {
            Self::Constant(value) => Ok(value),
            Self::Integer(length) => {
                let mut bytes = [0; 8];
                let start = bytes.len() - length as usize;
                payload.read(&mut bytes[start..])?;
                // The sign is in the first byte that is stored.
                if bytes[start] & 0x80 != 0 {
                    bytes[..start].fill(0xff);
                }
                Ok(i64::from_be_bytes(bytes))
            }
            _ => Ok(0),
        }
    }
}

/// The first `N` columns of a row, those it has; the source stands at the first
/// value afterwards.
pub fn columns<const N: usize>(payload: &mut dyn Source) -> Result<[Option<Column>; N], Trouble> {
    let mut columns = [None; N];
    let (length, mut used) = varint(payload)?;
    if length > MAX_TYPES {
        return Err(Trouble::damaged(format!(
            "a row whose types have {length} bytes"
        )));
    }
    for column in &mut columns {
        if used >= length {
            break;
        }
        let (code, size) = varint(payload)?;
        *column = Some(Column::of_type(code)?);
        used += size;
    }
    if used > length {
        return Err(Trouble::damaged("a row whose types have no end"));
    }
    payload.skip(length - used)?;
    Ok(columns)
}

/// A number of one to nine bytes, and how many these were.
pub fn varint(source: &mut dyn Source) -> Result<(u64, u64), Trouble> {
    let mut value = 0u64;
    let mut byte = [0];
    for size in 1..=8 {
        source.read(&mut byte)?;
        value = value << 7 | u64::from(byte[0] & 0x7f);
        if byte[0] & 0x80 == 0 {
            return Ok((value, size));
        }
    }
    source.read(&mut byte)?;
    Ok((value << 8 | u64::from(byte[0]), 9))
}
