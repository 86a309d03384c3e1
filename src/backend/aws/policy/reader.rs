//! The client that sends the requests, and the actions that they are.

/// The action of GetSecretValue.
pub const GET_SECRET: &str = "secretsmanager:GetSecretValue";

/// The client whose requests need the permissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// secrets-exec itself.
    Launch,
    /// The AWS Secrets Manager Agent or Lambda's extension; with `has_fallback` also secrets-exec.
    Agent { in_lambda: bool, has_fallback: bool },
}

impl Reader {
    /// The actions that read a secret. The agent looks for new versions by DescribeSecret; Lambda's extension does not.
    pub fn secret_actions(self, describe: bool) -> Vec<&'static str> {
        let describes = describe || matches!(self, Self::Agent { in_lambda: false, .. });
        let describe = describes.then_some("secretsmanager:DescribeSecret");
        describe.into_iter().chain([GET_SECRET]).collect()
    }

    /// The actions that read a parameter. Lambda's extension reads one in each request.
    pub fn parameter_actions(self) -> &'static [&'static str] {
        match self {
            Self::Launch => &["ssm:GetParameters"],
            Self::Agent { has_fallback: false, .. } => &["ssm:GetParameter"],
            Self::Agent { has_fallback: true, .. } => &["ssm:GetParameter", "ssm:GetParameters"],
        }
    }
}
