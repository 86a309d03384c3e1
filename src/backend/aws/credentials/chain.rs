//! The chain of credential providers in AWS's order, with the reason why each has no credentials.

use std::future::ready;

use aws_credential_types::Credentials;
use futures_util::future::{FutureExt, LocalBoxFuture};

use super::imds::instance;
use super::profile::profile_credentials;
use super::provider::{FailureKind, ProviderError, SearchContext};
use super::sources::{container, environment, web_identity};
use crate::backend::aws::config::{Settings, WebIdentity};
use crate::backend::aws::protocol::{ProviderName, defect};
use crate::backend::retry::RetryBudget;
use crate::model::answer::{CredentialsError, FetchError, Wanted};
use crate::model::reference::Region;

/// Returns the credentials of the first provider that has some.
///
/// A provider that is configured and fails ends the search, as in every AWS tool: the next one could have another identity. After an
/// outage the search is repeated like any request: until its region's share of the time ends, and then with STS in the next of `regions`.
///
/// # Errors
/// [`FetchError::NoCredentials`] with the reason of every provider, or [`FetchError::Refused`] for a certificate, CA bundle or proxy.
pub async fn find_credentials(
    context: &SearchContext<'_>,
    regions: &[Region],
    budget: &RetryBudget,
) -> Result<Credentials, FetchError> {
    let mut last = SearchFailure { tried: Vec::new(), kind: FailureKind::OutOfTime };
    for (index, region) in regions.iter().enumerate() {
        let context = SearchContext { region, ..context.clone() };
        let failure = match search_until_found(&context, &budget.share(regions.len() - index)).await {
            Ok(credentials) => return Ok(credentials),
            Err(failure) => failure,
        };
        let is_repeated =
            matches!(failure.kind, FailureKind::Outage(..) | FailureKind::Unavailable | FailureKind::OutOfTime);
        // The earlier error is more specific.
        if failure.kind != FailureKind::OutOfTime || last.tried.is_empty() {
            last = failure;
        }
        if !is_repeated {
            break;
        }
    }
    let SearchFailure { tried, kind } = last;
    let is_final = kind == FailureKind::Misconfigured;
    let (temporary, help) = match kind {
        FailureKind::Refused(refusal) => return Err(FetchError::Refused(refusal)),
        FailureKind::NotConfigured | FailureKind::Defect | FailureKind::Misconfigured => (false, None),
        FailureKind::Remediable(help) => (false, Some(help)),
        FailureKind::Unanswered | FailureKind::Outage(..) | FailureKind::Unavailable | FailureKind::OutOfTime => {
            (true, None)
        }
    };
    let (what, has_tried_all) = (Wanted::Credentials, tried.len() == providers(context.settings).len());
    Err(FetchError::NoCredentials(CredentialsError { what, tried, has_tried_all, temporary, is_final, help }))
}

/// A search without credentials.
struct SearchFailure {
    /// The providers that were asked, and why each has no credentials.
    tried: Vec<(&'static str, String)>,
    /// The kind of the last provider that was configured.
    kind: FailureKind,
}

/// Repeats the search after an outage, within the budget.
async fn search_until_found(context: &SearchContext<'_>, budget: &RetryBudget) -> Result<Credentials, SearchFailure> {
    let mut attempts = 0;
    let mut last = None;
    loop {
        let failure = match search(context, budget).await {
            Ok(credentials) => return Ok(credentials),
            Err(failure) => failure,
        };
        if let Some((provider, why)) = failure.tried.last() {
            budget.progress().note_reason(format!("{provider}: {why}"));
        }
        let (kind, retry_after) = match failure.kind {
            FailureKind::Outage(kind, retry_after) => (kind, retry_after),
            FailureKind::OutOfTime => return Err(last.unwrap_or(failure)),
            _ => return Err(failure),
        };
        attempts += 1;
        if !budget.pause(attempts, kind, retry_after).await {
            return Err(failure);
        }
        last = Some(failure);
    }
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

/// Asks the providers in turn.
async fn search(context: &SearchContext<'_>, budget: &RetryBudget) -> Result<Credentials, SearchFailure> {
    let mut failure = SearchFailure { tried: Vec::new(), kind: FailureKind::NotConfigured };
    for (provider, ask) in providers(context.settings).iter().copied() {
        let mut found = match budget.within(ask(context)).await {
            Some(found) => found,
            None => Err(ProviderError::new(FailureKind::OutOfTime, "no answer in time")),
        };
        if let Some(why) = found.as_ref().ok().and_then(defect) {
            found = Err(ProviderError::new(FailureKind::Defect, why));
        }
        let ProviderError { kind, why } = match found {
            Ok(mut credentials) => {
                credentials.set_property(ProviderName(provider));
                budget.progress().trace(|| format!("credentials: from the provider {provider}"));
                return Ok(credentials);
            }
            Err(error) => error,
        };
        failure.tried.push((provider, why));
        match kind {
            FailureKind::NotConfigured => {}
            FailureKind::Unanswered => failure.kind = kind,
            _ => return Err(SearchFailure { kind, ..failure }),
        }
    }
    Err(failure)
}

async fn web_identity_of_variables(context: &SearchContext<'_>) -> Result<Credentials, ProviderError> {
    let settings = context.settings;
    let Some(file) = settings.web_identity_file.clone() else {
        let why = "AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN are not set";
        return Err(ProviderError::new(FailureKind::NotConfigured, why));
    };
    let Some(role) = &settings.web_identity_role else {
        let why = "AWS_WEB_IDENTITY_TOKEN_FILE is set, but AWS_ROLE_ARN is not";
        return Err(ProviderError::new(FailureKind::Misconfigured, why));
    };
    let session_name = settings.web_identity_session.clone();
    web_identity(&WebIdentity { role: role.to_string(), file, session_name }, context).await
}
