//! Parses a secret's JSON with the literals of its numbers and the order of its keys; wiped when dropped.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use zeroize::Zeroize;

use crate::model::quoting::is_quotable;

/// Parsed JSON, whose strings are zeroized when it is dropped.
pub struct Json(Value);

/// The position of a syntax error, counted from 1. The parser's message is dropped, since it may quote the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotJson {
    pub line: usize,
    pub column: usize,
}

impl Json {
    /// Parses a whole document.
    ///
    /// # Errors
    /// The first syntax error. serde_json's recursion limit makes nesting of 128 levels one.
    pub fn parse(bytes: &[u8]) -> Result<Self, NotJson> {
        let mut parser = serde_json::Deserializer::from_slice(bytes);
        let parsed = ValueSeed.deserialize(&mut parser).map(Self).and_then(|json| parser.end().map(|()| json));
        parsed.map_err(|error| NotJson { line: error.line(), column: error.column() })
    }

    /// Returns an object of these names and texts.
    pub fn of_texts<'a>(texts: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        Self(Value::Object(texts.map(|(name, text)| (name.to_owned(), Value::from(text))).collect()))
    }

    pub fn value(&self) -> &Value {
        &self.0
    }
}

/// Returns the keys of an object that a message may quote. A key with a null is left out: in a malformed secret it may
/// be a value.
pub fn quotable_keys(map: &Map<String, Value>) -> impl Iterator<Item = &str> {
    map.iter().filter(|(key, value)| !value.is_null() && is_quotable(key)).map(|(key, _)| key.as_str())
}

impl Drop for Json {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(map) => map.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Deserializes a [`Value`] like serde_json's own visitor, except for objects with the key
/// `$serde_json::private::Number`.
///
/// With the feature `arbitrary_precision`, serde_json passes a number as a map of that one key, and takes an object
/// that has the key for a number. [`MapKeySeed`] tells them apart.
struct ValueSeed;

impl<'de> DeserializeSeed<'de> for ValueSeed {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(Self)? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = entries.next_key_seed(MapKeySeed)? {
            match key {
                MapKey::NumberToken => {
                    let literal: String = entries.next_value()?;
                    return Ok(Value::Number(Number::from_string_unchecked(literal)));
                }
                MapKey::Text(key) => {
                    // The last of duplicate keys wins, as in serde_json itself.
                    if let Some(mut earlier) = map.insert(key, entries.next_value_seed(Self)?) {
                        wipe(&mut earlier);
                    }
                }
            }
        }
        Ok(Value::Object(map))
    }
}

/// The key of a map that serde_json passes to a visitor.
enum MapKey {
    Text(String),
    /// The key of the map that stands for a number.
    NumberToken,
}

/// Deserializes a [`MapKey`] as an `Option`: serde_json calls `visit_some` for an object's key, and `visit_str` for the
/// map that stands for a number.
struct MapKeySeed;

impl<'de> DeserializeSeed<'de> for MapKeySeed {
    type Value = MapKey;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<MapKey, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for MapKeySeed {
    type Value = MapKey;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<MapKey, D::Error> {
        serde::Deserialize::deserialize(deserializer).map(MapKey::Text)
    }

    fn visit_str<E>(self, _: &str) -> Result<MapKey, E> {
        Ok(MapKey::NumberToken)
    }
}
