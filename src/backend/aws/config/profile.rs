//! The profile in AWS's configuration files, and its settings.

use std::borrow::Cow;
use std::path::PathBuf;

use aws_config::profile;
use aws_config::profile::{Profile, ProfileSet};
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_runtime::env_config::property::PropertiesKey;
use aws_types::os_shim_internal::{Env, Fs};

use super::settings::Settings;
use super::values::{
    BOOLEAN_EXPECTED, COUNT_EXPECTED, RETRY_EXPECTED, RETRY_MODES, URL_EXPECTED, is_one_of, parse_boolean, parse_count,
};
use crate::backend::aws::protocol::error_text;
use crate::model::quoting::one_line;
use crate::model::reference::Region;
use crate::model::url::HttpUrl;
use crate::system::os_error;

/// What is wrong with AWS's own configuration files.
#[derive(Debug, PartialEq, Eq)]
pub enum SetupError {
    /// A profile that is chosen and does not exist.
    NoProfile {
        /// Its name.
        name: String,
        /// Those that do exist.
        known: Vec<String>,
        /// The profile whose `source_profile` it is; nothing when it was chosen.
        named_by: Option<String>,
    },
    /// A configuration file that cannot be read.
    Files(String),
    /// A setting of the profile that is not what it must be.
    Setting {
        /// The profile.
        profile: String,
        /// The setting.
        key: &'static str,
        /// What it says.
        text: String,
        /// What it takes.
        expected: &'static str,
    },
}

/// Keys of a profile that make credentials, or are there to.
const CREDENTIAL_KEYS: [&str; 8] = [
    "aws_access_key_id",
    "aws_secret_access_key",
    "role_arn",
    "source_profile",
    "credential_source",
    "credential_process",
    "web_identity_token_file",
    "sso_account_id",
];

/// Adds what the profile says to what options and variables leave open.
///
/// # Errors
/// For the first thing that is wrong with the files or the profile.
pub async fn apply_profile(settings: &mut Settings) -> Result<(), SetupError> {
    for file in &settings.config_files {
        readable(file)?;
    }
    let chosen = settings.profile().map(str::to_owned);
    let files = EnvConfigFiles::default();
    let loaded = profile::load(&Fs::real(), &Env::real(), &files, chosen.clone().map(Cow::Owned)).await;
    let profiles = loaded.map_err(|error| SetupError::Files(error_text(&error)))?;
    let name = chosen.as_deref().unwrap_or(profiles.selected_profile());
    let Some(profile) = profiles.get_profile(name) else {
        // Nobody chose the default one.
        return if chosen.is_none() { Ok(()) } else { Err(no_profile(name, None, &profiles)) };
    };
    sources_exist(name, profile, &profiles)?;
    settings.profile_has_keys = CREDENTIAL_KEYS.iter().any(|key| profile.get(key).is_some());
    let reader = ProfileReader { name, profile };
    let max_attempts = reader.setting("max_attempts", COUNT_EXPECTED, parse_count)?;
    let region = reader.setting("region", Region::EXPECTED, |text| Region::parse(text).ok())?;
    let use_fips = reader.setting("use_fips_endpoint", BOOLEAN_EXPECTED, parse_boolean)?;
    let use_dual_stack = reader.setting("use_dualstack_endpoint", BOOLEAN_EXPECTED, parse_boolean)?;
    let ignored = reader.setting("ignore_configured_endpoint_urls", BOOLEAN_EXPECTED, parse_boolean)?;
    reader.setting("retry_mode", RETRY_EXPECTED, |text| is_one_of(&RETRY_MODES, text))?;
    let endpoint = reader.setting("endpoint_url", URL_EXPECTED, |text| HttpUrl::parse(text).ok())?;
    let endpoints = &mut settings.endpoints;
    endpoints.ignored = endpoints.ignored.or(ignored);
    for (endpoint_of, service) in [
        (&mut endpoints.secrets_manager, "secrets_manager"),
        (&mut endpoints.parameter_store, "ssm"),
        (&mut endpoints.sts, "sts"),
    ] {
        let own = reader.service_endpoint(&profiles, service)?;
        endpoint_of.configured = endpoint_of.configured.take().or(own).or_else(|| endpoint.clone());
    }
    settings.max_attempts = settings.max_attempts.or(max_attempts);
    settings.region = settings.region.take().or(region);
    endpoints.use_fips = endpoints.use_fips.or(use_fips);
    endpoints.use_dual_stack = endpoints.use_dual_stack.or(use_dual_stack);
    settings.trust.bundle = settings.trust.bundle.take().or_else(|| profile.get("ca_bundle").map(PathBuf::from));
    Ok(())
}

/// The SDK passes over a file that it cannot read, and would go on with another identity than the one in it.
fn readable(file: &PathBuf) -> Result<(), SetupError> {
    // What is no regular file may be there to be read once, by the SDK.
    let read = match file.metadata() {
        Ok(metadata) if metadata.is_file() => std::fs::read_to_string(file).map(drop),
        Ok(_) => Ok(()),
        Err(error) => Err(error),
    };
    match read {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(SetupError::Files(one_line(&format!("{}: {}", file.display(), os_error::text(&error)))))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Each profile that gives the credentials for the one before it.
fn sources_exist(name: &str, profile: &Profile, profiles: &ProfileSet) -> Result<(), SetupError> {
    let (mut name, mut profile) = (name, profile);
    // A chain is no longer than there are profiles, unless it goes round, which the SDK tells.
    for _ in profiles.profiles() {
        let Some(source) = profile.get("source_profile") else { break };
        profile = profiles.get_profile(source).ok_or_else(|| no_profile(source, Some(name), profiles))?;
        name = source;
    }
    Ok(())
}

fn no_profile(name: &str, named_by: Option<&str>, profiles: &ProfileSet) -> SetupError {
    let mut known: Vec<String> = profiles.profiles().map(str::to_owned).collect();
    known.sort_unstable();
    SetupError::NoProfile { name: name.to_owned(), known, named_by: named_by.map(str::to_owned) }
}

struct ProfileReader<'a> {
    name: &'a str,
    profile: &'a Profile,
}

impl ProfileReader<'_> {
    /// The `endpoint_url` of a service in the section that the profile's `services` names. The SDK looks for it under a name
    /// of Secrets Manager that no AWS tool writes.
    fn service_endpoint(&self, profiles: &ProfileSet, service: &str) -> Result<Option<HttpUrl>, SetupError> {
        let Some(section) = self.profile.get("services") else { return Ok(None) };
        let key = PropertiesKey::builder()
            .section_key("services")
            .section_name(section)
            .property_name(service)
            .sub_property_name("endpoint_url")
            .build();
        let Some(text) = key.ok().and_then(|key| profiles.other_sections().get(&key)) else { return Ok(None) };
        match HttpUrl::parse(text) {
            Ok(url) => Ok(Some(url)),
            Err(_) => {
                let (profile, text) = (self.name.to_owned(), one_line(text));
                Err(SetupError::Setting { profile, key: "services", text, expected: URL_EXPECTED })
            }
        }
    }

    fn setting<T>(
        &self,
        key: &'static str,
        expected: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, SetupError> {
        let Some(text) = self.profile.get(key) else { return Ok(None) };
        let parsed = parse(text);
        if parsed.is_none() {
            let (profile, text) = (self.name.to_owned(), one_line(text));
            return Err(SetupError::Setting { profile, key, text, expected });
        }
        Ok(parsed)
    }
}
