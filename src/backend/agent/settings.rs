//! The URL of the agent, and its tokens, from options and variables.

use crate::backend::aws::{VariableError, VariableReader};
use crate::model::inherited::Inherited;
use crate::model::url::HttpUrl;

#[derive(Clone, Debug)]
pub struct AgentSettings {
    pub url: HttpUrl,
    /// AWS_TOKEN: a token, or `file://` and the path of one.
    pub token: Option<String>,
    /// AWS_SESSION_TOKEN
    pub session_token: Option<String>,
    /// True for Lambda's extension, which reads parameters as well.
    pub in_lambda: bool,
    /// True with `--agent-fallback`.
    pub has_fallback: bool,
}

/// The default port of the agent and of Lambda's extension.
const PORT: u16 = 2773;

impl AgentSettings {
    /// Reads the variables that the agent's other clients read. The default of `url` is on this host.
    ///
    /// # Errors
    /// Every variable with an invalid value.
    pub fn new(url: Option<&HttpUrl>, has_fallback: bool, inherited: &Inherited) -> Result<Self, Vec<VariableError>> {
        let mut reader = VariableReader::new(inherited);
        let url = url.cloned().unwrap_or_else(|| {
            let port = |text: &str| text.parse().ok().filter(|port| *port > 0);
            let port = reader.parse("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", "a port, like 2773", port);
            HttpUrl::on_loopback(port.unwrap_or(PORT))
        });
        let settings = Self {
            url,
            token: reader.text("AWS_TOKEN"),
            session_token: reader.text("AWS_SESSION_TOKEN"),
            in_lambda: inherited.filled("AWS_LAMBDA_RUNTIME_API").is_some(),
            has_fallback,
        };
        reader.finish(settings)
    }
}
