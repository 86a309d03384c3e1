//! What is wrong with the command line, with variables, and with AWS's own configuration.

/// Quotes a value that is not what was expected, unless it could be a URL that was written in a hurry, with a password in it.
pub fn found(text: &str) -> String {
    let could_be_url = |c: char| matches!(c, '@' | ':' | '/' | '%' | '?' | '=') || !c.is_ascii();
    match text {
        "" => "its value".to_owned(),
        text if is_bare_url(text) => format!("{:?}", without_url_secrets(text)),
        text if text.contains(could_be_url) => "its value".to_owned(),
        text => format!("{text:?}"),
    }
}

/// True for a host, with or without a scheme, a port, a path and a query: no user and no password can be in it.
fn is_bare_url(text: &str) -> bool {
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

/// A text with what may be secret in its URLs masked: all that precedes the host, and all that follows the path.
pub fn without_url_secrets(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        let end = after.find(|c: char| c.is_whitespace() || "\"<>".contains(c)).unwrap_or(after.len());
        let (url, after) = after.split_at(end);
        shown.extend([before, "://"]);
        // A password may hold any character but `@`, if only by mistake.
        let url = match url.rsplit_once('@') {
            Some((_, url)) => {
                shown.push_str("***@");
                url
            }
            None => url,
        };
        match url.split_once(['?', '#']) {
            Some((url, _)) => shown.extend([url, "?***"]),
            None => shown.push_str(url),
        }
        rest = after;
    }
    shown + rest
}

/// No message is worth more than a line.
const LONGEST_LINE: usize = 600;

/// A text of a server or a library, made safe for a terminal and a log.
pub fn one_line(text: &str) -> String {
    let text = without_url_secrets(text);
    let printable = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut line: String =
        printable.take(LONGEST_LINE).collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().nth(LONGEST_LINE).is_some() {
        line.push('…');
    }
    line
}

/// The longest key that a message quotes.
const LONGEST_KEY: usize = 128;

/// True if a message may quote a key of a secret or of a local file.
///
/// In a damaged file a value can stand where a key should, as in `{ password~ 'hunter2' }`: no key with a blank, a quote, a colon
/// or a control character is quoted, and none of more than 128 characters.
pub fn is_quotable(key: &str) -> bool {
    let is_plain = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '\'' | '"' | '`' | ':');
    key.chars().count() <= LONGEST_KEY && key.chars().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::secret_value::SecretValue;

    #[test]
    fn of_a_url_scheme_host_port_and_path_are_shown() {
        for (text, shown) in [
            ("no URL: a@b?c", "no URL: a@b?c"),
            ("https://h.example:8443/p", "https://h.example:8443/p"),
            ("(http://u:p@h/x?t=1#f): refused", "(http://***@h/x?*** refused"),
            ("\"http://u:p/w@h\" and https://h#t", "\"http://***@h\" and https://h?***"),
            ("http://u@h://v@w ://", "http://***@w ://"),
        ] {
            assert_eq!(without_url_secrets(text), shown, "{text}");
        }
    }

    #[test]
    fn debug_shows_nothing_of_the_value() {
        assert_eq!(format!("{:?}", SecretValue::new("hunter2")), "SecretValue(redacted)");
    }
}
