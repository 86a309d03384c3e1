//! The sources of credentials: variables, a profile with its roles, and a container. Those that take more than a function
//! have files of their own.

use std::path::Path;

use aws_config::ecs::EcsCredentialsProvider;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;

use super::imds::instance;
use super::process::{login_credentials, process_credentials};
use super::provider::{
    CredentialsOrigin, SearchContext, failed, misconfigured, not_configured, of_request, of_sdk,
    unreadable, unusable, with_help, with_origin,
};
use super::sso::sso_credentials;
use super::sts;
use super::web_identity::web_identity;
use crate::backend::aws::clients::response_status;
use crate::backend::aws::config::{ProfileRole, RoleSource, VariableKeys};
use crate::backend::aws::protocol::Api;
use crate::model::answer::{Again, FetchError};
use crate::model::inherited::Inherited;
use crate::model::problem::Status;

/// Returns the credentials of AWS_ACCESS_KEY_ID and its companions. The SDK's own provider does not read AWS_SECURITY_TOKEN, and accepts
/// SECRET_ACCESS_KEY, which AWS does not document.
pub fn environment(keys: &VariableKeys) -> Result<Credentials, FetchError> {
    match keys {
        VariableKeys::Unset => Err(not_configured("AWS_ACCESS_KEY_ID is not set")),
        VariableKeys::WithoutSecret => {
            let why = "AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not";
            let help = "set AWS_SECRET_ACCESS_KEY, too, or unset AWS_ACCESS_KEY_ID to use a profile or a role";
            Err(with_help(misconfigured(why), help))
        }
        VariableKeys::Complete(credentials) => Ok(credentials.clone()),
    }
}

/// Asks for the profile's credentials.
pub async fn profile(context: &SearchContext<'_>) -> Result<Credentials, FetchError> {
    let settings = context.settings;
    let Some(chain) = context.chain else {
        let (name, files) = (settings.profile().1, settings.config_files.described());
        let why = format!("there is no profile {name:?} with credentials {files}");
        return Err(not_configured(why));
    };
    let found = match &chain.source {
        RoleSource::Keys(credentials) => Ok(credentials.clone()),
        RoleSource::Process(command) => process_credentials(command, &chain.profile).await,
        RoleSource::Login => login_credentials(&chain.profile).await,
        RoleSource::Environment => environment(&settings.variable_keys),
        RoleSource::Container => container(context).await,
        RoleSource::Instance => instance(context).await,
        RoleSource::WebIdentity(identity) => web_identity(identity, context).await,
        RoleSource::Sso(sso) => sso_credentials(sso, &chain.profile, context).await,
    };
    let origin = CredentialsOrigin::Profile(chain.profile.clone());
    let found = found.map_err(|error| configured(error, &chain.profile))?;
    let mut credentials = with_origin(found, origin)?;
    for role in &chain.roles {
        let assumed = assume(role, credentials, context).await;
        credentials = assumed.map_err(|error| of_request(&sts::not_assumed(&role.arn), error))?;
    }
    Ok(credentials)
}

async fn assume(
    role: &ProfileRole,
    credentials: Credentials,
    context: &SearchContext<'_>,
) -> Result<Credentials, FetchError> {
    let client = context
        .clients
        .client(Api::Sts, context.region, Some(&credentials))
        .await?;
    let assumed = sts::assume_once(&client, role, context.mfa_codes.of(role)).await?;
    Ok(assumed.credentials)
}

/// Returns the failure of a source that the profile names. As it is configured, no other provider is asked.
fn configured(error: FetchError, profile: &str) -> FetchError {
    match error {
        FetchError::NoCredentials(error) if error.again == Again::NextProvider => {
            let why = error.problem.text;
            let why = format!("the profile {profile:?} has no credentials, because {why}");
            match error.problem.status {
                Status::Temporary => failed(why),
                _ => unusable(why),
            }
        }
        error => error,
    }
}

/// Returns the credentials of the container (ECS, or EKS Pod Identity). The SDK's error of an unreadable token file does not name it.
pub async fn container(context: &SearchContext<'_>) -> Result<Credentials, FetchError> {
    if let Some(file) = &context.settings.container_token_file {
        std::fs::read(file).map_err(|error| {
            unreadable(
                "the container's authorization token",
                Path::new(file),
                &error,
            )
        })?;
    }
    let provider = EcsCredentialsProvider::builder()
        .configure(&context.clients.link_local(|_, status| status >= 300))
        .build();
    let found = provider.provide_credentials().await;
    found.map_err(|error| {
        let failure = of_sdk(
            "the container's credentials can't be read",
            &error,
            response_status(&error),
        );
        let failure = match failure.again() {
            Again::NextProvider => not_configured(
                "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and AWS_CONTAINER_CREDENTIALS_FULL_URI are not set",
            ),
            _ => failure,
        };
        match context.settings.role_remedy {
            Some(remedy) => with_help(failure, remedy),
            None => failure,
        }
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
