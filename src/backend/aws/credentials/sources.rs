//! The providers of credentials that need no others, except `credential_process`, SSO and the instance.

use std::path::Path;

use aws_config::ecs::EcsCredentialsProvider;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;

use super::provider::{ErrorKind, ProviderError, SearchContext};
use crate::backend::aws::config::{VariableKeys, WebIdentity};
use crate::backend::aws::protocol::Api;
use crate::backend::aws::sts;
use crate::model::quoting::one_line;
use crate::time::retry::AttemptFailure;

/// Returns the credentials of AWS_ACCESS_KEY_ID and its companions. The SDK's own provider does not read AWS_SECURITY_TOKEN, and accepts
/// SECRET_ACCESS_KEY, which AWS does not document.
pub fn environment(keys: &VariableKeys) -> Result<Credentials, ProviderError> {
    match keys {
        VariableKeys::Unset => Err(ProviderError::new(ErrorKind::NotConfigured, "AWS_ACCESS_KEY_ID is not set")),
        VariableKeys::WithoutSecret => {
            let why = "AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not";
            Err(ProviderError::new(ErrorKind::Misconfigured, why))
        }
        VariableKeys::Complete(credentials) => Ok(credentials.clone()),
    }
}

/// Exchanges the token of a web identity for the credentials of its role.
pub async fn web_identity(identity: &WebIdentity, context: &SearchContext<'_>) -> Result<Credentials, ProviderError> {
    let token = std::fs::read_to_string(&identity.file)
        .map_err(|error| ProviderError::unreadable(Path::new(&identity.file), &error))?;
    let subject = format!("{}: STS, asked for {}", identity.file, one_line(&identity.role));
    let failed = |retry: AttemptFailure| ProviderError::of_request(&subject, &retry);
    let client = context.clients.client(Api::Sts, context.region, None).await;
    let client = client.map_err(|error| failed(AttemptFailure::Permanent(error)))?;
    sts::exchange(&client, identity, token).await.map_err(failed)
}

/// Returns the credentials of the container (ECS, or EKS Pod Identity). The SDK's error of an unreadable token file does not name it.
pub async fn container(context: &SearchContext<'_>) -> Result<Credentials, ProviderError> {
    if let Some(file) = &context.settings.container_token_file {
        std::fs::read(file).map_err(|error| ProviderError::unreadable(Path::new(file), &error))?;
    }
    let provider = EcsCredentialsProvider::builder().configure(&context.clients.link_local()).build();
    provider.provide_credentials().await.map_err(|error| {
        let error = ProviderError::from(error);
        let unset = "neither AWS_CONTAINER_CREDENTIALS_RELATIVE_URI nor AWS_CONTAINER_CREDENTIALS_FULL_URI is set";
        if error.kind == ErrorKind::NotConfigured { ProviderError::new(error.kind, unset) } else { error }
    })
}
