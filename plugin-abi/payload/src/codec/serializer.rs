//! Serde types straight to payload bytes, in the shape `serde_json` gives them.
//! Modules stream findings by the hundred thousand, and the detour over JSON
//! values costs several times the encoding.

use super::{EncodeError, INFALLIBLE, put_float, put_integer};
use crate::profile::MAX_DEPTH;
use minicbor::Encoder;
use serde::ser::{self, Serialize};

type Out<'a> = &'a mut Encoder<Vec<u8>>;

impl ser::Error for EncodeError {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        EncodeError::Serialize(message.to_string())
    }
}

/// Writes one value that stands inside `depth` arrays and maps.
pub(super) struct Payload<'a> {
    out: Out<'a>,
    depth: usize,
}

impl<'a> Payload<'a> {
    pub(super) fn new(out: Out<'a>, depth: usize) -> Self {
        Self { out, depth }
    }

    fn open(self, kind: Kind, announced: Option<usize>) -> Result<Container<'a>, EncodeError> {
        if self.depth >= MAX_DEPTH {
            return Err(EncodeError::TooDeep);
        }
        let start = self.out.writer().len();
        let announced = announced.unwrap_or(0);
        kind.head(self.out, announced);
        Ok(Container {
            body: self.out.writer().len(),
            out: self.out,
            start,
            kind,
            announced,
            count: 0,
            depth: self.depth + 1,
        })
    }

    /// `{"variant": …}` around a container.
    fn open_variant(
        self,
        variant: &str,
        kind: Kind,
        length: usize,
    ) -> Result<Container<'a>, EncodeError> {
        if self.depth >= MAX_DEPTH {
            return Err(EncodeError::TooDeep);
        }
        self.out.map(1).expect(INFALLIBLE);
        self.out.str(variant).expect(INFALLIBLE);
        Payload::new(self.out, self.depth + 1).open(kind, Some(length))
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Array,
    Map,
}

impl Kind {
    fn head(self, out: Out<'_>, count: usize) {
        match self {
            Kind::Array => out.array(count as u64).map(drop).expect(INFALLIBLE),
            Kind::Map => out.map(count as u64).map(drop).expect(INFALLIBLE),
        }
    }
}

/// An array or map being written. The length is announced as far as the type
/// knows it, and put right at the end otherwise.
pub(super) struct Container<'a> {
    out: Out<'a>,
    start: usize,
    body: usize,
    kind: Kind,
    announced: usize,
    count: usize,
    depth: usize,
}

impl Container<'_> {
    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        self.count += 1;
        value.serialize(Payload::new(self.out, self.depth))
    }

    fn field<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<(), EncodeError> {
        self.out.str(key).expect(INFALLIBLE);
        self.item(value)
    }

    fn close(self) -> Result<(), EncodeError> {
        if self.count != self.announced {
            let mut head = Encoder::new(Vec::with_capacity(9));
            self.kind.head(&mut head, self.count);
            self.out
                .writer_mut()
                .splice(self.start..self.body, head.into_writer());
        }
        Ok(())
    }
}

macro_rules! integers {
    ($($method:ident: $type:ty),+) => {
        $(fn $method(self, value: $type) -> Result<(), EncodeError> {
            put_integer(self.out, value.into())
        })+
    };
}

impl<'a> ser::Serializer for Payload<'a> {
    type Ok = ();
    type Error = EncodeError;
    type SerializeSeq = Container<'a>;
    type SerializeTuple = Container<'a>;
    type SerializeTupleStruct = Container<'a>;
    type SerializeTupleVariant = Container<'a>;
    type SerializeMap = Container<'a>;
    type SerializeStruct = Container<'a>;
    type SerializeStructVariant = Container<'a>;

    integers!(
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_i128: i128,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64
    );

    fn serialize_u128(self, value: u128) -> Result<(), EncodeError> {
        put_integer(self.out, i128::try_from(value).unwrap_or(i128::MAX))
    }

    fn serialize_bool(self, value: bool) -> Result<(), EncodeError> {
        self.out.bool(value).expect(INFALLIBLE);
        Ok(())
    }

    fn serialize_f32(self, value: f32) -> Result<(), EncodeError> {
        self.serialize_f64(value.into())
    }

    fn serialize_f64(self, value: f64) -> Result<(), EncodeError> {
        put_float(self.out, value);
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), EncodeError> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), EncodeError> {
        self.out.str(value).expect(INFALLIBLE);
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), EncodeError> {
        self.collect_seq(value)
    }

    fn serialize_none(self) -> Result<(), EncodeError> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), EncodeError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), EncodeError> {
        self.out.null().expect(INFALLIBLE);
        Ok(())
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), EncodeError> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<(), EncodeError> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        let mut map = self.open(Kind::Map, Some(1))?;
        map.field(variant, value)?;
        map.close()
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Container<'a>, EncodeError> {
        self.open(Kind::Array, length)
    }

    fn serialize_tuple(self, length: usize) -> Result<Container<'a>, EncodeError> {
        self.open(Kind::Array, Some(length))
    }

    fn serialize_tuple_struct(
        self,
        _name: &'static str,
        length: usize,
    ) -> Result<Container<'a>, EncodeError> {
        self.open(Kind::Array, Some(length))
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Container<'a>, EncodeError> {
        self.open_variant(variant, Kind::Array, length)
    }

    fn serialize_map(self, length: Option<usize>) -> Result<Container<'a>, EncodeError> {
        self.open(Kind::Map, length)
    }

    fn serialize_struct(
        self,
        _name: &'static str,
        length: usize,
    ) -> Result<Container<'a>, EncodeError> {
        self.open(Kind::Map, Some(length))
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Container<'a>, EncodeError> {
        self.open_variant(variant, Kind::Map, length)
    }
}

macro_rules! lists {
    ($($trait:ident $method:ident),+) => {
        $(impl ser::$trait for Container<'_> {
            type Ok = ();
            type Error = EncodeError;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
                self.item(value)
            }

            fn end(self) -> Result<(), EncodeError> {
                self.close()
            }
        })+
    };
}

lists!(
    SerializeSeq serialize_element,
    SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field,
    SerializeTupleVariant serialize_field
);

macro_rules! records {
    ($($trait:ident),+) => {
        $(impl ser::$trait for Container<'_> {
            type Ok = ();
            type Error = EncodeError;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Result<(), EncodeError> {
                self.field(key, value)
            }

            fn end(self) -> Result<(), EncodeError> {
                self.close()
            }
        })+
    };
}

records!(SerializeStruct, SerializeStructVariant);

impl ser::SerializeMap for Container<'_> {
    type Ok = ();
    type Error = EncodeError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), EncodeError> {
        // Keys that are numbers become text, as in JSON; the detour is rare
        // enough, and texts do not allocate.
        let before = self.out.writer().len();
        key.serialize(Payload::new(self.out, MAX_DEPTH))
            .map_err(|error| match error {
                EncodeError::TooDeep => EncodeError::KeyNotText,
                other => other,
            })?;
        let first = self.out.writer().get(before).copied().unwrap_or_default();
        match first >> 5 {
            3 => Ok(()),
            0 | 1 => {
                let number = minicbor::Decoder::new(&self.out.writer()[before..])
                    .i64()
                    .map_err(|_| EncodeError::KeyNotText)?;
                self.out.writer_mut().truncate(before);
                self.out.str(&number.to_string()).expect(INFALLIBLE);
                Ok(())
            }
            _ => Err(EncodeError::KeyNotText),
        }
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        self.item(value)
    }

    fn end(self) -> Result<(), EncodeError> {
        self.close()
    }
}
