//! Makes text safe to print in messages: masks secrets in URLs, decides which text may be quoted,
//! and escapes control characters.

use std::path::Path;

use super::env_variables::is_name;
use super::redaction::without_credentials;
use super::shown::reads_like_a_name;

/// The maximum length of a line from a server or a library, in characters.
const MAX_LINE_LENGTH: usize = 600;

/// The maximum length of text that a message quotes although it may be a misplaced value, in bytes.
const MAX_QUOTED_LENGTH: usize = 64;

/// Returns the name of a file for messages. `-` is standard input. The name isn't escaped yet:
/// `report` does that for every line.
pub fn file_name(path: &Path) -> String {
    if path == Path::new("-") {
        "standard input".to_owned()
    } else {
        path.display().to_string()
    }
}

/// True if a message may quote a key, or the value of an option.
///
/// Such text usually isn't a secret. But in a malformed file, the parser may take a value for a
/// key, as in `{ password~ 'hunter2' }`, and the value of an option can be a URL with a password.
/// So text is quoted only if it is short and consists of letters, digits, `_`, `.`, `-` and `/`.
pub fn is_quotable(text: &str) -> bool {
    let is_plain = text
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"_.-/".contains(&byte));
    is_plain && text.len() <= MAX_QUOTED_LENGTH
}

/// Returns the program of a command for messages and tables. If someone wrote a whole command line
/// instead, its arguments may be a password, so this is only its first word: `psql …`. The same
/// goes for an option (`--password=…`), a variable (`NAME=…`) and the password in a URL.
pub fn shown_program(program: &str) -> String {
    let is_end = |c: char| c.is_whitespace() || "|&;<>('\"`".contains(c);
    let masked = without_url_secrets(program);
    let first_word = masked.split(is_end).next().unwrap_or_default();
    match first_word.split_once('=') {
        Some((name, _)) => format!("{name}=…"),
        None if first_word == masked => masked,
        None => format!("{first_word} …"),
    }
}

/// True if a message may quote a wrong value of an option or a setting, or a name that doesn't
/// exist. It must read like a name, or be as short as `30s`.
pub fn is_quotable_value(value: &str) -> bool {
    is_quotable(value) && (value.len() <= 5 || reads_like_a_name(value))
}

/// Returns a name after what it is the name of, as in `key "password"`, or `such key` if the name
/// must not be quoted.
pub fn noun_with_name(noun: &str, name: &str) -> String {
    match is_quotable_value(name) {
        true => format!("{noun} {name:?}"),
        false => format!("such {noun}"),
    }
}

/// Returns the name of a variable or an alias, or `None` if no message may quote the text. If it
/// can't be such a name, the user may have written a password instead of the name.
pub fn quotable_name(name: &str) -> Option<&str> {
    (is_name(name) || is_quotable_value(name)).then_some(name)
}

/// Returns the predicate `doesn't match the pattern "…"`. Without a special character, the pattern
/// may be the value itself, so it isn't quoted.
pub fn pattern_mismatch(pattern: &str) -> String {
    let literal = pattern.trim_start_matches('^').trim_end_matches('$');
    if literal.contains(|c| ".[](){}*+?|\\".contains(c)) || is_quotable_value(literal) {
        return format!("doesn't match the pattern \"{pattern}\"");
    }
    "doesn't match the pattern".to_owned()
}

/// Returns a wrong name in quotes, or `this name` if it must not be quoted.
pub fn quoted_name(name: &str) -> String {
    quotable_name(name).map_or("this name".to_owned(), |name| format!("{name:?}"))
}

/// Returns the end of the sentence "… must be …": what the value is instead. It is empty if the
/// value must not be quoted.
pub fn not_quoted(value: &str) -> String {
    let quoted = is_quotable_value(value).then(|| format!(", not {value:?}"));
    quoted.unwrap_or_default()
}

/// Returns the message about a wrong value of an option or a variable. `expected` completes "… must
/// be …". The message shows the value only if it may be quoted.
pub fn invalid_value(name: &str, value: &str, expected: &str) -> String {
    if value.starts_with(['"', '\'']) {
        return format!("the value of {name} includes quotes: remove them");
    }
    format!("{name} must be {expected}{}", not_quoted(value))
}

/// Returns the text of a server or a library as one line that can be printed: without our
/// credentials, without control characters, and without secrets in URLs. A long text is cut off.
pub fn one_line(text: &str) -> String {
    let safe = without_url_secrets(&without_credentials(text));
    let printable = safe.chars().map(|c| if c.is_control() { ' ' } else { c });
    let cut: String = printable.take(MAX_LINE_LENGTH).collect();
    let mut line = cut.split_whitespace().collect::<Vec<_>>().join(" ");
    if safe.chars().nth(MAX_LINE_LENGTH).is_some() {
        line.push('…');
    }
    line
}

/// Escapes control characters, and characters that are invisible or change the direction of text.
/// So a name, a path or a server's message can neither end a line nor disguise it.
pub fn escaped(line: &str) -> String {
    if line.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return line.to_owned();
    }
    let mut text = String::with_capacity(line.len());
    line.chars().for_each(|c| match c {
        // These characters are harmless, but `escape_debug` would escape them.
        '\'' | '"' | '\\' => text.push(c),
        // Letters that are rendered as nothing: some of Default_Ignorable_Code_Point, and the blank
        // Braille pattern.
        '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{2800}' | '\u{3164}'
        | '\u{ffa0}' => {
            text.extend(c.escape_unicode());
        }
        c => text.extend(c.escape_debug()),
    });
    text
}

/// True for a character that is printed as it is, because people see it.
pub fn is_visible(c: char) -> bool {
    matches!(c, ' '..='~') || escaped(&c.to_string()) == c.to_string()
}

/// Returns what people see of a name: without spaces at its ends, and without invisible characters.
pub fn visible(name: &str) -> String {
    name.trim().chars().filter(|c| is_visible(*c)).collect()
}

/// Replaces the user name and password, the query and the fragment of each URL in some text with
/// `***`.
fn without_url_secrets(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, url_and_rest)) = rest.split_once("://") {
        masked.extend([before, "://"]);
        let end = url_and_rest
            .find(|c: char| c.is_whitespace() || "\"<>".contains(c))
            .unwrap_or(url_and_rest.len());
        let (url, after_url) = url_and_rest.split_at(end);

        // The password ends at the last `@`. A password that isn't percent-encoded may contain `/`,
        // `?` and `:`.
        let without_login = match url.rsplit_once('@') {
            Some((_, host_and_path)) => {
                masked.push_str("***@");
                host_and_path
            }
            None => url,
        };
        match without_login.split_once(['?', '#']) {
            Some((host_and_path, _)) => masked.extend([host_and_path, "?***"]),
            None => masked.push_str(without_login),
        }
        rest = after_url;
    }
    masked + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_servers_message_is_printed_as_one_short_line_without_control_characters() {
        assert_eq!(one_line("a\nb\u{1b}[31m  c"), "a b [31m c");
        assert_eq!(one_line(&"x".repeat(5000)).chars().count(), 601);
    }

    #[test]
    fn a_message_shows_where_a_url_leads_but_not_its_password_and_its_query() {
        for (text, expected) in [
            ("no URL: a@b?c", "no URL: a@b?c"),
            ("https://h.example:8443/p", "https://h.example:8443/p"),
            (
                "(http://u:p@h/x?t=1#f): refused",
                "(http://***@h/x?*** refused",
            ),
            (
                "\"http://u:p/w@h\" and https://h#t",
                "\"http://***@h\" and https://h?***",
            ),
            ("http://u@h://v@w ://", "http://***@w ://"),
        ] {
            assert_eq!(without_url_secrets(text), expected, "{text}");
        }
    }

    #[test]
    fn a_message_does_not_quote_a_text_that_could_be_a_password() {
        for text in [
            "",
            "soon",
            "DB_PASSWORD",
            "spring.datasource.url",
            "a-b",
            "/etc/ca.pem",
            &"x".repeat(64),
        ] {
            assert!(is_quotable(text), "{text}");
        }
        let long = "x".repeat(65);
        for text in [
            "two words",
            "~'hunter2'",
            "a:b",
            "u:p@h",
            "p%40h",
            "a?b",
            "aGk=",
            "\u{e9}",
            "a\n",
            &long,
        ] {
            assert!(!is_quotable(text), "{text}");
        }
    }
}
