//! The parts of the message that all failed requests have.

use crate::model::answer::circumstances::{CallerAccount, Circumstances, LookedUp};
use crate::model::answer::fetch_error::{Again, FetchFailure, Mention};
use crate::model::entry::Subject;
use crate::model::problem::Status;
use crate::model::reference::{Locator, SecretRef, Store};
use crate::model::shown::shell_word;

pub struct FailedRequest<'a> {
    pub failure: &'a FetchFailure,
    pub circumstances: &'a Circumstances,
    pub reference: &'a SecretRef,
    pub locator: &'a Locator,
    pub subject: &'a Subject,
}

impl FailedRequest<'_> {
    /// The region and the account in which the secret was looked up: `the region (us-east-1, from
    /// AWS_REGION) and the account (123456789012)`. If they aren't the defaults, the parentheses
    /// are left out.
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

    /// The place where the secret was looked for, for the end of a headline: ` in us-east-1`.
    pub fn location(&self) -> String {
        match (&self.circumstances.local_file, &self.failure.region) {
            (Some(file), _) => format!(" in {}", file.display()),
            (None, Some(region)) => format!(" in {region}"),
            (None, None) => String::new(),
        }
    }

    /// The command of the AWS CLI that applies `operation`, such as `ssm get-parameter-history`, to
    /// the secret or parameter.
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

/// The facts that failures with the same cause share, unless a failure says otherwise.
pub struct CauseFacts {
    pub code: &'static str,
    /// The exit status of a launch that needs the document. If `--wait` has run out of time, the
    /// status is [`Status::Temporary`] instead.
    pub status: Status,
    /// True if the service itself answered that there is no value, that the secret is marked for
    /// deletion, or that access is denied. After such an answer, the cached answer is removed.
    /// Other failures, such as refused credentials or a denied description, say nothing about the
    /// value, so the cached answer stays.
    pub withholds_value: bool,
    pub again: Again,
    pub mention: Mention,
    /// The headline or, if the headline begins with the secret, the text after the secret. Empty if
    /// the headline differs from failure to failure.
    pub headline: &'static str,
    /// The failure as a sentence that can be read without the name of the secret. `{}` stands for
    /// AWS's message or, without one, for the headline.
    pub sentence: &'static str,
    /// The remedy, unless the failure has a more specific one (`FetchError::general_remedy`).
    pub remedy: &'static str,
}

/// The facts of a failure that has nothing to do with a particular secret, and after which the same
/// request would fail again.
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

/// The facts of a failure whose reason lies in the secret itself.
pub const OF_SECRET: CauseFacts = CauseFacts {
    withholds_value: true,
    mention: Mention::AsSubject,
    sentence: "it {}",
    ..GENERAL
};
