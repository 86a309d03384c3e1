//! Removes the credentials, tokens and passwords that this process uses from the texts of servers,
//! and the names of secrets that may be passwords.
//!
//! A server may quote the request that it refuses: AWS repeats an access key id that it can't
//! parse, and a proxy or a simulation of AWS may repeat every header. So each credential is passed
//! to [`conceal`] before it is sent, and [`one_line`](super::quoting::one_line), which makes a part
//! of a message from a server's text, calls [`without_credentials`].
//!
//! The text is searched there, and not where messages are printed, for two reasons. First,
//! `one_line` cuts off a long text, and a credential that is cut in two would not be found later.
//! Second, a message also has our own words, which must stay: with a simulation of AWS, both the
//! secret key and the host may be `localstack`.
//!
//! A launch that succeeds only stores its credentials here, and searches nothing.

use std::collections::BTreeSet;
use std::sync::{LazyLock, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use regex_lite::Regex;

/// The credentials and names that were passed to [`conceal`] and [`conceal_names`]. They stay until
/// the process ends or becomes the command.
static CONCEALED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// The minimum length of a credential, in bytes. A shorter one could be part of any word.
const MIN_LENGTH: usize = 8;

/// The minimum number of letters and digits in a credential that is recognized by them.
const MIN_LETTERS: usize = 4;

/// What is skipped in the search: the escapes of URLs, JSON and XML, and everything else that isn't
/// a letter or a digit. This works because letters and digits are never escaped.
const SKIPPED: &str = r"%(25)*[[:xdigit:]]{2}|\\+u00[[:xdigit:]]{2}|&(amp;)*#?\w{2,4};|\W|_";
static REGEX: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(SKIPPED).ok());

/// Adds credentials, tokens or passwords to those that no text of a server shows. Skips short ones,
/// see [`MIN_LENGTH`].
pub fn conceal<'t>(credentials: impl IntoIterator<Item = &'t str>) {
    let credentials = credentials.into_iter();
    conceal_names(credentials.filter(|credential| credential.len() >= MIN_LENGTH));
}

/// Adds names of secrets that messages may not show, because they may be passwords. A short one is
/// only found where it is a whole word.
pub fn conceal_names<'t>(names: impl IntoIterator<Item = &'t str>) {
    let mut concealed = CONCEALED.lock().unwrap_or_else(PoisonError::into_inner);
    concealed.extend(names.into_iter().map(str::to_owned));
}

/// Returns the text of a server with `…` instead of each credential. The text may have a credential
/// as it is, escaped as in a URL, in JSON or in XML, or as a part of base64.
pub fn without_credentials(text: &str) -> String {
    let (letters, places) = letters_and_digits(text);
    let mut is_hidden = vec![false; text.len()];
    let concealed = CONCEALED.lock().unwrap_or_else(PoisonError::into_inner);
    // No form of a credential is shorter than the credential.
    let lengths = 1..=text.len();
    for credential in concealed.iter().filter(|one| lengths.contains(&one.len())) {
        let is_short = credential.len() < MIN_LENGTH;
        for (at, found) in text.match_indices(credential) {
            let (before, after) = (&text[..at], &text[at + found.len()..]);
            let is_part =
                before.ends_with(char::is_alphanumeric) || after.starts_with(char::is_alphanumeric);
            if !(is_short && is_part) {
                is_hidden[at..at + found.len()].fill(true);
            }
        }
        if is_short {
            continue;
        }
        for form in forms(credential) {
            for (at, found) in letters.match_indices(&form) {
                is_hidden[places[at]..=places[at + found.len() - 1]].fill(true);
            }
        }
    }

    let mut shown = Vec::new();
    for (at, c) in text.char_indices() {
        shown.push(if is_hidden[at] { '…' } else { c });
    }
    shown.dedup_by(|next, last| (*next, *last) == ('…', '…'));
    shown.into_iter().collect()
}

/// Returns the letters and digits of a credential, and of the characters of its base64 that depend
/// on nothing else, if zero, one or two bytes come before the credential.
fn forms(credential: &str) -> Vec<String> {
    let mut forms = vec![letters_and_digits(credential).0];
    for before in 0..3 {
        let bytes = "\0".repeat(before) + credential;
        let encoded = STANDARD.encode(&bytes);
        // A character has six bits.
        let own = (before * 8).div_ceil(6)..bytes.len() * 8 / 6;
        forms.push(letters_and_digits(&encoded[own]).0);
    }
    forms.retain(|form| form.len() >= MIN_LETTERS);
    forms
}

/// Returns the letters and digits of a text without those in escapes, and the place of each in the
/// text.
fn letters_and_digits(text: &str) -> (String, Vec<usize>) {
    let mut is_skipped = vec![false; text.len()];
    for part in REGEX.iter().flat_map(|regex| regex.find_iter(text)) {
        is_skipped[part.range()].fill(true);
    }
    let kept = text.char_indices().filter(|(at, _)| !is_skipped[*at]);
    kept.map(|(at, c)| (c, at)).unzip()
}
