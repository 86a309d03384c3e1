//! The client that sends the requests, and the actions that they are.

/// The action of GetSecretValue.
pub const GET_SECRET: &str = "secretsmanager:GetSecretValue";

/// The client whose requests need the permissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// secrets-exec itself.
    Launch,
    /// The AWS Secrets Manager Agent; with `has_fallback` also secrets-exec.
    Agent { has_fallback: bool },
}

impl Reader {
    /// The actions that read a secret. The agent looks for new versions by DescribeSecret.
    pub fn secret_actions(self, describe: bool) -> Vec<&'static str> {
        let describes = describe || matches!(self, Self::Agent { .. });
        let describe = describes.then_some("secretsmanager:DescribeSecret");
        describe.into_iter().chain([GET_SECRET]).collect()
    }
}
