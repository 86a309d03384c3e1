//! The provider for a profile: the SDK's own, except for `credential_process`, for which it uses [`CredentialProcess`].
//!
//! The SDK would run such a program with the standard input of this process and never end it. Its provider has no hook for that, but
//! it takes custom providers by name and a configuration file after the user's. That file replaces `credential_process` with a
//! `credential_source` with the name of a custom provider.

use std::borrow::Cow;

use aws_config::profile;
use aws_config::profile::{Profile, ProfileFileCredentialsProvider, ProfileSet};
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError as ProviderError;
use aws_credential_types::provider::{ProvideCredentials, future};
use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use aws_types::os_shim_internal::{Env, Fs};

use super::process::CredentialProcess;

#[derive(Debug)]
pub struct ProfileCredentials {
    /// `None` for the default profile.
    name: Option<String>,
    config: ProviderConfig,
}

/// The name of the custom provider, and of a profile with it for a profile that is its own `source_profile`.
const PROCESS: &str = "secrets-exec-credential-process";

impl ProfileCredentials {
    pub fn new(name: Option<&str>, config: &ProviderConfig) -> Self {
        Self { name: name.map(str::to_owned), config: config.clone() }
    }

    async fn credentials(&self) -> Result<Credentials, ProviderError> {
        let name = self.name.clone().map(Cow::Owned);
        let loaded = profile::load(&Fs::real(), &Env::real(), &EnvConfigFiles::default(), name).await;
        let profiles = loaded.map_err(ProviderError::invalid_configuration)?;
        let mut provider = ProfileFileCredentialsProvider::builder().configure(&self.config);
        if let Some(name) = &self.name {
            provider = provider.profile_name(name);
        }
        if let Some((profile, command)) = find_process(&profiles) {
            let files = EnvConfigFiles::builder()
                .include_default_config_file(true)
                .include_default_credentials_file(true)
                .with_contents(EnvConfigFileKind::Credentials, overlay(profile));
            provider =
                provider.profile_files(files.build()).with_custom_provider(PROCESS, CredentialProcess::new(command));
        }
        provider.build().provide_credentials().await
    }
}

impl ProvideCredentials for ProfileCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.credentials())
    }
}

/// Returns the configuration file that replaces `credential_process` with a `credential_source`.
fn overlay(profile: &Profile) -> String {
    let name = profile.name();
    if profile.get("role_arn").is_some() {
        format!("[{name}]\nsource_profile = {PROCESS}\n[{PROCESS}]\ncredential_source = {PROCESS}\n")
    } else {
        format!("[{name}]\ncredential_source = {PROCESS}\n")
    }
}

/// Returns the profile whose `credential_process` has the credentials of the selected profile, perhaps for a chain of roles, and the
/// command. The rules are the SDK's (aws-config, `profile/credentials/repr.rs`).
fn find_process(profiles: &ProfileSet) -> Option<(&Profile, &str)> {
    let mut profile = profiles.get_profile(profiles.selected_profile())?;
    // A chain with more steps than there are profiles is a cycle, which the SDK reports.
    for depth in 0..profiles.profiles().count() {
        let has = |key| profile.get(key).is_some();
        if depth > 0 && has("aws_access_key_id") && has("aws_secret_access_key") {
            return None;
        }
        if has("web_identity_token_file") || has("credential_source") {
            return None;
        }
        match profile.get("source_profile") {
            Some(source) if has("role_arn") && source != profile.name() => profile = profiles.get_profile(source)?,
            None if has("role_arn") => return None,
            Some(_) | None => {
                let others =
                    ["sso_account_id", "sso_region", "sso_role_name", "sso_session", "sso_start_url", "login_session"];
                return profile
                    .get("credential_process")
                    .filter(|_| !others.into_iter().any(has))
                    .map(|command| (profile, command));
            }
        }
    }
    None
}
