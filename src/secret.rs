//! A secret's bytes: redacted wherever they might be printed, wiped when they are dropped.
//!
//! `grep -rn 'expose()' src` lists every place that looks at a value.

use std::fmt;

use zeroize::Zeroizing;

/// Bytes that came out of a secret, or were composed from one.
///
/// There is no `Display`, `Clone`, `PartialEq` or `Serialize`: what cannot be written by accident need not be
/// searched for. Wiping narrows the time a value is in memory; it does not close it (the SDK's own copies and the
/// kernel's environment block are out of reach).
pub struct SecretValue(Zeroizing<Vec<u8>>);

impl SecretValue {
    /// Takes ownership of `bytes`; they are wiped when the value is dropped.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }

    /// The bytes themselves. Every caller is a place where a value could leak.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The number of bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretValue(redacted)")
    }
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

#[cfg(test)]
mod tests {
    use super::*;

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
