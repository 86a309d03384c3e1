//! The token that the agent requires in each request, as a protection against server-side request forgery.

use std::io;

use http::HeaderValue;

use super::settings::AgentSettings;
use crate::model::answer::{AGENT_SESSION_TOKEN, CredentialsError, Wanted};
use crate::system::os_error::ReadFailure;

/// The name of the header with the token.
pub const HEADER: &str = "x-aws-parameters-secrets-token";

/// The file that the agent's installation creates.
const FILE: &str = "/var/run/awssmatoken";

/// Returns the first token of AWS_TOKEN, the agent's file and AWS_SESSION_TOKEN. A source with an unusable token ends the search.
///
/// # Errors
/// When there is none, with the reason of each source.
pub fn find(settings: &AgentSettings) -> Result<HeaderValue, CredentialsError> {
    let mut tried = Vec::new();
    let mut temporary = false;
    let sources = [
        ("AWS_TOKEN", from_variable(settings), "is not set"),
        (FILE, read(FILE), "does not exist"),
        (AGENT_SESSION_TOKEN, from_session(settings), "is not set"),
    ];
    for (name, found, absent) in sources {
        match found.and_then(|token| token.map(header).transpose()) {
            Ok(Some(token)) => return Ok(token),
            Ok(None) => tried.push((name, absent.to_owned())),
            Err(ReadFailure { why, is_limit }) => {
                tried.push((name, why));
                temporary = is_limit;
                break;
            }
        }
    }
    Err(CredentialsError { what: Wanted::Token, tried, temporary, waited: None })
}

fn from_variable(settings: &AgentSettings) -> Result<Option<String>, ReadFailure> {
    let Some(token) = &settings.token else { return Ok(None) };
    match token.strip_prefix("file://") {
        Some(path) => match read(path)? {
            None => Err(unusable(format!("{path} does not exist"))),
            found => Ok(found),
        },
        None => Ok(Some(token.clone())),
    }
}

/// The session token is a credential of AWS, so it is sent only to this host.
fn from_session(settings: &AgentSettings) -> Result<Option<String>, ReadFailure> {
    match &settings.session_token {
        Some(_) if !settings.url.is_loopback() => {
            Err(unusable("is sent to loopback addresses only, and --agent names another".to_owned()))
        }
        token => Ok(token.clone()),
    }
}

fn read(path: &str) -> Result<Option<String>, ReadFailure> {
    match std::fs::read_to_string(path) {
        Ok(token) => Ok(Some(token)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            let failure = ReadFailure::from(&error);
            Err(ReadFailure { why: format!("{path}: {}", failure.why), ..failure })
        }
    }
}

fn header(token: String) -> Result<HeaderValue, ReadFailure> {
    match HeaderValue::try_from(token.trim_end()) {
        Ok(mut token) if !token.is_empty() => {
            token.set_sensitive(true);
            Ok(token)
        }
        Ok(_) | Err(_) => Err(unusable("holds no token".to_owned())),
    }
}

fn unusable(why: String) -> ReadFailure {
    ReadFailure { why, is_limit: false }
}
