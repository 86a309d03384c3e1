//! The JSON object of a secret, with variables added. What is not changed keeps its bytes, numbers and order.

use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::setting::Setting;
use crate::model::env_name::EnvName;
use crate::model::secret_value::SecretValue;

/// The most bytes that AWS keeps in a secret.
pub const MOST_BYTES: usize = 65_536;

/// A value of a secret that is no JSON object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotMergeable {
    /// Text that is no JSON object.
    Text,
    /// SecretBinary, which other programs read as such.
    Binary,
}

/// An object with the variables.
#[derive(Debug)]
pub struct Merged {
    pub text: SecretValue,
    /// Keys that were absent or null.
    pub added: Vec<EnvName>,
    /// Keys that had another value.
    pub changed: Vec<EnvName>,
    pub unchanged: Vec<EnvName>,
}

/// Adds variables to the text of a JSON object; without a text, to an empty one.
///
/// # Errors
/// [`NotMergeable::Text`] for anything but an object.
pub fn merge(existing: Option<&[u8]>, settings: &[Setting]) -> Result<Merged, NotMergeable> {
    let mut members = existing.map_or_else(|| Ok(Vec::new()), members)?;
    let (mut added, mut changed, mut unchanged) = (Vec::new(), Vec::new(), Vec::new());
    for setting in settings {
        let name = setting.name.as_str();
        let json = json(setting);
        match members.iter_mut().find(|(key, _)| key == name) {
            None => {
                members.push((name.to_owned(), json));
                added.push(setting.name.clone());
            }
            Some((_, present)) => match text_of(present) {
                Some(text) if text.as_bytes() == setting.value.expose() => unchanged.push(setting.name.clone()),
                Some(_) => {
                    *present = json;
                    changed.push(setting.name.clone());
                }
                None => {
                    *present = json;
                    added.push(setting.name.clone());
                }
            },
        }
    }
    Ok(Merged { text: written(&members), added, changed, unchanged })
}

/// True if the text of an object has every variable with its value.
pub fn is_stored(text: &[u8], settings: &[Setting]) -> bool {
    merge(Some(text), settings).is_ok_and(|merged| merged.added.is_empty() && merged.changed.is_empty())
}

/// A key, and its value as JSON.
type Member = (String, Zeroizing<String>);

/// Reads the members of an object. The last of duplicate keys applies.
fn members(text: &[u8]) -> Result<Vec<Member>, NotMergeable> {
    let mut parser = serde_json::Deserializer::from_slice(text);
    let members = parser.deserialize_map(Members).and_then(|members| parser.end().map(|()| members));
    // The parser's message may quote the text.
    members.map_err(|_| NotMergeable::Text)
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<Member>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Vec<Member>, A::Error> {
        let mut members: Vec<Member> = Vec::new();
        while let Some((key, value)) = entries.next_entry::<String, &RawValue>()? {
            let value = Zeroizing::new(value.get().to_owned());
            match members.iter_mut().find(|(other, _)| *other == key) {
                Some((_, earlier)) => *earlier = value,
                None => members.push((key, value)),
            }
        }
        Ok(members)
    }
}

/// The text that a variable gets from a value: that of `resolve::extract`. `None` for a null, which counts as absent.
fn text_of(json: &str) -> Option<Zeroizing<String>> {
    let text = match json.as_bytes().first() {
        Some(b'"') => serde_json::from_str(json).ok(),
        Some(b'n') => None,
        Some(b'{' | b'[') => serde_json::from_str(json).ok().map(|value: Value| value.to_string()),
        Some(_) | None => Some(json.to_owned()),
    };
    text.map(Zeroizing::new)
}

fn json(setting: &Setting) -> Zeroizing<String> {
    let text = String::from_utf8_lossy(setting.value.expose());
    Zeroizing::new(if setting.is_literal { text.into_owned() } else { quoted(&text) })
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn written(members: &[Member]) -> SecretValue {
    let length = members.iter().map(|(key, value)| 6 * key.len() + value.len() + "\"\":,".len()).sum::<usize>();
    // A buffer that grows would leave copies of values in memory.
    let mut text = Vec::with_capacity(length + "{}".len());
    text.push(b'{');
    for (number, (key, value)) in members.iter().enumerate() {
        if number > 0 {
            text.push(b',');
        }
        text.extend(quoted(key).bytes());
        text.push(b':');
        text.extend(value.bytes());
    }
    text.push(b'}');
    SecretValue::new(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(name: &str, value: &str, is_literal: bool) -> Setting {
        Setting { name: EnvName::parse(name).unwrap(), value: SecretValue::new(value), is_literal, line: 1 }
    }

    fn merged(existing: Option<&str>, settings: &[Setting]) -> (String, [Vec<String>; 3]) {
        let merged = merge(existing.map(str::as_bytes), settings).unwrap();
        let text = String::from_utf8(merged.text.expose().to_vec()).unwrap();
        let names = |names: Vec<EnvName>| names.iter().map(EnvName::to_string).collect();
        (text, [names(merged.added), names(merged.changed), names(merged.unchanged)])
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_new_object_has_the_variables_in_their_order() {
        let settings = [setting("B", "a\"\n\u{1f600}", false), setting("A", "1.10", true), setting("C", "", false)];
        let (text, [added, ..]) = merged(None, &settings);
        assert_eq!(text, "{\"B\":\"a\\\"\\n\u{1f600}\",\"A\":1.10,\"C\":\"\"}");
        assert_eq!(added, names(&["B", "A", "C"]));
    }

    #[test]
    fn other_members_keep_their_bytes() {
        let existing =
            r#"{ "n": 1e400, "o": {"$serde_json::private::Number": "1", "b" : [1 ,2]}, "A": "old", "é": "\u00e9" }"#;
        let (text, found) = merged(Some(existing), &[setting("A", "new", false), setting("B", "b", false)]);
        let expected =
            r#"{"n":1e400,"o":{"$serde_json::private::Number": "1", "b" : [1 ,2]},"A":"new","é":"\u00e9","B":"b"}"#;
        assert_eq!(text, expected);
        assert_eq!(found, [names(&["B"]), names(&["A"]), names(&[])]);
    }

    #[test]
    fn values_are_compared_as_a_variable_gets_them() {
        let existing = r#"{"A":5432,"B":"5432","C":true,"D":null,"E":"\u0041","F":{"a": [1]},"A2":1,"A2":2}"#;
        let settings = [
            setting("A", "5432", false),
            setting("B", "5432", true),
            setting("C", "true", false),
            setting("D", "", false),
            setting("E", "A", false),
            setting("F", "{\"a\":[1]}", false),
            setting("A2", "2", false),
        ];
        let (_, found) = merged(Some(existing), &settings);
        assert_eq!(found, [names(&["D"]), names(&[]), names(&["A", "B", "C", "E", "F", "A2"])]);
    }

    #[test]
    fn only_an_object_can_be_added_to() {
        for text in ["text", "[]", "\"{}\"", "1", "{", "{} {}", "{\"a\":}", "", "\u{feff}{}"] {
            assert_eq!(merge(Some(text.as_bytes()), &[]).err(), Some(NotMergeable::Text), "{text}");
        }
        assert_eq!(merge(Some(b"{\"a\":\"\xff\"}"), &[]).err(), Some(NotMergeable::Text));
        assert!(merge(Some(b" { } \n"), &[]).is_ok());
    }
}
