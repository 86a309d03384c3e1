//! Parses TOML into the syntax tree.

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::positions::PositionCursor;
use super::syntax_error::SyntaxError;
use crate::model::library_text::is_toml_duplicate_key;
use crate::model::quoting::is_quotable;
use crate::model::tree::{Key, Kind, Node, Typed};

pub fn parse(text: &str) -> Result<Node, Vec<SyntaxError>> {
    let mut cursor = PositionCursor::new(text);
    match DeTable::parse(text) {
        Ok(root) => Ok(Node { position: cursor.position(0), kind: table(&mut cursor, root.get_ref()) }),
        Err(error) => {
            let position = error.span().map(|span| cursor.position(span.start));
            let mut message = error.message().trim().replace('\n', "; ");
            // The parser's message for a duplicate key does not name it.
            let key = error.span().and_then(|span| text.get(span)).filter(|key| is_quotable(key));
            if let Some(key) = key.filter(|_| is_toml_duplicate_key(&message)) {
                message = format!("the key {key:?} occurs twice");
            }
            Err(vec![SyntaxError { position, message }])
        }
    }
}

/// Returns a table with its keys in the order of the file; the parser sorts them by their text.
fn table(cursor: &mut PositionCursor<'_>, table: &DeTable<'_>) -> Kind {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    let entry = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
        let name: &DeString<'_> = key.get_ref();
        let position = cursor.position(key.span().start);
        (Key { position, text: name.clone().into_owned() }, node(cursor, value))
    };
    Kind::Table(entries.into_iter().map(entry).collect())
}

fn node(cursor: &mut PositionCursor<'_>, value: &Spanned<DeValue<'_>>) -> Node {
    let position = cursor.position(value.span().start);
    let kind = match value.get_ref() {
        DeValue::String(string) => Kind::Text(string.clone().into_owned()),
        DeValue::Boolean(value) => Kind::Typed(Typed::Bool(*value)),
        DeValue::Integer(integer) => match i64::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(number) => Kind::Typed(Typed::Number(number.to_string())),
            Err(_) => Kind::Typed(Typed::Other),
        },
        DeValue::Float(float) => match serde_json::from_str::<serde_json::Number>(float.as_str()) {
            Ok(number) => Kind::Typed(Typed::Number(number.to_string())),
            Err(_) => Kind::Typed(Typed::Other),
        },
        DeValue::Datetime(_) => Kind::Typed(Typed::Other),
        DeValue::Array(items) => Kind::List(items.iter().map(|item| node(cursor, item)).collect()),
        DeValue::Table(entries) => table(cursor, entries),
    };
    Node { position, kind }
}
