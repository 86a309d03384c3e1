//! Mistakes in text that the user wrote, and their remedies: misspelled names, characters that
//! people don't see, and the syntax of other tools.

use super::environment::assigned_name;
use super::shown::{is_in_quotes, is_plain_ascii, is_visible, not_this_value, shown};

/// A mistake in a text that the user wrote. If the text is from a YAML file, `input::yaml` adds the
/// position.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
#[must_use]
pub struct Fault {
    /// Either a whole sentence, or only a predicate, such as `has several lines`.
    ///
    /// The user may have written a password instead of a reference. So this quotes nothing that the
    /// user wrote, except single characters and the names of variables.
    text: String,
    help: Option<String>,
    /// True if the help shows one entry, as an example for others with the same fault.
    is_example: bool,
    /// True if [`Self::about`] has put the subject before the text.
    is_sentence: bool,
}

/// The help if the user wrote a value, such as a connection string, instead of a reference.
pub const VALUE_REMEDY: &str = "store it in a secret. If it is plain text without a password, write NAME: { value: … } in a declaration";

impl Fault {
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }

    /// The help, without the text.
    pub fn into_help(self) -> Option<String> {
        self.help
    }

    /// True if the help shows one entry, as an example for others with the same fault.
    pub fn is_example(&self) -> bool {
        self.is_example
    }

    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds a help text that shows how to write this entry, as an example for others.
    pub fn example(mut self, help: String) -> Self {
        self.is_example = true;
        self.help(help)
    }

    /// Replaces the help, unless `help` is `None`.
    pub fn help_if_some(self, help: Option<String>) -> Self {
        Self {
            help: help.or(self.help),
            ..self
        }
    }

    /// True if the text is a whole sentence.
    pub fn is_sentence(&self) -> bool {
        self.is_sentence
    }

    /// Puts the subject before the predicate: `the reference has several lines`.
    pub fn about(mut self, subject: &str) -> Self {
        self.text = format!("{subject} {}", self.text);
        self.is_sentence = true;
        self
    }
}

impl<T: Into<String>> From<T> for Fault {
    fn from(text: T) -> Self {
        Self::new(text)
    }
}

/// The maximum number of suggestions in one launch. For each, a name is compared with all
/// candidates, so thousands of suggestions would take minutes.
pub const MOST_SUGGESTIONS: usize = 20;

/// The candidate most similar to the name, ignoring case. At most a third of the longer name may
/// differ.
pub fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let lower_name = name.to_lowercase();
    let length = lower_name.chars().count();
    let mut similar = Vec::new();
    for candidate in candidates {
        let lower = candidate.to_lowercase();
        let other_length = lower.chars().count();
        let shorter = length.min(other_length);
        let longer = length.max(other_length);
        let limit = shorter.saturating_sub(1).min((longer + 1) / 3);
        // The distance is at least the difference in length.
        if shorter == 0 || longer - shorter > limit {
            continue;
        }
        let distance = strsim::osa_distance(&lower_name, &lower);
        if distance <= limit {
            similar.push((distance, candidate));
        }
    }
    similar.into_iter().min().map(|(_, candidate)| candidate)
}

/// True if the names differ by one typing mistake, but not in a digit, because `prod/web1` and
/// `prod/web2` differ on purpose.
pub fn is_one_letter_away(name: &str, other: &str) -> bool {
    let digits = |text: &str| text.replace(|c: char| !c.is_ascii_digit(), "");
    strsim::osa_distance(name, other) == 1 && digits(name) == digits(other)
}

pub fn did_you_mean(nearest: &str) -> String {
    format!("did you mean {:?}?", shown(nearest))
}

/// Suggests the word in `list` that `text` probably misspells. `list` is a phrase such as "text or
/// json".
pub fn similar_word(list: &str, text: &str) -> Option<String> {
    list.split([' ', ',', '(', ')'])
        .find(|word| word.len() > 2 && is_one_letter_away(word, text))
        .map(did_you_mean)
}

/// Finds a mistake that is easy to overlook, such as a trailing space or a curly quote.
pub fn overlooked(text: &str) -> Option<Fault> {
    if text.is_empty() {
        let help = "if it comes from a variable in quotes, that variable isn't set";
        return Some(Fault::new("is empty").help(help));
    }
    if is_plain_ascii(text) {
        return None;
    }
    if text.ends_with('\r') {
        let verb = if text.trim().is_empty() {
            "is only"
        } else {
            "ends with"
        };
        let predicate = format!("{verb} a carriage return (a Windows line ending)");
        let help = "convert the file to Unix line endings: sed -i 's/\\r$//' FILE";
        return Some(Fault::new(predicate).help(help));
    }
    if text.starts_with(['‐', '‑', '–', '—', '−']) {
        return Some(Fault::new("begins with a dash that isn't a hyphen").help("type a hyphen: -"));
    }
    if text.contains(['“', '”', '„', '‘', '’', '‚']) {
        return Some(Fault::new("contains curly quotes").help("remove the quotes"));
    }
    let (verb, unseen) = match (unseen_first(text), unseen_last(text)) {
        (_, Some(last)) if text.trim().is_empty() => ("is only", last),
        (Some(first), _) => ("begins with", first),
        (None, Some(last)) => ("ends with", last),
        (None, None) => ("contains", unseen_within(text)?),
    };
    Some(Fault::new(format!("{verb} a {}", character_name(unseen))).help("remove it"))
}

/// The first character, if it is invisible, such as a space.
pub fn unseen_first(text: &str) -> Option<char> {
    text.chars().next().filter(|c| is_unseen(*c))
}

/// The last character, if it is invisible.
pub fn unseen_last(text: &str) -> Option<char> {
    text.chars().next_back().filter(|c| is_unseen(*c))
}

/// The first character that people overlook. They notice a space between other characters, but not
/// a variation selector after an ASCII letter, because the letter looks the same.
fn unseen_within(text: &str) -> Option<char> {
    if let Some(unseen) = text.chars().find(|c| *c != ' ' && is_unseen(*c)) {
        return Some(unseen);
    }
    let mut before = ' ';
    for c in text.chars() {
        if before.is_ascii_alphabetic() && is_variation_selector(c) {
            return Some(c);
        }
        before = c;
    }
    None
}

/// True for a character that is invisible, but changes how the one before it looks.
fn is_variation_selector(c: char) -> bool {
    matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

pub fn overlooked_unless_empty(text: &str) -> Option<Fault> {
    if text.is_empty() {
        return None;
    }
    overlooked(text)
}

/// Refuses a text with several lines, such as a private key.
pub fn several_lines(text: &str, remedy: &str) -> Option<Fault> {
    if !text.trim().contains('\n') {
        return None;
    }
    Some(Fault::new("has several lines").help(remedy))
}

/// Refuses a URL or the contents of a file instead of a path. The text may contain a password, so
/// the fault doesn't quote it.
pub fn not_a_path(text: &str) -> Option<Fault> {
    // In this order, these marks are typical of a URL, a key or certificate, YAML and JSON. A .env
    // file has `NAME=VALUE` instead.
    let has_mark = ["://", "-----BEGIN ", ": ", "\":"]
        .iter()
        .any(|mark| text.contains(mark));
    if !has_mark && assigned_name(text).is_none() {
        return None;
    }
    let predicate = "must be a file path, not a URL or the contents of a file";
    Some(Fault::new(predicate).help("save the file, and pass its path"))
}

/// The fault of a value that isn't `expected`, such as `a path`. The help suggests a word of
/// `expected` that the value probably misspells.
pub fn wrong_value(value: &str, expected: &str) -> Fault {
    if is_in_quotes(value) {
        return Fault::new("includes quotes: remove them");
    }
    Fault::new(format!("must be {expected}{}", not_this_value(value)))
        .help_if_some(similar_word(expected, value))
}

/// Like [`overlooked`], for an option's value, which must be a single line.
pub fn overlooked_in_value(text: &str) -> Option<Fault> {
    let remedy = "use the name of the secret or the path of the file instead";
    several_lines(text, remedy).or_else(|| overlooked(text))
}

/// Checks a line of YAML for characters that look like ordinary spaces, both in its indentation and
/// after its colon. After the colon, a tab is allowed.
pub fn overlooked_in_line(line: &str) -> Option<Fault> {
    if line.trim().is_empty() {
        return None;
    }
    let (key, value) = line.split_once(':').unwrap_or((line, ""));
    let predicate = if let Some(unseen) = unseen_first(key.trim_start_matches(' ')) {
        format!("is indented with a {}", character_name(unseen))
    } else {
        let unseen = unseen_first(value.trim_start_matches([' ', '\t']))?;
        format!("has a {} after its colon", character_name(unseen))
    };
    Some(Fault::new(predicate).help("use ordinary spaces"))
}

/// The help for a value in UTF-16.
pub const UTF8_HELP: &str =
    "store it as UTF-8. PowerShell 5 writes UTF-16, unless Out-File has -Encoding ascii";

/// True for UTF-16, which some Windows editors write. It is recognized by a byte order mark or two
/// ASCII characters at the beginning.
pub fn is_utf16(bytes: &[u8]) -> bool {
    let is_little_endian = matches!(bytes, [0xff, 0xfe, ..] | [_, 0, _, 0, ..]);
    is_little_endian || matches!(bytes, [0xfe, 0xff, ..] | [0, _, 0, ..])
}

/// Puts a character in quotes. A character that isn't ASCII also gets its code, because many
/// characters look the same: `"р" (U+0440)`.
pub fn quoted_character(c: char) -> String {
    if c == '"' {
        return "'\"'".to_owned();
    }
    if c.is_ascii() {
        return format!("\"{c}\"");
    }
    format!("\"{c}\" (U+{:04X})", c as u32)
}

fn is_unseen(c: char) -> bool {
    c.is_whitespace() || !is_visible(c)
}

/// The name of an invisible character, for a sentence: `line feed`.
pub fn character_name(c: char) -> String {
    match c {
        ' ' => "space".to_owned(),
        '\t' => "tab".to_owned(),
        '\n' => "line feed".to_owned(),
        '\r' => "carriage return".to_owned(),
        '\u{a0}' => "no-break space".to_owned(),
        '\u{feff}' => "byte order mark".to_owned(),
        c => format!("hidden character (U+{:04X})", c as u32),
    }
}

/// Words from other tools, and what secrets-exec expects instead.
///
/// Each line begins with a kind, as in `option --pristine = --clean-env`. A line of the kind `file`
/// has keys of another tool's file, what the file is, and what to write instead.
const FOREIGN: &str = include_str!("foreign.txt");

/// The top-level keys of a declaration. `$schema` is for editors.
pub const TOP_KEYS: &[&str] = &["defaults", "secrets", "env", "env-from", "files", "$schema"];

/// All pairs of one kind in [`FOREIGN`], such as `--pristine` and `--clean-env`.
fn foreign_words(kind: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    FOREIGN
        .lines()
        .filter_map(move |line| {
            line.strip_prefix(kind)?
                .strip_prefix(' ')?
                .split_once(" = ")
        })
        .flat_map(|(words, ours)| words.split(' ').map(move |word| (word, ours)))
}

/// Translates another tool's word, such as `--pristine` into `--clean-env`.
pub fn foreign_word(kind: &str, word: &str) -> Option<&'static str> {
    let (_, ours) = foreign_words(kind).find(|(other, _)| *other == word)?;
    Some(ours)
}

/// Translates a key from another tool's file, such as `exclude` into `except: [KEY]`. `known` lists
/// the keys allowed at this point.
pub fn own_key(key: &str, known: &[&str]) -> Option<&'static str> {
    for (other, ours) in foreign_words("key") {
        let (our_key, _) = ours.split_once(':').unwrap_or((ours, ""));
        if other == key && known.contains(&our_key) {
            return Some(ours);
        }
    }
    None
}

/// Recognizes another tool's file by a key found only there. Returns what the file is and the help:
/// for `services`, `a Compose file` and `write env: …`.
pub fn foreign_file(has_key: impl Fn(&str) -> bool) -> Option<(&'static str, &'static str)> {
    let (_, file) = foreign_words("file").find(|(key, _)| has_key(key))?;
    file.split_once(": ")
}

/// The prefix of a reference in another tool's syntax, such as `awssm:` in `awssm:prod/db`.
pub fn foreign_prefix(text: &str) -> Option<&'static str> {
    // Most references have a slash before their first colon (or `}`), but prefixes never do. So
    // this check avoids most searches in the table.
    if text.split([':', '}']).next()?.contains('/') {
        return None;
    }
    if let Some(prefix) = prefix_of_kind("prefix", text) {
        return Some(prefix);
    }
    // These prefixes are for secrets that aren't in AWS, as in `vault:team/db`. Without a slash,
    // `vault:token` may be the key `token` of a secret named `vault`.
    if !text.contains('/') {
        return None;
    }
    prefix_of_kind("elsewhere", text)
}

/// The first word of this kind in the list of foreign words that the text begins with.
pub(super) fn prefix_of_kind(kind: &str, text: &str) -> Option<&'static str> {
    let (prefix, _) = foreign_words(kind).find(|(word, _)| text.starts_with(word))?;
    Some(prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_similar_name_is_suggested_and_for_an_unrelated_name_none() {
        let keys = || ["host", "password", "port"].into_iter();
        assert_eq!(nearest("PORT", keys()), Some("port"));
        assert_eq!(nearest("api_token", keys()), None);
        assert_eq!(nearest("t", ["s", "to"].into_iter()), None);
        assert_eq!(nearest("", [""].into_iter()), None);
        assert_eq!(nearest("a", ["A"].into_iter()), Some("A"));
        assert_eq!(
            nearest(
                "password2",
                ["p", "password", "password_of_somebody_else"].into_iter()
            ),
            Some("password")
        );
        assert_eq!(
            nearest("host3", ["host2", "host1"].into_iter()),
            Some("host1")
        );
    }

    #[test]
    fn what_people_do_not_see_is_named_with_its_place_and_its_remedy() {
        for (text, predicate, help) in [
            ("", "is empty", "that variable isn't set"),
            (" ", "is only a space", "remove it"),
            ("\r", "is only a carriage return", "sed -i 's/\\r$//' FILE"),
            ("\u{a0}\u{a0}", "is only a no-break space", "remove it"),
            ("key\r", "ends with a carriage return", "sed -i"),
            ("true\r\n", "ends with a line feed", "remove it"),
            ("us-east-1 ", "ends with a space", "remove it"),
            ("key\t", "ends with a tab", "remove it"),
            (" svc/db", "begins with a space", "remove it"),
            ("\u{a0}svc/db", "begins with a no-break space", "remove it"),
            (
                "\u{feff}svc/db",
                "begins with a byte order mark",
                "remove it",
            ),
            (
                "\u{3000}svc/db",
                "begins with a hidden character (U+3000)",
                "remove it",
            ),
            ("“svc/db”", "contains curly quotes", "remove the quotes"),
            ("svc/db:it’s", "contains curly quotes", "remove the quotes"),
            ("a\u{a0}b", "contains a no-break space", "remove it"),
            (
                "svc\u{200b}/db",
                "contains a hidden character (U+200B)",
                "remove it",
            ),
            (
                "a\u{1b}b",
                "contains a hidden character (U+001B)",
                "remove it",
            ),
            ("a\rb", "contains a carriage return", "remove it"),
            // Invisible characters directly after a letter.
            (
                "e\u{301}\u{200b}b",
                "contains a hidden character (U+200B)",
                "remove it",
            ),
            (
                "AWSCURRENT\u{fe0f}",
                "contains a hidden character (U+FE0F)",
                "remove it",
            ),
            (
                "db\u{34f}",
                "ends with a hidden character (U+034F)",
                "remove it",
            ),
        ] {
            let found = overlooked(text).unwrap();
            assert!(found.text.starts_with(predicate), "{text:?}: {found:?}");
            assert!(
                found.help.as_ref().unwrap().contains(help),
                "{text:?}: {found:?}"
            );
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
                overlooked_in_line(line).unwrap().text,
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

    #[test]
    fn each_line_of_foreign_syntax_has_a_kind_that_is_searched_for() {
        let kinds = "subcommand option key file template expression console prefix word elsewhere";
        for line in FOREIGN.lines() {
            let kind = line.split(' ').next().unwrap();
            assert!(kinds.split(' ').any(|known| known == kind), "{line}");
            assert!(foreign_words(kind).any(|(word, ours)| line.contains(&format!(" {word} ")) && line.ends_with(ours)), "{line}");
        }
    }
}
