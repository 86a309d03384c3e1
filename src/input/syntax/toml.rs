//! TOML to the common tree.

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::positions::Places;
use super::syntax_error::SyntaxError;
use crate::model::library_text::is_toml_duplicate_key;
use crate::model::quoting::is_quotable;
use crate::model::tree::{Key, Kind, Node, Typed};

pub fn parse(text: &str) -> Result<Node, Vec<SyntaxError>> {
    let mut places = Places::new(text);
    match DeTable::parse(text) {
        Ok(found) => Ok(Node { mark: places.mark(0), kind: table(&mut places, found.get_ref()) }),
        Err(error) => {
            let mark = error.span().map(|span| places.mark(span.start));
            let mut message = error.message().trim().replace('\n', "; ");
            let key = error.span().and_then(|span| text.get(span)).filter(|key| is_quotable(key));
            if let Some(key) = key.filter(|_| is_toml_duplicate_key(&message)) {
                message = format!("the key {key:?} is already there");
            }
            Err(vec![SyntaxError { mark, message }])
        }
    }
}

/// The parser sorts keys by their text; here they are in the order of the file.
fn table(places: &mut Places<'_>, table: &DeTable<'_>) -> Kind {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    let entry = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
        let name: &DeString<'_> = key.get_ref();
        let mark = places.mark(key.span().start);
        (Key { mark, text: name.clone().into_owned() }, node(places, value))
    };
    Kind::Table(entries.into_iter().map(entry).collect())
}

fn node(places: &mut Places<'_>, value: &Spanned<DeValue<'_>>) -> Node {
    let mark = places.mark(value.span().start);
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
        DeValue::Array(items) => Kind::List(items.iter().map(|item| node(places, item)).collect()),
        DeValue::Table(found) => table(places, found),
    };
    Node { mark, kind }
}
