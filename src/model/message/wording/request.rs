//! The parts that messages about all kinds of failed requests share.

use crate::model::entry::Subject;
use crate::model::message::circumstances::Circumstances;
use crate::model::message::fetch_error::{Again, FetchError, Mention};
use crate::model::message::problem::Status;
use crate::model::reference::{Locator, SecretRef, Store};
use crate::model::shown::shell_word;

pub struct FailedRequest<'a> {
    pub failure: &'a FetchError,
    pub circumstances: &'a Circumstances,
    pub reference: &'a SecretRef,
    pub locator: &'a Locator,
    pub subject: &'a Subject,
}

impl FailedRequest<'_> {
    /// `the region (us-east-1, from AWS_REGION) and the account (123456789012)`. The parentheses
    /// are left out if the secret has a region or role of its own, or if the defaults aren't known.
    pub fn region_and_account(&self) -> String {
        let Some(defaults) = self.circumstances.defaults_for(self.locator) else {
            return "the region and the account".to_owned();
        };
        let source = &defaults.region_source;
        let region = match &self.failure.region {
            Some(region) => format!("{region}, from {source}"),
            None => format!("from {source}"),
        };
        let account = &defaults.account;
        format!("the region ({region}) and the account ({account})")
    }

    /// The local file or the region, for the end of a headline: ` in us-east-1`.
    pub fn location(&self) -> String {
        match (&self.circumstances.local_file, &self.failure.region) {
            (Some(file), _) => format!(" in {}", file.display()),
            (None, Some(region)) => format!(" in {region}"),
            (None, None) => String::new(),
        }
    }

    /// An AWS CLI command for this secret or parameter. `operation` is `ssm get-parameter-history`,
    /// for example.
    pub fn aws_command(&self, operation: &str) -> String {
        let mut command = format!("aws {operation}");
        if let Some(region) = &self.failure.region {
            command += &format!(" --region {region}");
        }
        if let Some(profile) = &self.circumstances.profile {
            command += &format!(" --profile {}", shell_word("NAME", profile));
        }
        let id = self.locator.id.to_string();
        let (option, placeholder) = match self.locator.store {
            Store::SecretsManager => ("--secret-id", "SECRET"),
            Store::ParameterStore => ("--name", "NAME"),
        };
        format!("{command} {option} {}", shell_word(placeholder, &id))
    }
}

/// The facts that failures with the same cause share, unless one overrides them.
pub struct CauseFacts {
    pub code: &'static str,
    /// The exit status if the command needs the value. After `--wait` has run out, it is always
    /// [`Status::Temporary`].
    pub status: Status,
    /// True if the cache must delete its copy of the secret: AWS says that it has no value, is
    /// marked for deletion or doesn't exist, or that access is denied. Other failures, such as
    /// expired credentials, say nothing about the value.
    pub withholds_value: bool,
    pub again: Again,
    pub mention: Mention,
    /// The headline, or the part after the secret's name: `has no value`. Empty if every failure
    /// has a headline of its own.
    pub headline: &'static str,
    /// A sentence that doesn't name the secret. `{}` stands for AWS's message or, without one, the
    /// headline.
    pub sentence: &'static str,
    /// Advice for failures without help of their own. Empty if no advice fits them all.
    pub remedy: &'static str,
}

/// The facts for failures that don't concern a particular secret, and that would occur again.
pub const GENERAL: CauseFacts = CauseFacts {
    code: "refused",
    status: Status::Configuration,
    withholds_value: false,
    again: Again::Never,
    mention: Mention::Nowhere,
    headline: "",
    sentence: "{}",
    remedy: "",
};

/// The facts for failures that the secret itself causes.
pub const OF_SECRET: CauseFacts = CauseFacts {
    withholds_value: true,
    mention: Mention::AsSubject,
    sentence: "it {}",
    ..GENERAL
};
