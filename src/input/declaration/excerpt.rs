//! The source line of a syntax error in YAML, if its structure makes it a name and a reference.

use crate::model::env_name::is_name;
use crate::model::tree::Position;

/// The maximum length of a line that is shown, in characters.
const MAX_LENGTH: usize = 100;

/// The sections whose entries are names and references.
const SECTIONS: [&str; 2] = ["env:", "secrets:"];

/// The keys of an entry that never hold a value.
const KEYS: [&str; 6] = ["from", "id", "stage", "version-id", "region", "role-arn"];

/// The keys of an entry that may hold a value, wherever they stand on a line.
const VALUE_KEYS: [&str; 4] = ["value", "default", "template", "external-id"];

/// A line of a declaration, and the column of an error, from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    pub line: String,
    pub column: usize,
}

/// Returns the line of an error about a colon, if its structure makes it a name and a reference.
///
/// The line must be an entry of `env` or `secrets` with the path of a secret, or a key of KEYS right below an entry. No line before it
/// may open a quote, which could go on to it: there is none before it at all.
pub fn excerpt(text: &str, position: Position) -> Option<Excerpt> {
    let lines: Vec<&str> = text.lines().take(position.line).collect();
    let (line, before) = lines.split_last().filter(|_| lines.len() == position.line)?;
    let is_plain = |byte: u8| byte == b' ' || byte.is_ascii_graphic() && byte != b'\\';
    let may_hold_value = VALUE_KEYS.iter().any(|key| line.contains(key));
    if line.len() > MAX_LENGTH || !line.bytes().all(is_plain) || may_hold_value {
        return None;
    }
    let section = before.iter().rposition(|line| indent(line) == 0 && is_content(line))?;
    let above: Vec<&str> = before[section + 1..].iter().copied().filter(|line| is_content(line)).collect();
    let is_section = SECTIONS.contains(&before[section].trim_end());
    if !is_section || may_go_on(before) || !is_structure(line, &above) {
        return None;
    }
    Some(Excerpt { line: (*line).to_owned(), column: position.column })
}

/// True if no colon stands on the line before this position.
pub fn is_first_colon(text: &str, position: Position) -> bool {
    let line = text.lines().nth(position.line.saturating_sub(1)).unwrap_or_default();
    !line.chars().take(position.column.saturating_sub(1)).any(|c| c == ':')
}

/// True if only colons follow from this position to the end of the line.
pub fn is_final_colon(text: &str, position: Position) -> bool {
    let line = text.lines().nth(position.line.saturating_sub(1)).unwrap_or_default();
    line.trim_end().chars().skip(position.column.saturating_sub(1)).all(|c| c == ':')
}

/// True for an entry with the path of a secret, or for a key of KEYS right below an entry that has only a name on its line.
fn is_structure(line: &str, above: &[&str]) -> bool {
    let (key, value) = line.trim_start().split_once(':').unwrap_or_default();
    let entries = above.iter().map(|line| indent(line)).min().unwrap_or(indent(line));
    if indent(line) == entries {
        return indent(line) > 0 && is_name(key) && is_path_and_key(value);
    }
    let parent = above.iter().rev().find(|line| indent(line) == entries);
    // A key that holds a value may go on in the lines after it.
    let siblings = above.iter().rev().take_while(|line| indent(line) > entries);
    let is_own_key = |line: &&str| VALUE_KEYS.iter().all(|key| !line.contains(key));
    let is_bare = |line: &&str| line.trim().strip_suffix(':').is_some_and(is_name);
    parent.is_some_and(is_bare) && siblings.into_iter().all(is_own_key) && KEYS.contains(&key)
}

/// True for `prod/db: host`. A word without a slash could be a password in the place of a reference, and one with other characters a
/// URL or base64.
fn is_path_and_key(text: &str) -> bool {
    let Some((id, key)) = text.trim().split_once(": ") else { return false };
    let id = id.strip_prefix("ssm:").unwrap_or(id);
    let is_word = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-./".contains(&byte));
    is_word(id) && id.contains('/') && is_word(key.trim_start())
}

/// True if a quote, a bracket or a block scalar that begins in these lines could go on after them.
fn may_go_on(lines: &[&str]) -> bool {
    let count = |c: char| lines.iter().map(|line| line.matches(c).count()).sum::<usize>();
    lines.iter().any(|line| line.contains(['"', '\'', '\\', '|', '>']))
        || count('{') != count('}')
        || count('[') != count(']')
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// True for a line that is neither blank nor a comment.
fn is_content(line: &str) -> bool {
    !line.trim().is_empty() && !line.trim_start().starts_with('#')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The excerpt of the last line.
    fn last(text: &str) -> Option<String> {
        let position = Position { line: text.lines().count(), column: 3 };
        excerpt(text, position).map(|excerpt| excerpt.line)
    }

    #[test]
    fn an_entry_and_the_reference_of_an_entry_are_shown() {
        assert_eq!(last("env:\n  A: x/y: z\n").as_deref(), Some("  A: x/y: z"));
        assert_eq!(last("env:\n  B: { from: x }\n  # note\n\n  A: ssm:/x: y").as_deref(), Some("  A: ssm:/x: y"));
        assert_eq!(last("env:\n  A:\n    from: x: y").as_deref(), Some("    from: x: y"));
        assert_eq!(last("defaults:\n  region: r\nsecrets:\n  db: x/y: z").as_deref(), Some("  db: x/y: z"));
    }

    #[test]
    fn a_line_that_a_quote_could_reach_is_not_shown() {
        for text in [
            "env:\n  X: don't\n  B:\n    value: 'start\n  C: x/hunter2: y'",
            "defaults:\n  external-id: 'start\nenv:\n  C: x/hunter2: y'",
            "env:\n  X: \"a\\\"\n  C: x/y: z",
        ] {
            assert_eq!(last(text), None, "{text:?}");
        }
    }

    #[test]
    fn an_entry_whose_text_could_be_a_password_is_not_shown() {
        for text in ["hunter2: x", "hunter2: x/y", "postgres://u:hunter2@h/db: x", "ab/c+de==: x", "x/y: hunter 2"] {
            let text = format!("env:\n  DB_PASSWORD: {text}");
            assert_eq!(last(&text), None, "{text:?}");
        }
    }

    #[test]
    fn a_line_that_may_hold_a_value_is_not_shown() {
        for text in [
            "env:\n  A: { value: x: y }",
            "env:\n  A: { default: x: y }",
            "env:\n  A:\n    value: x: y",
            "env:\n  A:\n    value:\n    from: y: z",
            "env:\n  A:\n    value: |\n      from: x: y",
            "env:\n  A: |\n    from: x: y",
            "env:\n  A: >-\n  B: x/y: z",
            "env:\n  A: \"begins\n  B: x/y: z",
            "env:\n  A: { from: x,\n  B: x/y: z",
            "env:\n  A: begins\n    B: x/y: z",
            "env:\n  A:\n    hunter2: x: y",
            "env:\n  A: { \"val\\u0075e\": hunter2: y }",
            "env:\n  A:\n    from: \"val\\u0075e\": hunter2: y",
            "env:\n  not a name: x/y: z",
            "files:\n  - { from: x: y",
            "defaults:\n  external-id: x: y",
            "A: x/y: z",
            "env: x/y: z",
            "config:\n  A: x/y: z",
            "env:\n  A: x/y: \u{202e}z",
        ] {
            assert_eq!(last(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_line_beyond_the_text_is_none() {
        assert_eq!(excerpt("", Position { line: 1, column: 1 }), None);
        assert_eq!(excerpt("env:\n  A: x/y: z\n", Position { line: 3, column: 1 }), None);
    }
}
