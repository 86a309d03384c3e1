//! The chain of credential providers in AWS's order, with the reason why each has no credentials.

use std::error::Error;

use aws_config::ecs::EcsCredentialsProvider;
use aws_config::imds::client::error::ImdsError;
use aws_config::web_identity_token::WebIdentityTokenCredentialsProvider;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::error::CredentialsError as ProviderError;
use futures_util::future::{FutureExt, LocalBoxFuture};

use super::imds::InstanceCredentials;
use super::local_failures::{is_limit, is_unreadable_file, limit_in_force};
use super::profile::profile_credentials;
use super::provider_configs::{EnvironmentCredentials, ProviderConfigs};
use crate::backend::aws::config::Settings;
use crate::backend::aws::protocol::{classify_provider_error, defect, error_text};
use crate::model::answer::{CredentialsError, FetchError, INSTANCE_METADATA, Refusal, Wanted};
use crate::model::library_text::is_metadata_forbidden;
use crate::model::reference::Region;
use crate::net::errors::{find_source, is_timeout};
use crate::time::deadline::Deadline;
use crate::time::progress::{Event, WaitReason};
use crate::time::retry::{Retry, RetryBudget};

/// Returns the credentials of the first provider that has some.
///
/// A provider that is configured and fails ends the search, as in every AWS tool: the next one could have another identity. After an
/// outage the search is repeated until the budget ends, each time with STS in the next of `regions`.
///
/// # Errors
/// [`FetchError::NoCredentials`] with the reason of every provider, or [`FetchError::Refused`] for a certificate, CA bundle or proxy.
pub async fn find_credentials<'a>(
    settings: &Settings,
    regions: &[Region],
    configs: impl Fn(&Region) -> ProviderConfigs<'a>,
    budget: &RetryBudget,
    deadline: &Deadline,
) -> Result<Credentials, FetchError> {
    let mut last = CredentialsError { what: Wanted::Credentials, tried: Vec::new(), temporary: true, waited: None };
    for (attempts, region) in (1..).zip(regions.iter().cycle()) {
        // In the first round the time is shared, so that a region that does not answer leaves time for the next.
        let untried = (regions.len() + 1).saturating_sub(attempts).max(1);
        let (error, failure) = match search(settings, &configs(region), &budget.share(untried)).await {
            Ok((provider, credentials)) => {
                deadline.progress().trace(|| Event::Credentials { provider });
                return Ok(credentials);
            }
            Err(SearchError::Refused(refusal)) => return Err(FetchError::Refused(refusal)),
            Err(SearchError::NoCredentials(error, failure)) => {
                limit_in_force(&error).map_or((error, failure), |limited| (limited, ProviderFailure::Outage))
            }
        };
        if let Some((provider, why)) = error.tried.last() {
            deadline.progress().note_reason(WaitReason::Source(provider, why.clone()));
        }
        // Keep the earlier, more specific error.
        if failure != ProviderFailure::OutOfTime || last.tried.is_empty() {
            last = error;
        }
        let is_repeated = match failure {
            ProviderFailure::Outage | ProviderFailure::OutOfTime => true,
            ProviderFailure::NotConfigured | ProviderFailure::Unanswered | ProviderFailure::Defect => {
                deadline.is_waiting()
            }
            ProviderFailure::Misconfigured => false,
        };
        // The limit of what the cache can answer is for outages, and not for a source that is not configured yet.
        let is_unset = matches!(failure, ProviderFailure::NotConfigured | ProviderFailure::Defect) && !last.temporary;
        let budget = if is_unset { &budget.without_limit() } else { budget };
        // AWS_MAX_ATTEMPTS counts the attempts in each region.
        let rounds = u32::try_from(attempts / regions.len()).unwrap_or(u32::MAX);
        if !(is_repeated && budget.pause(rounds, None, None).await) {
            break;
        }
    }
    let waited = deadline.wait().filter(|_| deadline.is_waiting() && budget.without_limit().is_spent());
    Err(FetchError::NoCredentials(CredentialsError { temporary: last.temporary || waited.is_some(), waited, ..last }))
}

enum SearchError {
    NoCredentials(CredentialsError, ProviderFailure),
    /// A certificate, CA bundle or proxy, which neither another provider nor waiting can fix.
    Refused(Refusal),
}

/// The failure of a provider, which decides how the search continues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ProviderFailure {
    /// Not configured: continue with the next provider.
    NotConfigured,
    /// Perhaps configured, but without an answer: continue with the next provider. A later search may succeed.
    Unanswered,
    /// Configured but unusable: end the search, and repeat it only with `--wait`.
    Defect,
    /// Configured with invalid settings: end the search, even with `--wait`.
    Misconfigured,
    /// Configured, and may work later: repeat the search.
    Outage,
    /// No answer within the share of the budget: repeat the search.
    OutOfTime,
}

async fn search(
    settings: &Settings,
    configs: &ProviderConfigs<'_>,
    budget: &RetryBudget,
) -> Result<(&'static str, Credentials), SearchError> {
    let mut tried = Vec::new();
    let mut temporary = false;
    let ended = |tried, temporary, failure| {
        let error = CredentialsError { what: Wanted::Credentials, tried, temporary, waited: None };
        Err(SearchError::NoCredentials(error, failure))
    };
    for provider in providers(settings, configs) {
        let (why, failure) = match budget.within((provider.ask)()).await {
            Some(Ok(credentials)) => match defect(&credentials) {
                None => return Ok((provider.name, credentials)),
                Some(why) => (why.to_owned(), ProviderFailure::Defect),
            },
            Some(Err(error)) => match refusal(&error) {
                Some(refusal) => return Err(SearchError::Refused(refusal)),
                None => (provider.reason(&error), provider.failure(&error)),
            },
            None => ("no answer in time".to_owned(), ProviderFailure::OutOfTime),
        };
        tried.push((provider.name, why));
        match failure {
            ProviderFailure::NotConfigured => {}
            ProviderFailure::Unanswered => temporary = true,
            ProviderFailure::Defect | ProviderFailure::Misconfigured => return ended(tried, false, failure),
            ProviderFailure::Outage | ProviderFailure::OutOfTime => return ended(tried, true, failure),
        }
    }
    ended(tried, temporary, ProviderFailure::NotConfigured)
}

fn refusal(error: &ProviderError) -> Option<Refusal> {
    match classify_provider_error(error) {
        Retry::Permanent(FetchError::Refused(
            refusal @ (Refusal::Certificate { .. } | Refusal::TrustStore(_) | Refusal::Proxy { .. }),
        )) => Some(refusal),
        Retry::Permanent(_) | Retry::Transient(..) => None,
    }
}

/// A provider, and information that its own errors lack.
struct Provider<'a> {
    name: &'static str,
    /// The text before the provider's own error.
    subject: Option<String>,
    /// The failure that a malformed response counts as.
    malformed: ProviderFailure,
    /// The missing settings; `None` if it is configured, empty if its own error names them.
    unset: Option<String>,
    /// True if it is known to exist on this host, so that it is unavailable when it cannot be reached.
    is_known: bool,
    /// Called only when the search reaches the provider: some build a whole SDK client.
    ask: Box<dyn Fn() -> LocalBoxFuture<'a, Result<Credentials, ProviderError>> + 'a>,
}

fn providers<'a>(settings: &'a Settings, configs: &'a ProviderConfigs<'a>) -> Vec<Provider<'a>> {
    let ProviderConfigs { network, link_local, skip_imds, knows_instance, .. } = configs;
    fn provider<'a, P: ProvideCredentials + 'a>(
        name: &'static str,
        unset: Option<String>,
        build: impl Fn() -> P + 'a,
    ) -> Provider<'a> {
        let ask = move || {
            let provider = build();
            async move { provider.provide_credentials().await }.boxed_local()
        };
        Provider { name, subject: None, malformed: ProviderFailure::Defect, unset, is_known: false, ask: Box::new(ask) }
    }
    let missing = |is_set: bool, what: &str| (!is_set).then(|| what.to_owned());
    let mut providers = Vec::new();
    if settings.profile.is_none() {
        let build = || EnvironmentCredentials(settings.variable_keys.clone());
        providers.push(provider("environment", Some(String::new()), build));
    }
    let name = settings.profile().map(|(_, name)| name);
    let unset = match name.unwrap_or("default") {
        name if settings.has_profile => format!("the profile {name:?} of AWS's configuration files has none"),
        name => format!("AWS's configuration files have no profile {name:?}"),
    };
    let unset = missing(settings.profile_has_keys, &unset);
    let ask = Box::new(|| profile_credentials(settings, configs).boxed_local());
    let (subject, malformed) = (None, ProviderFailure::Defect);
    providers.push(Provider { name: "profile", subject, malformed, unset, is_known: false, ask });
    let is_set = settings.web_identity_file.is_some();
    let unset = missing(is_set, "AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN are not set");
    let web_identity =
        provider("web identity", unset, || WebIdentityTokenCredentialsProvider::builder().configure(network).build());
    providers.push(Provider { subject: settings.web_identity_file.clone(), ..web_identity });
    let unset = "neither AWS_CONTAINER_CREDENTIALS_RELATIVE_URI nor AWS_CONTAINER_CREDENTIALS_FULL_URI is set";
    let container = provider("container", missing(false, unset), || {
        EcsCredentialsProvider::builder().configure(link_local).build()
    });
    providers.push(Provider { malformed: ProviderFailure::Outage, ..container });
    let metadata = provider(INSTANCE_METADATA, Some(String::new()), || {
        InstanceCredentials::new(settings.metadata, link_local, *skip_imds)
    });
    providers.push(Provider { malformed: ProviderFailure::Outage, is_known: *knows_instance, ..metadata });
    providers
}

impl Provider<'_> {
    fn reason(&self, error: &ProviderError) -> String {
        match (error, self.unset.as_deref()) {
            (ProviderError::CredentialsNotLoaded(_), Some(unset)) if !unset.is_empty() => unset.to_owned(),
            _ => {
                // The outermost error only says that the provider failed.
                let text = error.source().map_or_else(|| error.to_string(), error_text);
                self.subject.iter().cloned().chain([text]).collect::<Vec<_>>().join(": ")
            }
        }
    }

    fn failure(&self, error: &ProviderError) -> ProviderFailure {
        match error {
            ProviderError::CredentialsNotLoaded(_) if self.unset.is_none() => ProviderFailure::Defect,
            ProviderError::CredentialsNotLoaded(_) if is_timeout(error) => ProviderFailure::Unanswered,
            ProviderError::CredentialsNotLoaded(_) if self.is_known && find_source::<ImdsError>(error).is_some() => {
                ProviderFailure::Outage
            }
            ProviderError::CredentialsNotLoaded(_) => ProviderFailure::NotConfigured,
            ProviderError::ProviderTimedOut(_) => ProviderFailure::Outage,
            ProviderError::InvalidConfiguration(_) => ProviderFailure::Misconfigured,
            other if is_limit(other) => ProviderFailure::Outage,
            // The file of a web identity token, for example.
            other if is_unreadable_file(other) => ProviderFailure::Defect,
            other => match classify_provider_error(other) {
                Retry::Transient(..) => ProviderFailure::Outage,
                Retry::Permanent(FetchError::Unavailable(_)) => ProviderFailure::Outage,
                Retry::Permanent(FetchError::Refused(Refusal::Request(text))) if !is_metadata_forbidden(&text) => {
                    self.malformed
                }
                Retry::Permanent(_) => ProviderFailure::Defect,
            },
        }
    }
}
