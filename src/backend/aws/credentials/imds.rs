//! The instance metadata service (IMDS): the credentials of the instance's role, and the instance's region.

use aws_config::imds;
use aws_config::imds::client::SensitiveString;
use aws_config::imds::client::error::ImdsError;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError as ProviderError;
use aws_credential_types::provider::{ProvideCredentials, future};

use crate::backend::aws::config::MetadataSettings;
use crate::backend::aws::protocol::{classify_provider_error, error_text};
use crate::model::answer::{FetchError, Outage};
use crate::model::reference::Region;
use crate::net::errors::{ImdsUnavailable, TimedOut, find_source, is_timeout};
use crate::time::deadline::Deadline;
use crate::time::progress::WaitReason;
use crate::time::retry::{Retry, RetryBudget};

/// The credentials of the instance's role. The SDK's own provider panics over a role name that cannot be part of a path.
#[derive(Debug)]
pub struct InstanceCredentials {
    settings: MetadataSettings,
    skip: bool,
    client: imds::Client,
    config: ProviderConfig,
}

impl InstanceCredentials {
    /// With `skip`, the result is a timeout, without a request.
    pub fn new(settings: MetadataSettings, config: &ProviderConfig, skip: bool) -> Self {
        Self { settings, skip, client: client(settings, config), config: config.clone() }
    }

    async fn credentials(&self) -> Result<Credentials, ProviderError> {
        // The SDK checks AWS_EC2_METADATA_DISABLED only after its request for a token.
        if self.settings.is_disabled {
            return Err(ProviderError::not_loaded("AWS_EC2_METADATA_DISABLED is true"));
        }
        if self.skip {
            return Err(ProviderError::not_loaded(TimedOut(self.settings.timeout)));
        }
        let roles = self.client.get("/latest/meta-data/iam/security-credentials/").await;
        let roles = roles.map_err(|error| match &error {
            ImdsError::ErrorResponse(response) if response.response().status().as_u16() == 404 => {
                ProviderError::not_loaded("the instance has no role")
            }
            _ if find_source::<ImdsUnavailable>(&error).is_some() => ProviderError::provider_error(error),
            ImdsError::FailedToLoadToken(token) if token.is_dispatch_failure() => ProviderError::not_loaded(error),
            _ => ProviderError::provider_error(error),
        })?;
        let role = roles.as_ref().trim().to_owned();
        if role.is_empty() || !role.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+=,.@_-".contains(&byte)) {
            return Err(ProviderError::provider_error("the response is not one of the instance metadata service"));
        }
        let provider = ImdsCredentialsProvider::builder().configure(&self.config).imds_client(self.client.clone());
        provider.profile(role).build().provide_credentials().await
    }
}

impl ProvideCredentials for InstanceCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.credentials())
    }
}

fn client(settings: MetadataSettings, config: &ProviderConfig) -> imds::Client {
    let client = imds::Client::builder().configure(config).max_attempts(settings.attempts);
    client.connect_timeout(settings.timeout).read_timeout(settings.timeout).build()
}

/// Returns the region of the instance. If IMDS `is_known` to exist, it is unavailable when it cannot be reached.
///
/// # Errors
/// [`FetchError::NoRegion`] without IMDS or with AWS_EC2_METADATA_DISABLED; [`FetchError::Unavailable`] if IMDS times out or fails.
pub async fn instance_region(
    settings: MetadataSettings,
    config: &ProviderConfig,
    budget: &RetryBudget,
    deadline: &Deadline,
    is_known: bool,
) -> Result<Region, FetchError> {
    if settings.is_disabled {
        return Err(FetchError::NoRegion);
    }
    let client = client(settings, config);
    let why = |text: String| format!("the region from the instance metadata: {text}");
    let mut last = Outage::Timeout(why("no answer in time".to_owned()));
    for attempts in 1.. {
        let Some(answer) = budget.within(client.get("/latest/meta-data/placement/region")).await else { break };
        let outage = match read_region(answer, deadline.is_waiting() || is_known) {
            Ok(region) => return Ok(region),
            Err(Retry::Permanent(error)) => return Err(error),
            Err(Retry::Transient(outage, _)) => outage,
        };
        // Off EC2, IMDS never answers: do not retry a timeout.
        let is_last = matches!(outage, Outage::Timeout(_)) && !deadline.is_waiting();
        last = outage.map_text(why);
        deadline.progress().note_reason(WaitReason::Outage(last.clone()));
        if is_last || !budget.pause(attempts, Some(&last), None).await {
            break;
        }
    }
    Err(FetchError::Unavailable(last))
}

fn read_region(answer: Result<SensitiveString, ImdsError>, is_awaited: bool) -> Result<Region, Retry> {
    let error = match answer {
        Ok(text) => {
            let malformed = || Outage::MalformedResponse("a response that is not a region".to_owned());
            return Region::parse(text.as_ref().trim()).map_err(|_| malformed().into());
        }
        Err(error) => error,
    };
    if is_timeout(&error) {
        return Err(Outage::Timeout(error_text(&error)).into());
    }
    Err(match classify_provider_error(&error) {
        transient @ Retry::Transient(Outage::Service(_) | Outage::Throttled(_) | Outage::MalformedResponse(_), _) => {
            transient
        }
        // With `--wait`, or on an instance, an unreachable IMDS may still come up.
        Retry::Transient(..) | Retry::Permanent(_) if is_awaited => Outage::Connection(error_text(&error)).into(),
        Retry::Transient(..) | Retry::Permanent(_) => Retry::Permanent(FetchError::NoRegion),
    })
}
