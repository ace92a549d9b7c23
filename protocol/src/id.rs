//! Identifiers of actions, commands, agents, operations and requests.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::timestamp::Time;

/// Unix time at which identifiers start: 2013-04-29T18:00:00Z.
const EPOCH: i64 = 1_367_258_400;

/// Largest identifier that a search covers, 2^53 - 1.
pub const MAX_ID: u64 = (1 << 53) - 1;

/// An identifier. On the wire it is a JSON number that the original holds in a
/// double, printed as an integer; 0 means "not assigned".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Id(pub u64);

impl Id {
    /// True for 0, "not assigned".
    pub fn is_zero(&self) -> bool {
        self.0 == 0
    }

    /// The identifier nearest to a wire double. Fractions are cut off, negative
    /// numbers and NaN give 0.
    pub fn from_f64(value: f64) -> Id {
        // A float to integer cast saturates.
        Id(value as u64)
    }

    /// The first identifier of a process, or of a block, that starts at `now`:
    /// whole seconds since 2013-04-29T18:00:00Z plus one, shifted left by 16
    /// bits. Every later identifier is the previous plus one.
    pub fn first_at(now: Time) -> Id {
        let seconds = now
            .unix_seconds()
            .saturating_sub(EPOCH)
            .clamp(0, (1 << 37) - 2);
        Id((seconds.unsigned_abs() + 1) << 16)
    }

    /// The identifier after this one.
    #[must_use]
    pub fn next(self) -> Id {
        Id(self.0.saturating_add(1))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why a text is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an identifier; it must be a number such as 28044140937216")]
pub struct IdError(String);

impl FromStr for Id {
    type Err = IdError;

    /// Reads what a URL or a command line carries: an integer, or any other
    /// form of a non-negative double (older peers print exponents).
    fn from_str(text: &str) -> Result<Id, IdError> {
        if let Ok(value) = text.parse::<u64>() {
            return Ok(Id(value));
        }
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() && value >= 0.0 => Ok(Id::from_f64(value)),
            _ => Err(IdError(
                text.chars()
                    .take(64)
                    .collect::<String>()
                    .escape_debug()
                    .to_string(),
            )),
        }
    }
}

impl From<u64> for Id {
    fn from(value: u64) -> Id {
        Id(value)
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 <= MAX_ID {
            return serializer.serialize_u64(self.0);
        }
        // Old deployments used ids of nanosecond size. The original writes the
        // shortest digits that name the same double.
        let shortest = format!("{}", self.0 as f64);
        serializer.serialize_u64(shortest.parse().unwrap_or(u64::MAX))
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Id, D::Error> {
        struct IdVisitor;

        impl de::Visitor<'_> for IdVisitor {
            type Value = Id;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an identifier (a number)")
            }

            fn visit_unit<E: de::Error>(self) -> Result<Id, E> {
                Ok(Id(0))
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Id, E> {
                Ok(if value <= MAX_ID {
                    Id(value)
                } else {
                    Id::from_f64(value as f64)
                })
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Id, E> {
                Ok(Id(u64::try_from(value).unwrap_or(0)))
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Id, E> {
                Ok(Id::from_f64(value))
            }
        }

        deserializer.deserialize_any(IdVisitor)
    }
}
