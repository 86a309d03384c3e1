//! The token that keeps a page in a browser, and whoever else can make requests here, from asking the agent.

use std::io;
use std::net::IpAddr;

use http::{HeaderValue, Uri};

use super::settings::AgentSettings;
use crate::model::answer::{CredentialsError, Wanted};
use crate::system::os_error;

/// Where the agent looks for it.
pub const HEADER: &str = "x-aws-parameters-secrets-token";

/// Where the agent's own installation puts it.
const FILE: &str = "/var/run/awssmatoken";

/// The first token there is: AWS_TOKEN, the agent's own file, AWS_SESSION_TOKEN. One that is there and cannot be used is not
/// passed over for another.
///
/// # Errors
/// When there is none, with what was tried.
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

/// A session token is a credential: nobody but a service of this host sees it.
fn of_session(settings: &AgentSettings) -> Result<Option<String>, String> {
    match &settings.session_token {
        Some(_) if !is_loopback(&settings.url) => {
            Err("is shown to loopback addresses only, and --agent names another".to_owned())
        }
        token => Ok(token.clone()),
    }
}

fn is_loopback(url: &str) -> bool {
    let url: Option<Uri> = url.parse().ok();
    let host = url.as_ref().and_then(Uri::host).map(|host| host.trim_matches(['[', ']']));
    host.is_some_and(|host| {
        host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
    })
}

fn read(path: &str) -> Result<Option<String>, String> {
    match std::fs::read_to_string(path) {
        Ok(token) => Ok(Some(token)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{path}: {}", os_error::text(&error))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_this_host_are_loopback() {
        for url in ["http://127.0.0.1:2773", "http://127.9.9.9", "http://[::1]:2773/", "http://LOCALHOST:1"] {
            assert!(is_loopback(url), "{url}");
        }
        for url in
            ["http://10.0.0.1:2773", "http://localhost.example.com", "http://[fd00::1]", "http://127.0.0.1.example"]
        {
            assert!(!is_loopback(url), "{url}");
        }
    }
}
