//! The JSON object of a secret, with variables added. What is not changed keeps its bytes, numbers and order.

use std::collections::HashMap;
use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::extract::print;
use super::json::Json;
use crate::model::env_name::EnvName;
use crate::model::migration::{NotMergeable, Setting};
use crate::model::secret_value::SecretValue;

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

/// Adds variables to the text of a JSON object; without a text, to an empty one. A key has another value if a launch would set another
/// text; a null counts as absent.
///
/// # Errors
/// [`NotMergeable::Text`] for anything but an object that a launch can read.
pub fn merge(existing: Option<&[u8]>, settings: &[Setting]) -> Result<Merged, NotMergeable> {
    let parsed = existing.map(|text| Json::parse(text).map_err(|_| NotMergeable::Text)).transpose()?;
    let mut members = existing.map_or_else(|| Ok(Members::default()), members)?;
    let (mut added, mut changed, mut unchanged) = (Vec::new(), Vec::new(), Vec::new());
    for setting in settings {
        let name = setting.name.as_str();
        let present = parsed.as_ref().and_then(|json| print(json.value().get(name)?).ok());
        let group = match present {
            None => &mut added,
            Some(text) if is_of(setting, &text) => {
                unchanged.push(setting.name.clone());
                continue;
            }
            Some(_) => &mut changed,
        };
        group.push(setting.name.clone());
        members.set(name.to_owned(), json(setting));
    }
    Ok(Merged { text: written(&members.list), added, changed, unchanged })
}

/// True if the text of an object has every variable with its value.
pub fn is_stored(text: &[u8], settings: &[Setting]) -> bool {
    merge(Some(text), settings).is_ok_and(|merged| merged.added.is_empty() && merged.changed.is_empty())
}

/// True if a launch gets this text from the variable.
fn is_of(setting: &Setting, text: &SecretValue) -> bool {
    // A literal is printed as that of the secret is: 1e5 as 1e+5.
    let printed = setting.is_literal.then(|| Json::parse(setting.value.expose()).ok()).flatten();
    let printed = printed.and_then(|json| print(json.value()).ok());
    printed.as_ref().unwrap_or(&setting.value).expose() == text.expose()
}

/// The members of an object in order, and their places by key.
#[derive(Default)]
struct Members {
    list: Vec<(String, Zeroizing<String>)>,
    places: HashMap<String, usize>,
}

impl Members {
    /// Sets the value, as JSON. The place of a key is that of its first value.
    fn set(&mut self, key: String, json: Zeroizing<String>) {
        match self.places.get(&key) {
            Some(place) => self.list[*place].1 = json,
            None => {
                self.places.insert(key.clone(), self.list.len());
                self.list.push((key, json));
            }
        }
    }
}

/// Reads the members of an object. The last of duplicate keys applies.
fn members(text: &[u8]) -> Result<Members, NotMergeable> {
    let mut parser = serde_json::Deserializer::from_slice(text);
    let members = parser.deserialize_map(MembersVisitor).and_then(|members| parser.end().map(|()| members));
    // The parser's message may quote the text.
    members.map_err(|_| NotMergeable::Text)
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Members, A::Error> {
        let mut members = Members::default();
        while let Some((key, value)) = entries.next_entry::<String, &RawValue>()? {
            members.set(key, Zeroizing::new(value.get().to_owned()));
        }
        Ok(members)
    }
}

fn json(setting: &Setting) -> Zeroizing<String> {
    let text = String::from_utf8_lossy(setting.value.expose());
    Zeroizing::new(if setting.is_literal { text.into_owned() } else { quoted(&text) })
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn written(members: &[(String, Zeroizing<String>)]) -> SecretValue {
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
    fn a_number_is_compared_as_a_launch_prints_it() {
        let existing = r#"{"A":1e5,"B":1e5,"C":1E5}"#;
        let settings = [setting("A", "1e5", false), setting("B", "1e+5", false), setting("C", "1e5", true)];
        let (text, found) = merged(Some(existing), &settings);
        assert_eq!(found, [names(&[]), names(&["A"]), names(&["B", "C"])]);
        assert_eq!(text, r#"{"A":"1e5","B":1e5,"C":1E5}"#);
    }

    #[test]
    fn a_value_with_a_key_of_serde_json_is_another_value() {
        for key in ["Number", "RawValue"] {
            let existing = format!(r#"{{"A":{{"$serde_json::private::{key}":"abc"}}}}"#);
            let (_, found) = merged(Some(&existing), &[setting("A", "foo", false)]);
            assert_eq!(found, [names(&[]), names(&["A"]), names(&[])], "{key}");
        }
    }

    #[test]
    fn an_object_that_no_launch_can_read_is_left_alone() {
        let deep = format!(r#"{{"A":{}1{}}}"#, "[".repeat(200), "]".repeat(200));
        for text in [r#"{"A":"\ud800x"}"#, &deep] {
            assert_eq!(merge(Some(text.as_bytes()), &[setting("A", "foo", false)]).err(), Some(NotMergeable::Text));
        }
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
