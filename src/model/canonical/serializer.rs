//! A serde serialiser into a JSON value that refuses what JSON cannot hold exactly.

use core::fmt::Display;

use serde::ser::{self, Serialize};
use serde_json::{Map, Number, Value};

use super::{CanonicalError, INTEGER_MAX};

type Outcome = Result<Value, CanonicalError>;

pub(super) struct ValueSerializer;

pub(super) struct Items {
    items: Vec<Value>,
    /// Name of the enum variant that holds the items.
    variant: Option<&'static str>,
}

pub(super) struct Members {
    map: Map<String, Value>,
    key: Option<String>,
    variant: Option<&'static str>,
}

impl ser::Error for CanonicalError {
    fn custom<T: Display>(message: T) -> Self {
        CanonicalError::Other(message.to_string())
    }
}

fn wrap(variant: Option<&'static str>, value: Value) -> Value {
    match variant {
        Some(name) => Value::Object(Map::from_iter([(name.to_owned(), value)])),
        None => value,
    }
}

fn unsigned(v: u128) -> Outcome {
    match u64::try_from(v) {
        Ok(v) if v <= INTEGER_MAX => Ok(Value::from(v)),
        _ => Err(CanonicalError::Integer(v.to_string())),
    }
}

fn signed(v: i128) -> Outcome {
    match i64::try_from(v) {
        Ok(v) if v.unsigned_abs() <= INTEGER_MAX => Ok(Value::from(v)),
        _ => Err(CanonicalError::Integer(v.to_string())),
    }
}

impl ser::Serializer for ValueSerializer {
    type Ok = Value;
    type Error = CanonicalError;
    type SerializeSeq = Items;
    type SerializeTuple = Items;
    type SerializeTupleStruct = Items;
    type SerializeTupleVariant = Items;
    type SerializeMap = Members;
    type SerializeStruct = Members;
    type SerializeStructVariant = Members;

    fn serialize_bool(self, v: bool) -> Outcome {
        Ok(Value::Bool(v))
    }
    fn serialize_i8(self, v: i8) -> Outcome {
        signed(v.into())
    }
    fn serialize_i16(self, v: i16) -> Outcome {
        signed(v.into())
    }
    fn serialize_i32(self, v: i32) -> Outcome {
        signed(v.into())
    }
    fn serialize_i64(self, v: i64) -> Outcome {
        signed(v.into())
    }
    fn serialize_i128(self, v: i128) -> Outcome {
        signed(v)
    }
    fn serialize_u8(self, v: u8) -> Outcome {
        unsigned(v.into())
    }
    fn serialize_u16(self, v: u16) -> Outcome {
        unsigned(v.into())
    }
    fn serialize_u32(self, v: u32) -> Outcome {
        unsigned(v.into())
    }
    fn serialize_u64(self, v: u64) -> Outcome {
        unsigned(v.into())
    }
    fn serialize_u128(self, v: u128) -> Outcome {
        unsigned(v)
    }
    fn serialize_f32(self, v: f32) -> Outcome {
        self.serialize_f64(v.into())
    }
    fn serialize_f64(self, v: f64) -> Outcome {
        Number::from_f64(v).map(Value::Number).ok_or_else(|| CanonicalError::NotFinite(v.to_string()))
    }
    fn serialize_char(self, v: char) -> Outcome {
        Ok(Value::String(v.into()))
    }
    fn serialize_str(self, v: &str) -> Outcome {
        Ok(Value::String(v.into()))
    }
    fn serialize_bytes(self, v: &[u8]) -> Outcome {
        Ok(v.iter().copied().map(Value::from).collect())
    }
    fn serialize_none(self) -> Outcome {
        Ok(Value::Null)
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Outcome {
        value.serialize(self)
    }
    fn serialize_unit(self) -> Outcome {
        Ok(Value::Null)
    }
    fn serialize_unit_struct(self, _name: &'static str) -> Outcome {
        Ok(Value::Null)
    }
    fn serialize_unit_variant(self, _name: &'static str, _index: u32, variant: &'static str) -> Outcome {
        Ok(Value::String(variant.into()))
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _name: &'static str, value: &T) -> Outcome {
        value.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Outcome {
        Ok(wrap(Some(variant), value.serialize(self)?))
    }
    fn serialize_seq(self, _len: Option<usize>) -> Result<Items, CanonicalError> {
        Ok(Items { items: Vec::new(), variant: None })
    }
    fn serialize_tuple(self, _len: usize) -> Result<Items, CanonicalError> {
        Ok(Items { items: Vec::new(), variant: None })
    }
    fn serialize_tuple_struct(self, _name: &'static str, _len: usize) -> Result<Items, CanonicalError> {
        Ok(Items { items: Vec::new(), variant: None })
    }
    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Items, CanonicalError> {
        Ok(Items { items: Vec::new(), variant: Some(variant) })
    }
    fn serialize_map(self, _len: Option<usize>) -> Result<Members, CanonicalError> {
        Ok(Members { map: Map::new(), key: None, variant: None })
    }
    fn serialize_struct(self, _name: &'static str, _len: usize) -> Result<Members, CanonicalError> {
        Ok(Members { map: Map::new(), key: None, variant: None })
    }
    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Members, CanonicalError> {
        Ok(Members { map: Map::new(), key: None, variant: Some(variant) })
    }
}

impl Items {
    fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CanonicalError> {
        self.items.push(value.serialize(ValueSerializer)?);
        Ok(())
    }
    fn finish(self) -> Outcome {
        Ok(wrap(self.variant, Value::Array(self.items)))
    }
}

impl Members {
    fn insert<T: Serialize + ?Sized>(&mut self, name: String, value: &T) -> Result<(), CanonicalError> {
        if self.map.contains_key(&name) {
            return Err(CanonicalError::Other(format!("member `{name}` occurs twice")));
        }
        self.map.insert(name, value.serialize(ValueSerializer)?);
        Ok(())
    }
    fn finish(self) -> Outcome {
        Ok(wrap(self.variant, Value::Object(self.map)))
    }
}

macro_rules! items {
    ($($trait:ident :: $method:ident),*) => {$(
        impl ser::$trait for Items {
            type Ok = Value;
            type Error = CanonicalError;
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CanonicalError> {
                self.push(value)
            }
            fn end(self) -> Outcome {
                self.finish()
            }
        }
    )*};
}
items!(
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field
);

macro_rules! members {
    ($($trait:ident),*) => {$(
        impl ser::$trait for Members {
            type Ok = Value;
            type Error = CanonicalError;
            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), CanonicalError> {
                self.insert(name.to_owned(), value)
            }
            fn end(self) -> Outcome {
                self.finish()
            }
        }
    )*};
}
members!(SerializeStruct, SerializeStructVariant);

impl ser::SerializeMap for Members {
    type Ok = Value;
    type Error = CanonicalError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), CanonicalError> {
        self.key = Some(match key.serialize(ValueSerializer)? {
            Value::String(s) => s,
            Value::Number(n) if !n.is_f64() => n.to_string(),
            _ => return Err(CanonicalError::Key),
        });
        Ok(())
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CanonicalError> {
        let name = self.key.take().ok_or(CanonicalError::Key)?;
        self.insert(name, value)
    }
    fn end(self) -> Outcome {
        self.finish()
    }
}
