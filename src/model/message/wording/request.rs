//! The parts that messages about all kinds of failed requests share.

use crate::model::entry::Subject;
use crate::model::message::circumstances::{CallerAccount, Circumstances, LookedUp};
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
    /// Names the region and account where the secret was looked up.
    ///
    /// For example, `the region (us-east-1, from AWS_REGION) and the account (123456789012)`. The
    /// parentheses are left out if the secret has a region or role of its own, or if the defaults
    /// aren't known.
    pub fn region_and_account(&self) -> String {
        let Some(LookedUp {
            region_place,
            account,
        }) = self.circumstances.looked_up(self.locator)
        else {
            return "the region and the account".to_owned();
        };
        let region = self
            .failure
            .region
            .as_ref()
            .map_or(String::new(), |region| format!("{region}, "));
        let place = match region_place {
            Some(place) => place.to_string(),
            None => "the instance metadata".to_owned(),
        };
        let account = match account {
            CallerAccount::Id(id) => id.clone(),
            CallerAccount::OfCredentials(origin) => format!("from {origin}"),
        };
        format!("the region ({region}from {place}) and the account ({account})")
    }

    /// Names the local file or the region where the secret was looked up, for the end of a
    /// headline: ` in us-east-1`. Empty if neither is known.
    pub fn location(&self) -> String {
        match (&self.circumstances.local_file, &self.failure.region) {
            (Some(file), _) => format!(" in {}", file.display()),
            (None, Some(region)) => format!(" in {region}"),
            (None, None) => String::new(),
        }
    }

    /// Builds an AWS CLI command for this secret or parameter. `operation` is the part after `aws`,
    /// such as `ssm get-parameter-history`.
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

/// The facts that failures with the same cause share. A single failure can override some of them.
pub struct CauseFacts {
    pub code: &'static str,
    /// The exit status of secrets-exec if the command needs the value. After `--wait` has run out,
    /// every cause has the status [`Status::Temporary`] instead.
    pub status: Status,
    /// True if the cache must delete its copy of the secret after this failure.
    ///
    /// That is so if AWS's answer says that the secret has no value, is marked for deletion or
    /// doesn't exist, or that access is denied. Other failures, such as expired credentials, say
    /// nothing about the value.
    pub withholds_value: bool,
    pub again: Again,
    pub mention: Mention,
    /// The headline, or just the part after the secret's name if the headline contains the name:
    /// `has no value`. Empty if every failure has a headline of its own.
    pub headline: &'static str,
    /// Describes the failure in a sentence that doesn't name the secret. `{}` stands for AWS's
    /// message or, without a message, for the headline.
    pub sentence: &'static str,
    /// Advice for failures that have no help text of their own. Empty if no advice fits every
    /// failure with this cause.
    pub remedy: &'static str,
}

/// The defaults for all causes. They suit a failure that doesn't concern a particular secret, and
/// that would recur if the request were repeated.
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

/// The defaults for failures that are caused by the secret itself.
pub const OF_SECRET: CauseFacts = CauseFacts {
    withholds_value: true,
    mention: Mention::AsSubject,
    sentence: "it {}",
    ..GENERAL
};
