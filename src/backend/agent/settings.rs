//! The URL of the agent, and the token that it requires in each request, as a protection against server-side request forgery.

use http::HeaderValue;

use crate::backend::aws::VariableReader;
use crate::model::answer::{Again, CredentialsError, Wanted};
use crate::model::inherited::Inherited;
use crate::model::problem::Problem;
use crate::model::url::HttpUrl;
use crate::system::os_error;

/// The file with the agent's token, which its installation creates: the last source that is tried.
const AGENT_TOKEN_FILE: &str = "/var/run/awssmatoken";

#[derive(Clone, Debug)]
pub struct AgentSettings {
    pub url: HttpUrl,
    /// AWS_TOKEN: a token, or `file://` and the path of one.
    token: Option<String>,
    /// True with `--agent-fallback`.
    pub has_fallback: bool,
}

impl AgentSettings {
    /// Reads the variable that the agent's other clients read.
    ///
    /// # Errors
    /// AWS_TOKEN is not UTF-8.
    pub fn new(
        url: HttpUrl,
        has_fallback: bool,
        inherited: &Inherited,
    ) -> Result<Self, Vec<Problem>> {
        let mut reader = VariableReader::new(inherited);
        let token = reader.text("AWS_TOKEN");
        reader.finish(Self {
            url,
            token,
            has_fallback,
        })
    }

    /// Returns the token of AWS_TOKEN, or else of the file of the agent's installation.
    ///
    /// # Errors
    /// When there is none, with the reason of each source.
    pub fn find_token(&self) -> Result<HeaderValue, CredentialsError> {
        let file = self
            .token
            .as_deref()
            .and_then(|token| token.strip_prefix("file://"));
        let (name, found) = match (&self.token, file) {
            (Some(_), Some(file)) => ("AWS_TOKEN", read_token(file)),
            (Some(token), None) => ("AWS_TOKEN", Ok(token.clone())),
            (None, _) => (AGENT_TOKEN_FILE, read_token(AGENT_TOKEN_FILE)),
        };
        found.and_then(header).map_err(|why| {
            let why = if let Some(file) = file {
                format!("{file}: {why}")
            } else {
                why
            };
            let mut tried = vec![format!("{name}: {why}")];
            let has_tried_all = self.token.is_none();
            if has_tried_all {
                tried.insert(0, "AWS_TOKEN: is not set".to_owned());
            }
            CredentialsError {
                tried,
                has_tried_all,
                ..CredentialsError::new(Wanted::Token, Again::Later)
            }
        })
    }
}

fn read_token(path: &str) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| os_error::text_of_file(path.as_ref(), &error))
}

fn header(token: String) -> Result<HeaderValue, String> {
    match HeaderValue::try_from(token.trim_end()) {
        Ok(mut token) if !token.is_empty() => {
            token.set_sensitive(true);
            Ok(token)
        }
        Ok(_) | Err(_) => Err("holds no token".to_owned()),
    }
}
