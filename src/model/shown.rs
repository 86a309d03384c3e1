//! What messages may show, and how they quote it.
//!
//! - A word that the user wrote where a name belongs may be a password: `--env DB_PASSWORD=hunter2`
//!   asks AWS for the secret "hunter2". So a message shows such a word only if it [reads like a
//!   name](reads_like_a_name), as `prod/db` and `MyDatabaseSecret` do. That function judges only
//!   the form of a text. Its callers decide when the form doesn't matter: for an alias, for the
//!   name of a variable, and for a secret that AWS has found. A passphrase of plain words, such as
//!   `correct-horse-battery-staple`, reads like a name, too.
//! - Other text that may be a misplaced value is quoted only if it is short and plain.
//! - Text from a server becomes part of a message only through [`redacted_line`]. A server may
//!   quote the request that it refuses: AWS repeats an access key id that it can't parse, and a
//!   proxy or a simulation of AWS may repeat every header. So each credential, and any secret's
//!   name that may be a password, is passed to [`conceal`] or [`conceal_names`] before it is sent,
//!   and `redacted_line` removes it.
//!
//! The credentials are searched for in `redacted_line`, and not where messages are printed, for two
//! reasons. First, `redacted_line` cuts off a long text, and a credential that is cut in two would
//! not be found later. Second, a message also has our own words, which must stay: with a simulation
//! of AWS, both the secret key and the host may be `localstack`.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use regex_lite::Regex;

use super::environment::{CommandLine, is_name};

/// The AWS services that create secrets of their own, as in `rds!cluster-1a96bebc`.
///
/// <https://docs.aws.amazon.com/secretsmanager/latest/userguide/service-linked-secrets.html>
const SERVICES: &str = "appflow databrew datasync directconnect ecs-sc events marketplace-deployment opsworks-cm rds redshift sqlworkbench";

/// The prefix of a parameter in a reference. Other modules ask `Store`, which depends on this
/// module.
pub(super) const PARAMETER_PREFIX: &str = "ssm:";

/// True if a text reads like the name of a secret or like a whole reference, such as
/// `prod/db:password`. Always true for an ARN. After any other [known secret](is_known_secret),
/// only the fields are judged.
///
/// Otherwise, the text must have only letters, digits and separators, apart from `/*` at its end,
/// and the parts between the separators must be words. One part may be a code, such as `s3`, if
/// another part is a longer word. A text with digits must have several parts. If it also has
/// capitals, or several numbers, two parts must be joined by a slash, a hyphen or an underscore:
/// `MyApp-Prod1`, `app/2024-06-01/key`.
pub fn reads_like_a_name(text: &str) -> bool {
    if text.starts_with("arn:") {
        return true;
    }
    let after_store = text.strip_prefix(PARAMETER_PREFIX).unwrap_or(text);
    let (name, fields) = after_store.split_once(':').unzip();
    let secret = &text[..text.len() - after_store.len() + name.unwrap_or(after_store).len()];
    if is_known_secret(secret) {
        return fields.is_none_or(reads_like_a_name);
    }

    let name = after_store.strip_suffix("/*").unwrap_or(after_store);
    let has_digit = name.contains(|c: char| c.is_ascii_digit());
    let has_capital = name.contains(|c: char| c.is_ascii_uppercase());
    let is_joined = name.trim_matches(is_separator).contains(['/', '-', '_']);
    // A KEY may be a token: `prod/chat:xoxb-1234-abcdEFGH`. Most tokens have at least 16
    // characters.
    let is_token = |key: &str| {
        key.len() >= 16 && key.contains(char::is_lowercase) && key.contains(char::is_numeric)
    };
    let is_generated =
        has_capital && has_digit && (!is_joined || name.split(':').skip(1).any(is_token));
    let is_legal = |c: char| c.is_ascii_alphanumeric() || is_separator(c);
    if is_generated || !name.chars().all(is_legal) {
        return false;
    }

    // The number of a region, as in `us-east-1/app`, isn't judged. Otherwise, it would be the
    // one part that may be a code (see below).
    let region_number = index_of_region_number(name);
    let numbered_parts = name.split(is_separator).enumerate();
    let is_judged = |&(at, part): &(usize, &str)| !part.is_empty() && Some(at) != region_number;
    let parts = numbered_parts.filter(is_judged).map(|(_, part)| part);
    let (words, others): (Vec<&str>, Vec<&str>) = parts.partition(|part| consists_of_words(part));
    // As in `app/2024-06-01/key`.
    let is_short_number = |part: &str| part.len() <= 8 && is_number(part);
    let mut codes = others
        .iter()
        .filter(|part| !(is_joined && is_short_number(part)));
    match (codes.next(), codes.next()) {
        // A single word with a digit may be a password: `hunter2`.
        (None, _) if others.is_empty() => !words.is_empty() && (words.len() > 1 || !has_digit),
        (None, _) => words.into_iter().any(has_three_letters),
        // As in `prod/s3/keys`.
        (Some(code), None) => {
            let is_long_number = is_number(code) && has_capital;
            is_code(code) && !is_long_number && words.into_iter().any(has_three_letters)
        }
        (Some(_), Some(_)) => false,
    }
}

/// True for a SECRET whose form shows that it isn't a password: an ARN, a parameter whose name
/// begins with a slash, a name with a service and `!`, such as `rds!db-…`, or a name that
/// CloudFormation generates.
pub(super) fn is_known_secret(secret: &str) -> bool {
    let owner = secret.split_once('!').map(|(owner, _)| owner);
    secret.starts_with("arn:")
        || (secret.strip_prefix(PARAMETER_PREFIX)).is_some_and(|name| name.starts_with('/'))
        || owner.is_some_and(|owner| SERVICES.split(' ').any(|service| service == owner))
        || is_generated_name(secret)
}

/// True for the name that CloudFormation gives a secret without a name: the logical id, a hyphen
/// and twelve letters and digits, as in `AppDatabaseSecret-ZGPdGkDhFpOQ`. CDK's logical ids end
/// with eight hexadecimal digits: `AppDatabaseSecret86DBB7B3-ZGPdGkDhFpOQ`.
fn is_generated_name(name: &str) -> bool {
    let ending = name.rsplit('-').next().unwrap_or_default();
    let has_both_cases = ending.contains(char::is_uppercase) && ending.contains(char::is_lowercase);
    // The length only saves time.
    ending.len() == 12
        && has_both_cases
        && Regex::new("^[A-Z][A-Za-z]{7,}([0-9A-F]{8})?-[A-Za-z0-9]{12}$")
            .is_ok_and(|generated| generated.is_match(name))
}

/// True for the name of a variable or an alias that holds a password, such as `DB_PASSWORD`.
pub(super) fn is_name_of_password(name: &str) -> bool {
    let endings = ["PASSWORD", "SECRET", "TOKEN", "KEY"];
    let name = name.to_uppercase();
    endings.iter().any(|ending| name.ends_with(ending))
}

/// Returns what messages show of a text that may be a password: its first four characters if it has
/// at least twenty, its first one if it has at least eight, and an ellipsis.
pub fn masked(text: &str) -> String {
    let length = match text.chars().count() {
        20.. => 4,
        8..20 => 1,
        0..8 => 0,
    };
    let beginning: String = text.chars().take(length).collect();
    beginning + "…"
}

/// Returns a text if messages may show it. Otherwise, returns it [`masked`].
pub fn shown_if(may_be_shown: bool, text: &str) -> Cow<'_, str> {
    match may_be_shown {
        true => text.into(),
        false => masked(text).into(),
    }
}

/// True if messages may show a SECRET even if a field after it may be a password: a [known
/// secret](is_known_secret), or a name with a slash.
pub(super) fn is_shown_before_fields(secret: &str) -> bool {
    is_known_secret(secret) || (secret.contains('/') && reads_like_a_name(secret))
}

fn is_separator(c: char) -> bool {
    matches!(c, '/' | '-' | '_' | '.' | ':')
}

/// Returns the index of the part of a name that is the number of a region, such as `1` in
/// `us-east-1`.
fn index_of_region_number(name: &str) -> Option<usize> {
    let parts = name.split(is_separator);
    let mut triples = parts.clone().zip(parts.clone().skip(1)).zip(parts.skip(2));
    let is_lowercase = |part: &str| part.bytes().all(|byte| byte.is_ascii_lowercase());
    let start = triples.position(|((area, direction), number)| {
        let is_number = number.len() == 1 && number.parse::<u8>().is_ok();
        // `eusc` is the longest area, and `east` is one of the shortest directions.
        let have_right_lengths = (2..=4).contains(&area.len()) && direction.len() >= 4;
        is_number && have_right_lengths && is_lowercase(area) && is_lowercase(direction)
    })?;
    Some(start + 2)
}

/// True for words of two to fifteen letters that are run together, with at most four digits at the
/// end: `db2`, `PROD`, `appDatabase`, `DBSecret`, `prod2024`.
fn consists_of_words(part: &str) -> bool {
    let letters = part.trim_end_matches(|c: char| c.is_ascii_digit());
    // The acronym or the word after it may be missing: `db` has only the word.
    let has_length_of_word = |length: usize| length == 0 || (2..=15).contains(&length);
    let mut rest = letters;
    while !rest.is_empty() {
        let after_capitals = rest.trim_start_matches(|c: char| c.is_ascii_uppercase());
        let after_word = after_capitals.trim_start_matches(|c: char| c.is_ascii_lowercase());
        let capitals = rest.len() - after_capitals.len();
        let lowercase = after_capitals.len() - after_word.len();
        // The last capital before lower-case letters begins their word: `DBSecret` is `DB` and
        // `Secret`.
        let acronym = capitals - usize::from(lowercase > 0 && capitals > 0);
        let word = capitals - acronym + lowercase;
        let are_words = has_length_of_word(acronym) && has_length_of_word(word);
        // If `rest` doesn't begin with a letter, nothing was trimmed.
        if after_word == rest || !are_words {
            return false;
        }
        rest = after_word;
    }
    !letters.is_empty() && part.len() - letters.len() <= 4
}

/// True for the one part of a name that needn't be a word: a number, or up to five digits and
/// letters of one case, such as `k8s` and `X509`.
fn is_code(part: &str) -> bool {
    let has_capitals = part.contains(|c: char| c.is_ascii_uppercase());
    let has_lowercase = part.contains(|c: char| c.is_ascii_lowercase());
    is_number(part) || (part.len() <= 5 && !(has_capitals && has_lowercase))
}

fn is_number(part: &str) -> bool {
    part.bytes().all(|byte| byte.is_ascii_digit())
}

fn has_three_letters(part: &str) -> bool {
    let mut runs = part.split(|c: char| !c.is_ascii_alphabetic());
    runs.any(|run| run.len() >= 3)
}

/// The maximum length of a line from a server or a library, in characters.
const MAX_LINE_LENGTH: usize = 600;

/// The maximum length, in bytes, of a text that is quoted although it may be a misplaced value.
const MAX_QUOTED_LENGTH: usize = 64;

/// Returns the name of a file for messages. The name isn't escaped yet, because `report` escapes
/// every line.
pub fn file_name(path: &Path) -> String {
    match path == Path::new("-") {
        true => "standard input".to_owned(),
        false => path.display().to_string(),
    }
}

/// True if a message may quote a key or a path. For a value, see [`is_quotable_value`].
///
/// Such text usually isn't a secret. But in a malformed file, the parser may take a value for a
/// key, as in `{ password~ 'hunter2' }`.
pub fn is_quotable(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-/".contains(&byte);
    text.len() <= MAX_QUOTED_LENGTH && text.bytes().all(is_plain)
}

/// Returns the program of a command for messages and tables. If someone wrote a whole command line
/// instead, its arguments may include a password, so only its first word is returned: `psql …`.
/// Also leaves out the values in `--password=…` and `NAME=…`, the password in a URL, and any other
/// option.
pub fn shown_program(program: &str) -> String {
    let is_end = |c: char| c.is_whitespace() || "|&;<>('\"`".contains(c);
    let masked = without_url_secrets(program);
    let first_word = masked.split(is_end).next().unwrap_or_default();
    match first_word.split_once('=') {
        Some((name, _)) => format!("{name}=…"),
        // The value may directly follow the option: `-phunter2`.
        None if first_word.starts_with('-') => "-…".to_owned(),
        None if first_word == masked => masked,
        None => format!("{first_word} …"),
    }
}

pub fn quoted_program(command: &CommandLine) -> String {
    let shown = shown_program(&command.program().to_string_lossy());
    format!("\"{shown}\"")
}

/// True if a message may quote an unknown name, or a wrong value of an option or a setting. The
/// text must be [plain](is_quotable). It must also read like a name, unless it has at most five
/// characters, as `30s` does.
pub fn is_quotable_value(value: &str) -> bool {
    is_quotable(value) && (value.len() <= 5 || reads_like_a_name(value))
}

/// Returns the text of a pattern for names, or `…` if it may be a password: the pattern of
/// `--resolve-env "$DB_PASSWORD"` is the value of the variable instead of its name.
pub fn shown_pattern(pattern: &str) -> &str {
    let stem = pattern.replace(['*', '?'], "");
    // `reads_like_a_name` takes capitals with digits, as in `DB2_HOST`, for a generated password.
    let is_in_capitals = stem == stem.to_uppercase();
    let is_name = is_in_capitals && reads_like_a_name(&stem.to_lowercase());
    let may_be_shown = is_name || is_quotable_value(&stem);
    if may_be_shown { pattern } else { "…" }
}

/// Returns a noun with a name, such as `key "password"`. A name that may be a password is masked.
pub fn noun_with_name(noun: &str, name: &str) -> String {
    format!("{noun} {:?}", shown_if(is_quotable_value(name), name))
}

/// True if messages may show a text that was meant as the name of a variable or an alias. They
/// always show the names of variables.
pub fn is_quotable_name(name: &str) -> bool {
    is_name(name) || is_quotable_value(name) || reads_like_a_name(name)
}

/// Returns a text that was meant as a name: as it is or, if it may be a password, masked.
pub fn shown_or_masked(name: &str) -> Cow<'_, str> {
    shown_if(is_quotable_name(name), name)
}

/// Returns the predicate `doesn't match the pattern "…"`. A pattern without special characters may
/// be the value itself, so it is left out unless [the value may be quoted](is_quotable_value).
pub fn pattern_mismatch(pattern: &str) -> String {
    let literal = pattern.trim_start_matches('^').trim_end_matches('$');
    if literal.contains(|c| ".[](){}*+?|\\".contains(c)) || is_quotable_value(literal) {
        return format!("doesn't match the pattern \"{pattern}\"");
    }
    "doesn't match the pattern".to_owned()
}

/// Returns the end of the sentence "… must be …": `, not "…"`, a remark on an unexpanded variable,
/// or nothing if the value must not be quoted.
pub fn not_this_value(value: &str) -> String {
    if value.starts_with('$') || value.contains("${") || value.contains("$(") {
        return ", but it contains an unexpanded variable".to_owned();
    }
    let quoted = is_quotable_value(value).then(|| format!(", not {value:?}"));
    quoted.unwrap_or_default()
}

/// Returns the message about a wrong value of an option or a variable. `expected` completes "… must
/// be …".
pub fn invalid_value(name: &str, value: &str, expected: &str) -> String {
    if is_in_quotes(value) {
        return format!("the value of {name} includes quotes: remove them");
    }
    format!("{name} must be {expected}{}", not_this_value(value))
}

/// True for text that begins with a quote, which was probably meant for a shell.
pub fn is_in_quotes(text: &str) -> bool {
    text.starts_with(['"', '\''])
}

/// Returns the text of a server or a library as one printable line: without concealed names and
/// credentials, without control characters, and without secrets in URLs. A long text is cut off.
pub fn redacted_line(text: &str) -> String {
    let safe = without_url_secrets(&without_credentials(text));
    let printable = safe.chars().map(|c| if c.is_control() { ' ' } else { c });
    let cut: String = printable.take(MAX_LINE_LENGTH).collect();
    let mut line = cut.split_whitespace().collect::<Vec<_>>().join(" ");
    if safe.chars().nth(MAX_LINE_LENGTH).is_some() {
        line.push('…');
    }
    line
}

/// Characters that are rendered as nothing, but that `escape_debug` doesn't escape: some of
/// Default_Ignorable_Code_Point, and the blank Braille pattern.
const BLANK: &str = "\u{34f}\u{115f}\u{1160}\u{17b4}\u{17b5}\u{180b}\u{180c}\u{180d}\u{180f}\u{2800}\u{3164}\u{ffa0}";

/// Escapes control characters, and characters that are invisible or change the direction of text.
/// So a name, a path or a server's message can neither end a line nor hide a part of it. A mark
/// that combines with the character before it is visible: the accent of a decomposed é, a Thai
/// vowel, or the variation selector of an emoji.
pub fn escaped(line: &str) -> String {
    if line.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return line.to_owned();
    }
    let mut text = String::with_capacity(line.len());
    let mut before = ' ';
    for c in line.chars() {
        match c {
            // These characters are harmless, but `escape_debug` would escape them.
            '\'' | '"' | '\\' => text.push(c),
            c if BLANK.contains(c) => text.extend(c.escape_unicode()),
            c if before.is_whitespace() => text.extend(c.escape_debug()),
            // After another character, `escape_debug` doesn't escape a mark.
            c => text.extend(format!("-{c}").escape_debug().skip(1)),
        }
        before = c;
    }
    text
}

/// True for a character that [`escaped`] doesn't change after a letter: a space, or a character
/// that is visible on its own or together with the letter.
pub(super) fn is_visible(c: char) -> bool {
    matches!(c, ' '..='~') || escaped(&format!("a{c}")).ends_with(c)
}

/// True for a text of only ASCII letters, digits and punctuation, in which people overlook nothing.
pub(super) fn is_plain_ascii(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Returns what people see of a name: without white space at its ends, and without invisible
/// characters.
pub fn visible(name: &str) -> String {
    name.trim().chars().filter(|c| is_visible(*c)).collect()
}

/// The texts that were passed to [`conceal`].
static CREDENTIALS: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// The text that was passed to [`conceal_signature`] last.
static SIGNATURE: Mutex<String> = Mutex::new(String::new());

/// The texts that were passed to [`conceal_names`], apart from those that [`reveal`] has removed.
static NAMES: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// The minimum length, in bytes, of a text that is hidden even within a word. A shorter text could
/// be a part of any word.
const MIN_LENGTH: usize = 8;

/// A form of a credential ([`forms`]) with fewer letters and digits isn't hidden.
const MIN_LETTERS: usize = 4;

/// What is skipped in the search for credentials: the escapes of URLs, JSON and XML, and everything
/// else that isn't an ASCII letter or digit.
const SKIPPED: &str = r"%(25)*[[:xdigit:]]{2}|\\+u00[[:xdigit:]]{2}|&(amp;)*#?\w{2,4};|\W|_";
/// Never `None`, because [`SKIPPED`] is valid.
static SKIPPED_REGEX: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(SKIPPED).ok());

/// Makes [`redacted_line`] hide these credentials, tokens or passwords. Short ones are skipped
/// ([`MIN_LENGTH`]).
pub fn conceal<'t>(credentials: impl IntoIterator<Item = &'t str>) {
    let credentials = credentials.into_iter();
    let long = credentials.filter(|credential| credential.len() >= MIN_LENGTH);
    locked(&CREDENTIALS).extend(long.map(str::to_owned));
}

/// Makes [`redacted_line`] hide the signature of the request whose response is read now. Each
/// request has its own, so with those of all requests, the search would take minutes.
pub fn conceal_signature(signature: String) {
    *locked(&SIGNATURE) = signature;
}

/// Makes [`shown_name`] mask these names and versions of secrets, and [`redacted_line`] hide them,
/// because they may be passwords.
pub fn conceal_names(names: impl IntoIterator<Item = String>) {
    locked(&NAMES).extend(names);
}

/// Lets messages show a name, because a secret with this name exists.
pub fn reveal(name: &str) {
    locked(&NAMES).remove(name);
}

/// True if messages must mask this name or version of a secret.
pub(super) fn is_concealed(name: &str) -> bool {
    locked(&NAMES).contains(name)
}

/// Returns the name or the version of a secret as messages show it: [`masked`] if it is concealed.
pub fn shown_name(name: &str) -> Cow<'_, str> {
    shown_if(!is_concealed(name), name)
}

fn locked<T>(texts: &Mutex<T>) -> MutexGuard<'_, T> {
    texts.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the text of a server with `…` instead of each concealed credential and name. Each is
/// found as it is, escaped as in a URL, in JSON or in XML, and within base64. A name that is
/// shorter than [`MIN_LENGTH`] is only found as it is, and only as a whole word.
///
/// Usually, an escape replaces only a character that is neither a letter nor a digit. So the other
/// forms are found by letters and digits: `letters` has those of the text that aren't part of an
/// escape, and `places` their positions in the text. `forms` returns those of the credential and of
/// its base64, and these are searched for in `letters`.
fn without_credentials(text: &str) -> String {
    let (letters, places) = letters_and_digits(text);
    let mut is_hidden = vec![false; text.len()];
    let (credentials, names, signature) =
        (locked(&CREDENTIALS), locked(&NAMES), locked(&SIGNATURE));
    // A text that is shorter than a credential can't contain it, and an empty name isn't searched
    // for.
    let lengths = 1..=text.len();
    let concealed = credentials.union(&names).chain([&*signature]);
    for credential in concealed.filter(|one| lengths.contains(&one.len())) {
        let is_short = credential.len() < MIN_LENGTH;
        for (at, found) in text.match_indices(credential) {
            let (before, after) = (&text[..at], &text[at + found.len()..]);
            let is_part_of_word =
                before.ends_with(char::is_alphanumeric) || after.starts_with(char::is_alphanumeric);
            if !(is_short && is_part_of_word) {
                is_hidden[at..at + found.len()].fill(true);
            }
        }
        // The other forms of a short name are so short that they could be a part of any word.
        let other_forms = if is_short { vec![] } else { forms(credential) };
        for form in other_forms {
            for (at, found) in letters.match_indices(&form) {
                is_hidden[places[at]..=places[at + found.len() - 1]].fill(true);
            }
        }
    }

    let characters = text.char_indices();
    let mut shown = Vec::from_iter(characters.map(|(at, c)| if is_hidden[at] { '…' } else { c }));
    shown.dedup_by(|next, last| (*next, *last) == ('…', '…'));
    shown.into_iter().collect()
}

/// Returns the forms in which a credential is searched for: its letters and digits, and those of
/// its three encodings in base64. The encodings differ because zero, one or two bytes may be
/// encoded together with the first bytes of the credential. Characters that also depend on other
/// bytes are left out, and so are forms shorter than [`MIN_LETTERS`].
fn forms(credential: &str) -> Vec<String> {
    let mut forms = vec![letters_and_digits(credential).0];
    for before in 0..3 {
        let bytes = "\0".repeat(before) + credential;
        // Each character of base64 encodes six bits.
        let own_characters = (before * 8).div_ceil(6)..bytes.len() * 8 / 6;
        let encoded = STANDARD.encode(&bytes);
        forms.push(letters_and_digits(&encoded[own_characters]).0);
    }
    forms.retain(|form| form.len() >= MIN_LETTERS);
    forms
}

/// Returns the ASCII letters and digits of a text, except those in escapes, and the index of each
/// in the text. Each is one byte, so both results have the same indices.
fn letters_and_digits(text: &str) -> (String, Vec<usize>) {
    let mut is_skipped = vec![false; text.len()];
    for part in SKIPPED_REGEX.iter().flat_map(|regex| regex.find_iter(text)) {
        is_skipped[part.range()].fill(true);
    }
    let kept = text.char_indices().filter(|(at, _)| !is_skipped[*at]);
    kept.map(|(at, c)| (c, at)).unzip()
}

/// Returns a text with `***` instead of the user name and password, the query and the fragment of
/// each URL.
fn without_url_secrets(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, url_and_rest)) = rest.split_once("://") {
        let is_end = |c: char| c.is_whitespace() || "\"<>".contains(c);
        let end = url_and_rest.find(is_end).unwrap_or(url_and_rest.len());
        let (url, after_url) = url_and_rest.split_at(end);

        // A password that isn't percent-encoded may contain `/`, `?` and `:`, but it ends at the
        // last `@`.
        let (login, after_login) = match url.rsplit_once('@') {
            Some((_, after_login)) => ("***@", after_login),
            None => ("", url),
        };
        let (host_and_path, query) = match after_login.split_once(['?', '#']) {
            Some((host_and_path, _)) => (host_and_path, "?***"),
            None => (after_login, ""),
        };
        masked.extend([before, "://", login, host_and_path, query]);
        rest = after_url;
    }
    masked + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names of secrets and parameters, and references, as public repositories have them.
    const NAMES: &str = "
prod/db prod/db:password prod/web:api_key ssm:/prod/app/token ssm:/app/prod/DB_PASSWORD wordpress
my-app-secret MyDatabaseSecret appDatabase DBSecret github_token GithubToken DATADOG_API_KEY
rds!db-3f1c2a77-0b52-4d7f-9b7e-0c2a5b1d9e10 rds!cluster-1a96bebc-86c1-4982-9f9f-7d6a651d2464
events!connection/prod/0f3c redshift!prod-cluster-admin prod/rds/postgres/master
staging/k8s/api eks/x509/ca neo4j/prod prod2024/db db/prod2 redis-auth-token dev.mysql.password
slack/webhook stripe/live/secret-key app.prod.env docker-hub-credentials myapp/prod/us-east-1/db
us-east-1/app eu-west-1/app/db/password ap-southeast-2/orders jenkins-ssh-key mysql-root-password
MyTestDatabaseSecret tutorials/MyFirstTutorialSecret terraform/aurora/admin oauth/client_secret
prod/auth0/client sendgrid/api_key twilio.auth.token service/account/123456789012 backend-env
test-secret frontend/prod.env prod/v2/app appsettings.Production ConnectionStrings
AmazonMQ-broker prod/s3/keys elastic/apm-token argocd/repo-creds k8s-cluster-admin docdb-creds
prod/Database web01/cert ecs/payments/prod/database_url lambda-secrets/stripe DB_CREDENTIALS
/ecs/prod/DATABASE_URL ssm:/config/orders-service/prod/jwt.secret ssm:db-password billing-service
prod/billing/postgres:username:AWSPREVIOUS prod/app::AWSPENDING airflow/connections/postgres_default
airflow/variables/api_token kafka/msk/AmazonMSK_orders AmazonMSK_producer openai-api-key
weather/api-key google/oauth/client-id rails_master_key SecretKeyBase django/SECRET_KEY
laravel/.env node-app/production nextauth.secret cloudflare/dns01/token letsencrypt/account
grafana/admin-password prometheus/basic-auth vault/unseal/prod nexus/ci artifactory-token
pypi/upload npm-publish-token sonarqube/token codecov/orders gitlab-runner/registration
bitbucket-app-password datadog/api-key:API_KEY newrelic_license sentry-dsn prod/sftp/partner-a
db1 prod/OAuth2/secret app/2024-06-01/key OrdersStack-DBSecret-8sXk2LmQ0pZr";

    /// Passwords and keys of the kinds that generators and services make.
    const PASSWORDS: &str = r##"
tY]gj)mU/h$Bel31iEl+ h-pC??/h./YgCf,rL1s*p.N,{xn/.@yV +i-h>A#{)2O7
UMFx}Fk.M(#R5K<jp%1vRt!1f_j,.OR| ;#/6ilI8}_ih}N[.{5KX c7Tv=o#hBKqFYY#kv5Z+
r3+J~1T{WDtkwtD^Db!: HKas1)V=-Oq|%>]` 6{,YYZYn9@Zh iA4uoR;gna-t)mU= jA=Wt@GS<U8p
!799NksnRH9| &cA(Us|*d(M[l}H& vTC)*$Q@C=yEZDz&#Tdd 8Hy|<S5SUkCnD8zRA9>= 9]S[k^pXz9w3
lY7Zkuvqdt:7]s=;8^St cb]n(r3yBdGBL$E: H*1qhT6^/&1$q)t(%c4x tws8>p,hP{&(
n,hFyJfm$5,di4P=$<%z|J5%)9$F}&H, 5r1pY4Oj_E2jB_Mp [^UsGr7CmY!u_Cu~
%ZR1zTOlUcR+64~cXQ&>L%ioDnkHIfxI 2`HZt)%.#}PlJh|x jIc@lHk<CiHp6bR+1I>qf(~EouHgxzN?
(AL5$`wIScGebc$+y%8F n^]3^#*Y$N|BDRz~@rZSgqbj?G3uhk_W ;F|Lf6xuI5aHUQ+PFeNB
xaQWk8J$]zF$alHlsZ:f bttOofL9H2WjQ5TY4MyW UFjsUNPjc01T5GOBUSZG 6HWGK10Zb0RLZ5TR
PofbciOx9gy1CJdObOIRpFqaDZeV7G5I QHeVVEqZe2qpUWno PDF2yeE6RsXcNOPmeMjvqPVStNKiaEdF
RgSnRFsTHsDDDXh5Jmtf bsDe0G9Cryn687neLfjV q8xiM0OGr4hTxoF54Fzbka8FRCztUjAw
uh1vauWv1zh87mTa5Vsq xezyex1rdrgdsjpr 16umx1bz99nfd02i s5d9ik40vstqqzpt 49zhkken659o2v21
ryFlwRlOEVHzc0X0AWIRh+JUqBlIFXZ53Ncqe28/ ajY75FnCttn6kfaqDeMqG3omjMyXHCabM6JOF8EF
d0Nhcy+1kGD2VD+eR1UYzaLiA+zNyD7CHLn+xC/1 hsYgBds1ghxY5OokvQyx7eNWVQ4vnakJkS1pAWTN
3lg8zV5yPU8d0FZfWe7ihGyiRUIQfHOJMaidDn87 XG3+q+xbMtEPO6UkzYuF0ie9Pu2njHkAm1+5wDr1
6EpLLJIVGHz4FxFEtKyPiYGFDm7ena8D5VfLDpgy yjVw5HanSBeVRsfAGeAbP0VxNjAe+9i0mYtluYI0
AKIAST2DTW22BXMZZNA3 AKIAK3HFZX5KIADJZFXK AKIAJWSKKEGY7MTIC6UD AKIAYFKOZM6LNCZKYWHJ
AKIAPMCCUHY5T2TP3YX4 AKIA4LBA75P45L6ZGEIW ghp_BxfZCGGQccOif7UuXUGfdWG5yP8Yib2eNUS0
gho_hmi4Fs9Z6YkRYU7oe1wNWqku5Nr50DjqG96E
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
glpat-cojsNOBAGx5diFoNPcbd xoxx-095418583694-923597220327-geOj3QYrzZq9adP0J5wMPLCM
sk_demo_7HUFpk5acdIbzlpkd6XgaNJQ rk_test_8mjAmHMPGPPA0NlGtetOd4UY
AIza9aW37k5wCnHDepQHgI3HLBkbvHEzuPyXQEW
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
dop_v1_2c376631129f34369aad80b891baf90d0d3bf16295d06910bf3f5fb85967f532
npm_FYSJYgOuwgz7z54VfB4PbxntqB5IGky4Oo8D hvs.iIMWSWMPcwLuHj31CQJVukDC
key-874ae7689447ab57a683536c4499d863 AC386ce10cd79e048c07dd7753eda83d7c
eyJhbGciOiJIUzI1NiJ9.TTOkq2BEDbN2AHRQ73l5PuXay1F6gcqInkTY88mH.wg2KDInTEGbOY1xHvAV8DnRlzGW7hUNwOdqryzdaeA6
+57poLywwLJmNMWsNt0kWoVdhpRVXOFDEV34G1YRdDk= 1wTRvbi0hWaRV5/w5nQe9E977obCS7T4
sd+F/nZGLs10Xfr1xqtXZA== OHhGNozbHipcwBkh72Xu7eW/z8adGaMROSNAz4qFY8w=
j8caeAwsZ6T0w+KPKRuAuA== yDOM0BrOv/a1hXElGtdmWg==
nXXVd7HyAv+wBFpL+AOIwt9FW4zVrUymWOIKIEsIpMc= HKXQWsyUmcg8fMXZbwf/OlPudUT5eEa0lkRLYEfS/K8=
uL+e+6ouFW2UDsetH3iWL+IaSHtjn7AA e38e85cc467dfd478168a45b1c2cb63efcef86a7
6c860052f8cac37a42aa237c28bcb16d d02b26a3142fde15ac8dc5a893aea2e52e51c85c 2100c1ed71769c4d
31ac9b0ec2e7d415193ff1d38aec8890 1fbeb6c8cb104ff1df5df1231789d887
03ed16a226cb1b95bf1cd6033a0645a8 2724b235001ba7f3 a3906e12-eec7-4ca7-9f8c-014b9bbd0140
bd08b39b-baaf-4c19-83bb-1794df1e8a24 0223abda-f9ec-4f3b-a9a4-872f58f6bbc6
cfa2b373-1f8f-4058-ae3c-eec88d811527 NZ8KF-9TM5N-7F2H9-HQ0OI-459D4
3J5P5-K8AKU-35S3X-10ELX-BBCVG 645JC-N0IVG-XV479-NS1V1-Q9DSS Correct7horse-Battery#staple
velvet.tractor9!mango orbit+canyon+42+Siren"##;

    #[test]
    fn nearly_all_names_of_secrets_are_shown() {
        assert_eq!(NAMES.split_whitespace().count(), 100);
        let mut names = NAMES.split_whitespace();
        let hidden: Vec<_> = names
            .by_ref()
            .filter(|name| !reads_like_a_name(name))
            .collect();
        assert_eq!(
            hidden,
            [
                "db1",
                "prod/OAuth2/secret",
                "OrdersStack-DBSecret-8sXk2LmQ0pZr"
            ]
        );
    }

    #[test]
    fn a_name_that_cloudformation_generates_is_shown_and_the_fields_after_it_are_judged() {
        for name in [
            "MyDatabaseSecret-ZGPdGkDhFpOQ",
            "DatabaseSecret86DBB7B3-AbCdEfGhIj12",
            "RDSSecret-1AbCdEfGhIjK:password",
            "ServiceSecret1F2E3D4C-8HjKlMnOpQrS:username:AWSPREVIOUS",
        ] {
            assert!(reads_like_a_name(name), "{name}");
        }
        for password in [
            "RDSSecret-1AbCdEfGhIjK:hunter2",
            "Secret-1AbCdEfGhIjK",
            "databasesecret-1AbCdEfGhIjK",
            "DatabaseSecret-a1bcdefghij2",
            "Database-Secret-1AbCdEfGhIjK",
        ] {
            assert!(!reads_like_a_name(password), "{password}");
        }
    }

    #[test]
    fn no_generated_password_is_shown() {
        assert_eq!(PASSWORDS.split_whitespace().count(), 100);
        for password in PASSWORDS.split_whitespace() {
            assert!(!reads_like_a_name(password), "{password}");
        }
    }

    #[test]
    fn a_password_that_people_choose_is_hidden_unless_it_consists_of_plain_words() {
        for password in [
            "Admin@123",
            "Welcome1!",
            "letmein!",
            "hunter2",
            "ssm:hunter2",
            "Summer2024",
            "P@ssw0rd",
            "Passw0rd-2024",
            "qwerty123",
            "84720193",
            "+4915112345678",
            "abcdefghijklmnop",
            "abcd efgh ijkl mnop",
            "A1B2C-D3E4F-G5H6I-J7K8L-M9N0P",
            "550e8400-e29b-41d4-a716-446655440000",
            "user:hunter2!",
            "postgres://app:secret@db/app",
            "",
            "---",
        ] {
            assert!(!reads_like_a_name(password), "{password}");
        }
        for passphrase in ["dragon", "iloveyou", "correct-horse-battery-staple"] {
            assert!(reads_like_a_name(passphrase), "{passphrase}");
        }
    }

    #[test]
    fn a_servers_message_is_printed_as_one_short_line_without_control_characters() {
        assert_eq!(redacted_line("a\nb\u{1b}[31m  c"), "a b [31m c");
        assert_eq!(redacted_line(&"x".repeat(5000)).chars().count(), 601);
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
