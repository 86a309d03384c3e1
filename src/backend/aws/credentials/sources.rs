//! The sources of credentials: variables, a profile with its roles, a web identity, and a container. Those that take more than a function
//! have files of their own.

use std::path::Path;

use aws_config::ecs::EcsCredentialsProvider;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;

use super::imds::instance;
use super::process::{login_credentials, process_credentials};
use super::provider::{
    ProviderName, SearchContext, defect, failed, misconfigured, not_configured, of_request,
    of_response, of_sdk, unreadable, unusable, with_help,
};
use super::sso::sso_credentials;
use super::sts;
use crate::backend::aws::clients::response_status;
use crate::backend::aws::config::{ProfileRole, RoleSource, VariableKeys, WebIdentity};
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

/// Asks for the profile's credentials.
pub async fn profile(context: &SearchContext<'_>) -> Result<Credentials, FetchError> {
    let settings = context.settings;
    let Some(chain) = context.chain else {
        let (name, files) = (settings.profile().1, settings.config_files.described());
        let why = format!("no profile {name:?} with credentials {files}");
        return Err(not_configured(why));
    };
    let found = match &chain.source {
        RoleSource::Keys(credentials) => Ok(credentials.clone()),
        RoleSource::Process(command) => process_credentials(command).await,
        RoleSource::Login => login_credentials(&chain.profile).await,
        RoleSource::Environment => environment(&settings.variable_keys),
        RoleSource::Container => container(context).await,
        RoleSource::Instance => instance(context).await,
        RoleSource::WebIdentity(identity) => web_identity(identity, context).await,
        RoleSource::Sso(sso) => sso_credentials(sso, &chain.profile, context).await,
    };
    let mut credentials = found.map_err(configured)?;
    credentials.set_property(ProviderName("profile"));
    for role in &chain.roles {
        if let Some(why) = defect(&credentials) {
            return Err(misconfigured(why));
        }
        let assumed = assume(role, credentials, context).await;
        credentials = assumed.map_err(|error| {
            of_request(&format!("STS, asked for {}", one_line(&role.arn)), error)
        })?;
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
fn configured(error: FetchError) -> FetchError {
    match error {
        FetchError::NoCredentials(error) if error.again == Again::NextProvider => {
            let why = error.tried.join(", ");
            if error.temporary {
                failed(why)
            } else {
                unusable(why)
            }
        }
        error => error,
    }
}

/// Exchanges the token of AWS_WEB_IDENTITY_TOKEN_FILE for the credentials of AWS_ROLE_ARN.
pub async fn web_identity_of_variables(
    context: &SearchContext<'_>,
) -> Result<Credentials, FetchError> {
    let settings = context.settings;
    let Some(file) = settings.web_identity_file.clone() else {
        let why = "AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN are not set";
        return Err(not_configured(why));
    };
    let Some(role) = &settings.web_identity_role else {
        let why = "AWS_WEB_IDENTITY_TOKEN_FILE is set, but AWS_ROLE_ARN is not";
        return Err(misconfigured(why));
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

/// Exchanges the token of a web identity for the credentials of its role.
async fn web_identity(
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
