//! Go's rules for decoding an object into typed members.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// The name of a member, folded the way Go compares names that do not match
/// exactly: ASCII case, and the two letters outside ASCII that fold into it.
pub(crate) struct FoldedName(pub String);

impl<'de> Deserialize<'de> for FoldedName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;

        impl Visitor<'_> for NameVisitor {
            type Value = FoldedName;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a member")
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<FoldedName, E> {
                Ok(FoldedName(fold(name)))
            }
        }

        deserializer.deserialize_str(NameVisitor)
    }
}

fn fold(name: &str) -> String {
    name.chars()
        .map(|letter| match letter {
            '\u{212a}' => 'k',
            '\u{17f}' => 's',
            other => other.to_ascii_lowercase(),
        })
        .collect()
}

/// Implements `Deserialize` for a document with Go's rules: members match
/// without regard to case, unknown ones are ignored, the last of several wins,
/// `null` leaves what is there. Names are given in lower case; `via` names the
/// type a value is read as when it is not the member's own.
macro_rules! decode_members {
    ($document:ident { $($name:literal => $field:ident $(via $via:ty)?),+ $(,)? }) => {
        impl<'de> serde::Deserialize<'de> for $document {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct DocumentVisitor;

                impl<'de> serde::de::Visitor<'de> for DocumentVisitor {
                    type Value = $document;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str(concat!("an object (", stringify!($document), ")"))
                    }

                    fn visit_unit<E: serde::de::Error>(self) -> Result<$document, E> {
                        Ok($document::default())
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<$document, A::Error> {
                        let mut document = $document::default();
                        while let Some(name) = map.next_key::<$crate::json::members::FoldedName>()? {
                            match name.0.as_str() {
                                $($name => {
                                    let value = $crate::json::members::decode_members!(@read map $(, $via)?);
                                    match value {
                                        Ok(Some(value)) => document.$field = value,
                                        Ok(None) => {}
                                        Err(error) => {
                                            let message = format!(concat!($name, ": {}"), error);
                                            return Err(serde::de::Error::custom(message));
                                        }
                                    }
                                })+
                                _ => {
                                    map.next_value::<serde::de::IgnoredAny>()?;
                                }
                            }
                        }
                        Ok(document)
                    }
                }

                deserializer.deserialize_any(DocumentVisitor)
            }
        }
    };
    (@read $map:ident) => { $map.next_value::<Option<_>>() };
    (@read $map:ident, $via:ty) => { $map.next_value::<Option<$via>>().map(|value| value.map(Into::into)) };
}

pub(crate) use decode_members;
