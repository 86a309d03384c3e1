//! Lines as JSON objects, one a line, for `--log-format json`.
//!
//! An object is one error, warning or note. The lines that follow an error in its report belong to it: entries below a shared reason,
//! notes and remedies. A program that reads the log so has one object for each thing to mend, and sorts objects by `level` alone.

use std::time::SystemTime;

use serde_json::{Map, Value};

use super::super::line::{Label, Line};
use crate::model::quoting::escaped;

/// Returns the objects of lines that are printed together, each with a line feed.
pub fn text(lines: Vec<Line>, now: SystemTime) -> String {
    objects(lines, now).into_iter().map(|object| format!("{}\n", Value::Object(object))).collect()
}

/// Returns the objects of lines that are printed together.
pub fn objects(lines: Vec<Line>, now: SystemTime) -> Vec<Map<String, Value>> {
    let mut objects: Vec<Map<String, Value>> = Vec::new();
    let mut has_error = false;
    for line in lines {
        let escaped_text = escaped(&line.text);
        let part = match line.label {
            Label::Error if !line.begins_error() => Some("entries"),
            Label::Help => Some("help"),
            Label::Note if has_error => Some("notes"),
            Label::Error | Label::Warning | Label::Note => None,
        };
        match (part, objects.last_mut()) {
            (Some(part), Some(object)) => add(object, part, escaped_text.trim_start().to_owned()),
            (_, _) => {
                has_error = line.label == Label::Error;
                objects.push(object(line, &escaped_text, now));
            }
        }
    }
    objects
}

fn object(line: Line, text: &str, now: SystemTime) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("time".to_owned(), humantime::format_rfc3339_millis(now).to_string().into());
    // The command's own lines share the stream.
    object.insert("logger".to_owned(), "secrets-exec".into());
    object.insert("level".to_owned(), level(line.label).into());
    object.insert("event".to_owned(), line.event.into());
    object.insert("message".to_owned(), text.trim_start().into());
    object.extend(line.details.into_iter().map(|(name, value)| (name.to_owned(), value)));
    object
}

fn add(object: &mut Map<String, Value>, part: &str, text: String) {
    if let Value::Array(texts) = object.entry(part).or_insert_with(|| Value::Array(Vec::new())) {
        texts.push(text.into());
    }
}

/// The level by which collectors of logs sort; `info` is the name of a note in all of them.
fn level(label: Label) -> &'static str {
    match label {
        Label::Error => "error",
        Label::Warning => "warning",
        Label::Note | Label::Help => "info",
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn parsed(lines: Vec<Line>) -> Vec<Value> {
        let text = text(lines, UNIX_EPOCH + Duration::from_millis(1_600_000_000_123));
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn an_object_has_time_level_event_message_and_details() {
        let line = Line::note("A changed").event("changed").with("variables", vec!["A"]);
        let text = text(vec![line], UNIX_EPOCH + Duration::from_millis(1_600_000_000_123));
        let expected = r#"{"time":"2020-09-13T12:26:40.123Z","logger":"secrets-exec","level":"info","event":"changed","message":"A changed","variables":["A"]}"#;
        assert_eq!(text, format!("{expected}\n"));
    }

    #[test]
    fn the_lines_below_an_error_belong_to_it() {
        let lines = vec![
            Line::error("one"),
            Line::entry("A (secrets.yaml:1)"),
            Line::note("tried"),
            Line::help("do this"),
            Line::help("or that"),
            Line::error("two"),
        ];
        let objects = parsed(lines);
        assert_eq!(objects.len(), 2);
        assert_eq!(objects[0]["entries"], serde_json::json!(["A (secrets.yaml:1)"]));
        assert_eq!(objects[0]["notes"], serde_json::json!(["tried"]));
        assert_eq!(objects[0]["help"], serde_json::json!(["do this", "or that"]));
        assert_eq!(objects[1]["message"], "two");
        assert_eq!(objects[1].get("help"), None);
    }

    #[test]
    fn a_note_after_a_note_or_a_warning_is_an_object_of_its_own() {
        let objects = parsed(vec![Line::note("one"), Line::warning("two"), Line::note("three")]);
        let levels: Vec<_> = objects.iter().map(|object| object["level"].as_str().unwrap()).collect();
        assert_eq!(levels, ["info", "warning", "info"]);
    }

    #[test]
    fn control_characters_are_escaped_as_in_text() {
        let objects = parsed(vec![Line::error("one\u{1b}[31m\ntwo \"three\" é")]);
        assert_eq!(objects[0]["message"], escaped("one\u{1b}[31m\ntwo \"three\" é"));
        assert!(!objects[0]["message"].as_str().unwrap().contains(char::is_control));
    }
}
