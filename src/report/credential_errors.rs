//! Messages about the connection and the request of `credential`.

use super::exit_status::{CONFIGURATION, DENIED, TEMPORARY, USAGE};
use super::line::{Line, list};
use crate::model::credential::{CredentialRequest, MAX_LENGTH, NotSelected};
use crate::model::entry::Subject;
use crate::model::resolved::CredentialValue;
use crate::system::connection::{AnswerError, NoConnection};

/// A reason that no credential was sent.
#[derive(Debug)]
pub enum CredentialFailure {
    NoConnection(NoConnection),
    /// A client that is neither root nor the effective user; the request if its address has one.
    Untrusted {
        user: u32,
        request: Option<CredentialRequest>,
    },
    /// The client's address names no unit.
    NoRequest,
    NotSelected {
        request: CredentialRequest,
        reason: NotSelected,
    },
    /// A value that systemd would refuse, with its length in bytes.
    TooLong {
        subject: Subject,
        length: usize,
    },
    NotSent {
        request: CredentialRequest,
        error: AnswerError,
    },
}

impl CredentialFailure {
    /// Returns the error of a value that exceeds what systemd accepts.
    pub fn of_value(credential: &CredentialValue) -> Option<Self> {
        let length = credential.value.len();
        (length > MAX_LENGTH).then(|| Self::TooLong { subject: credential.subject.clone(), length })
    }
}

/// Returns the message about a value that exceeds what systemd accepts.
pub fn too_long_message(CredentialValue { value, subject }: &CredentialValue) -> Option<String> {
    (value.len() > MAX_LENGTH).then(|| too_long(subject, value.len()))
}

fn too_long(subject: &Subject, length: usize) -> String {
    format!("{subject}: the value has {length} bytes, and a credential at most {MAX_LENGTH}")
}

pub fn status(failure: &CredentialFailure) -> u8 {
    match failure {
        CredentialFailure::NoConnection(_) | CredentialFailure::NoRequest => USAGE,
        CredentialFailure::Untrusted { .. } => DENIED,
        CredentialFailure::NotSelected { .. } | CredentialFailure::TooLong { .. } => CONFIGURATION,
        CredentialFailure::NotSent { .. } => TEMPORARY,
    }
}

pub fn lines(failure: &CredentialFailure) -> Vec<Line> {
    let (what, hint) = match failure {
        CredentialFailure::NoConnection(reason) => no_connection(*reason),
        CredentialFailure::Untrusted { user, request } => {
            let what = request.as_ref().map_or("a client".to_owned(), |request| format!("{request}: the client"));
            (format!("{what} is user {user}; only root and the user of this process get a credential"), None)
        }
        CredentialFailure::NoRequest => (
            "standard input is a connection whose other end names no unit and credential, as LoadCredential= does"
                .to_owned(),
            Some(SETUP.to_owned()),
        ),
        CredentialFailure::NotSelected { request, reason } => not_selected(request, reason),
        CredentialFailure::TooLong { subject, length } => (too_long(subject, *length), None),
        CredentialFailure::NotSent { request, error } => {
            let why = match error {
                AnswerError::Closed => "the client closed the connection before the value was sent".to_owned(),
                AnswerError::TimedOut => "the client does not read the value".to_owned(),
                AnswerError::Ending => "the value was not sent, since the process ends".to_owned(),
                AnswerError::Other(errno) => format!("the value cannot be sent: {}", errno.desc()),
            };
            (format!("{request}: {why}"), None)
        }
    };
    std::iter::once(Line::error(what)).chain(hint.map(Line::help)).collect()
}

/// The way to a connection of systemd.
const SETUP: &str =
    "a socket unit with Accept=yes starts it, and a unit's LoadCredential=NAME:SOCKET connects (systemd.exec(5))";

fn no_connection(reason: NoConnection) -> (String, Option<String>) {
    match reason {
        NoConnection::Listening => (
            "standard input is a socket that accepts connections, not a connection".to_owned(),
            Some(
                "the socket unit needs Accept=yes, and its service the name of a template: secrets-exec@.service"
                    .to_owned(),
            ),
        ),
        NoConnection::Other if !cfg!(target_os = "linux") => {
            ("credential requires systemd, which only Linux has".to_owned(), None)
        }
        NoConnection::Other => {
            ("standard input is no connection of systemd's LoadCredential=".to_owned(), Some(SETUP.to_owned()))
        }
    }
}

fn not_selected(
    CredentialRequest { unit, name }: &CredentialRequest,
    reason: &NotSelected,
) -> (String, Option<String>) {
    let meant = |nearest: &Option<String>| nearest.as_ref().map(|nearest| format!("did you mean {nearest}?"));
    let (why, hint) = match reason {
        NotSelected::UnknownUnit { nearest } => (
            "no declaration lists the unit under `credentials:`".to_owned(),
            meant(nearest).or_else(|| Some("name the declaration with -f FILE, and the unit in it".to_owned())),
        ),
        NotSelected::UnknownName { unit: listed, known, nearest } => {
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            let known = if known.is_empty() { "none".to_owned() } else { list(&known) };
            (format!("`credentials:` lists {known} for {listed}"), meant(nearest))
        }
        NotSelected::SeveralPatterns(patterns) => {
            let patterns: Vec<&str> = patterns.iter().map(String::as_str).collect();
            let hint = format!("list {unit} by its name, or change the patterns so that one matches");
            (format!("the patterns {} under `credentials:` match the unit", list(&patterns)), Some(hint))
        }
    };
    (format!("{unit} is refused the credential {name}: {why}"), hint)
}
