//! The chain of credential providers in AWS's order, with the reason why each has no credentials.

use std::future::ready;

use aws_credential_types::Credentials;
use futures_util::future::{FutureExt, LocalBoxFuture};
use tokio::time::Instant;

use super::imds::instance;
use super::provider::{CredentialsOrigin, SearchContext, with_origin};
use super::sources::{container, environment, profile};
use super::web_identity::web_identity_of_variables;
use crate::backend::aws::config::Settings;
use crate::backend::retry::{RetryBudget, over_regions, retry_or};
use crate::model::answer::{Again, CredentialsError, FetchError, Outage, OutageKind};
use crate::model::problem::Status;
use crate::model::reference::Region;

/// A provider of credentials.
struct Provider {
    origin: fn(&Settings) -> CredentialsOrigin,
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
        origin: |_| CredentialsOrigin::Variables,
        ask: |context| ready(environment(&context.settings.variable_keys)).boxed_local(),
        variables: &["AWS_ACCESS_KEY_ID"],
        is_replaced_by_profile: true,
    },
    Provider {
        origin: |settings| CredentialsOrigin::Profile(settings.profile().1.to_owned()),
        ask: |context| profile(context).boxed_local(),
        variables: &["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "HOME"],
        is_replaced_by_profile: false,
    },
    Provider {
        origin: |_| CredentialsOrigin::WebIdentity,
        ask: |context| web_identity_of_variables(context).boxed_local(),
        variables: &["AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"],
        is_replaced_by_profile: false,
    },
    Provider {
        origin: |_| CredentialsOrigin::Container,
        ask: |context| container(context).boxed_local(),
        variables: &[
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        ],
        is_replaced_by_profile: false,
    },
    Provider {
        origin: |_| CredentialsOrigin::Instance,
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
    let last = providers.clone().count() - 1;

    let (mut notes, mut status, mut help) = (Vec::new(), Status::Denied, None);
    for (index, provider) in providers.enumerate() {
        let error = match ask_in_regions(provider, context, regions, begun, budget).await {
            Ok(credentials) => {
                let progress = budget.progress();
                let origin = CredentialsOrigin::of(&credentials);
                progress.trace(|| format!("the AWS credentials come from {origin}"));
                return Ok(credentials);
            }
            Err(FetchError::NoCredentials(error)) => error,
            Err(FetchError::Unavailable(outage)) => {
                let mut error =
                    CredentialsError::new(outage.text() + &outage.reason.detail, Again::Later);
                error.problem.help = outage.help;
                error.temporary()
            }
            Err(error) => return Err(error),
        };
        if error.again != Again::NextProvider && index < last {
            return Err(error.into());
        }
        notes.push(error.problem.text);
        status = status.min(error.problem.status);
        help = help.or(error.problem.help);
    }
    let mut error = no_source(notes, status, help);
    if context.settings.metadata.is_missing {
        // The role of a task or a function is there from its start.
        error.again = Again::Never;
    }
    Err(error.into())
}

/// Returns the error if no provider has credentials, each with its reason in `notes`. `help` is the remedy of a provider.
fn no_source(mut notes: Vec<String>, status: Status, help: Option<String>) -> CredentialsError {
    let mut text = "no AWS credentials were found".to_owned();
    // Only the instance metadata may answer later.
    if let Some(why) = notes.pop_if(|_| status == Status::Temporary) {
        text += &format!(", and {why}");
    }
    let mut error = CredentialsError::new(text, Again::Later);
    error.is_unconfigured = help.is_none();
    let general = "on your own machine, run `aws configure sso`; on AWS, give the task, pod or instance a role";
    error.problem.help = help.or(Some(general.to_owned()));
    error.problem.status = status;
    error.problem.notes = notes;
    error
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
    let origin = (provider.origin)(context.settings);
    let late = format!("the AWS credentials from {origin} did not arrive in time");
    let mut last = Outage::new(OutageKind::Timeout, late);
    let ask_in = async |region: &Region, budget: RetryBudget| {
        let context = SearchContext {
            region,
            ..context.clone()
        };
        let found = retry_or(last.clone(), &budget, async || {
            with_origin((provider.ask)(&context).await?, origin.clone())
        })
        .await;
        if let Err(FetchError::Unavailable(outage)) = &found {
            last = outage.clone();
        }
        found
    };
    over_regions(budget, begun, regions, ask_in).await
}
