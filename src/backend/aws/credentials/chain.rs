//! The chain of credential providers in AWS's order, with the reason why each has no credentials.

use std::cell::RefCell;
use std::future::ready;

use aws_credential_types::Credentials;
use futures_util::future::{FutureExt, LocalBoxFuture};

use super::imds::instance;
use super::profile::profile_credentials;
use super::provider::{FailureKind, ProviderError, ProviderName, SearchContext, defect};
use super::sources::{container, environment, web_identity};
use crate::backend::aws::config::{Settings, WebIdentity};
use crate::backend::retry::{AttemptFailure, RetryBudget, retry};
use crate::model::answer::{CredentialsError, FetchError, Outage, Wanted};
use crate::model::reference::Region;
use crate::time::Progress;

/// The providers that were asked, and why each has no credentials.
type Tried = Vec<(&'static str, String)>;

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
    let tried = RefCell::new(Tried::new());
    for (index, region) in regions.iter().enumerate() {
        let context = SearchContext {
            region,
            ..context.clone()
        };
        let budget = budget.share(regions.len() - index);
        match retry(&budget, async || {
            search(&context, &tried, budget.progress()).await
        })
        .await
        {
            Err(FetchError::Unavailable(_)) => {}
            found => return found,
        }
    }
    let error = CredentialsError {
        temporary: true,
        ..no_credentials()
    };
    Err(with_tried(error, tried.take(), context.settings))
}

fn no_credentials() -> CredentialsError {
    let (what, tried) = (Wanted::Credentials, Tried::new());
    CredentialsError {
        what,
        tried,
        has_tried_all: false,
        temporary: false,
        is_final: false,
        help: None,
    }
}

fn with_tried(error: CredentialsError, tried: Tried, settings: &Settings) -> FetchError {
    let has_tried_all = tried.len() == providers(settings).len();
    FetchError::NoCredentials(CredentialsError {
        tried,
        has_tried_all,
        ..error
    })
}

/// A provider. Its future is boxed, since that of the instance's is that of a whole client of the SDK.
type Provider =
    for<'a> fn(&'a SearchContext<'a>) -> LocalBoxFuture<'a, Result<Credentials, ProviderError>>;

/// The providers in AWS's order.
static PROVIDERS: [(&str, Provider); 5] = [
    ("environment", |context| {
        ready(environment(&context.settings.variable_keys)).boxed_local()
    }),
    ("profile", |context| {
        profile_credentials(context).boxed_local()
    }),
    ("web identity", |context| {
        web_identity_of_variables(context).boxed_local()
    }),
    ("container", |context| container(context).boxed_local()),
    ("instance metadata", |context| {
        instance(context).boxed_local()
    }),
];

/// Returns the providers that are asked: the profile of the option precedes credentials in variables.
fn providers(settings: &Settings) -> &'static [(&'static str, Provider)] {
    if settings.profile.is_some() {
        &PROVIDERS[1..]
    } else {
        &PROVIDERS
    }
}

/// Asks the providers in turn. `tried` has the reasons of an earlier search, which say more than the end of the time.
async fn search(
    context: &SearchContext<'_>,
    tried: &RefCell<Tried>,
    progress: &Progress,
) -> Result<Credentials, AttemptFailure> {
    let mut error = no_credentials();
    for (index, (provider, ask)) in providers(context.settings).iter().copied().enumerate() {
        if tried.borrow().len() == index {
            tried
                .borrow_mut()
                .push((provider, "no answer in time".to_owned()));
        }
        let found = ask(context)
            .await
            .and_then(|credentials| match defect(&credentials) {
                Some(why) => Err(ProviderError::new(FailureKind::Defect(None), why)),
                None => Ok(credentials),
            });
        let ProviderError { kind, why } = match found {
            Ok(mut credentials) => {
                credentials.set_property(ProviderName(provider));
                progress.trace(|| format!("credentials: from the provider {provider}"));
                return Ok(credentials);
            }
            Err(error) => error,
        };
        let mut tried = tried.borrow_mut();
        tried[index].1.clone_from(&why);
        match kind {
            FailureKind::NotConfigured => continue,
            FailureKind::Unanswered => {
                error.temporary = true;
                continue;
            }
            FailureKind::Defect(help) => {
                error = CredentialsError {
                    help,
                    ..no_credentials()
                }
            }
            FailureKind::Misconfigured => {
                error = CredentialsError {
                    is_final: true,
                    ..no_credentials()
                }
            }
            FailureKind::Request(AttemptFailure::Transient(outage, retry_after)) => {
                tried.truncate(index + 1);
                let outage = Outage::new(outage.kind, format!("{provider}: {why}"));
                return Err(AttemptFailure::Transient(outage, retry_after));
            }
            FailureKind::Request(permanent) => {
                tried.truncate(index + 1);
                return Err(permanent);
            }
        }
        tried.truncate(index + 1);
        break;
    }
    Err(AttemptFailure::Permanent(with_tried(
        error,
        tried.take(),
        context.settings,
    )))
}

async fn web_identity_of_variables(
    context: &SearchContext<'_>,
) -> Result<Credentials, ProviderError> {
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
    web_identity(
        &WebIdentity {
            role: role.to_string(),
            file,
            session_name,
        },
        context,
    )
    .await
}
