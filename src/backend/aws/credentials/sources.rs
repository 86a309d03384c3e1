//! The providers of credentials that need no others, except `credential_process`, SSO and the instance.

use std::path::Path;

use aws_config::ecs::EcsCredentialsProvider;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;

use super::provider::{
    SearchContext, misconfigured, not_configured, of_request, of_response, of_sdk, unreadable,
    with_help,
};
use super::sts;
use crate::backend::aws::clients::response_status;
use crate::backend::aws::config::{VariableKeys, WebIdentity};
use crate::backend::aws::protocol::Api;
use crate::model::answer::{Again, FetchError};
use crate::model::inherited::Inherited;
use crate::model::quoting::one_line;

/// Returns the credentials of AWS_ACCESS_KEY_ID and its companions. The SDK's own provider does not read AWS_SECURITY_TOKEN, and accepts
/// SECRET_ACCESS_KEY, which AWS does not document.
pub fn environment(keys: &VariableKeys) -> Result<Credentials, FetchError> {
    match keys {
        VariableKeys::Unset => Err(not_configured("AWS_ACCESS_KEY_ID is not set")),
        VariableKeys::WithoutSecret => {
            let why = "AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not";
            Err(misconfigured(why))
        }
        VariableKeys::Complete(credentials) => Ok(credentials.clone()),
    }
}

/// Exchanges the token of a web identity for the credentials of its role.
pub async fn web_identity(
    identity: &WebIdentity,
    context: &SearchContext<'_>,
) -> Result<Credentials, FetchError> {
    let token = std::fs::read_to_string(&identity.file)
        .map_err(|error| unreadable(Path::new(&identity.file), &error))?;
    let subject = format!(
        "{}: STS, asked for {}",
        identity.file,
        one_line(&identity.role)
    );
    let failed = |error| of_request(&subject, error);
    let client = context.clients.client(Api::Sts, context.region, None).await;
    let exchanged = sts::exchange(&client.map_err(failed)?, identity, token).await;
    exchanged.map_err(failed)
}

/// Returns the credentials of the container (ECS, or EKS Pod Identity). The SDK's error of an unreadable token file does not name it.
pub async fn container(context: &SearchContext<'_>) -> Result<Credentials, FetchError> {
    if let Some(file) = &context.settings.container_token_file {
        std::fs::read(file).map_err(|error| unreadable(Path::new(file), &error))?;
    }
    let provider = EcsCredentialsProvider::builder()
        .configure(&context.clients.link_local(|_, status| status >= 300))
        .build();
    provider.provide_credentials().await.map_err(|error| {
        let failure = match response_status(&error) {
            Some(status) => {
                let why = format!("its endpoint answered with HTTP status {status}");
                of_response(&error, Some(status), &why)
            }
            None => of_sdk(&error, None),
        };
        if failure.again() == Again::NextProvider {
            let unset = "neither AWS_CONTAINER_CREDENTIALS_RELATIVE_URI nor AWS_CONTAINER_CREDENTIALS_FULL_URI is set";
            return not_configured(unset);
        }
        with_help(
            failure,
            "ECS: give the task definition a task role; EKS: create a pod identity association for the service account",
        )
    })
}

/// Removes empty variables from the process's environment, where the SDK's provider of a container's credentials takes them for values. As
/// in the AWS CLI, an empty variable is treated as unset. The command gets the environment unchanged.
pub fn remove_empty_variables(inherited: &Inherited) {
    for name in [
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    ] {
        if inherited.filled(name).is_none() {
            #[allow(
                clippy::disallowed_methods,
                reason = "the SDK reads the process's environment"
            )]
            #[allow(unsafe_code, reason = "std has no safe call that changes it")]
            // SAFETY: no other thread runs before the values are read.
            unsafe {
                std::env::remove_var(name);
            }
        }
    }
}
