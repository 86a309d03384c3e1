//! The providers for variables, for a profile with its roles, and for a container. The provider for
//! a web identity is in `sts`, and the other providers have files of their own.

use std::path::Path;

use aws_config::ecs::EcsCredentialsProvider;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;

use super::imds::instance;
use super::process::{login_credentials, process_credentials};
use super::provider::{
    CredentialsOrigin, SearchContext, checked_credentials, misconfigured, not_configured,
    sdk_failure, service_failure, unreadable, unusable, with_headline, with_help,
};
use super::sso::sso_credentials;
use super::sts;
use crate::backend::aws::config::{RoleSource, VariableKeys};
use crate::backend::aws::service_client::Api;
use crate::model::answer::{Again, FetchError};
use crate::model::env_variables::Inherited;
use crate::model::problem::Status;

/// Returns the credentials from AWS_ACCESS_KEY_ID and the variables that belong to it.
///
/// We don't use the SDK's provider, because it does not read AWS_SECURITY_TOKEN, and because it
/// accepts SECRET_ACCESS_KEY, which AWS does not document.
///
/// # Errors
/// When AWS_ACCESS_KEY_ID is not set, so that the next provider is asked, or when only
/// AWS_SECRET_ACCESS_KEY is missing, so that the search ends.
pub fn environment(keys: &VariableKeys) -> Result<Credentials, FetchError> {
    match keys {
        VariableKeys::Unset => Err(not_configured("AWS_ACCESS_KEY_ID isn't set")),
        VariableKeys::WithoutSecret => {
            let why = "AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY isn't";
            let help = "set AWS_SECRET_ACCESS_KEY, too, or unset AWS_ACCESS_KEY_ID to use a profile or a role";
            Err(misconfigured(why).help(help))
        }
        VariableKeys::Complete(credentials) => Ok(credentials.clone()),
    }
}

/// Gets the credentials of the profile: the credentials of its source or, if it has roles, those of
/// the last role. The roles are assumed one after the other, starting with the source's
/// credentials. May run a program, read files and send requests.
///
/// # Errors
/// When the profile doesn't have credentials. In that case, the next provider is asked. When its
/// source or one of its roles fails. In that case, the search ends.
pub async fn profile(context: &SearchContext<'_>) -> Result<Credentials, FetchError> {
    let settings = context.settings;
    let Some(chain) = context.chain else {
        return Err(not_configured("the profile doesn't have credentials"));
    };

    let found = match &chain.source {
        RoleSource::Keys(credentials) | RoleSource::StoredSession(_, credentials) => {
            Ok(credentials.clone())
        }
        RoleSource::Process(command) => process_credentials(command, &chain.profile).await,
        RoleSource::Login => login_credentials(&chain.profile).await,
        RoleSource::Environment => environment(&settings.variable_keys),
        RoleSource::Container => container(context).await,
        RoleSource::Instance => instance(context).await,
        RoleSource::WebIdentity(identity) => sts::web_identity(identity, context).await,
        RoleSource::Sso(sso) => sso_credentials(sso, &chain.profile, context).await,
    };
    let source_credentials = found.map_err(|error| without_next_provider(error, &chain.profile))?;
    let origin = CredentialsOrigin::Profile(chain.profile.clone());
    let mut credentials =
        checked_credentials(source_credentials, origin, Some(&settings.endpoints))?;

    for role in &chain.roles {
        let failed = |error| with_headline(&sts::not_assumed(&role.arn), error);
        let (clients, region) = (context.clients, context.region);
        let client = clients.client(Api::Sts, region, Some(&credentials)).await;
        let client = client.map_err(failed)?;
        let assumed = sts::assume_once(&client, role, context.mfa_codes).await;
        credentials = assumed.map_err(failed)?.credentials;
    }
    Ok(credentials)
}

/// Returns the failure of a source that the profile names. The profile is configured, so no other
/// provider must be asked after this failure.
fn without_next_provider(error: FetchError, profile: &str) -> FetchError {
    if error.again != Again::NextProvider {
        return error;
    }
    let why = error.problem.text;
    let text = format!("the profile {profile:?} doesn't have credentials, because {why}");
    if error.problem.status == Status::Temporary {
        service_failure(text)
    } else {
        unusable(text)
    }
}

/// Gets the container's credentials (ECS or EKS Pod Identity) with the SDK's provider. First reads
/// the file with the token, because the SDK's error would not name the file.
///
/// # Errors
/// When the file or the credentials can't be read. Without the variables of a container, the next
/// provider is asked.
pub async fn container(context: &SearchContext<'_>) -> Result<Credentials, FetchError> {
    if let Some(file) = &context.settings.container_token_file {
        let token = "the container's authorization token";
        std::fs::read(file).map_err(|error| unreadable(token, Path::new(file), &error))?;
    }
    let provider = EcsCredentialsProvider::builder()
        .configure(&context.clients.link_local(|_, status| status >= 300))
        .build();
    let found = provider.provide_credentials().await;
    found.map_err(|error| {
        let headline = "the container's credentials can't be read";
        let mut failure = sdk_failure(headline, &error);
        if failure.again == Again::NextProvider {
            let why = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and AWS_CONTAINER_CREDENTIALS_FULL_URI aren't set";
            failure = not_configured(why);
        }
        match context.settings.role_remedy {
            Some(remedy) => with_help(failure, remedy),
            None => failure,
        }
    })
}

/// Removes a container's empty variables from the environment of this process, because the SDK's
/// provider reads them there.
///
/// As in the AWS CLI, an empty variable is treated as unset. The SDK would use its value. The
/// command still gets the empty variables.
pub fn remove_empty_variables(inherited: &Inherited) {
    for name in [
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    ] {
        if inherited.non_empty(name).is_none() {
            #[allow(
                clippy::disallowed_methods,
                reason = "the SDK reads the process's environment"
            )]
            #[allow(unsafe_code, reason = "std doesn't have a safe call that changes it")]
            // SAFETY: no other thread runs before the values are read.
            unsafe {
                std::env::remove_var(name);
            }
        }
    }
}
