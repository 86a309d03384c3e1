//! Finds what people don't see in a text that secrets-exec interprets: a carriage return from a
//! script with Windows line endings, a space at an end, a no-break space, curly quotes.
//!
//! Arguments, settings, fields of references and keys of a declaration are looked at here before
//! anything else judges them. Otherwise, a message would show two names that look equal, and say
//! that they are different. Values aren't looked at, and neither are the arguments of the command.

use super::quoting::is_visible;

/// What is wrong with a text although it looks right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlooked {
    /// Completes a sentence that begins with the place of the text: `ends with a carriage return`.
    pub predicate: String,
    pub help: String,
}

impl Overlooked {
    fn new(predicate: impl Into<String>, help: impl Into<String>) -> Option<Self> {
        Some(Self {
            predicate: predicate.into(),
            help: help.into(),
        })
    }
}

/// Returns the first thing in a text that people overlook. If an empty text has a meaning, the
/// caller has to check that before.
pub fn overlooked(text: &str) -> Option<Overlooked> {
    let (Some(first), Some(last)) = (text.chars().next(), text.chars().next_back()) else {
        let help = "if it comes from a variable in quotes, that variable isn't set";
        return Overlooked::new("is empty", help);
    };
    if text.trim().is_empty() {
        let name = name(last);
        return Overlooked::new(format!("is only a {name}"), format!("remove the {name}"));
    }
    if last == '\r' {
        let predicate = "ends with a carriage return (a Windows line ending)";
        let help = "convert the file that it comes from: sed -i 's/\\r$//' FILE";
        return Overlooked::new(predicate, help);
    }
    for (character, verb, end) in [(first, "begins", "beginning"), (last, "ends", "end")] {
        if is_unseen(character) {
            let name = name(character);
            let help = format!("remove the {name} at the {end}");
            return Overlooked::new(format!("{verb} with a {name}"), help);
        }
    }
    if text.contains(['“', '”', '„', '‘', '’', '‚']) {
        return Overlooked::new("contains curly quotes", "remove the curly quotes");
    }
    let unseen = text.chars().find(|c| *c != ' ' && is_unseen(*c))?;
    let name = name(unseen);
    let help = match unseen {
        NO_BREAK_SPACE => "use ordinary spaces".to_owned(),
        _ => format!("remove the {name}"),
    };
    Overlooked::new(format!("contains a {name}"), help)
}

/// The same for a text that may be empty.
pub fn overlooked_unless_empty(text: &str) -> Option<Overlooked> {
    match text {
        "" => None,
        text => overlooked(text),
    }
}

/// The same for an argument. If it is only a space or a carriage return, that comes from the line
/// before, in a script.
pub fn overlooked_in_argument(text: &str) -> Option<Overlooked> {
    let found = overlooked(text)?;
    if text.is_empty() || !text.trim().is_empty() {
        return Some(found);
    }
    let help = "remove what follows the backslash at the end of the line before";
    Overlooked::new(found.predicate, help)
}

/// The same for the fields of a reference: SECRET, KEY, STAGE and VERSION-ID, which may be empty.
pub fn overlooked_in_fields(fields: [&str; 4]) -> Option<Overlooked> {
    let names = ["name", "key", "stage", "version id"];
    names.into_iter().zip(fields).find_map(|(name, text)| {
        let Overlooked { predicate, help } = overlooked_unless_empty(text)?;
        Overlooked::new(format!("has a {name} that {predicate}"), help)
    })
}

/// Returns the character of a line of YAML that people take for a space: in its indentation, or
/// after the colon of a name. A tab matters only in the indentation.
pub fn overlooked_in_line(line: &str) -> Option<Overlooked> {
    if line.trim().is_empty() {
        return None;
    }
    let (key, value) = line.split_once(':').unwrap_or((line, ""));
    let mut indentation = key.chars().take_while(|c| is_unseen(*c));
    let mut gap = value.chars().take_while(|c| is_unseen(*c));
    let predicate = match indentation.find(|c| *c != ' ') {
        Some(unseen) => format!("is indented with a {}", name(unseen)),
        None => {
            let unseen = gap.find(|c| !matches!(c, ' ' | '\t'))?;
            format!("has a {} after its colon", name(unseen))
        }
    };
    Overlooked::new(predicate, "use ordinary spaces")
}

/// The same for a key of a declaration in this column, with the subject of the sentence. In the
/// first column, a key begins with what people take for its indentation.
pub fn overlooked_in_key(key: &str, column: usize) -> Option<(&'static str, Overlooked)> {
    match overlooked_in_line(key).filter(|_| column == 1) {
        Some(found) => Some(("this line", found)),
        None => Some(("this key", overlooked_unless_empty(key)?)),
    }
}

/// True for text in UTF-16, which some editors on Windows write. Text in UTF-8 doesn't have zeros.
pub fn is_utf16(bytes: &[u8]) -> bool {
    matches!(
        bytes,
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, _, 0, ..] | [_, 0, _, 0, ..]
    )
}

const NO_BREAK_SPACE: char = '\u{a0}';

/// True for a space, and for a character that a terminal or an editor doesn't show.
fn is_unseen(c: char) -> bool {
    c.is_whitespace() || !is_visible(c)
}

/// Returns the name of a character that isn't seen.
fn name(c: char) -> String {
    match c {
        ' ' => "space".to_owned(),
        '\t' => "tab".to_owned(),
        '\n' => "line break".to_owned(),
        '\r' => "carriage return".to_owned(),
        NO_BREAK_SPACE => "no-break space".to_owned(),
        '\u{feff}' => "byte order mark".to_owned(),
        c => format!("hidden character (U+{:04X})", c as u32),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_do_not_see_is_named_with_its_place_and_its_remedy() {
        for (text, predicate, help) in [
            ("", "is empty", "that variable isn't set"),
            (" ", "is only a space", "remove the space"),
            ("\r", "is only a carriage return", "remove"),
            ("\u{a0}\u{a0}", "is only a no-break space", "remove"),
            (
                "us-east-1\r",
                "ends with a carriage return",
                "sed -i 's/\\r$//' FILE",
            ),
            ("true\r\n", "ends with a line break", "at the end"),
            (
                "us-east-1 ",
                "ends with a space",
                "remove the space at the end",
            ),
            ("key\t", "ends with a tab", "remove the tab"),
            (" prod/db", "begins with a space", "at the beginning"),
            ("\u{a0}prod/db", "begins with a no-break space", "remove"),
            ("\u{feff}prod/db", "begins with a byte order mark", "remove"),
            (
                "\u{3000}prod/db",
                "begins with a hidden character (U+3000)",
                "remove",
            ),
            (
                "“prod/db”",
                "contains curly quotes",
                "remove the curly quotes",
            ),
            (
                "prod/db:it’s",
                "contains curly quotes",
                "remove the curly quotes",
            ),
            (
                "a\u{a0}b",
                "contains a no-break space",
                "use ordinary spaces",
            ),
            (
                "prod\u{200b}/db",
                "contains a hidden character (U+200B)",
                "remove",
            ),
            ("a\u{1b}b", "contains a hidden character (U+001B)", "remove"),
            (
                "a\rb",
                "contains a carriage return",
                "remove the carriage return",
            ),
        ] {
            let found = overlooked(text).unwrap();
            assert!(
                found.predicate.starts_with(predicate),
                "{text:?}: {found:?}"
            );
            assert!(found.help.contains(help), "{text:?}: {found:?}");
        }
    }

    #[test]
    fn in_a_line_of_yaml_only_the_spaces_around_the_name_matter() {
        for (line, predicate) in [
            ("\u{a0}\u{a0}A: b", "is indented with a no-break space"),
            (" \u{a0}A: b", "is indented with a no-break space"),
            ("\tA: b", "is indented with a tab"),
            ("A:\u{a0}b", "has a no-break space after its colon"),
        ] {
            assert_eq!(
                overlooked_in_line(line).unwrap().predicate,
                predicate,
                "{line:?}"
            );
        }
        for line in [
            "",
            "  ",
            "\t",
            "  A: b",
            "A:\tb",
            "A: b\u{a0}",
            "A: “b”",
            "- a",
        ] {
            assert_eq!(overlooked_in_line(line), None, "{line:?}");
        }
    }

    #[test]
    fn a_text_without_anything_hidden_is_left_to_other_checks() {
        for text in [
            "a", "prod/db", "a b", "\"a\"", "'a'", "*", "größe", "日本", "🔑", "\\",
        ] {
            assert_eq!(overlooked(text), None, "{text:?}");
        }
    }

    #[test]
    fn utf_16_is_recognized_with_and_without_a_byte_order_mark() {
        for bytes in [&b"\xff\xfee\0"[..], b"\xfe\xff\0e", b"e\0n\0v\0", b"\0e\0n"] {
            assert!(is_utf16(bytes), "{bytes:?}");
        }
        for bytes in [
            &b""[..],
            b"e",
            b"env: {}",
            b"\xef\xbb\xbfenv",
            b"\0GITCRYPT\0",
        ] {
            assert!(!is_utf16(bytes), "{bytes:?}");
        }
    }
}
