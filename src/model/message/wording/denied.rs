//! The wording of messages about access that AWS denies.

use super::request::{CauseFacts, FailedRequest, GENERAL};
use crate::model::message::fetch_error::{
    CREDENTIALS_REFUSED, Denial, Mention, Operation, PolicyDenial,
};
use crate::model::message::problem::{Status, as_sentences};
use crate::model::reference::Store;

const DENIED: CauseFacts = CauseFacts {
    code: "denied",
    status: Status::Denied,
    mention: Mention::InHeadline("access to "),
    headline: "was denied",
    sentence: "access denied: {}",
    ..GENERAL
};

/// The wording and exit status of each denial.
pub(super) fn facts(denial: Denial) -> CauseFacts {
    match denial {
        // As printed: access to the secret "prod/db" was denied
        // As printed: access to the parameter "/prod/level" was denied
        Denial::Policy(operation) | Denial::PolicyOrMissing(operation) => CauseFacts {
            withholds_value: operation == Operation::Read,
            ..DENIED
        },
        // As printed: access to the secret "prod/db" was denied by KMS
        Denial::Key => CauseFacts {
            code: "kms-denied",
            withholds_value: true,
            headline: "was denied by KMS",
            ..DENIED
        },
        // The credentials of the Secrets Manager Agent. If AWS refuses our own, the cause is
        // `NoCredentials`.
        Denial::Credentials(_) => CauseFacts {
            code: CREDENTIALS_REFUSED,
            remedy: "renew the AWS credentials of the Secrets Manager Agent, which AWS doesn't accept",
            ..DENIED
        },
    }
}

impl FailedRequest<'_> {
    /// The help if a permission for the caller isn't enough, because a policy explicitly denies the
    /// request, or another policy, such as the organization's, must allow it, too.
    pub(super) fn policy_help(&self) -> Option<String> {
        Some(match self.failure.denied_by? {
            PolicyDenial::Explicit(kind) => format!(
                "an administrator has to change the {kind}: no other policy can override its explicit deny"
            ),
            PolicyDenial::Implicit(kind) => {
                format!("an administrator has to allow the action in the {kind}, too")
            }
        })
    }

    /// Names the permission that the caller needs.
    pub(super) fn permission_help(&self, denial: Denial) -> String {
        use Operation::{Describe, Read};
        use Store::{ParameterStore, SecretsManager};
        let operation = match denial {
            Denial::Policy(operation) | Denial::PolicyOrMissing(operation) => operation,
            Denial::Credentials(_) => return facts(denial).remedy.to_owned(),
            Denial::Key => {
                return "allow the caller to use kms:Decrypt on its key, and check that the key is enabled".to_owned();
            }
        };
        let store = self.locator.store;
        let (action, option) = match (operation, store) {
            (Describe, _) => ("secretsmanager:DescribeSecret", " --metadata"),
            (Read, ParameterStore) if self.locator.is_path() => (
                "ssm:GetParametersByPath on the path and on everything below it",
                "",
            ),
            (Read, ParameterStore) => ("ssm:GetParameters", ""),
            (Read, SecretsManager) => ("secretsmanager:GetSecretValue", ""),
        };
        let policy = format!("secrets-exec policy{option} prints a policy");
        let allow = format!("allow the caller to use {action} ({policy})");
        // For an existing secret, AWS's message would contain the ARN. It doesn't, so the name may
        // be wrong. For a parameter, the message is the same whether or not the parameter exists.
        if denial == Denial::PolicyOrMissing(Read) && store == SecretsManager {
            let check = self.what_to_check();
            let why = "because AWS also denies access to a secret that doesn't exist";
            let help = format!("check {check}, {why}. If it exists, {allow}");
            return match self.empty_piece_hint() {
                Some(hint) => as_sentences(&hint, &help),
                None => help,
            };
        }
        allow
    }
}
