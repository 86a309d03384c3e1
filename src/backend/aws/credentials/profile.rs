//! Credentials of a profile: the SDK's own provider, but for `credential_process`, which is run here.
//!
//! The SDK runs such a program with our standard input and never ends it. Its provider takes no other in its place, but it takes
//! named sources of credentials and configuration files of ours after the user's: so the profile whose program is to run is
//! given a `credential_source` instead.

use std::borrow::Cow;

use aws_config::profile;
use aws_config::profile::{Profile, ProfileFileCredentialsProvider, ProfileSet};
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError as SourceError;
use aws_credential_types::provider::{ProvideCredentials, future};
use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use aws_types::os_shim_internal::{Env, Fs};

use super::process::Process;

/// A profile's credentials.
#[derive(Debug)]
pub struct ProfileCredentials {
    /// The profile that is chosen; none for the default one.
    name: Option<String>,
    config: ProviderConfig,
}

/// The name of our source, and of the profile that stands for a process where one profile is both a role and its source.
const PROCESS: &str = "secrets-exec-credential-process";

impl ProfileCredentials {
    pub fn new(name: Option<&str>, config: &ProviderConfig) -> Self {
        Self { name: name.map(str::to_owned), config: config.clone() }
    }

    async fn credentials(&self) -> Result<Credentials, SourceError> {
        let name = self.name.clone().map(Cow::Owned);
        let loaded = profile::load(&Fs::real(), &Env::real(), &EnvConfigFiles::default(), name).await;
        let profiles = loaded.map_err(SourceError::invalid_configuration)?;
        let mut provider = ProfileFileCredentialsProvider::builder().configure(&self.config);
        if let Some(name) = &self.name {
            provider = provider.profile_name(name);
        }
        if let Some((profile, command)) = source(&profiles) {
            let files = EnvConfigFiles::builder()
                .include_default_config_file(true)
                .include_default_credentials_file(true)
                .with_contents(EnvConfigFileKind::Credentials, overlay(profile));
            provider = provider.profile_files(files.build()).with_custom_provider(PROCESS, Process::new(command));
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

/// A configuration file that replaces `credential_process` by our `credential_source`.
fn overlay(profile: &Profile) -> String {
    let name = profile.name();
    if profile.get("role_arn").is_some() {
        format!("[{name}]\nsource_profile = {PROCESS}\n[{PROCESS}]\ncredential_source = {PROCESS}\n")
    } else {
        format!("[{name}]\ncredential_source = {PROCESS}\n")
    }
}

/// The profile whose `credential_process` gives the chosen one its credentials, or those to assume its roles with, and that
/// command. The rules are the SDK's (`profile/credentials/repr.rs`).
fn source(profiles: &ProfileSet) -> Option<(&Profile, &str)> {
    let mut profile = profiles.get_profile(profiles.selected_profile())?;
    // A chain is no longer than there are profiles, unless it goes round, which the SDK tells.
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
