//! Parses JSON into the syntax tree.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::positions::PositionCursor;
use super::syntax_error::{MAX_DEPTH, SyntaxError, TOO_DEEP, duplicate_keys};
use crate::model::library_text::without_json_position;
use crate::model::tree::{Key, Kind, Node, Position, Typed};

pub fn parse(text: &str) -> Result<Node, Vec<SyntaxError>> {
    let raw: &RawValue = serde_json::from_str(text).map_err(|error| vec![syntax_error(&error)])?;
    let mut builder = JsonBuilder { text, cursor: PositionCursor::new(text), errors: Vec::new() };
    let node = builder.node(raw, 0);
    if builder.errors.is_empty() { Ok(node) } else { Err(builder.errors) }
}

fn syntax_error(error: &serde_json::Error) -> SyntaxError {
    // serde_json appends the position, which reports print on their own.
    let message = without_json_position(&error.to_string()).to_owned();
    SyntaxError { position: Some(Position { line: error.line(), column: error.column().max(1) }), message }
}

struct JsonBuilder<'t> {
    text: &'t str,
    cursor: PositionCursor<'t>,
    errors: Vec<SyntaxError>,
}

impl<'t> JsonBuilder<'t> {
    /// Returns the position of a slice of the text. Values, and keys without escapes, are such slices.
    fn position(&mut self, slice: &str) -> Position {
        self.cursor.position(slice.as_ptr().addr() - self.text.as_ptr().addr())
    }

    fn node(&mut self, raw: &'t RawValue, depth: usize) -> Node {
        let position = self.position(raw.get());
        let kind = match raw.get().as_bytes().first() {
            _ if depth > MAX_DEPTH => {
                self.errors.push(SyntaxError { position: Some(position), message: TOO_DEEP.to_owned() });
                Kind::Typed(Typed::Null)
            }
            Some(b'{') => {
                let Pairs(pairs) = self.read(raw, Pairs(Vec::new()));
                let mut entries = Vec::with_capacity(pairs.len());
                for (text, value) in pairs {
                    // A key with escapes is no slice of the text: take the position of its value.
                    let position = self.position(if let Cow::Borrowed(key) = text { key } else { value.get() });
                    entries.push((Key { position, text: text.into_owned() }, self.node(value, depth + 1)));
                }
                self.errors.extend(duplicate_keys(&entries));
                Kind::Table(entries)
            }
            Some(b'[') => {
                let items: Vec<&'t RawValue> = self.read(raw, Vec::new());
                Kind::List(items.into_iter().map(|item| self.node(item, depth + 1)).collect())
            }
            Some(b'"') => Kind::Text(self.read(raw, String::new())),
            Some(b't') => Kind::Typed(Typed::Bool(true)),
            Some(b'f') => Kind::Typed(Typed::Bool(false)),
            Some(b'n') | None => Kind::Typed(Typed::Null),
            Some(_) => Kind::Typed(Typed::Number(raw.get().to_owned())),
        };
        Node { position, kind }
    }

    /// Deserializes a node, or records the error and returns `otherwise`. `RawValue` accepts half a
    /// surrogate pair in a string, which is an error only here.
    fn read<T: Deserialize<'t>>(&mut self, raw: &'t RawValue, otherwise: T) -> T {
        serde_json::from_str(raw.get()).unwrap_or_else(|error| {
            let position = self.position(raw.get());
            self.errors.push(SyntaxError { position: Some(position), ..syntax_error(&error) });
            otherwise
        })
    }
}

/// The entries of an object, in the order of the file and with duplicate keys.
struct Pairs<'t>(Vec<(Cow<'t, str>, &'t RawValue)>);

impl<'de> Deserialize<'de> for Pairs<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PairsVisitor)
    }
}

struct PairsVisitor;

impl<'de> Visitor<'de> for PairsVisitor {
    type Value = Pairs<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Pairs<'de>, A::Error> {
        let mut pairs = Vec::new();
        while let Some(key) = entries.next_key_seed(BorrowedKeySeed)? {
            pairs.push((key, entries.next_value()?));
        }
        Ok(Pairs(pairs))
    }
}

/// Deserializes a key, as a slice of the text if it has no escapes.
struct BorrowedKeySeed;

impl<'de> DeserializeSeed<'de> for BorrowedKeySeed {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cow<'de, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for BorrowedKeySeed {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E>(self, key: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}
