//! Messages of `migrate`: errors of its file and of the secret, and what was done. They name variables, and never a value.

mod names;
mod notices;

pub use notices::{file_notices, left_to_do, not_declared, outcome, without_effect};

use super::exit_status::{CONFIGURATION, TEMPORARY};
use super::fetch_errors::fetching;
use super::line::{Label, Line};
use super::resolve_errors::{fetch_status, secret};
use crate::input::env_file::{EnvFileError, EnvFileProblem, Nothing};
use crate::model::answer::{Denial, FetchError, FetchFailure};
use crate::model::migration::{MOST_BYTES, MigrationError, NotMergeable, Operation, Unsuitable};
use crate::model::reference::{Locator, SecretRef, Selector};
use names::joined;

/// The state after a creation without an answer.
pub const MAYBE_CREATED: &str = "it may have been created all the same; run this again with --update";

/// The state after a change without an answer.
pub const MAYBE_CHANGED: &str = "it may have been changed all the same; run this again with --update";

pub fn status(error: &MigrationError) -> u8 {
    match error {
        MigrationError::Request { failure, .. } => fetch_status(&failure.error),
        MigrationError::Overtaken => TEMPORARY,
        MigrationError::Unsuitable(_) => CONFIGURATION,
    }
}

pub fn env_file(error: &EnvFileError) -> Vec<Line> {
    let EnvFileError { path, line, problem } = error;
    let (what, hint) = match problem {
        EnvFileProblem::Unreadable(failure) => (format!("cannot be read: {}", failure.why), None),
        EnvFileProblem::NotUtf8 => ("is not UTF-8".to_owned(), None),
        EnvFileProblem::Syntax(why) => (why.clone(), None),
        EnvFileProblem::NotAnObject => ("expected a JSON object".to_owned(), None),
        EnvFileProblem::Nested(key) => {
            let hint = "move such a value by hand; a reference finds what is in it by a JSONPath, as in prod/app:$.a.b";
            (format!("{key}: expected text, a number or a boolean"), Some(hint))
        }
        EnvFileProblem::IllegalName => {
            let what = "expected a name of letters, digits and underscores, which does not begin with a digit";
            (what.to_owned(), Some("correct the name, or choose the others with --only"))
        }
        EnvFileProblem::Pem => {
            let what = "only the first line of this PEM is the value, and the others are taken for names";
            (what.to_owned(), Some("put the whole of it in quotes"))
        }
        EnvFileProblem::TooLarge(most) => {
            (format!("has more than {most} bytes, and a secret at most {MOST_BYTES}"), Some("split the file"))
        }
        EnvFileProblem::Nul(name) => {
            let hint = "remove it, or choose the others with --only";
            (format!("{name}: the value has a NUL byte, which a variable cannot hold"), Some(hint))
        }
        EnvFileProblem::Nothing(Nothing::LeftOut) => {
            let hint = "AWS_*, SECRETS_EXEC_* and PATH are never moved";
            ("there is no other variable to move".to_owned(), Some(hint))
        }
        EnvFileProblem::Nothing(Nothing::NotChosen) => ("no variable has a name that matches --only".to_owned(), None),
        EnvFileProblem::Nothing(Nothing::Empty) => ("there is no variable to move".to_owned(), None),
    };
    let line = line.map(|line| format!(":{line}")).unwrap_or_default();
    let error = Line::error(format!("{}{line}: {what}", path.display()));
    std::iter::once(error).chain(hint.map(Line::help)).collect()
}

pub fn lines(locator: &Locator, error: &MigrationError) -> Vec<Line> {
    let (what, hint) = match error {
        MigrationError::Request { operation, failure } => return request(locator, *operation, failure),
        MigrationError::Overtaken => (
            "another program changed it at the same time, and it does not have all of the values now".to_owned(),
            "run this again with --update",
        ),
        MigrationError::Unsuitable(reason) => {
            let (what, hint) = unsuitable(reason);
            (format!("{what}; nothing was changed"), hint)
        }
    };
    vec![Line::error(format!("{}: {what}", secret(locator, locator.region.as_ref()))), Line::help(hint)]
}

/// The message about a secret that does not suit the options or the file.
fn unsuitable(reason: &Unsuitable) -> (String, &'static str) {
    let (what, hint) = match reason {
        Unsuitable::Exists => {
            ("exists already", "add --update to add the variables to its JSON object, or name another secret")
        }
        Unsuitable::Unread => (
            "exists, and no value of it can be read yet",
            "run this again with --update; a secret that never had a value needs one first: aws secretsmanager put-secret-value \
             --secret-string {}",
        ),
        Unsuitable::NoSuchArn => ("does not exist", "a secret is created by its name; AWS chooses the ARN"),
        Unsuitable::ArnWithoutUpdate => {
            ("an ARN names a secret that exists", "add --update, or create a secret by its name")
        }
        Unsuitable::NotMergeable(NotMergeable::Text) => (
            "its value is no JSON object that secrets-exec can read, so nothing can be added to it",
            "name another secret",
        ),
        Unsuitable::NotMergeable(NotMergeable::Binary) => {
            ("its value is binary, which other programs may depend on", "name another secret")
        }
        Unsuitable::OtherValues(names) => {
            let has = if names.len() == 1 { "has another value" } else { "have other values" };
            let hint = "add --overwrite to replace what is there, or choose the others with --only";
            return (format!("{} {has} there", joined(names)), hint);
        }
        Unsuitable::TooLarge(bytes) => {
            let hint = "move a part with --only to this secret, and the others to another";
            return (format!("it would have {bytes} bytes, and AWS allows {MOST_BYTES}"), hint);
        }
    };
    (what.to_owned(), hint)
}

fn request(locator: &Locator, operation: Operation, failure: &FetchFailure) -> Vec<Line> {
    let reference = SecretRef { locator: locator.clone(), selector: Selector::Whole };
    let (what, hints) = fetching(&failure.error, Some(&reference), false, &[], None);
    let place = match &failure.error {
        FetchError::NoCredentials(_) | FetchError::NoRegion => String::new(),
        FetchError::NotFound { .. }
        | FetchError::Denied { .. }
        | FetchError::Unavailable(_)
        | FetchError::Refused(_) => format!("{}: ", secret(locator, failure.region.as_ref())),
    };
    let permission = denial(operation, &failure.error).or_else(|| no_region(&failure.error));
    let hints = hints.into_iter().filter(|line| permission.is_none() || line.label != Label::Help);
    let after = left_open(operation, matches!(failure.error, FetchError::Unavailable(_)));
    let what = Line::error(format!("{place}{what}"));
    std::iter::once(what).chain(hints).chain(permission.map(Line::help)).chain(after.map(Line::note)).collect()
}

/// The ways to name a region, in place of those of a launch.
fn no_region(error: &FetchError) -> Option<&'static str> {
    matches!(error, FetchError::NoRegion).then_some("set --region or AWS_REGION, or choose a profile that has a region")
}

/// Returns the help for a failure after which the secret may have been created or changed.
fn left_open(operation: Operation, is_outage: bool) -> Option<&'static str> {
    match operation {
        Operation::Create { .. } if is_outage => Some(MAYBE_CREATED),
        Operation::Put if is_outage => Some(MAYBE_CHANGED),
        Operation::ReadBack => Some("the secret is written, and could not be read back; run this again with --update"),
        Operation::Read | Operation::Create { .. } | Operation::Put => None,
    }
}

/// The permissions that an operation lacks, in place of those of a launch.
fn denial(operation: Operation, error: &FetchError) -> Option<&'static str> {
    let FetchError::Denied { cause, .. } = error else { return None };
    match (cause, operation) {
        (Denial::Policy | Denial::PolicyOrMissing, Operation::Create { has_tags: false }) => {
            Some("allow this identity to perform secretsmanager:CreateSecret on it; docs/migrating.md has the policy")
        }
        (Denial::Policy | Denial::PolicyOrMissing, Operation::Create { has_tags: true }) => Some(
            "allow this identity to perform secretsmanager:CreateSecret and secretsmanager:TagResource on it; \
             docs/migrating.md has the policy",
        ),
        (Denial::Policy | Denial::PolicyOrMissing, Operation::Put) => {
            Some("allow this identity to perform secretsmanager:PutSecretValue on it; docs/migrating.md has the policy")
        }
        (Denial::Policy, Operation::Read | Operation::ReadBack) | (Denial::PolicyOrMissing, Operation::ReadBack) => {
            Some("allow this identity to perform secretsmanager:GetSecretValue on it; docs/migrating.md has the policy")
        }
        (Denial::PolicyOrMissing, Operation::Read) => Some(
            "allow this identity to perform secretsmanager:GetSecretValue on it (docs/migrating.md has the policy); AWS \
             also answers this if the secret does not exist: --apply without --update creates it without reading it before",
        ),
        (Denial::Key, Operation::Create { .. } | Operation::Put) => Some(
            "allow this identity to perform kms:GenerateDataKey and kms:Decrypt on its key, and check that the key is \
             enabled",
        ),
        (Denial::Key, Operation::Read | Operation::ReadBack)
        | (Denial::Credentials | Denial::Token | Denial::Role, _) => None,
    }
}
