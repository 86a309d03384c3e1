//! Keeps this process's credentials out of messages that quote a server.
//!
//! A server may quote the request that it refuses: AWS repeats a malformed access key id, and a
//! proxy or a simulation of AWS may repeat every header. So each credential is passed to
//! [`conceal`] before it is sent, a server's text becomes part of a message only through
//! [`redacted_line`], and `redacted_line` hides a text that contains a credential.
//!
//! The search is in `redacted_line`, and not where messages are printed, for two reasons. This
//! function shortens a long text, and half a credential would not be found later. And our own words
//! in a message must stay: with a simulation of AWS, both the secret key and the host may be
//! `localstack`.

use std::collections::BTreeSet;
use std::sync::{LazyLock, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use regex_lite::Regex;

use super::lifecycle::locked;
use crate::model::shown::without_tokens;

/// In characters.
const MAX_LINE_LENGTH: usize = 600;

const HIDDEN: &str = "(not shown, because it contains a credential)";

/// Makes text from a server or a library safe to print: one line of limited length, without control
/// characters or [tokens](without_tokens), or [`HIDDEN`] if it contains a credential.
pub fn redacted_line(text: &str) -> String {
    if contains_concealed(text) {
        return HIDDEN.to_owned();
    }
    let safe = without_tokens(text);
    let cut: String = safe
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(MAX_LINE_LENGTH)
        .collect();
    let mut line = cut.split_whitespace().collect::<Vec<_>>().join(" ");
    if safe.chars().nth(MAX_LINE_LENGTH).is_some() {
        line.push('…');
    }
    line
}

static CREDENTIALS: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

static SIGNATURE: Mutex<String> = Mutex::new(String::new());

/// The length of the shortest credential that is hidden, in bytes. A shorter one could be part of
/// an ordinary word.
const MIN_LENGTH: usize = 8;

/// The length of the shortest form of a credential ([`forms`]) that is searched for. A shorter one
/// could appear in a text by chance.
const MIN_LETTERS: usize = 4;

/// What the search for a credential skips: URL, JSON and XML escapes, and all characters other than
/// ASCII letters and digits.
const SKIPPED: &str = r"%(25)*[[:xdigit:]]{2}|\\+u00[[:xdigit:]]{2}|&(amp;)*#?\w{2,4};|\W|_";
/// Never `None`, because the expression is valid.
static SKIPPED_REGEX: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(SKIPPED).ok());

/// Makes [`redacted_line`] hide these credentials, except those shorter than [`MIN_LENGTH`].
pub fn conceal<'t>(credentials: impl IntoIterator<Item = &'t str>) {
    locked(&CREDENTIALS).extend(
        credentials
            .into_iter()
            .filter(|credential| credential.len() >= MIN_LENGTH)
            .map(str::to_owned),
    );
}

/// Makes [`redacted_line`] hide the signature of the latest request. Forgets earlier ones, because
/// every request has a new one, and searching for all of them would take minutes.
pub fn conceal_signature(signature: String) {
    *locked(&SIGNATURE) = signature;
}

/// True if a text contains a concealed credential, even escaped for a URL, JSON or XML, or encoded
/// in base64. An escape usually replaces a character that is neither a letter nor a digit, so only
/// letters and digits outside escapes are compared.
fn contains_concealed(text: &str) -> bool {
    let letters = letters_and_digits(text);
    locked(&CREDENTIALS)
        .iter()
        .chain([&*locked(&SIGNATURE)])
        // The signature is empty until the first request is signed.
        .filter(|credential| !credential.is_empty())
        .any(|credential| {
            text.contains(credential) || forms(credential).iter().any(|form| letters.contains(form))
        })
}

/// What reveals a credential: its letters and digits, and those of its base64 encodings.
///
/// There are three encodings, because base64 encodes groups of three bytes, and the credential can
/// begin at any byte of a group. Leaves out characters that also depend on neighboring bytes.
fn forms(credential: &str) -> Vec<String> {
    let mut forms = vec![letters_and_digits(credential)];
    for before in 0..3 {
        let bytes = "\0".repeat(before) + credential;
        // Each base64 character encodes six bits.
        let own_characters = (before * 8).div_ceil(6)..bytes.len() * 8 / 6;
        let encoded = STANDARD.encode(&bytes);
        forms.push(letters_and_digits(&encoded[own_characters]));
    }
    forms.retain(|form| form.len() >= MIN_LETTERS);
    forms
}

/// The ASCII letters and digits outside escapes.
fn letters_and_digits(text: &str) -> String {
    let skipped = SKIPPED_REGEX.as_ref();
    skipped.map_or(String::new(), |regex| regex.replace_all(text, "").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_servers_message_is_printed_as_one_short_line_without_control_characters() {
        assert_eq!(redacted_line("a\nb\u{1b}[31m  c"), "a b [31m c");
        assert_eq!(redacted_line(&"x".repeat(5000)).chars().count(), 601);
    }
}
