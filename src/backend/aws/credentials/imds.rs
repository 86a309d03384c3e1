//! The instance metadata: this machine's role, asked for as the variables say.

use std::time::Duration;

use aws_config::imds;
use aws_config::imds::client::error::ImdsError;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError as SourceError;
use aws_credential_types::provider::{ProvideCredentials, future};

use crate::backend::aws::config::{MetadataSettings, Settings};
use crate::net::errors::{TimedOut, Unavailable, find_source};

/// The credentials of this machine's role. The SDK takes the role's name as it comes, and panics over what is no path.
#[derive(Debug)]
pub struct Instance {
    timeout: Duration,
    /// AWS_EC2_METADATA_DISABLED. The SDK's client looks at it only after it has asked for a token.
    is_disabled: bool,
    is_silent: bool,
    client: imds::Client,
    near: ProviderConfig,
}

impl Instance {
    pub fn new(settings: &Settings, near: &ProviderConfig, is_silent: bool) -> Self {
        let MetadataSettings { timeout, is_disabled, .. } = settings.metadata;
        Self { timeout, is_disabled, is_silent, client: metadata_client(settings, near), near: near.clone() }
    }

    async fn credentials(&self) -> Result<Credentials, SourceError> {
        if self.is_disabled {
            return Err(SourceError::not_loaded("AWS_EC2_METADATA_DISABLED is true"));
        }
        if self.is_silent {
            return Err(SourceError::not_loaded(TimedOut(self.timeout)));
        }
        let roles = self.client.get("/latest/meta-data/iam/security-credentials/").await;
        let roles = roles.map_err(|error| match &error {
            ImdsError::ErrorResponse(answer) if answer.response().status().as_u16() == 404 => {
                SourceError::not_loaded("the instance has no role")
            }
            _ if find_source::<Unavailable>(&error).is_some() => SourceError::provider_error(error),
            ImdsError::FailedToLoadToken(token) if token.is_dispatch_failure() => SourceError::not_loaded(error),
            _ => SourceError::provider_error(error),
        })?;
        let role = roles.as_ref().trim().to_owned();
        if role.is_empty() || !role.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+=,.@_-".contains(&byte)) {
            return Err(SourceError::provider_error("what answers does not speak as the metadata service does"));
        }
        let provider = ImdsCredentialsProvider::builder().configure(&self.near).imds_client(self.client.clone());
        provider.profile(role).build().provide_credentials().await
    }
}

impl ProvideCredentials for Instance {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.credentials())
    }
}

/// The instance metadata, asked as the variables say.
pub fn metadata_client(settings: &Settings, near: &ProviderConfig) -> imds::Client {
    let MetadataSettings { timeout, attempts, .. } = settings.metadata;
    let client = imds::Client::builder().configure(near).max_attempts(attempts);
    client.connect_timeout(timeout).read_timeout(timeout).build()
}
