//! Forms of values that need more than serde's own reading.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Deserialize, Deserializer, Error};
use serde_json::{Number, Value};

/// A list whose `null` elements are zero values, as Go reads them.
pub(crate) struct List<T>(Vec<T>);

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let elements = Vec::<Option<T>>::deserialize(deserializer)?;
        Ok(List(
            elements
                .into_iter()
                .map(Option::unwrap_or_default)
                .collect(),
        ))
    }
}

impl<T> From<List<T>> for Vec<T> {
    fn from(list: List<T>) -> Vec<T> {
        list.0
    }
}

impl<T> From<List<T>> for Option<Vec<T>> {
    fn from(list: List<T>) -> Option<Vec<T>> {
        Some(list.0)
    }
}

/// An object of texts; `null` values are empty texts.
pub(crate) struct TextMap(BTreeMap<String, String>);

impl<'de> Deserialize<'de> for TextMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = BTreeMap::<String, Option<String>>::deserialize(deserializer)?;
        Ok(TextMap(
            members
                .into_iter()
                .map(|(name, value)| (name, value.unwrap_or_default()))
                .collect(),
        ))
    }
}

impl From<TextMap> for BTreeMap<String, String> {
    fn from(map: TextMap) -> BTreeMap<String, String> {
        map.0
    }
}

/// A byte string: standard base64 with padding, line breaks ignored.
pub(crate) struct Base64Bytes(Vec<u8>);

impl<'de> Deserialize<'de> for Base64Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut text = String::deserialize(deserializer)?;
        text.retain(|letter| letter != '\r' && letter != '\n');
        STANDARD
            .decode(text)
            .map(Base64Bytes)
            .map_err(|_| D::Error::custom("the text is not base64"))
    }
}

impl From<Base64Bytes> for Vec<u8> {
    fn from(bytes: Base64Bytes) -> Vec<u8> {
        bytes.0
    }
}

/// Writes a byte string.
pub(crate) fn write_base64<S: serde::Serializer>(
    bytes: &[u8],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(bytes))
}

/// A value of any shape with the keys of its objects sorted, as Go writes it
/// back.
pub(crate) struct SortedValue(Value);

impl<'de> Deserialize<'de> for SortedValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut value = Value::deserialize(deserializer)?;
        value.sort_all_objects();
        Ok(SortedValue(value))
    }
}

impl From<SortedValue> for Value {
    fn from(sorted: SortedValue) -> Value {
        sorted.0
    }
}

/// A value that a signature covers: keys sorted, every number the double that
/// the signing string shows. What runs is then exactly what was signed, also
/// when somebody on the way replaced a number by another spelling of it.
pub(crate) struct SignedValue(Value);

impl<'de> Deserialize<'de> for SignedValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let SortedValue(mut value) = SortedValue::deserialize(deserializer)?;
        numbers_as_doubles(&mut value);
        Ok(SignedValue(value))
    }
}

impl From<SignedValue> for Value {
    fn from(signed: SignedValue) -> Value {
        signed.0
    }
}

/// Replaces every number by the double nearest to it, written as an integer
/// where Go writes one and it fits 64 bits.
pub(crate) fn numbers_as_doubles(value: &mut Value) {
    match value {
        Value::Number(number) => {
            if let Some(double) = number.as_f64() {
                *number = double_as_number(double);
            }
        }
        Value::Array(elements) => elements.iter_mut().for_each(numbers_as_doubles),
        Value::Object(members) => members.values_mut().for_each(numbers_as_doubles),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// A double as the JSON number that Go would read back from its own output.
pub(crate) fn double_as_number(double: f64) -> Number {
    let whole = double.fract() == 0.0 && !(double == 0.0 && double.is_sign_negative());
    if whole {
        // The shortest digits, which differ from the exact value beyond 2^53.
        let digits = format!("{double}");
        if let Ok(value) = digits.parse::<i64>() {
            return value.into();
        }
        if let Ok(value) = digits.parse::<u64>() {
            return value.into();
        }
    }
    Number::from_f64(double).unwrap_or_else(|| 0.into())
}

/// Writes a number that Go holds in a double.
pub(crate) fn write_double<S: serde::Serializer>(
    double: &f64,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serde::Serialize::serialize(&double_as_number(*double), serializer)
}
