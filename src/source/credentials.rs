//! Credentials: each source in AWS's own order, each with the reason why it gave none.

use std::error::Error;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::ecs::EcsCredentialsProvider;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::imds;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::web_identity_token::WebIdentityTokenCredentialsProvider;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError as SourceError;
use aws_credential_types::provider::{ProvideCredentials, Result as Provided, SharedCredentialsProvider};
use aws_smithy_runtime_api::client::result::ConnectorError;
use tokio::time::{Instant, timeout_at};

use super::classify::text_of;
use super::transport::{certificate_error, find_source};
use super::variables::Settings;
use crate::fetched::{CredentialsError, Denial, FetchError, Outage, Refusal};
use crate::reference::Role;

/// Asks each source in turn. The first that has credentials gives them; one that is set up but fails ends the search, as in
/// every AWS tool: going on could mean reading with another identity than the one that was meant.
///
/// `config` is for what is asked over the network, `near` for what serves metadata next to this machine.
pub(super) async fn find(
    settings: &Settings,
    config: &ProviderConfig,
    near: &ProviderConfig,
    deadline: Instant,
) -> Result<Credentials, CredentialsError> {
    let mut tried = Vec::new();
    let mut temporary = false;
    for source in sources(settings, config, near) {
        let (name, why, end) = match timeout_at(deadline, source.provider.provide_credentials()).await {
            Ok(Ok(credentials)) => return Ok(credentials),
            Ok(Err(error)) => {
                temporary |= is_timeout(&error);
                let end = end_of_search(&error);
                (source.name, reason(&source, &error), end)
            }
            Err(_) => (source.name, "no answer in time".to_owned(), Some(Temporary(true))),
        };
        tried.push((name, why));
        if let Some(Temporary(temporary)) = end {
            return Err(CredentialsError { tried, temporary });
        }
    }
    Err(CredentialsError { tried, temporary })
}

struct CredentialSource {
    name: &'static str,
    /// What it reads, where its own words do not say so.
    subject: Option<String>,
    /// Why it has none, where the SDK's own words do not say what would have to be set.
    unset: Option<String>,
    provider: SharedCredentialsProvider,
}

fn sources(settings: &Settings, config: &ProviderConfig, near: &ProviderConfig) -> Vec<CredentialSource> {
    let source = |name, unset: Option<&str>, provider| CredentialSource {
        name,
        subject: None,
        unset: unset.map(str::to_owned),
        provider,
    };
    let mut sources = Vec::new();
    if settings.profile.is_none() {
        let provider = SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new());
        sources.push(source("environment", Some("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set"), provider));
    }
    let mut profile = ProfileFileCredentialsProvider::builder().configure(config);
    if let Some(name) = settings.profile() {
        profile = profile.profile_name(name);
    }
    let name = settings.profile().unwrap_or("default");
    let unset = format!("the profile {name:?} of AWS's configuration files has none");
    sources.push(source("profile", Some(&unset), SharedCredentialsProvider::new(profile.build())));
    let web_identity = WebIdentityTokenCredentialsProvider::builder().configure(config).build();
    let unset = "AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN are not set";
    let web_identity = source("web identity", Some(unset), SharedCredentialsProvider::new(web_identity));
    sources.push(CredentialSource { subject: settings.web_identity_file.clone(), ..web_identity });
    let container = EcsCredentialsProvider::builder().configure(near).build();
    let unset = "neither AWS_CONTAINER_CREDENTIALS_RELATIVE_URI nor AWS_CONTAINER_CREDENTIALS_FULL_URI is set";
    sources.push(source("container", Some(unset), SharedCredentialsProvider::new(container)));
    // Where there is no metadata service, one second is enough to know.
    let second = Duration::from_secs(1);
    let client =
        imds::Client::builder().configure(near).max_attempts(1).connect_timeout(second).read_timeout(second).build();
    let metadata = ImdsCredentialsProvider::builder().configure(near).imds_client(client).build();
    sources.push(source("instance metadata", None, SharedCredentialsProvider::new(metadata)));
    sources
}

fn reason(source: &CredentialSource, error: &SourceError) -> String {
    match (error, &source.unset) {
        (SourceError::CredentialsNotLoaded(_), Some(unset)) => unset.clone(),
        _ => {
            // The first line only says that a source gave none, which is why it is reported.
            let text = error.source().map_or_else(|| error.to_string(), text_of);
            let text = if text.is_empty() { error.to_string() } else { text };
            source.subject.iter().cloned().chain([text]).collect::<Vec<_>>().join(": ")
        }
    }
}

/// Whether trying later may help.
struct Temporary(bool);

/// `None` when the next source is asked.
fn end_of_search(error: &SourceError) -> Option<Temporary> {
    match error {
        SourceError::CredentialsNotLoaded(_) => None,
        SourceError::ProviderTimedOut(_) => Some(Temporary(true)),
        // Whatever did not get through may get through later; whatever was answered will be answered the same.
        other => Some(Temporary(is_outage(other))),
    }
}

/// A source that gave no answer may have some another time, though the next one was asked.
fn is_timeout(error: &SourceError) -> bool {
    find_source::<ConnectorError>(error).is_some_and(ConnectorError::is_timeout)
}

fn is_outage(error: &SourceError) -> bool {
    find_source::<ConnectorError>(error).is_some() && certificate_error(error).is_none()
}

/// The credentials of a role, assumed with those that were found.
pub(super) async fn assume(
    role: &Role,
    config: &SdkConfig,
    base: Credentials,
    deadline: Instant,
) -> Result<Credentials, FetchError> {
    let mut provider = AssumeRoleProvider::builder(&role.arn).configure(config).session_name("secrets-exec");
    if let Some(id) = &role.external_id {
        provider = provider.external_id(id);
    }
    let assuming =
        async { provider.build_from_provider(SharedCredentialsProvider::new(base)).await.provide_credentials().await };
    let provided: Provided = match timeout_at(deadline, assuming).await {
        Ok(provided) => provided,
        Err(_) => {
            return Err(FetchError::Unavailable(Outage::Timeout(format!(
                "STS did not answer when asked for {}",
                role.arn
            ))));
        }
    };
    provided.map_err(|error| {
        let text = format!("{}: {}", role.arn, error.source().map_or_else(|| error.to_string(), text_of));
        if let Some(certificate) = certificate_error(&error) {
            FetchError::Refused(Refusal::Certificate(certificate))
        } else if is_outage(&error) {
            FetchError::Unavailable(Outage::Connection(text))
        } else {
            FetchError::Denied { message: text, cause: Denial::Role }
        }
    })
}
