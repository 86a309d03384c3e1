//! The chain of credential providers: where credentials are looked for, in which order, and what a
//! failure means.
//!
//! The providers are asked in the same order as by every AWS tool:
//!
//! ```text
//! variables      AWS_ACCESS_KEY_ID (not with --profile)       ┐
//!     ▼                                                       │
//! profile        --profile, AWS_PROFILE, or "default"         │  A provider ends in one of three ways:
//!     ▼                                                       │
//! web identity   AWS_WEB_IDENTITY_TOKEN_FILE (EKS with IRSA)  │  - It has credentials. The search ends with them.
//!     ▼                                                       │  - It is not configured. The next provider is asked.
//! container      ECS, or EKS Pod Identity                     │  - It is configured, and fails. The search ends with
//!     ▼                                                       │    this error.
//! instance       EC2, by IMDSv2                               ┘
//!     ▼
//! no credentials: status 77, or 75 if the instance metadata may answer later
//! ```
//!
//! A provider that fails in a way that may be temporary is asked again, as any service, within its
//! region's share of the time. If it needs STS, it is then asked with STS in the fallback regions.
//! With `--wait`, the whole search is repeated.
//!
//! The search must never return the credentials of an identity other than the configured one. So a
//! provider with an incomplete configuration is an error, not a reason to ask the next provider.

use std::future::ready;

use aws_credential_types::Credentials;
use futures_util::future::{FutureExt, LocalBoxFuture};
use tokio::time::Instant;

use super::provider::{CredentialsOrigin, SearchContext, checked_credentials};
use super::sources::{container, environment, instance, profile};
use super::sts::web_identity_of_variables;
use crate::backend::aws::config::Settings;
use crate::backend::retry::{RetryBudget, over_regions, retry_or};
use crate::model::answer::{Again, Cause, FetchError, OutageKind, Unsigned};
use crate::model::problem::Status;
use crate::model::reference::Region;

/// A provider of credentials.
struct Provider {
    /// Returns the origin of its credentials, for messages.
    origin: fn(&Settings) -> CredentialsOrigin,
    /// Asks the provider once. The future is boxed, because the future for the instance metadata
    /// contains a whole client of the SDK.
    ask: for<'a> fn(&'a SearchContext<'a>) -> LocalBoxFuture<'a, Result<Credentials, FetchError>>,
    /// The variables that choose which credentials the provider returns. The name of a cached
    /// answer depends on them. The variables that name the profile are not included, nor are names
    /// and tokens of sessions, which are different at each start.
    variables: &'static [&'static str],
}

/// The providers in AWS's order.
static PROVIDERS: [Provider; 5] = [
    Provider {
        origin: |_| CredentialsOrigin::Variables,
        ask: |context| ready(environment(&context.settings.variable_keys)).boxed_local(),
        variables: &["AWS_ACCESS_KEY_ID"],
    },
    Provider {
        origin: |settings| CredentialsOrigin::Profile(settings.profile_name().to_owned()),
        ask: |context| profile(context).boxed_local(),
        variables: &["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "HOME"],
    },
    Provider {
        origin: |_| CredentialsOrigin::WebIdentity,
        ask: |context| web_identity_of_variables(context).boxed_local(),
        variables: &["AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"],
    },
    Provider {
        origin: |_| CredentialsOrigin::Container,
        ask: |context| container(context).boxed_local(),
        variables: &[
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        ],
    },
    Provider {
        origin: |_| CredentialsOrigin::Instance,
        ask: |context| instance(context).boxed_local(),
        variables: &["AWS_EC2_METADATA_SERVICE_ENDPOINT"],
    },
];

/// Returns the names of the variables that choose the credentials.
pub fn caller_variables() -> impl Iterator<Item = &'static str> {
    PROVIDERS
        .iter()
        .flat_map(|provider| provider.variables)
        .copied()
}

/// Returns the credentials of the first provider that has any. STS is asked in `regions`, one after
/// the other.
///
/// # Errors
/// [`Cause::NoCredentials`], with the reason why each provider doesn't have credentials, or why a
/// configured provider failed. [`Cause::Refused`] for an error of a certificate, a CA bundle or a
/// proxy, which would also fail the requests for secrets.
pub async fn find_credentials(
    context: &SearchContext<'_>,
    regions: &[Region],
    budget: &RetryBudget,
) -> Result<Credentials, FetchError> {
    let begun = Instant::now();
    let providers = match (&context.settings.options.profile, &PROVIDERS) {
        // `--profile` replaces the variables, which come first.
        (Some(_), [_, others @ ..]) => others,
        (None, all) => all.as_slice(),
    };
    let last = providers.len() - 1;

    let (mut last_reason, mut status, mut help) = (String::new(), Status::Denied, None);
    for (index, provider) in providers.iter().enumerate() {
        let failure = match ask_in_regions(provider, context, regions, begun, budget).await {
            Ok(credentials) => {
                let progress = budget.progress();
                let origin = CredentialsOrigin::from_credentials(&credentials);
                progress.trace(|| format!("the AWS credentials come from {origin}"));
                return Ok(credentials);
            }
            Err(failure) => failure,
        };
        let error = match failure.cause {
            Cause::NoCredentials { .. } => failure,
            Cause::Outage(_) => {
                let text = failure.sentence() + &failure.problem.detail;
                let mut error = FetchError::without_credentials(text, Again::Later);
                error.problem.help = failure.problem.help;
                error.temporary()
            }
            Cause::Absent(_) | Cause::Denied(_) | Cause::Refused(_) | Cause::NoRegion => {
                return Err(failure);
            }
        };

        // The last provider is the instance metadata service, which can be late or broken on any
        // machine. So the search only ends with its error if its settings are invalid.
        if error.again == Again::Never || (error.again != Again::NextProvider && index < last) {
            return Err(error);
        }
        last_reason = error.problem.text;
        status = status.min(error.problem.status);
        help = help.or(error.problem.help);
    }

    let looked_at = providers.iter().map(|provider| {
        let origin = (provider.origin)(context.settings);
        if let CredentialsOrigin::Profile(_) = origin {
            return format!("{origin} {}", context.settings.config_files.location());
        }
        origin.to_string()
    });
    let is_set = |name| context.settings.variables.non_empty(name).is_some();
    if is_set("AWS_SECRET_ACCESS_KEY") && !is_set("AWS_ACCESS_KEY_ID") {
        help = Some("set AWS_ACCESS_KEY_ID, which AWS_SECRET_ACCESS_KEY needs".to_owned());
    }
    let mut error = no_source(&Vec::from_iter(looked_at), &last_reason, status, help);
    if !context.settings.metadata.may_exist {
        // Only Fargate and Lambda never have instance metadata. There, a task or a function has its
        // role from the start, so waiting doesn't help.
        error.again = Again::Never;
    }
    Err(error)
}

/// Returns the error for the case that no provider has credentials. All providers except the last
/// one, the instance metadata, aren't configured. `last_reason` says why the last one doesn't have
/// any, `status` is temporary if it may answer later, and `help` is the remedy of a
/// provider, if any has one.
fn no_source(
    looked_at: &[String],
    last_reason: &str,
    status: Status,
    help: Option<String>,
) -> FetchError {
    let mut text = "no AWS credentials were found".to_owned();
    let mut note = format!("looked at: {}", looked_at.join(", "));
    if status == Status::Temporary {
        text += &format!(", and {last_reason}");
    } else {
        note += &format!(" ({last_reason})");
    }

    let mut error = FetchError::without_credentials(text, Again::Later);
    if help.is_none() {
        error.cause = Cause::NoCredentials(Unsigned::Unconfigured);
    }
    // Where the metadata service answers, an instance without a role is a different failure. Its
    // answer doesn't reach a container on an instance whose hop limit is 1.
    let on_aws = if status == Status::Temporary {
        "in a container on EC2, set the hop limit of the instance's metadata options to 2"
    } else {
        "give the task, pod or instance a role"
    };
    let general = format!("run `aws configure sso`, or {on_aws}");
    error.problem.help = help.or(Some(general));
    error.problem.status = status;
    error.problem.notes = vec![note];
    error
}

/// Asks a provider, again after each outage, with STS in one region after the other. If the time
/// ends, returns the last outage, because it says more than that the time is over.
///
/// # Errors
/// The provider's error after which it isn't asked again, or the last outage.
async fn ask_in_regions(
    provider: &Provider,
    context: &SearchContext<'_>,
    regions: &[Region],
    begun: Instant,
    budget: &RetryBudget,
) -> Result<Credentials, FetchError> {
    let origin = (provider.origin)(context.settings);
    let late = format!("the AWS credentials from {origin} didn't arrive in time");
    let mut last = FetchError::outage(OutageKind::Timeout, late);

    let ask_in = async |region: &Region, budget: RetryBudget| {
        let context = SearchContext {
            region,
            ..context.clone()
        };
        let unanswered = || last.clone();
        let found = retry_or(unanswered, &budget, async || {
            let found = (provider.ask)(&context).await?;
            let endpoints = Some(&context.settings.endpoints);
            checked_credentials(found, origin.clone(), endpoints)
        })
        .await;
        if let Err(error) = &found
            && let Cause::Outage(_) = error.cause
        {
            last = error.clone();
        }
        found
    };
    over_regions(budget, begun, regions, ask_in).await
}
