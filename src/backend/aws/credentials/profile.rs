//! Credentials of a profile: its source is asked, and its roles are assumed in turn.

use aws_config::ecs::EcsCredentialsProvider;
use aws_config::profile::{Profile, ProfileFileCredentialsProvider};
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::error::CredentialsError as ProviderError;

use super::environment::EnvironmentCredentials;
use super::imds::InstanceCredentials;
use super::process::CredentialProcess;
use super::provider_configs::ProviderConfigs;
use crate::backend::aws::config::{
    ChainError, NamedSource, ProfileRole, Profiles, Settings, Source, encode_name, role_chain,
};
use crate::backend::aws::protocol::{Api, Classified, defect};
use crate::backend::aws::sts::{RoleRequest, assume_once};
use crate::model::quoting::one_line;
use crate::time::retry::Retry;

/// Reads the configuration files again, which may have been written meanwhile, and asks for the profile's credentials.
pub async fn profile_credentials(
    settings: &Settings,
    configs: &ProviderConfigs<'_>,
) -> Result<Credentials, ProviderError> {
    let profiles = Profiles::load(&settings.config_files).await.map_err(|error| invalid(&error.to_string()))?;
    let name = settings.profile().unwrap_or("default");
    let chain = role_chain(&profiles, name).map_err(|error| match error {
        ChainError::Setup(error) => invalid(&error.to_string()),
        ChainError::Inconsistent(why) => invalid(&why),
    });
    let Some(chain) = chain? else {
        let why = format!("the profile {name:?} of AWS's configuration files has none");
        return Err(ProviderError::not_loaded(why));
    };
    let mut credentials = match chain.source {
        Source::Keys(credentials) => credentials,
        Source::Process(command) => CredentialProcess::new(&command).provide_credentials().await?,
        Source::Named(source) => named(source, settings, configs).await?,
        Source::WebIdentity | Source::Sso => of_the_sdk(&profiles, &chain.profile, configs).await?,
    };
    for role in &chain.roles {
        if let Some(why) = defect(&credentials) {
            return Err(invalid(why));
        }
        credentials = assume(role, credentials, configs).await?;
    }
    Ok(credentials)
}

fn invalid(why: &str) -> ProviderError {
    ProviderError::invalid_configuration(why.to_owned())
}

async fn named(
    source: NamedSource,
    settings: &Settings,
    configs: &ProviderConfigs<'_>,
) -> Result<Credentials, ProviderError> {
    match source {
        NamedSource::Environment => EnvironmentCredentials(settings.variable_keys.clone()).provide_credentials().await,
        NamedSource::Container => {
            EcsCredentialsProvider::builder().configure(&configs.link_local).build().provide_credentials().await
        }
        NamedSource::Instance => {
            let instance = InstanceCredentials::new(settings.metadata, &configs.link_local, configs.skip_imds);
            instance.provide_credentials().await
        }
    }
}

/// The settings of a web identity, of SSO and of their endpoints.
const SETTINGS_OF_SOURCES: [&str; 9] = [
    "web_identity_token_file",
    "role_session_name",
    "sso_account_id",
    "sso_role_name",
    "sso_session",
    "sso_region",
    "sso_start_url",
    "endpoint_url",
    "services",
];

/// The name of the profile that the SDK is given.
const PROFILE: &str = "secrets-exec-source";

/// Asks the SDK's provider for the credentials of a web identity or of SSO. It is given a profile that has only these settings, since it
/// would assume the roles of the profile itself.
async fn of_the_sdk(
    profiles: &Profiles,
    name: &str,
    configs: &ProviderConfigs<'_>,
) -> Result<Credentials, ProviderError> {
    let Some(profile) = profiles.get(name) else { return Err(invalid("the profile does not exist any more")) };
    let files = profiles.env_files_with(source_profile(profile));
    let provider = ProfileFileCredentialsProvider::builder().configure(&configs.network);
    provider.profile_name(PROFILE).profile_files(files).build().provide_credentials().await
}

/// A configuration file with the source of `profile`. The SDK allows the region and the URL of SSO only in the `sso-session`, if there
/// is one; botocore allows them in both.
fn source_profile(profile: &Profile) -> String {
    let mut own = format!("[profile {PROFILE}]\n");
    let session = profile.get("sso_session").map(encode_name);
    let mut of_session = session.as_ref().map(|session| format!("[sso-session {session}]\n")).unwrap_or_default();
    let role = profile.get("role_arn").filter(|_| profile.get("web_identity_token_file").is_some());
    let settings = SETTINGS_OF_SOURCES.into_iter().filter_map(|key| Some((key, profile.get(key)?)));
    for (key, value) in settings.chain(role.map(|role| ("role_arn", role))) {
        let is_of_session = session.is_some() && matches!(key, "sso_region" | "sso_start_url");
        let section = if is_of_session { &mut of_session } else { &mut own };
        let is_name = matches!(key, "sso_session" | "services");
        section.push_str(&format!("{key} = {}\n", if is_name { encode_name(value) } else { value.to_owned() }));
    }
    own + &of_session
}

async fn assume(
    role: &ProfileRole,
    credentials: Credentials,
    configs: &ProviderConfigs<'_>,
) -> Result<Credentials, ProviderError> {
    let client = configs.clients.client(Api::Sts, &configs.region, &credentials).await;
    let request = RoleRequest {
        arn: &role.arn,
        external_id: role.external_id.as_deref(),
        session_name: role.session_name.as_deref(),
        duration: role.duration,
    };
    let assumed = match client {
        Ok(client) => assume_once(&client, &request).await,
        Err(error) => Err(Retry::Permanent(error)),
    };
    let subject = format!("STS, asked for {}", one_line(&role.arn));
    assumed
        .map(|assumed| assumed.credentials)
        .map_err(|retry| ProviderError::provider_error(Classified::new(&subject, retry)))
}
