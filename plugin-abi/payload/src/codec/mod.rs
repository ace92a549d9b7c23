//! JSON values to payload bytes and back.

mod serializer;

use crate::profile::{MAX_DEPTH, MAX_INTEGER, ProfileError, walk};
use minicbor::data::Type;
use minicbor::{Decoder, Encoder};
use serde::Serialize;
use serde_json::{Map, Number, Value};

/// Why a value cannot travel.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// Arrays and objects nested too deeply.
    #[error("value is nested deeper than 32 levels")]
    TooDeep,
    /// An integer that a JSON number does not hold exactly.
    #[error("integer {0} is beyond 2^53-1; send it as text")]
    IntegerTooLarge(i128),
    /// A map key that is neither text nor becomes text.
    #[error("map keys must be text")]
    KeyNotText,
    /// The type's own serialisation failed.
    #[error("value cannot be serialised: {0}")]
    Serialize(String),
}

/// Why bytes are not a payload.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// They break the profile.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// The decoder disagrees with the walk; a defect of this crate.
    #[error("payload cannot be decoded: {0}")]
    Decoder(#[from] minicbor::decode::Error),
}

/// Encodes a JSON value in the payload profile. Whole numbers within
/// ±(2^53−1) become integers whatever their spelling.
///
/// # Errors
/// When the value is nested too deeply or holds an integer beyond that range.
pub fn encode(value: &Value) -> Result<Vec<u8>, EncodeError> {
    let mut encoder = Encoder::new(Vec::with_capacity(128));
    put(&mut encoder, value, 0)?;
    Ok(encoder.into_writer())
}

/// Encodes anything serialisable, to the same bytes as its JSON value and
/// without making that first.
///
/// # Errors
/// As [`encode`], and when the type refuses to be serialised.
pub fn encode_serialize<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, EncodeError> {
    let mut encoder = Encoder::new(Vec::with_capacity(256));
    value.serialize(serializer::Payload::new(&mut encoder, 0))?;
    Ok(encoder.into_writer())
}

/// Decodes a payload of at most `limit` bytes after walking it.
///
/// # Errors
/// The rule of the profile that is broken.
pub fn decode(bytes: &[u8], limit: usize) -> Result<Value, DecodeError> {
    walk(bytes, limit)?;
    Ok(take(&mut Decoder::new(bytes))?)
}

/// A writer into a vector cannot fail.
const INFALLIBLE: &str = "writing to memory";

fn put(encoder: &mut Encoder<Vec<u8>>, value: &Value, depth: usize) -> Result<(), EncodeError> {
    match value {
        Value::Null => encoder.null().map(drop).expect(INFALLIBLE),
        Value::Bool(flag) => encoder.bool(*flag).map(drop).expect(INFALLIBLE),
        Value::String(text) => encoder.str(text).map(drop).expect(INFALLIBLE),
        Value::Number(number) => put_number(encoder, number)?,
        Value::Array(_) | Value::Object(_) if depth == MAX_DEPTH => {
            return Err(EncodeError::TooDeep);
        }
        Value::Array(items) => {
            encoder.array(items.len() as u64).expect(INFALLIBLE);
            for item in items {
                put(encoder, item, depth + 1)?;
            }
        }
        Value::Object(fields) => {
            encoder.map(fields.len() as u64).expect(INFALLIBLE);
            for (key, field) in fields {
                encoder.str(key).expect(INFALLIBLE);
                put(encoder, field, depth + 1)?;
            }
        }
    }
    Ok(())
}

fn put_number(encoder: &mut Encoder<Vec<u8>>, number: &Number) -> Result<(), EncodeError> {
    if let Some(value) = number.as_i64() {
        put_integer(encoder, value.into())
    } else if let Some(value) = number.as_u64() {
        put_integer(encoder, value.into())
    } else {
        put_float(encoder, number.as_f64().unwrap_or_default());
        Ok(())
    }
}

fn put_integer(encoder: &mut Encoder<Vec<u8>>, value: i128) -> Result<(), EncodeError> {
    if value.unsigned_abs() > u128::from(MAX_INTEGER) {
        return Err(EncodeError::IntegerTooLarge(value));
    }
    encoder.i64(value as i64).expect(INFALLIBLE);
    Ok(())
}

/// As JSON does, what is not finite becomes null.
fn put_float(encoder: &mut Encoder<Vec<u8>>, value: f64) {
    match whole(value) {
        Some(value) => encoder.i64(value).expect(INFALLIBLE),
        None if !value.is_finite() => encoder.null().expect(INFALLIBLE),
        None => encoder.f64(value).expect(INFALLIBLE),
    };
}

/// The integer a float is, within the exact range.
fn whole(value: f64) -> Option<i64> {
    (value.fract() == 0.0 && value.abs() <= MAX_INTEGER as f64).then_some(value as i64)
}

/// Recursion is bounded: the walk allowed [`MAX_DEPTH`] levels at most.
fn take(decoder: &mut Decoder<'_>) -> Result<Value, minicbor::decode::Error> {
    Ok(match decoder.datatype()? {
        Type::Null => {
            decoder.null()?;
            Value::Null
        }
        Type::Bool => Value::Bool(decoder.bool()?),
        Type::F64 => {
            let value = decoder.f64()?;
            match whole(value) {
                Some(value) => Value::from(value),
                None => Value::from(value),
            }
        }
        Type::String => Value::String(decoder.str()?.to_owned()),
        Type::Array => {
            let count = decoder.array()?.unwrap_or_default();
            // An announced length is no reason to allocate all of it at once.
            let mut items = Vec::with_capacity(count.min(1024) as usize);
            for _ in 0..count {
                items.push(take(decoder)?);
            }
            Value::Array(items)
        }
        Type::Map => {
            let count = decoder.map()?.unwrap_or_default();
            let mut fields = Map::new();
            for _ in 0..count {
                let key = decoder.str()?.to_owned();
                fields.insert(key, take(decoder)?);
            }
            Value::Object(fields)
        }
        _ => Value::from(decoder.i64()?),
    })
}

/// The values of walked payloads that stand one behind the other.
pub(crate) struct Items<'a>(Decoder<'a>);

impl<'a> Items<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(Decoder::new(bytes))
    }
}

impl Iterator for Items<'_> {
    type Item = Value;

    fn next(&mut self) -> Option<Value> {
        if self.0.position() >= self.0.input().len() {
            return None;
        }
        // They were walked: what does not decode is a defect of this crate, and
        // no reason to lose the others.
        take(&mut self.0).ok()
    }
}
