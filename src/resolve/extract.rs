//! Extracts one value from a document: the whole, a key, or the node that a JSONPath matches.

use std::collections::BTreeMap;
use std::sync::Arc;

use jsonpath_rust::parser::model::{Segment, Selector as Selected};
use jsonpath_rust::query::{QueryRef, js_path_process};
use serde_json::{Map, Value};

use super::json::{Json, NotJson, quotable_keys};
use crate::model::answer::Document;
use crate::model::quoting::is_quotable;
use crate::model::reference::{JsonPath, Locator, Selector};
use crate::model::secret_value::SecretValue;
use crate::model::suggest;

/// The reason that a document gives no value. Names of keys are reported, values never are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExtractError {
    /// The value does not exist, so that the entry's `default` or `optional` applies.
    Absent(Absent),
    /// A key or a path of a document that is not JSON. The position of the syntax error is counted from 1.
    NotJson { line: usize, column: usize },
    /// A key of a document that is this kind of JSON instead of an object.
    NotAnObject(&'static str),
    /// The path matches several nodes.
    Several {
        /// The normalized paths (RFC 9535) of the first [`LISTED`] nodes, without nulls and names that may not be
        /// quoted.
        paths: Vec<String>,
        /// The number of all nodes.
        count: usize,
    },
    /// The path cannot be evaluated.
    BadPath,
}

/// The part of a document that does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Absent {
    /// The object has no such key.
    Key {
        /// The most similar key that exists.
        nearest: Option<String>,
        /// The key as a JSONPath, if that matches a node: `a.b` as `$.a.b`.
        as_path: Option<String>,
        /// The first [`LISTED`] keys that may be quoted.
        known: Vec<String>,
        /// The number of all keys.
        count: usize,
    },
    /// No node matches the path.
    Node {
        /// The existing key most similar to the first name of the path that does not exist.
        nearest: Option<String>,
    },
    Null,
}

/// The number of paths or keys that an error lists at most.
const LISTED: usize = 8;

/// Extracts values from documents, and parses each document at most once.
#[derive(Default)]
pub struct Extractor<'a> {
    parsed: BTreeMap<&'a Locator, Result<Arc<Json>, NotJson>>,
}

impl<'a> Extractor<'a> {
    /// Returns the text of the value that `selector` finds in `document`, which was fetched for `locator`.
    ///
    /// # Errors
    /// Those of [`Self::node`], and [`Absent::Null`].
    pub fn extract(
        &mut self,
        locator: &'a Locator,
        document: &Document,
        selector: &Selector,
    ) -> Result<SecretValue, ExtractError> {
        match selector {
            Selector::Whole => Ok(SecretValue::new(document.body.expose())),
            Selector::Key(_) | Selector::Path(_) => print(self.node(locator, document, selector)?),
        }
    }

    /// Returns the JSON that `selector` finds in `document`, which was fetched for `locator`.
    ///
    /// # Errors
    /// A document that is not JSON, a key of anything but an object, a path that matches several nodes, or an absence.
    pub fn node(
        &mut self,
        locator: &'a Locator,
        document: &Document,
        selector: &Selector,
    ) -> Result<&Value, ExtractError> {
        let json = self.json(locator, document)?;
        match selector {
            Selector::Whole => Ok(json),
            Selector::Key(key) => find_key(json, key),
            Selector::Path(path) => find_node(json, path),
        }
    }

    /// Returns the parsed document if it is a JSON object.
    pub fn object(&mut self, locator: &'a Locator, document: &Document) -> Option<Arc<Json>> {
        self.parse(locator, document).as_ref().ok().filter(|json| json.value().is_object()).cloned()
    }

    fn json(&mut self, locator: &'a Locator, document: &Document) -> Result<&Value, ExtractError> {
        match self.parse(locator, document) {
            Ok(json) => Ok(json.value()),
            Err(NotJson { line, column }) => Err(ExtractError::NotJson { line: *line, column: *column }),
        }
    }

    fn parse(&mut self, locator: &'a Locator, document: &Document) -> &Result<Arc<Json>, NotJson> {
        self.parsed.entry(locator).or_insert_with(|| Json::parse(document.body.expose()).map(Arc::new))
    }
}

fn find_key<'j>(json: &'j Value, key: &str) -> Result<&'j Value, ExtractError> {
    let Value::Object(map) = json else {
        return Err(ExtractError::NotAnObject(kind(json)));
    };
    map.get(key).ok_or_else(|| ExtractError::Absent(missing_key(json, map, key)))
}

fn missing_key(json: &Value, map: &Map<String, Value>, key: &str) -> Absent {
    let path = format!("$.{key}");
    let is_path = key.contains(['.', '[']) && JsonPath::parse(&path).is_ok_and(|path| find_node(json, &path).is_ok());
    Absent::Key {
        nearest: suggest::nearest(key, quotable_keys(map)).map(str::to_owned),
        as_path: is_path.then_some(path),
        known: quotable_keys(map).take(LISTED).map(str::to_owned).collect(),
        count: map.len(),
    }
}

fn find_node<'j>(json: &'j Value, path: &JsonPath) -> Result<&'j Value, ExtractError> {
    // The error of jsonpath_rust is dropped, since it quotes the value.
    let found = js_path_process(path.query(), json).map_err(|_| ExtractError::BadPath)?;
    match found.as_slice() {
        [] => Err(ExtractError::Absent(Absent::Node { nearest: nearest_name(json, path) })),
        [one] => Ok(one.val),
        several => {
            let is_shown = |node: &&QueryRef<'_, Value>| !node.val.is_null() && is_quotable(&joined_names(&node.path));
            let paths = several.iter().filter(is_shown).take(LISTED).map(|node| node.path.clone()).collect();
            Err(ExtractError::Several { paths, count: several.len() })
        }
    }
}

/// Joins the names of a normalized path (RFC 9535), without brackets and quotes.
fn joined_names(path: &str) -> String {
    path.replace("['", "").replace("']", "")
}

/// Follows the leading names of a path, and returns the existing key most similar to the first name that does not
/// exist.
fn nearest_name(mut json: &Value, path: &JsonPath) -> Option<String> {
    for segment in &path.query().segments {
        let (Segment::Selector(Selected::Name(name)), Value::Object(map)) = (segment, json) else { return None };
        match map.get(name) {
            Some(found) => json = found,
            None => return suggest::nearest(name, quotable_keys(map)).map(str::to_owned),
        }
    }
    None
}

/// Returns a JSON value as text: a string's characters, a number's literal, `true` or `false`, else compact JSON.
///
/// # Errors
/// [`Absent::Null`] for null.
pub fn print(value: &Value) -> Result<SecretValue, ExtractError> {
    match value {
        Value::Null => Err(ExtractError::Absent(Absent::Null)),
        Value::String(text) => Ok(SecretValue::new(text.as_str())),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Ok(SecretValue::new(value.to_string()))
        }
    }
}

pub fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::inherited::Inherited;
    use crate::model::reference::Aliases;
    use crate::model::reference::Reference;

    fn extract(body: &str, key: &str) -> Result<String, ExtractError> {
        let reference = Reference::parse(&format!("secret:{key}"))
            .unwrap()
            .locate(&Aliases::default(), &Inherited::default())
            .unwrap();
        let document = Document::new(SecretValue::new(body));
        let value = Extractor::default().extract(&reference.locator, &document, &reference.selector)?;
        Ok(String::from_utf8(value.expose().to_vec()).unwrap())
    }

    #[test]
    fn each_kind_of_json_becomes_its_text() {
        let body = r#"{"s":" a\n","e":"","n":1.10,"t":true,"o":{"z":1,"a":[1, 2]},"x":null,"a.b":"dot","u":"é\u0000"}"#;
        for (key, expected) in [
            ("s", " a\n"),
            ("e", ""),
            ("n", "1.10"),
            ("t", "true"),
            ("o", r#"{"z":1,"a":[1,2]}"#),
            ("a.b", "dot"),
            ("u", "é\0"),
        ] {
            assert_eq!(extract(body, key).as_deref(), Ok(expected), "{key}");
        }
        assert_eq!(extract(body, "x"), Err(ExtractError::Absent(Absent::Null)));
        assert_eq!(extract(body, "$.o.a[1]").as_deref(), Ok("2"));
        assert_eq!(
            extract(body, "$").as_deref().map(str::len),
            Ok(serde_json::from_str::<Value>(body).unwrap().to_string().len())
        );
    }

    #[test]
    fn a_path_matches_exactly_one_node() {
        let body = r#"{"hosts":["a","b"]}"#;
        assert_eq!(extract(body, "$.hosts[7]"), Err(ExtractError::Absent(Absent::Node { nearest: None })));
        let nearest = Some("hosts".to_owned());
        assert_eq!(extract(body, "$.hots[0]"), Err(ExtractError::Absent(Absent::Node { nearest })));
        let several = ExtractError::Several { paths: vec!["$['hosts'][0]".into(), "$['hosts'][1]".into()], count: 2 };
        assert_eq!(extract(body, "$.hosts[*]"), Err(several));
    }

    #[test]
    fn a_missing_key_suggests_the_most_similar_key_or_a_path() {
        let body = r#"{"password":"x","db":{"host":"h"}}"#;
        let absent = |nearest: Option<&str>, as_path: Option<&str>| {
            Err(ExtractError::Absent(Absent::Key {
                nearest: nearest.map(Into::into),
                as_path: as_path.map(Into::into),
                known: vec!["password".into(), "db".into()],
                count: 2,
            }))
        };
        assert_eq!(extract(body, "pasword"), absent(Some("password"), None));
        assert_eq!(extract(body, "db.host"), absent(None, Some("$.db.host")));
    }

    #[test]
    fn a_key_of_a_document_that_is_no_object_is_no_absence() {
        assert_eq!(extract("plain", "k"), Err(ExtractError::NotJson { line: 1, column: 1 }));
        assert_eq!(extract("[1]", "k"), Err(ExtractError::NotAnObject("an array")));
        assert_eq!(extract("{}", ""), Ok("{}".into()));
    }
}
