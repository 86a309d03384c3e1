//! Searches for AWS credentials. The providers are asked in the same order as in the AWS SDK for
//! Rust:
//!
//! ```text
//! variables      AWS_ACCESS_KEY_ID (not with --profile)
//!     ▼
//! profile        --profile, AWS_PROFILE, or "default"
//!     ▼
//! web identity   AWS_WEB_IDENTITY_TOKEN_FILE (EKS with IRSA)
//!     ▼
//! container      ECS, or EKS Pod Identity
//!     ▼
//! instance       EC2, by IMDSv2
//!     ▼
//! no credentials: exit status 77, or 75 if the instance metadata may answer later
//! ```
//!
//! The search ends with the first provider that has credentials, or that is configured but fails.
//! It must never return the credentials of an identity other than the configured one, so an
//! incomplete configuration is an error, not a reason to ask the next provider.
//!
//! A request is sent again after a temporary failure, and a request to STS also in the fallback
//! regions. A program is run and a role is assumed only once. Only `--wait` repeats the whole
//! search. An MFA code is asked for before the search.
//!
//! For containers and the instance metadata, we use the SDK's providers, because AWS changes these
//! protocols. We first check everything on which they would panic, and everything that they would
//! ignore.
//!
//! If a profile has several sources, the SDK prefers `credential_process` to keys. (The review of
//! smithy-rs#1356 questioned this.) We follow the AWS CLI: keys in the credentials file come first.

mod process;
mod provider;
mod sdk_providers;
mod sso;
mod sts;

pub use provider::{
    Access, Kept, Provider, explain_refused_credentials, is_current, misconfigured, provider_of,
};
pub use sdk_providers::instance_region;
pub use sts::{CallerIdentity, assume_role, request_caller_arn, use_stored_session};

use std::cell::RefCell;

use aws_credential_types::Credentials;

use super::config::{RoleSource, Settings};
use crate::model::message::{Again, Cause, FetchError, FetchResult, Unsigned};
use crate::model::shown::{shell_word, shown};
use crate::model::url::is_loopback;
use crate::system::redaction::redacted_line;
use crate::time::Deadline;
use process::{login_credentials, process_credentials};
use provider::{checked_credentials, not_configured, request_failure, service_failure, unusable};
use sdk_providers::{container_credentials, instance_credentials};
use sso::sso_credentials;
use sts::web_identity_credentials;

/// The environment variables that decide whose credentials are found, in the order of the
/// providers.
///
/// Their values are part of every cache entry's name. AWS_PROFILE isn't included, because the
/// profile is a separate part of the name. Session names and tokens aren't included, because they
/// change from launch to launch.
pub const CALLER_VARIABLES: [&str; 8] = [
    "AWS_ACCESS_KEY_ID",
    "HOME",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
];

/// Asks the user for an MFA code, without a time limit. Doesn't ask if `code` already has one,
/// which happens if an earlier try of `--wait` failed before it sent the code to STS.
///
/// One code is enough for a chain of roles: only the first role is assumed by the user, who has the
/// MFA device.
pub fn ask_for_missing_code(
    code: &RefCell<Option<String>>,
    serial: &str,
    profile: &str,
    deadline: &Deadline,
) -> FetchResult<()> {
    if code.borrow().is_none() {
        let name = format!("the MFA code for {}", redacted_line(serial));
        let _awaited = deadline.progress.awaits(name);
        let typed = deadline.wait_for_user(|| sts::mfa_code(serial, profile))?;
        code.replace(Some(typed));
    }
    Ok(())
}

/// Asks one credential provider after the other, and returns the first credentials found. An error
/// with [`Cause::Refused`], such as an untrusted certificate, ends the search, because the requests
/// for secrets would fail in the same way.
pub async fn find_credentials(access: &Access) -> FetchResult<Credentials> {
    use Cause::{Absent, Denied, NoCredentials, NoRegion, Outage, Refused};
    let settings = &access.settings;
    let mut providers = vec![
        Provider::Profile(settings.profile_name().to_owned()),
        Provider::WebIdentity,
        Provider::Container,
        Provider::Instance,
    ];
    if settings.options.profile.is_none() {
        providers.insert(0, Provider::Variables);
    }
    let mut reasons = Vec::new();
    for provider in providers {
        let found = ask(&provider, access).await;
        let failure = match found.and_then(|found| checked_credentials(found, provider.clone())) {
            Ok(credentials) => {
                let progress = access.budget.progress();
                progress.trace(|| format!("the AWS credentials come from {provider}"));
                return Ok(credentials);
            }
            Err(failure) => failure,
        };
        let error = match failure.cause() {
            NoCredentials(_) => failure,
            Outage(_) => {
                let text = failure.sentence() + &failure.suffix();
                unusable(text)
                    .with_unsigned(Unsigned::Unanswered)
                    .or_help(failure.own_help())
            }
            // `Absent` means that a secret doesn't exist, which a provider can't know.
            Absent(_) => return Err(unusable(failure.sentence())),
            Denied(_) | Refused(_) | NoRegion => return Err(failure),
        };

        let ends_search = match error.next_try() {
            Again::NextProvider => false,
            Again::Never => true,
            // The instance metadata service can be late or broken on any machine, so its failure is
            // only one of the `reasons`.
            Again::Later | Again::NextRegion | Again::Here { .. } | Again::HereOrLater => {
                !matches!(provider, Provider::Instance)
            }
        };
        if ends_search {
            return Err(error);
        }
        reasons.push(error);
    }
    Err(no_credentials(settings, reasons))
}

/// The error for a search that found no credentials. It is temporary if any of the `reasons` is.
fn no_credentials(settings: &Settings, reasons: Vec<FetchError>) -> FetchError {
    let mut notes = Vec::new();
    let mut why = Unsigned::Failed;
    for error in reasons {
        if error.is_temporary() {
            why = Unsigned::Unanswered;
        }
        notes.push(error.text().to_owned());
    }

    let name = shell_word("NAME", settings.profile_name());
    let mut general = format!("run `aws configure sso --profile {name}`");
    if settings.metadata.may_answer_later() && !settings.metadata.is_disabled {
        // With a hop limit of 1, the metadata service's response doesn't reach a container.
        general += ". On EC2, give the instance a role, turn its metadata service on, and set its hop limit to 2 for containers";
    }
    // `--wait` repeats the search where instance metadata may exist, because credentials may come
    // late while a machine boots. On Fargate and in Lambda, waiting wouldn't help, because the role
    // exists from the start.
    let again = if settings.metadata.may_exist {
        Again::Later
    } else {
        Again::Never
    };
    let has_simulation =
        (settings.endpoints.configured.values()).any(|endpoint| is_loopback(endpoint.value.uri()));
    // `--profile` takes precedence over keys in variables, so it must be undone first.
    let mut keys = String::from("a simulation of AWS accepts any keys: ");
    if let Some(profile) = &settings.options.profile {
        keys += &format!("{}, and ", profile.place.undo());
    }
    keys += "set AWS_ACCESS_KEY_ID=test and AWS_SECRET_ACCESS_KEY=test";
    let here = if has_simulation {
        Some(&*keys)
    } else {
        settings.platform().credentials_help()
    };
    FetchError::without_credentials("no AWS credentials were found", again)
        .with_unsigned(why)
        .help(settings.setup_help(here, &general))
        .notes(notes)
}

/// Asks a provider for credentials.
///
/// The futures are boxed, because the one for the instance metadata contains an entire SDK client.
async fn ask(provider: &Provider, access: &Access) -> FetchResult<Credentials> {
    match provider {
        Provider::Variables => variable_credentials(&access.settings),
        Provider::Profile(_) => Box::pin(profile_credentials(access)).await,
        Provider::WebIdentity => match &access.settings.web_identity {
            Some(identity) => Box::pin(web_identity_credentials(identity, access)).await,
            None => Err(not_configured("AWS_WEB_IDENTITY_TOKEN_FILE isn't set")),
        },
        Provider::Container => Box::pin(container_credentials(access)).await,
        Provider::Instance => Box::pin(instance_credentials(access)).await,
    }
}

/// Gets the keys in variables. The SDK's provider would not read AWS_SECURITY_TOKEN, and would
/// accept SECRET_ACCESS_KEY, which AWS doesn't document.
fn variable_credentials(settings: &Settings) -> FetchResult<Credentials> {
    match &settings.variable_keys {
        None => Err(not_configured("AWS_ACCESS_KEY_ID isn't set, or is empty")),
        Some(keys) if keys.secret_access_key().is_empty() => {
            let why = "AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY isn't";
            let help = "set AWS_SECRET_ACCESS_KEY, too, or unset AWS_ACCESS_KEY_ID to use a profile or a role";
            Err(misconfigured(why).help(help))
        }
        Some(keys) => Ok(keys.clone()),
    }
}

/// Gets the credentials of the profile's source, and then assumes its roles in order.
async fn profile_credentials(access: &Access) -> FetchResult<Credentials> {
    let settings = &access.settings;
    let Some(chain) = &access.chain else {
        let name = shown(settings.profile_name());
        let place = settings.config_files.location();
        let fault = if settings.profile_exists {
            "doesn't have credentials"
        } else {
            "doesn't exist"
        };
        return Err(not_configured(format!(
            "the profile {name:?} {place} {fault}"
        )));
    };

    let found = match &chain.source {
        RoleSource::Keys(credentials) | RoleSource::StoredSession(_, credentials) => {
            Ok(credentials.clone())
        }
        RoleSource::Process(command) => {
            process_credentials(command, &chain.profile, &access.budget).await
        }
        RoleSource::Login => login_credentials(&chain.profile, &access.budget).await,
        RoleSource::Environment => variable_credentials(settings),
        RoleSource::Container => container_credentials(access).await,
        RoleSource::Instance => instance_credentials(access).await,
        RoleSource::WebIdentity(identity) => web_identity_credentials(identity, access).await,
        RoleSource::Sso(sso) => sso_credentials(sso, &chain.profile, access).await,
    };

    let source = found.map_err(|error| profile_failure(error, &chain.profile))?;
    let provider = Provider::Profile(chain.profile.clone());
    let mut credentials = checked_credentials(source, provider)?;

    for role in &chain.roles {
        if let Some(kept) = access.kept.credentials_of(role) {
            credentials = kept;
            continue;
        }
        let assumed = sts::assume(access, &credentials, role).await;
        credentials = assumed
            .map_err(|error| request_failure(&sts::not_assumed(&role.arn), error))?
            .credentials;
        let assumed = (role.clone(), credentials.clone());
        access.kept.roles.borrow_mut().push(assumed);
    }
    Ok(credentials)
}

/// Keeps the search from going on to the next provider after an error of a profile's source: the
/// profile is configured, so no other provider may take its place.
fn profile_failure(error: FetchError, profile: &str) -> FetchError {
    if error.next_try() != Again::NextProvider {
        return error;
    }
    let why = error.text();
    let text = format!("the profile {profile:?} doesn't have credentials, because {why}");
    if error.is_temporary() {
        service_failure(text)
    } else {
        unusable(text)
    }
}
