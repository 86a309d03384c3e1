//! Credentials of a profile: its source is asked, and its roles are assumed in turn.

use aws_config::ecs::EcsCredentialsProvider;
use aws_config::profile::{Profile, ProfileFileCredentialsProvider};
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::error::CredentialsError as ProviderError;

use super::imds::InstanceCredentials;
use super::process::CredentialProcess;
use super::provider_configs::{EnvironmentCredentials, ProviderConfigs};
use super::sso::with_login_hint;
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
    let name = settings.profile().map_or("default", |(_, name)| name);
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
        Source::Process(command) => CredentialProcess::new(&command, settings.reading).provide_credentials().await?,
        Source::Named(source) => named(source, settings, configs).await?,
        Source::WebIdentity(_) => sdk_credentials(&profiles, &chain.profile, configs).await?,
        Source::Sso => {
            let found = sdk_credentials(&profiles, &chain.profile, configs).await;
            found.map_err(|error| with_login_hint(error, &chain.profile))?
        }
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
const SETTINGS_OF_SOURCES: [&str; 7] = [
    "web_identity_token_file",
    "role_session_name",
    "sso_account_id",
    "sso_role_name",
    "sso_region",
    "sso_start_url",
    "endpoint_url",
];

/// The name of the profile that the SDK is given.
const PROFILE: &str = "secrets-exec-source";

/// Asks the SDK's provider for the credentials of a web identity or of SSO. It is given a profile that has only these settings, since it
/// would assume the roles of the profile itself.
async fn sdk_credentials(
    profiles: &Profiles,
    name: &str,
    configs: &ProviderConfigs<'_>,
) -> Result<Credentials, ProviderError> {
    let Some(profile) = profiles.get(name) else { return Err(invalid("the profile does not exist any more")) };
    let files = profiles.env_files_with(source_config(profile));
    let provider = ProfileFileCredentialsProvider::builder().configure(&configs.network);
    provider.profile_name(PROFILE).profile_files(files).build().provide_credentials().await
}

/// Returns a configuration file with the source of `profile`. The SDK allows the region and the URL of SSO only in the `sso-session`, if
/// there is one; botocore allows them in both.
fn source_config(profile: &Profile) -> String {
    let mut own = format!("[profile {PROFILE}]\n");
    let session = session(profile);
    let mut of_session = session.as_ref().map(|session| format!("[sso-session {session}]\n")).unwrap_or_default();
    let settings = SETTINGS_OF_SOURCES.into_iter().filter_map(|key| Some((key, profile.get(key)?)));
    for (key, value) in settings {
        let is_of_session = session.is_some() && matches!(key, "sso_region" | "sso_start_url");
        let section = if is_of_session { &mut of_session } else { &mut own };
        section.push_str(&format!("{key} = {value}\n"));
    }
    if profile.get("web_identity_token_file").is_some() {
        own.extend(profile.get("role_arn").map(|role| format!("role_arn = {role}\n")));
    }
    own.extend(profile.get("services").map(|services| format!("services = {}\n", encode_name(services))));
    own.extend(session.map(|session| format!("sso_session = {session}\n")));
    own + &of_session
}

/// Returns the encoded name of the `sso-session`. Without one it is the URL: the SDK then finds the token in the same file, but checks
/// that it has not expired.
fn session(profile: &Profile) -> Option<String> {
    let own = profile.get("sso_session").map(encode_name);
    own.or_else(|| profile.get("sso_start_url").filter(|url| encode_name(url) == *url).map(str::to_owned))
}

async fn assume(
    role: &ProfileRole,
    credentials: Credentials,
    configs: &ProviderConfigs<'_>,
) -> Result<Credentials, ProviderError> {
    let mfa = match &role.mfa_serial {
        None => None,
        Some(serial) => {
            let code = configs.mfa_codes.get(serial);
            // The profile was written after the launch began.
            let code = code.ok_or_else(|| invalid(&format!("{}: its MFA code was not asked for", role.arn)))?;
            Some((serial.as_str(), code))
        }
    };
    let client = configs.clients.client(Api::Sts, &configs.region, &credentials).await;
    let request = RoleRequest {
        arn: &role.arn,
        external_id: role.external_id.as_deref(),
        session_name: role.session_name.as_deref(),
        duration: role.duration,
        mfa,
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
