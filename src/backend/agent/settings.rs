//! Where the agent is, and which tokens it may be shown.

use crate::backend::aws::{Reader, VariableError};
use crate::model::inherited::Inherited;
use crate::model::options::{AgentChoice, Options};

/// How secrets are read through the agent.
#[derive(Clone, Debug)]
pub struct AgentSettings {
    /// Where it listens.
    pub url: String,
    /// AWS_TOKEN: a token, or `file://` and where one is.
    pub token: Option<String>,
    /// AWS_SESSION_TOKEN
    pub session_token: Option<String>,
    /// Whether it is Lambda's extension, which reads parameters, too.
    pub in_lambda: bool,
    /// Whether AWS is asked itself when the agent cannot be.
    pub fallback: bool,
}

/// Where the agent and the extension listen unless told otherwise.
const PORT: u16 = 2773;

impl AgentSettings {
    /// From our options and the variables that the agent's own clients read; nothing when it is not wanted.
    ///
    /// # Errors
    /// Every variable that does not hold what it must.
    pub fn new(options: &Options, inherited: &Inherited) -> Result<Option<Self>, Vec<VariableError>> {
        let mut reader = Reader::new(inherited);
        let url = match &options.agent {
            None | Some(AgentChoice::Off) => return Ok(None),
            Some(AgentChoice::At(url)) => url.clone(),
            Some(AgentChoice::Standard) => {
                let port = |text: &str| text.parse().ok().filter(|port| *port > 0);
                let port = reader.parse("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", "a port, like 2773", port);
                format!("http://127.0.0.1:{}", port.unwrap_or(PORT))
            }
        };
        let settings = Self {
            url,
            token: reader.text("AWS_TOKEN"),
            session_token: reader.text("AWS_SESSION_TOKEN"),
            in_lambda: inherited.filled("AWS_LAMBDA_RUNTIME_API").is_some(),
            fallback: options.agent_fallback == Some(true),
        };
        reader.finish(Some(settings))
    }
}
