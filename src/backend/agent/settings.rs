//! The URL of the agent, and the token that it requires in each request, as a protection against server-side request forgery.

use std::io;

use http::HeaderValue;

use crate::backend::aws::{VariableError, VariableReader};
use crate::model::answer::{AGENT_TOKEN_FILE, CredentialsError, Wanted};
use crate::model::inherited::Inherited;
use crate::model::url::HttpUrl;
use crate::system::os_error::ReadFailure;

#[derive(Clone, Debug)]
pub struct AgentSettings {
    pub url: HttpUrl,
    /// AWS_TOKEN: a token, or `file://` and the path of one.
    token: Option<String>,
    /// True with `--agent-fallback`.
    pub has_fallback: bool,
}

impl AgentSettings {
    /// Reads the variable that the agent's other clients read. The default of `url` is on this host.
    ///
    /// # Errors
    /// AWS_TOKEN is not UTF-8.
    pub fn new(url: Option<&HttpUrl>, has_fallback: bool, inherited: &Inherited) -> Result<Self, Vec<VariableError>> {
        let mut reader = VariableReader::new(inherited);
        let url = url.cloned().unwrap_or_else(HttpUrl::of_agent);
        let token = reader.text("AWS_TOKEN");
        reader.finish(Self { url, token, has_fallback })
    }

    /// Returns the token of AWS_TOKEN, or else of the file of the agent's installation. An unusable AWS_TOKEN ends the search.
    ///
    /// # Errors
    /// When there is none, with the reason of each source.
    pub fn find_token(&self) -> Result<HeaderValue, CredentialsError> {
        let mut tried = Vec::new();
        let mut temporary = false;
        let sources = [
            ("AWS_TOKEN", self.token_of_variable(), "is not set"),
            (AGENT_TOKEN_FILE, self.token_of_host(), "does not exist"),
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

    fn token_of_variable(&self) -> Result<Option<String>, ReadFailure> {
        let Some(token) = &self.token else { return Ok(None) };
        match token.strip_prefix("file://") {
            Some(path) => match read(path)? {
                None => Err(unusable(format!("{path} does not exist"))),
                found => Ok(found),
            },
            None => Ok(Some(token.clone())),
        }
    }

    /// Reads the token of this host's agent, which is sent to no other host.
    fn token_of_host(&self) -> Result<Option<String>, ReadFailure> {
        if self.url.is_loopback() {
            read(AGENT_TOKEN_FILE)
        } else {
            Err(unusable("is sent to loopback addresses only, and --agent names another".to_owned()))
        }
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
