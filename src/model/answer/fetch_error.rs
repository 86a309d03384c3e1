//! The reasons why a backend returns no document.
//!
//! A [`FetchError`] is made and worded where the failure is found, and stays as it is from there to
//! the report. Code decides on its [`Cause`] and on [`Again`], never on its text.

use std::io::ErrorKind;
use std::iter;
use std::path::PathBuf;
use std::time::Duration;

use super::cause::{Again, Cause, Denial, Mention, Missing, OutageKind, Refusal, Unsigned};
use crate::model::problem::{Problem, Status};
use crate::model::reference::{Region, Store};

/// A failed request, and the regions that it was sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchFailure {
    /// The first region that was asked. `None` if the request wasn't sent to a region.
    pub region: Option<Region>,
    pub error: FetchError,
    /// The `--local` file, if it was read instead of AWS.
    pub local_file: Option<PathBuf>,
    /// The fallback regions that were tried after `region`, with their errors.
    pub elsewhere: Vec<(Region, FetchError)>,
    /// The time for which secrets-exec tried with `--wait`.
    pub waited: Option<Duration>,
    /// Further facts. Each is a line of the message.
    pub notes: Vec<String>,
    /// The sources of the region and of the account, if the reference doesn't name them: `the
    /// region (from AWS_REGION) and the account`.
    pub default_region_and_account: Option<String>,
    /// The remedy for a missing region or missing credentials on a developer's machine: to choose a
    /// profile, if the files have profiles and none is chosen, or to use a file for `--local`.
    pub profile_advice: Option<String>,
    /// The profile of `--profile`, which a command of the AWS CLI needs, too.
    pub profile: Option<String>,
    /// If the secret doesn't exist, the most similar id in the local file, or otherwise the most
    /// similar alias.
    pub nearest: Option<Box<str>>,
}

impl FetchFailure {
    /// True if `--wait` tries again. Another try is only useful if every region has failed for a
    /// reason that can pass.
    pub fn is_waited_for(&self) -> bool {
        self.errors().all(|error| error.again.is_waited_for())
    }

    /// Returns the errors in all regions that were tried.
    pub fn errors(&self) -> impl Iterator<Item = &FetchError> {
        let elsewhere = self.elsewhere.iter().map(|(_, error)| error);
        iter::once(&self.error).chain(elsewhere)
    }

    /// True if the failure proves that the secret exists, so that its name isn't a password. The
    /// denial of a parameter doesn't prove anything, because it always has an ARN.
    pub fn proves_existence(&self, store: Store) -> bool {
        let cause = self.error.cause;
        let of_secret = match cause {
            Cause::Absent(Missing::Version) | Cause::Denied(Denial::Policy) => true,
            Cause::Denied(Denial::Metadata) => self.error.reason().contains("resource: arn:"),
            Cause::Absent(Missing::Secret)
            | Cause::Denied(_)
            | Cause::Outage(_)
            | Cause::Refused(_)
            | Cause::NoCredentials { .. }
            | Cause::NoRegion => false,
        };
        let of_any = matches!(
            cause,
            Cause::Denied(Denial::Key)
                | Cause::Refused(Refusal::MarkedForDeletion | Refusal::NoValue)
        );
        of_any || of_secret && (store == Store::SecretsManager || self.local_file.is_some())
    }

    /// True if AWS has answered the request, so that it has the name of the secret.
    pub fn was_answered(&self) -> bool {
        let has_answer = |error: &FetchError| match error.cause {
            Cause::Refused(Refusal::Agent) => false,
            Cause::NoCredentials { .. } => error.problem.code == CREDENTIALS_REFUSED,
            Cause::Absent(_)
            | Cause::Denied(_)
            | Cause::Outage(_)
            | Cause::Refused(_)
            | Cause::NoRegion => {
                matches!(error.mention, Mention::InHeadline(..)) || error.problem.aws_says.is_some()
            }
        };
        self.local_file.is_none() && self.errors().any(has_answer)
    }

    /// Creates the failure of a request to `region`, which is `None` if the request wasn't sent.
    pub fn new(region: Option<Region>, error: FetchError) -> Self {
        Self {
            region,
            error,
            local_file: None,
            elsewhere: Vec::new(),
            waited: None,
            notes: Vec::new(),
            default_region_and_account: None,
            profile_advice: None,
            profile: None,
            nearest: None,
        }
    }
}

/// The code of credentials that AWS has refused in its answer to the request itself.
pub const CREDENTIALS_REFUSED: &str = "credentials-refused";

/// The reason why there isn't a document.
///
/// It implements [`std::error::Error`], so that it can pass through the SDK's errors. As such, its
/// text is [`Self::sentence`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.sentence())]
pub struct FetchError {
    pub cause: Cause,
    pub again: Again,
    pub mention: Mention,
    /// The kind of the operating system's error, `TimedOut` if a time limit was reached, or
    /// `NotFound` if the host's name doesn't exist. `None` if the connection itself didn't fail,
    /// for example for an answer that violates HTTP or is too long.
    pub io_kind: Option<ErrorKind>,
    /// The message, without the parts that depend on the request.
    pub problem: Box<Problem>,
}

impl FetchError {
    /// Creates a failure with a headline of its own. Everything else gets the default of its cause.
    pub fn new(cause: Cause, text: impl Into<String>) -> Self {
        let facts = cause.facts();
        let problem = Problem::new(facts.status, text).code(facts.code);
        Self {
            cause,
            again: facts.again,
            mention: facts.mention,
            io_kind: None,
            problem: Box::new(problem),
        }
    }

    /// Creates an outage with a headline of its own.
    pub fn outage(kind: OutageKind, text: impl Into<String>) -> Self {
        Self::new(Cause::Outage(kind), text)
    }

    /// Creates the outage for an answer that can't be used. `why` completes "the request got …", as
    /// in "a response that cannot be read".
    pub fn malformed(why: &str) -> Self {
        Self::outage(OutageKind::MalformedResponse, format!("got {why}"))
    }

    /// Creates the outage for a request that the deadline interrupted.
    pub fn unanswered(host: &str) -> Self {
        Self::outage(OutageKind::Timeout, format!("{host} didn't answer in time"))
    }

    /// Creates a refusal with a headline of its own.
    pub fn refused(refusal: Refusal, text: impl Into<String>) -> Self {
        Self::new(Cause::Refused(refusal), text)
    }

    /// Creates the failure of a source that doesn't have credentials.
    pub fn without_credentials(text: impl Into<String>, again: Again) -> Self {
        Self {
            again,
            ..Self::new(Cause::NoCredentials(Unsigned::Failed), text)
        }
    }

    /// Creates the failure of credentials, a role or a token that is refused. `code` is the code in
    /// `check`.
    pub fn credentials_refused(code: &'static str, text: impl Into<String>) -> Self {
        let mut error = Self::without_credentials(text, Again::Never);
        error.problem.code = code;
        error
    }

    /// Sets the exit status of a temporary failure, because the source of credentials didn't
    /// answer, so that a later launch may succeed.
    #[must_use]
    pub fn temporary(mut self) -> Self {
        self.problem.status = Status::Temporary;
        self
    }

    /// Sets the remedy, and replaces an earlier one.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.problem.help = Some(help.into());
        self
    }

    /// Sets AWS's message. In most cases, the headline is the usual one for the cause.
    #[must_use]
    pub fn aws_says(mut self, message: impl Into<String>) -> Self {
        self.problem.aws_says = Some(message.into());
        self
    }

    /// Sets AWS's message, and its detail, from the failure that this one explains.
    #[must_use]
    pub fn explaining(mut self, other: Self) -> Self {
        let Problem {
            text,
            aws_says,
            detail,
            ..
        } = *other.problem;
        self.problem.aws_says = aws_says.or(Some(text));
        self.problem.detail = detail;
        self
    }

    /// Puts a sentence about what failed before an outage, because the request wasn't the one for
    /// the secret: `the role "…" couldn't be assumed`.
    #[must_use]
    pub fn with_headline(mut self, headline: &str) -> Self {
        self.problem.text = format!("{headline}: {}", self.sentence());
        self.problem.aws_says = None;
        self.mention = Mention::InEntries;
        self
    }

    /// Returns AWS's message or, without one, the headline.
    pub fn reason(&self) -> &str {
        let Problem { text, aws_says, .. } = &*self.problem;
        aws_says.as_ref().unwrap_or(text)
    }

    /// Returns the reason as a sentence that can be read without the name of the secret, and
    /// without the id of the request.
    pub fn sentence(&self) -> String {
        match (self.mention, &self.problem.aws_says) {
            (Mention::InEntries, Some(_)) | (Mention::InHeadline(..), _) => {
                self.cause.facts().sentence.replace("{}", self.reason())
            }
            (Mention::InEntries, None) | (Mention::Nowhere, _) => self.problem.text.clone(),
        }
    }

    /// True if the service itself answered that the value is absent or that access is denied. Such
    /// an answer removes the cached one. Credentials that are missing, expired or refused, and a
    /// role that isn't assumed, say nothing about the value, so the cached answer stays.
    pub fn withholds_value(&self) -> bool {
        matches!(
            self.cause,
            Cause::Absent(_)
                | Cause::Denied(Denial::Policy | Denial::PolicyOrMissing | Denial::Key)
                | Cause::Refused(Refusal::MarkedForDeletion | Refusal::NoValue)
        )
    }
}

/// Creates the failure with the usual headline of its cause.
impl From<Cause> for FetchError {
    fn from(cause: Cause) -> Self {
        Self::new(cause, cause.facts().headline)
    }
}
