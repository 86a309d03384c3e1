//! The chain of credential providers in AWS's order, with the reason why each has no credentials.

use std::future::ready;

use aws_credential_types::Credentials;
use futures_util::future::{FutureExt, LocalBoxFuture};
use tokio::time::Instant;

use super::imds::instance;
use super::provider::{ProviderName, SearchContext, defect, unusable};
use super::sources::{container, environment, profile, web_identity_of_variables};
use crate::backend::retry::{RetryBudget, over_regions, retry_or};
use crate::model::answer::{Again, CredentialsError, FetchError, Outage, OutageKind, Wanted};
use crate::model::reference::Region;

/// A provider of credentials.
struct Provider {
    name: &'static str,
    /// The future is boxed, since that of the instance's is that of a whole client of the SDK.
    ask: for<'a> fn(&'a SearchContext<'a>) -> LocalBoxFuture<'a, Result<Credentials, FetchError>>,
    /// The variables that choose among the credentials that it may return, except for those that name the profile, and for a session's name
    /// or token, which each start changes. The name of a cache's entry depends on them.
    variables: &'static [&'static str],
    /// True if the provider is not asked with `--profile`.
    is_replaced_by_profile: bool,
}

/// The providers in AWS's order.
static PROVIDERS: [Provider; 5] = [
    Provider {
        name: "environment",
        ask: |context| ready(environment(&context.settings.variable_keys)).boxed_local(),
        variables: &["AWS_ACCESS_KEY_ID"],
        is_replaced_by_profile: true,
    },
    Provider {
        name: "profile",
        ask: |context| profile(context).boxed_local(),
        variables: &["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "HOME"],
        is_replaced_by_profile: false,
    },
    Provider {
        name: "web identity",
        ask: |context| web_identity_of_variables(context).boxed_local(),
        variables: &["AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"],
        is_replaced_by_profile: false,
    },
    Provider {
        name: "container",
        ask: |context| container(context).boxed_local(),
        variables: &[
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        ],
        is_replaced_by_profile: false,
    },
    Provider {
        name: "instance metadata",
        ask: |context| instance(context).boxed_local(),
        variables: &["AWS_EC2_METADATA_SERVICE_ENDPOINT"],
        is_replaced_by_profile: false,
    },
];

/// Returns the variables that choose the credentials.
pub fn caller_variables() -> impl Iterator<Item = &'static str> {
    PROVIDERS
        .iter()
        .flat_map(|provider| provider.variables)
        .copied()
}

/// Returns the credentials of the first provider that has some.
///
/// A provider that is configured and fails ends the search, as in every AWS tool: the next one could have another identity. After an
/// outage it is asked again like any service: until its region's share of the time ends, and then with STS in the next of `regions`.
///
/// # Errors
/// [`FetchError::NoCredentials`] with the reason of every provider, or [`FetchError::Refused`] for a certificate, CA bundle or proxy.
pub async fn find_credentials(
    context: &SearchContext<'_>,
    regions: &[Region],
    budget: &RetryBudget,
) -> Result<Credentials, FetchError> {
    let begun = Instant::now();
    let has_profile = context.settings.profile.is_some();
    let providers = PROVIDERS
        .iter()
        .filter(|provider| !(has_profile && provider.is_replaced_by_profile));
    let count = providers.clone().count();

    let mut failure = CredentialsError::new(Wanted::Credentials, Again::Later);
    for provider in providers {
        let error = match ask_in_regions(provider, context, regions, begun, budget).await {
            Ok(mut credentials) => {
                let name = provider.name;
                credentials.set_property(ProviderName(name));
                let progress = budget.progress();
                progress.trace(|| format!("credentials: from the provider {name}"));
                return Ok(credentials);
            }
            Err(FetchError::NoCredentials(error)) => error,
            Err(FetchError::Unavailable(outage)) => CredentialsError {
                tried: vec![outage.reason.to_string()],
                temporary: true,
                ..CredentialsError::new(Wanted::Credentials, Again::Later)
            },
            Err(error) => return Err(error),
        };
        failure.tried.extend(error.tried);
        if error.again == Again::NextProvider {
            failure.temporary |= error.temporary;
            continue;
        }
        failure = CredentialsError {
            tried: failure.tried,
            ..error
        };
        break;
    }
    failure.has_tried_all = failure.tried.len() == count;
    Err(FetchError::NoCredentials(failure))
}

/// Asks one provider, again after each outage, with STS in one region after the other. If the time ends first, the error has the reason of the
/// last outage, which says more.
async fn ask_in_regions(
    provider: &Provider,
    context: &SearchContext<'_>,
    regions: &[Region],
    begun: Instant,
    budget: &RetryBudget,
) -> Result<Credentials, FetchError> {
    let late = format!("{}: no answer in time", provider.name);
    let mut last = Outage::new(OutageKind::Timeout, late);
    let ask_in = async |region: &Region, budget: RetryBudget| {
        let context = SearchContext {
            region,
            ..context.clone()
        };
        let found = retry_or(last.clone(), &budget, async || {
            let found = (provider.ask)(&context).await;
            let found = found.and_then(without_defect);
            found.map_err(|error| named(error, provider.name))
        })
        .await;
        if let Err(FetchError::Unavailable(outage)) = &found {
            last = outage.clone();
        }
        found
    };
    over_regions(budget, begun, regions, ask_in).await
}

/// Returns the credentials, if each of them fits into a header.
fn without_defect(credentials: Credentials) -> Result<Credentials, FetchError> {
    match defect(&credentials) {
        Some(why) => Err(unusable(why)),
        None => Ok(credentials),
    }
}

/// Puts the name of a provider before the reason of its failure.
fn named(error: FetchError, provider: &str) -> FetchError {
    match error {
        FetchError::NoCredentials(mut error) => {
            for why in &mut error.tried {
                *why = format!("{provider}: {why}");
            }
            FetchError::NoCredentials(error)
        }
        FetchError::Unavailable(outage) => outage.of(provider).into(),
        error => error,
    }
}
