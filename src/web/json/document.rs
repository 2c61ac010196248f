//! A message as the document that `--json` prints: fields under their names and in their order, an
//! absent one null, integers as numbers. Bytes, which no such document has, are base64.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, ReflectMessage as _, Value};
use serde::ser::{Error as _, Serialize, SerializeMap as _, SerializeSeq as _, Serializer};

/// Prints a message.
pub(super) struct Document<'a>(pub(super) &'a DynamicMessage);

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let kind = self.0.descriptor();
        let mut object = to.serialize_map(None)?;
        // The descriptor itself has them sorted by number.
        for field in &kind.descriptor_proto().field {
            let Some(field) = kind.get_field_by_name(field.name()) else { continue };
            if field.supports_presence() && !self.0.has_field(&field) {
                object.serialize_entry(field.name(), &())?;
            } else {
                let value = &*self.0.get_field(&field);
                object.serialize_entry(field.name(), &Field { value, field: &field })?;
            }
        }
        object.end()
    }
}

struct Field<'a> {
    value: &'a Value,
    field: &'a FieldDescriptor,
}

impl Serialize for Field<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let nested = |value| Field { value, field: self.field };
        match self.value {
            Value::Bool(value) => to.serialize_bool(*value),
            Value::I32(value) => to.serialize_i32(*value),
            Value::I64(value) => to.serialize_i64(*value),
            Value::U32(value) => to.serialize_u32(*value),
            Value::U64(value) => to.serialize_u64(*value),
            Value::F32(value) => to.serialize_f32(*value),
            Value::F64(value) => to.serialize_f64(*value),
            Value::String(value) => to.serialize_str(value),
            Value::Bytes(value) => to.serialize_str(&BASE64_STANDARD.encode(value)),
            Value::EnumNumber(number) => match self.field.kind() {
                Kind::Enum(kind) => match kind.get_value(*number) {
                    Some(value) => to.serialize_str(value.name()),
                    None => to.serialize_i32(*number),
                },
                _ => Err(S::Error::custom("an enum's number in a field of another kind")),
            },
            Value::Message(message) => Document(message).serialize(to),
            Value::List(values) => {
                let mut list = to.serialize_seq(Some(values.len()))?;
                for value in values {
                    list.serialize_element(&nested(value))?;
                }
                list.end()
            }
            Value::Map(values) => {
                let mut sorted: Vec<_> = values.iter().map(|(key, v)| (text_of(key), v)).collect();
                sorted.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
                let mut object = to.serialize_map(Some(sorted.len()))?;
                for (key, value) in sorted {
                    object.serialize_entry(&key, &nested(value))?;
                }
                object.end()
            }
        }
    }
}

fn text_of(key: &MapKey) -> String {
    match key {
        MapKey::Bool(key) => key.to_string(),
        MapKey::I32(key) => key.to_string(),
        MapKey::I64(key) => key.to_string(),
        MapKey::U32(key) => key.to_string(),
        MapKey::U64(key) => key.to_string(),
        MapKey::String(key) => key.clone(),
    }
}
