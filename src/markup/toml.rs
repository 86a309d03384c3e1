//! TOML to the common tree.

use ::toml::Spanned;
use ::toml::de::{DeString, DeTable, DeValue};

use super::{Key, Kind, Node, SyntaxError, Typed, mark_at};

pub(super) fn parse(text: &str) -> Result<Node, Vec<SyntaxError>> {
    match DeTable::parse(text) {
        Ok(table) => Ok(Node { mark: mark_at(text, 0), kind: self::table(text, table.get_ref()) }),
        Err(error) => {
            let mark = error.span().map(|span| mark_at(text, span.start));
            Err(vec![SyntaxError { mark, message: error.message().trim().replace('\n', "; ") }])
        }
    }
}

/// The parser sorts keys by their text; here they are in the order of the file.
fn table(text: &str, table: &DeTable<'_>) -> Kind {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    let entry = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
        let name: &DeString<'_> = key.get_ref();
        (Key { mark: mark_at(text, key.span().start), text: name.clone().into_owned() }, node(text, value))
    };
    Kind::Table(entries.into_iter().map(entry).collect())
}

fn node(text: &str, value: &Spanned<DeValue<'_>>) -> Node {
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
        DeValue::Array(items) => Kind::List(items.iter().map(|item| node(text, item)).collect()),
        DeValue::Table(table) => self::table(text, table),
    };
    Node { mark: mark_at(text, value.span().start), kind }
}
