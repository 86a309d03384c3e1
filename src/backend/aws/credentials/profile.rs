//! Credentials of a profile: its source is asked, and its roles are assumed in turn.

use aws_credential_types::Credentials;

use super::imds::instance;
use super::process::{login_credentials, process_credentials};
use super::provider::{
    ProviderName, SearchContext, defect, failed, misconfigured, not_configured, of_request,
    unusable,
};
use super::sources::{container, environment, web_identity};
use super::sso::sso_credentials;
use super::sts::assume_once;
use crate::backend::aws::config::{ProfileRole, RoleSource};
use crate::backend::aws::protocol::Api;
use crate::model::answer::{Again, FetchError};
use crate::model::quoting::one_line;

/// Asks for the profile's credentials.
pub async fn profile_credentials(context: &SearchContext<'_>) -> Result<Credentials, FetchError> {
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
    let assumed = assume_once(&client, role, context.mfa_codes.of(role)).await?;
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
