//! Makes texts safe to print in messages: secrets in URLs are masked, and a text that may be a value is not quoted.

use std::path::Path;

/// The maximum length of a line from a server or a library, in characters.
const MAX_LINE_LENGTH: usize = 600;

/// The maximum length of a key that a message quotes, in characters.
const MAX_KEY_LENGTH: usize = 128;

/// Returns the name of a file in messages; `-` is standard input.
pub fn file_name(path: &Path) -> String {
    if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() }
}

/// True if a message may quote a key of a secret or of a local file.
///
/// In a malformed file a value can stand in the place of a key, as in `{ password~ 'hunter2' }`, so a key with white
/// space, a quote, a colon or a control character is not quoted, and neither is a key of more than 128 characters.
pub fn is_quotable(key: &str) -> bool {
    let is_plain = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '\'' | '"' | '`' | ':');
    key.chars().count() <= MAX_KEY_LENGTH && key.chars().all(is_plain)
}

/// Returns a text of a server or a library as one line, without control characters and secrets in URLs.
pub fn one_line(text: &str) -> String {
    let text = without_url_secrets(text);
    let printable = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut line: String =
        printable.take(MAX_LINE_LENGTH).collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().nth(MAX_LINE_LENGTH).is_some() {
        line.push('…');
    }
    line
}

/// Escapes control characters, and those that change the direction of text or have no width: a name, a path or a server's
/// message can neither end the line nor disguise it.
pub fn escaped(line: &str) -> String {
    if line.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return line.to_owned();
    }
    let mut text = String::with_capacity(line.len());
    line.chars().for_each(|c| match c {
        // Quotes and backslashes, which `escape_debug` would escape, are harmless.
        '\'' | '"' | '\\' => text.push(c),
        // Letters that are rendered as nothing: some of Default_Ignorable_Code_Point, and the blank Braille
        // pattern.
        '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}' => {
            text.extend(c.escape_unicode());
        }
        c => text.extend(c.escape_debug()),
    });
    text
}

/// Quotes the illegal value of an option, or returns "its value" if it may be a URL with a password.
pub fn quoted_unless_secret(value: &str) -> String {
    let may_be_url = |c: char| matches!(c, '@' | ':' | '/' | '%' | '?' | '=') || !c.is_ascii();
    match value {
        "" => "its value".to_owned(),
        value if is_arn_of_aws(value) || is_path(value) || is_signal(value) => format!("{value:?}"),
        value if has_no_userinfo(value) => format!("{:?}", without_url_secrets(value)),
        value if value.contains(may_be_url) => "its value".to_owned(),
        value => format!("{value:?}"),
    }
}

/// True for `signal=NAME`, which is no query of a URL.
fn is_signal(text: &str) -> bool {
    text.strip_prefix("signal=").is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// True for a text like an ARN of AWS, in which a URL's user and password would be followed by `@`.
fn is_arn_of_aws(text: &str) -> bool {
    text.starts_with("arn:aws") && text.chars().all(|c| c.is_ascii_alphanumeric() || ":/-_.*".contains(c))
}

/// True for an absolute path, which is no URL.
fn is_path(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_graphic() && !matches!(c, '@' | ':' | '%' | '?' | '=');
    text.starts_with('/') && !text.starts_with("//") && text.chars().all(is_plain)
}

/// True for a host, with or without a scheme, a port, a path and a query: it cannot hold a user and a password (RFC
/// 3986, 3.2.1).
fn has_no_userinfo(text: &str) -> bool {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let (host, port) = authority.split_once(':').unwrap_or((authority, ""));
    let is_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    let is_path = |c: char| c.is_ascii_graphic() && !matches!(c, '@' | ':' | '%');
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    !host.is_empty()
        && host.chars().all(is_host)
        && port.bytes().all(|byte| byte.is_ascii_digit())
        && path.chars().all(is_path)
}

/// Masks the userinfo, the query and the fragment of each URL in a text.
pub fn without_url_secrets(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        let end = after.find(|c: char| c.is_whitespace() || "\"<>".contains(c)).unwrap_or(after.len());
        let (url, after) = after.split_at(end);
        masked.extend([before, "://"]);
        // Up to the last `@`, since a password that is not percent-encoded may hold `/`, `?` and `:`.
        let url = match url.rsplit_once('@') {
            Some((_, url)) => {
                masked.push_str("***@");
                url
            }
            None => url,
        };
        match url.split_once(['?', '#']) {
            Some((url, _)) => masked.extend([url, "?***"]),
            None => masked.push_str(url),
        }
        rest = after;
    }
    masked + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_printable_line() {
        assert_eq!(one_line("a\nb\u{1b}[31m  c"), "a b [31m c");
        assert_eq!(one_line(&"x".repeat(5000)).chars().count(), 601);
    }

    #[test]
    fn of_a_url_scheme_host_port_and_path_are_kept() {
        for (text, expected) in [
            ("no URL: a@b?c", "no URL: a@b?c"),
            ("https://h.example:8443/p", "https://h.example:8443/p"),
            ("(http://u:p@h/x?t=1#f): refused", "(http://***@h/x?*** refused"),
            ("\"http://u:p/w@h\" and https://h#t", "\"http://***@h\" and https://h?***"),
            ("http://u@h://v@w ://", "http://***@w ://"),
        ] {
            assert_eq!(without_url_secrets(text), expected, "{text}");
        }
    }

    #[test]
    fn an_illegal_value_is_quoted_unless_it_may_hold_a_password() {
        for (value, expected) in [
            ("", "its value"),
            ("soon", r#""soon""#),
            ("two words", r#""two words""#),
            ("https://h.example:1/p?token=x", r#""https://h.example:1/p?***""#),
            ("arn:aws:iam::1:user/x", r#""arn:aws:iam::1:user/x""#),
            ("arn:aws:p@h", "its value"),
            ("/etc/ca.pem", r#""/etc/ca.pem""#),
            ("//u:p@h", "its value"),
            ("/p@h", "its value"),
            ("u:p@h", "its value"),
            ("https://u:p@h", "its value"),
        ] {
            assert_eq!(quoted_unless_secret(value), expected, "{value}");
        }
    }
}
