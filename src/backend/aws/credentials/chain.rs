//! The chain of credential providers in AWS's order, with the reason why each has no credentials.

use std::future::ready;

use aws_credential_types::Credentials;
use futures_util::future::{FutureExt, LocalBoxFuture};

use super::imds::instance;
use super::profile::profile_credentials;
use super::provider::{ErrorKind, ProviderError, SearchContext};
use super::sources::{container, environment, web_identity};
use crate::backend::aws::config::{Settings, WebIdentity};
use crate::backend::aws::protocol::{ProviderName, defect};
use crate::model::answer::{CredentialsError, FetchError, Wanted};
use crate::model::reference::Region;
use crate::time::deadline::Deadline;
use crate::time::retry::RetryBudget;

/// Returns the credentials of the first provider that has some.
///
/// A provider that is configured and fails ends the search, as in every AWS tool: the next one could have another identity. After an
/// outage the search is repeated until the budget ends, each time with STS in the next of `regions`.
///
/// # Errors
/// [`FetchError::NoCredentials`] with the reason of every provider, or [`FetchError::Refused`] for a certificate, CA bundle or proxy.
pub async fn find_credentials(
    context: &SearchContext<'_>,
    regions: &[Region],
    budget: &RetryBudget,
    deadline: &Deadline,
) -> Result<Credentials, FetchError> {
    let what = Wanted::Credentials;
    let mut last = CredentialsError { what, tried: Vec::new(), has_tried_all: false, temporary: true, is_final: false };
    for (attempts, region) in (1..).zip(regions.iter().cycle()) {
        // In the first round the time is shared, so that a region that does not answer leaves time for the next.
        let untried = (regions.len() + 1).saturating_sub(attempts).max(1);
        let context = SearchContext { region, ..context.clone() };
        let (tried, kind) = match search(&context, &budget.share(untried)).await {
            Ok((provider, mut credentials)) => {
                credentials.set_property(ProviderName(provider));
                deadline.progress().trace(|| format!("credentials: from the provider {provider}"));
                return Ok(credentials);
            }
            Err((_, ErrorKind::Refused(refusal))) => return Err(FetchError::Refused(refusal)),
            Err(failure) => failure,
        };
        if let Some((provider, why)) = tried.last() {
            deadline.progress().note_reason(format!("{provider}: {why}"));
        }
        let is_repeated = matches!(kind, ErrorKind::Outage | ErrorKind::OutOfTime);
        // Keep the earlier, more specific error.
        if kind != ErrorKind::OutOfTime || last.tried.is_empty() {
            let temporary = is_repeated || kind == ErrorKind::Unanswered;
            let has_tried_all = tried.len() == providers(context.settings).len();
            let is_final = kind == ErrorKind::Misconfigured;
            last = CredentialsError { what, tried, has_tried_all, temporary, is_final };
        }
        // AWS_MAX_ATTEMPTS counts the attempts in each region.
        let rounds = u32::try_from(attempts / regions.len()).unwrap_or(u32::MAX);
        if !(is_repeated && budget.pause(rounds, None, None).await) {
            break;
        }
    }
    Err(FetchError::NoCredentials(last))
}

/// A provider. Its future is boxed, since that of the instance's is that of a whole client of the SDK.
type Provider = for<'a> fn(&'a SearchContext<'a>) -> LocalBoxFuture<'a, Result<Credentials, ProviderError>>;

/// The providers in AWS's order.
static PROVIDERS: [(&str, Provider); 5] = [
    ("environment", |context| ready(environment(&context.settings.variable_keys)).boxed_local()),
    ("profile", |context| profile_credentials(context).boxed_local()),
    ("web identity", |context| web_identity_of_variables(context).boxed_local()),
    ("container", |context| container(context).boxed_local()),
    ("instance metadata", |context| instance(context).boxed_local()),
];

/// Returns the providers that are asked: the profile of the option precedes credentials in variables.
fn providers(settings: &Settings) -> &'static [(&'static str, Provider)] {
    if settings.profile.is_some() { &PROVIDERS[1..] } else { &PROVIDERS }
}

/// Asks the providers in turn. The error has the reason of each, and the kind of the last one that was configured.
async fn search(
    context: &SearchContext<'_>,
    budget: &RetryBudget,
) -> Result<(&'static str, Credentials), (Vec<(&'static str, String)>, ErrorKind)> {
    let (mut tried, mut last) = (Vec::new(), ErrorKind::NotConfigured);
    for (provider, ask) in providers(context.settings).iter().copied() {
        let ProviderError { kind, why } = match budget.within(ask(context)).await {
            Some(Ok(credentials)) => match defect(&credentials) {
                None => return Ok((provider, credentials)),
                Some(why) => ProviderError::new(ErrorKind::Defect, why),
            },
            Some(Err(error)) => error,
            None => ProviderError::new(ErrorKind::OutOfTime, "no answer in time"),
        };
        tried.push((provider, why));
        match kind {
            ErrorKind::NotConfigured => {}
            ErrorKind::Unanswered => last = kind,
            ErrorKind::Defect
            | ErrorKind::Misconfigured
            | ErrorKind::Outage
            | ErrorKind::OutOfTime
            | ErrorKind::Refused(_) => return Err((tried, kind)),
        }
    }
    Err((tried, last))
}

async fn web_identity_of_variables(context: &SearchContext<'_>) -> Result<Credentials, ProviderError> {
    let settings = context.settings;
    let Some(file) = settings.web_identity_file.clone() else {
        let why = "AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN are not set";
        return Err(ProviderError::new(ErrorKind::NotConfigured, why));
    };
    let Some(role) = &settings.web_identity_role else {
        let why = "AWS_WEB_IDENTITY_TOKEN_FILE is set, but AWS_ROLE_ARN is not";
        return Err(ProviderError::new(ErrorKind::Misconfigured, why));
    };
    let session_name = settings.web_identity_session.clone();
    web_identity(&WebIdentity { role: role.to_string(), file, session_name }, context).await
}
