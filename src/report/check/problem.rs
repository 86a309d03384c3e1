//! Failures in few words, for a cell of the table, each with the code that `--json` prints.

use crate::model::answer::{CredentialsError, Denial, FetchError, Missing, Outage, Refusal, Wanted};
use crate::model::environment::EnvironmentError;
use crate::model::reference::Store;
use crate::resolve::{Absent, EnvFromError, ExtractError, RenderError, ResolveProblem};

/// The kind of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Problem {
    /// A code of `docs/check.md`, which does not change.
    pub code: &'static str,
    pub text: &'static str,
}

const fn problem(code: &'static str, text: &'static str) -> Problem {
    Problem { code, text }
}

/// A file that cannot be delivered.
pub const UNDELIVERABLE: Problem = problem("not-deliverable", "not deliverable");

/// A value that no variable, or no credential, can hold.
pub const TOO_LONG: Problem = problem("too-long", "too long");

const NO_KEY: Problem = problem("key-not-found", "no such key");
const NULL: Problem = problem("null", "null");
const NOT_AN_OBJECT: Problem = problem("not-an-object", "not an object");

impl Problem {
    /// Returns the kind of a failed resolution.
    pub fn of_resolution(error: &ResolveProblem, store: Option<Store>) -> Self {
        match error {
            ResolveProblem::Fetch(failure) => Self::of_fetch(&failure.error, store),
            ResolveProblem::Extract { error, .. } => extraction(error),
            ResolveProblem::EnvFrom { error, .. } => match error {
                EnvFromError::Extract(error) => extraction(error),
                EnvFromError::NotAnObject(_) => NOT_AN_OBJECT,
                EnvFromError::NoKey { .. } => NO_KEY,
                EnvFromError::Null(_) => NULL,
                EnvFromError::Name { .. } => problem("variable-name", "refused name"),
                EnvFromError::Clash { .. } => problem("same-name", "same name twice"),
            },
            ResolveProblem::Render { error, .. } => match error {
                RenderError::Absent { .. } => NO_KEY,
                RenderError::NotAnObject { .. } => NOT_AN_OBJECT,
                RenderError::NotText { .. } => problem("not-text", "not text"),
                RenderError::Failed { .. } => problem("template", "template failed"),
            },
            ResolveProblem::NotBase64 => problem("not-base64", "not base64"),
        }
    }

    /// Returns the kind of a failed request.
    pub fn of_fetch(error: &FetchError, store: Option<Store>) -> Self {
        match error {
            FetchError::NotFound { missing: Missing::Secret, .. } => match store {
                Some(Store::ParameterStore) => problem("not-found", "no such parameter"),
                Some(Store::SecretsManager) | None => problem("not-found", "no such secret"),
            },
            FetchError::NotFound { missing: Missing::Version, .. } => problem("version-not-found", "no such version"),
            FetchError::Denied { cause, .. } => match cause {
                Denial::Policy | Denial::PolicyOrMissing => problem("denied", "denied"),
                Denial::Key => problem("kms-denied", "KMS key denied"),
                Denial::Credentials => problem("credentials-refused", "credentials refused"),
                Denial::Token => problem("token-refused", "token refused"),
                Denial::Role => problem("role-denied", "role denied"),
            },
            FetchError::Unavailable(outage) => match outage {
                Outage::Throttled(_) => problem("throttled", "throttled"),
                Outage::Service(_) => problem("service-failure", "AWS failed"),
                Outage::Timeout(_) => problem("timeout", "timed out"),
                Outage::Connection(_) => problem("unreachable", "not reachable"),
                Outage::MalformedResponse(_) => problem("malformed-response", "malformed response"),
                Outage::ClockSkew(_) => problem("clock-skew", "wrong clock"),
            },
            FetchError::Refused(refusal) => match refusal {
                Refusal::MarkedForDeletion => problem("marked-for-deletion", "marked for deletion"),
                Refusal::NoValue => problem("no-value", "no value"),
                Refusal::TrustStore(_) | Refusal::Certificate { .. } => problem("certificate", "untrusted certificate"),
                Refusal::Proxy { .. } => problem("proxy", "refused by proxy"),
                Refusal::Agent(_) => problem("agent", "not through the agent"),
                Refusal::Request(_) | Refusal::Status(_) => problem("refused", "refused"),
            },
            FetchError::NoCredentials(CredentialsError { what: Wanted::Credentials, .. }) => {
                problem("no-credentials", "no credentials")
            }
            FetchError::NoCredentials(CredentialsError { what: Wanted::Token, .. }) => problem("no-token", "no token"),
            FetchError::NoRegion => problem("no-region", "no region"),
        }
    }

    /// Returns the kind of a value that the environment cannot hold.
    pub fn of_environment(error: &EnvironmentError) -> Self {
        match error {
            EnvironmentError::Nul(_) => problem("nul-byte", "has a NUL byte"),
            EnvironmentError::TooLong { .. } | EnvironmentError::TotalTooLong { .. } => TOO_LONG,
        }
    }
}

fn extraction(error: &ExtractError) -> Problem {
    match error {
        ExtractError::Absent(Absent::Key { .. } | Absent::Node { .. }) => NO_KEY,
        ExtractError::Absent(Absent::Null) => NULL,
        ExtractError::NotJson { .. } => problem("not-json", "not JSON"),
        ExtractError::NotAnObject(_) => NOT_AN_OBJECT,
        ExtractError::Several { .. } => problem("several-matches", "several matches"),
        ExtractError::BadPath => problem("path", "path failed"),
    }
}
