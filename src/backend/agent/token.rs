//! The token that the agent requires (`X-Aws-Parameters-Secrets-Token`), against requests that another program was made to send.

use std::io;

use http::HeaderValue;

use super::settings::AgentSettings;
use crate::model::answer::{CredentialsError, Wanted};
use crate::system::os_error;

/// The header with the token.
pub const HEADER: &str = "x-aws-parameters-secrets-token";

/// The file that the agent's installation creates.
const FILE: &str = "/var/run/awssmatoken";

/// The first token of AWS_TOKEN, the agent's file and AWS_SESSION_TOKEN. One that is set and cannot be used ends the search.
///
/// # Errors
/// When there is none, with the reason for each source.
pub fn find(settings: &AgentSettings) -> Result<HeaderValue, CredentialsError> {
    let mut tried = Vec::new();
    let sources = [
        ("AWS_TOKEN", of_variable(settings), "is not set"),
        (FILE, read(FILE), "does not exist"),
        ("AWS_SESSION_TOKEN", of_session(settings), "is not set"),
    ];
    for (name, found, absent) in sources {
        let why = match found {
            Ok(None) => absent.to_owned(),
            Ok(Some(token)) => match HeaderValue::try_from(token.trim_end()) {
                Ok(mut token) if !token.is_empty() => {
                    token.set_sensitive(true);
                    return Ok(token);
                }
                Ok(_) | Err(_) => {
                    tried.push((name, "holds no token".to_owned()));
                    break;
                }
            },
            Err(why) => {
                tried.push((name, why));
                break;
            }
        };
        tried.push((name, why));
    }
    Err(CredentialsError { what: Wanted::Token, tried, temporary: false, waited: None })
}

fn of_variable(settings: &AgentSettings) -> Result<Option<String>, String> {
    let Some(token) = &settings.token else { return Ok(None) };
    match token.strip_prefix("file://") {
        Some(path) => match read(path)? {
            None => Err(format!("{path} does not exist")),
            found => Ok(found),
        },
        None => Ok(Some(token.clone())),
    }
}

/// The session token is a credential, so it is sent only to this host.
fn of_session(settings: &AgentSettings) -> Result<Option<String>, String> {
    match &settings.session_token {
        Some(_) if !settings.url.is_loopback() => {
            Err("is shown to loopback addresses only, and --agent names another".to_owned())
        }
        token => Ok(token.clone()),
    }
}

fn read(path: &str) -> Result<Option<String>, String> {
    match std::fs::read_to_string(path) {
        Ok(token) => Ok(Some(token)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{path}: {}", os_error::text(&error))),
    }
}
