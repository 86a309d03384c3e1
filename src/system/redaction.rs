//! Keeps the credentials that this process uses out of the messages about what servers send.
//!
//! Text from a server becomes part of a message only through [`redacted_line`]. A server may quote
//! the request that it refuses: AWS repeats an access key id that it can't parse, and a proxy or a
//! simulation of AWS may repeat every header. So each credential is passed to [`conceal`] before it
//! is sent, and `redacted_line` doesn't show a text that contains one.
//!
//! The credentials are searched for in `redacted_line`, and not where messages are printed, for two
//! reasons. First, `redacted_line` cuts off a long text, and a credential that is cut in two would
//! not be found later. Second, a message also has our own words, which must stay: with a simulation
//! of AWS, both the secret key and the host may be `localstack`.

use std::collections::BTreeSet;
use std::sync::{LazyLock, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use regex_lite::Regex;

use super::lifecycle::locked;
use crate::model::shown::without_tokens;

/// The maximum length of a line from a server or a library, in characters.
const MAX_LINE_LENGTH: usize = 600;

/// The text that replaces a server's text with a credential in messages.
const HIDDEN: &str = "(not shown, because it contains a credential)";

/// Makes one printable line of the text of a server or a library, without [tokens](without_tokens)
/// and without control characters. A long text is cut off. A text with a credential in use isn't
/// shown at all.
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

/// The texts that were passed to [`conceal`].
static CREDENTIALS: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// The text that was passed to [`conceal_signature`] last.
static SIGNATURE: Mutex<String> = Mutex::new(String::new());

/// The minimum length, in bytes, of a concealed text. A shorter text could be part of an ordinary
/// word.
const MIN_LENGTH: usize = 8;

/// A form of a credential ([`forms`]) with fewer letters and digits isn't searched for.
const MIN_LETTERS: usize = 4;

/// What is skipped in the search for credentials: the escapes of URLs, JSON and XML, and everything
/// else that isn't an ASCII letter or digit.
const SKIPPED: &str = r"%(25)*[[:xdigit:]]{2}|\\+u00[[:xdigit:]]{2}|&(amp;)*#?\w{2,4};|\W|_";
/// Never `None`, because [`SKIPPED`] is valid.
static SKIPPED_REGEX: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(SKIPPED).ok());

/// Makes [`redacted_line`] hide these credentials, tokens or passwords. Short ones are skipped
/// ([`MIN_LENGTH`]).
pub fn conceal<'t>(credentials: impl IntoIterator<Item = &'t str>) {
    locked(&CREDENTIALS).extend(
        credentials
            .into_iter()
            .filter(|credential| credential.len() >= MIN_LENGTH)
            .map(str::to_owned),
    );
}

/// Makes [`redacted_line`] hide the signature of the request whose response is read now. Only the
/// latest signature is kept. Each request has a signature of its own, and searching for the
/// signatures of all requests would take minutes.
pub fn conceal_signature(signature: String) {
    *locked(&SIGNATURE) = signature;
}

/// True if the text of a server contains a concealed credential: as it is, escaped as in a URL, in
/// JSON or in XML, or within base64.
///
/// An escape usually replaces only a character that is neither a letter nor a digit. So this
/// function removes escapes and punctuation from the text, and looks for the credential's letters
/// and digits in what is left.
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

/// The forms in which a credential is searched for: its letters and digits, and those of its three
/// encodings in base64. The encodings differ because zero, one or two bytes may be encoded together
/// with the first bytes of the credential. Characters that also depend on other bytes are left out,
/// and so are forms shorter than [`MIN_LETTERS`].
fn forms(credential: &str) -> Vec<String> {
    let mut forms = vec![letters_and_digits(credential)];
    for before in 0..3 {
        let bytes = "\0".repeat(before) + credential;
        // Each character of base64 encodes six bits.
        let own_characters = (before * 8).div_ceil(6)..bytes.len() * 8 / 6;
        let encoded = STANDARD.encode(&bytes);
        forms.push(letters_and_digits(&encoded[own_characters]));
    }
    forms.retain(|form| form.len() >= MIN_LETTERS);
    forms
}

/// The ASCII letters and digits of a text, except those in escapes.
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
