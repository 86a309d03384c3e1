//! Credentials: each source in AWS's own order, each with the reason why it gave none.

use std::error::Error;

use aws_config::ecs::EcsCredentialsProvider;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::web_identity_token::WebIdentityTokenCredentialsProvider;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError as SourceError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_smithy_runtime_api::client::result::ConnectorError;

use super::imds::Instance;
use super::profile::ProfileCredentials;
use super::validation::unusable;
use crate::backend::aws::config::Settings;
use crate::backend::aws::protocol::{classify_provider_error, text_of};
use crate::model::answer::{CredentialsError, FetchError, Refusal, Wanted};
use crate::model::library_text::{is_metadata_forbidden, is_sso_token_error};
use crate::model::reference::Region;
use crate::net::errors::{find_source, is_timeout};
use crate::time::deadline::Deadline;
use crate::time::retry::{Retry, RetryBudget};

/// What the SDK's sources of credentials read: one configuration for what is asked over the network, one for what serves
/// metadata next to this machine. Each search gets new ones, since they keep what they have read of files.
pub struct Configs {
    pub far: ProviderConfig,
    pub near: ProviderConfig,
    /// Whether the instance's metadata has been asked before, and has not answered.
    pub is_silent: bool,
}

/// Asks each source in turn. The first that has credentials gives them; one that is set up but fails ends the search, as in
/// every AWS tool: going on could mean reading with another identity than the one that was meant. What may pass is asked
/// again until the time is over, STS each time in the next of the regions.
pub async fn find(
    settings: &Settings,
    regions: &[Region],
    configs: impl Fn(&Region) -> Configs,
    budget: &RetryBudget,
    deadline: &Deadline,
) -> Result<Credentials, FetchError> {
    let mut last = CredentialsError { what: Wanted::Credentials, tried: Vec::new(), temporary: true, waited: None };
    for (attempts, region) in (1..).zip(regions.iter().cycle()) {
        // In the first round a region that hangs leaves time for the next.
        let untried = (regions.len() + 1).saturating_sub(attempts).max(1);
        let (error, lack) = match search(settings, &configs(region), &budget.share(untried)).await {
            Ok(credentials) => return Ok(credentials),
            Err(Ended::Refused(refusal)) => return Err(FetchError::Refused(refusal)),
            Err(Ended::Lacking(error, lack)) => (error, lack),
        };
        if let Some((source, why)) = error.tried.last() {
            deadline.note_wait_reason(&format!("{source}: {why}"));
        }
        // That the time was over tells less than what was wrong before.
        if lack != Lack::Late || last.tried.is_empty() {
            last = error;
        }
        let may_come = match lack {
            Lack::Outage | Lack::Late => true,
            Lack::Nothing | Lack::Silence | Lack::Defect => deadline.is_waiting(),
            Lack::Wrong => false,
        };
        // Each region has as many attempts as there may be.
        let rounds = u32::try_from(attempts / regions.len()).unwrap_or(u32::MAX);
        if !(may_come && budget.pause(rounds, None, None).await) {
            break;
        }
    }
    let waited = settings.wait.filter(|_| deadline.is_waiting() && budget.is_spent());
    Err(FetchError::NoCredentials(CredentialsError { temporary: last.temporary || waited.is_some(), waited, ..last }))
}

/// How a search ended without credentials.
enum Ended {
    Lacking(CredentialsError, Lack),
    /// A certificate, or the roots that it is held against, will be the same next time.
    Refused(Refusal),
}

/// Why a source has no credentials, and what that means for the search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lack {
    /// It is not set up: the next one is asked.
    Nothing,
    /// It may be there and said nothing: the next one is asked, and trying later may help.
    Silence,
    /// It is set up and cannot work as things are: the search ends.
    Defect,
    /// It is set up in a way that cannot work, whatever comes.
    Wrong,
    /// It is set up and may work later: the search ends, and begins again while there is time.
    Outage,
    /// It did not answer before all time was over: the search ends.
    Late,
}

async fn search(settings: &Settings, configs: &Configs, budget: &RetryBudget) -> Result<Credentials, Ended> {
    let mut tried = Vec::new();
    let mut temporary = false;
    let ended = |tried, temporary, lack| {
        let error = CredentialsError { what: Wanted::Credentials, tried, temporary, waited: None };
        Err(Ended::Lacking(error, lack))
    };
    for source in sources(settings, configs) {
        let (why, lack) = match budget.within((source.provider)().provide_credentials()).await {
            Some(Ok(credentials)) => match unusable(&credentials) {
                None => return Ok(credentials),
                Some(why) => (why.to_owned(), Lack::Defect),
            },
            Some(Err(error)) => match refusal(&error) {
                Some(refusal) => return Err(Ended::Refused(refusal)),
                None => (source.reason(&error), source.lack(&error)),
            },
            None => ("no answer in time".to_owned(), Lack::Late),
        };
        tried.push((source.name, why));
        match lack {
            Lack::Nothing => {}
            Lack::Silence => temporary = true,
            Lack::Defect | Lack::Wrong => return ended(tried, false, lack),
            Lack::Outage | Lack::Late => return ended(tried, true, lack),
        }
    }
    ended(tried, temporary, Lack::Nothing)
}

/// What no other source and no waiting would mend.
fn refusal(error: &SourceError) -> Option<Refusal> {
    match classify_provider_error(error) {
        Retry::Permanent(FetchError::Refused(refusal @ (Refusal::Certificate { .. } | Refusal::TrustStore(_)))) => {
            Some(refusal)
        }
        Retry::Permanent(_) | Retry::Transient(..) => None,
    }
}

struct CredentialSource<'a> {
    name: &'static str,
    /// What it reads, where its own words do not say so.
    subject: Option<String>,
    /// What an answer means that makes no sense.
    nonsense: Lack,
    /// What would have to be set, where its own words do not say so; nothing when something is.
    unset: Option<String>,
    /// Made only when it is asked: some build a whole client of a service.
    provider: Box<dyn Fn() -> SharedCredentialsProvider + 'a>,
}

fn sources<'a>(settings: &'a Settings, configs: &'a Configs) -> Vec<CredentialSource<'a>> {
    let Configs { far: config, near, is_silent } = configs;
    fn source<'a, P: ProvideCredentials + 'static>(
        name: &'static str,
        unset: Option<String>,
        provider: impl Fn() -> P + 'a,
    ) -> CredentialSource<'a> {
        let provider = Box::new(move || SharedCredentialsProvider::new(provider()));
        CredentialSource { name, subject: None, nonsense: Lack::Defect, unset, provider }
    }
    let missing = |is_set: bool, what: &str| (!is_set).then(|| what.to_owned());
    let mut sources = Vec::new();
    if settings.profile.is_none() {
        let unset = missing(settings.has_keys, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set");
        let subject = Some("only one of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY is set".to_owned());
        let environment = source("environment", unset, EnvironmentVariableCredentialsProvider::new);
        sources.push(CredentialSource { subject, ..environment });
    }
    let name = settings.profile();
    let unset = format!("the profile {:?} of AWS's configuration files has none", name.unwrap_or("default"));
    let unset = missing(settings.profile_has_keys, &unset);
    sources.push(source("profile", unset, move || ProfileCredentials::new(name, config)));
    let is_set = settings.web_identity_file.is_some();
    let unset = missing(is_set, "AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN are not set");
    let web_identity =
        source("web identity", unset, || WebIdentityTokenCredentialsProvider::builder().configure(config).build());
    sources.push(CredentialSource { subject: settings.web_identity_file.clone(), ..web_identity });
    let unset = "neither AWS_CONTAINER_CREDENTIALS_RELATIVE_URI nor AWS_CONTAINER_CREDENTIALS_FULL_URI is set";
    let container =
        source("container", missing(false, unset), || EcsCredentialsProvider::builder().configure(near).build());
    sources.push(CredentialSource { nonsense: Lack::Outage, ..container });
    let metadata = source("instance metadata", Some(String::new()), || Instance::new(settings, near, *is_silent));
    sources.push(CredentialSource { nonsense: Lack::Outage, ..metadata });
    sources
}

impl CredentialSource<'_> {
    fn reason(&self, error: &SourceError) -> String {
        match (error, self.unset.as_deref()) {
            (SourceError::CredentialsNotLoaded(_), Some(unset)) if !unset.is_empty() => unset.to_owned(),
            _ => {
                // The first line only says that a source gave none, which is why it is reported.
                let mut text = error.source().map_or_else(|| error.to_string(), text_of);
                if is_sso_token_error(&text) {
                    text.push_str("; log in with `aws sso login`, and name the same profile");
                }
                self.subject.iter().cloned().chain([text]).collect::<Vec<_>>().join(": ")
            }
        }
    }

    fn lack(&self, error: &SourceError) -> Lack {
        match error {
            // Set up, and yet not loaded: half of it is missing.
            SourceError::CredentialsNotLoaded(_) if self.unset.is_none() && self.name == "environment" => Lack::Wrong,
            SourceError::CredentialsNotLoaded(_) if self.unset.is_none() => Lack::Defect,
            SourceError::CredentialsNotLoaded(_) if is_timeout(error) => Lack::Silence,
            SourceError::CredentialsNotLoaded(_) => Lack::Nothing,
            SourceError::ProviderTimedOut(_) => Lack::Outage,
            SourceError::InvalidConfiguration(_) => Lack::Wrong,
            // A token's file, say.
            other if is_missing_file(other) => Lack::Defect,
            other => match classify_provider_error(other) {
                Retry::Transient(..) => Lack::Outage,
                Retry::Permanent(FetchError::Unavailable(_)) => Lack::Outage,
                Retry::Permanent(FetchError::Refused(Refusal::Request(text))) if !is_no(&text) => self.nonsense,
                Retry::Permanent(_) => Lack::Defect,
            },
        }
    }
}

/// Whether a file on this machine was to be read and cannot be.
fn is_missing_file(error: &SourceError) -> bool {
    let file = find_source::<std::io::Error>(error).map(std::io::Error::kind);
    let refused = matches!(file, Some(std::io::ErrorKind::NotFound | std::io::ErrorKind::PermissionDenied));
    refused && find_source::<ConnectorError>(error).is_none()
}

/// Whether a metadata service said no, in whatever words the SDK has for it.
fn is_no(text: &str) -> bool {
    text.contains("HTTP status 4") || is_metadata_forbidden(text)
}
