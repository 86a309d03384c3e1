//! The profile in AWS's configuration files, and its settings.

use std::path::PathBuf;

use aws_config::profile::Profile;

use super::caller::profile_source;
use super::profiles::Profiles;
use super::role_chain::{ChainError, RoleChain, Source, role_chain};
use super::settings::{Reading, Settings};
use super::setup_error::{ProfileSource, SetupError};
use super::variable_reader::{
    BOOLEAN_EXPECTED, COUNT_EXPECTED, RETRY_EXPECTED, RETRY_MODES, URL_EXPECTED, parse_boolean, parse_count,
    parse_one_of,
};
use crate::backend::aws::protocol::Endpoints;
use crate::model::quoting::one_line;
use crate::model::reference::{Arn, Region};
use crate::model::url::HttpUrl;

/// Completes settings with those of the profile. Options and variables take precedence.
///
/// # Errors
/// The first error in the files or the profile.
pub async fn apply_profile(settings: &mut Settings) -> Result<(), SetupError> {
    let chosen = settings.profile().map(|(source, name)| (source, name.to_owned()));
    let mut profiles = Profiles::load(&settings.config_files).await?;
    settings.unreachable_files = std::mem::take(&mut profiles.passed_over.unreachable);
    let name = chosen.as_ref().map_or("default", |(_, name)| name);
    let Some(profile) = profiles.get(name) else {
        // The default profile need not exist.
        let Some((source, _)) = chosen else { return Ok(()) };
        return Err(profiles.no_profile(name, ProfileSource::Setting(source)));
    };
    settings.has_profile = true;
    check_source_profiles(name, profile, &profiles)?;
    if settings.uses_profile() {
        apply_role_chain(settings, &profiles, role_chain(&profiles, name))?;
        check_codes(settings, name)?;
    }
    let reader = ProfileReader { name, profile };
    reader.setting("retry_mode", RETRY_EXPECTED, |text| parse_one_of(&RETRY_MODES, text))?;
    let max_attempts = reader.setting("max_attempts", COUNT_EXPECTED, parse_count)?;
    let region = reader.setting("region", Region::EXPECTED, |text| Region::parse(text).ok())?;
    apply_endpoints(&reader, &profiles, &mut settings.endpoints)?;
    settings.max_attempts = settings.max_attempts.or(max_attempts);
    settings.region = settings.region.take().or(region);
    settings.trust.bundle = settings.trust.bundle.take().or_else(|| profile.get("ca_bundle").map(PathBuf::from));
    Ok(())
}

/// A chain that is inconsistent is reported when credentials are searched.
fn apply_role_chain(
    settings: &mut Settings,
    profiles: &Profiles,
    chain: Result<Option<RoleChain>, ChainError>,
) -> Result<(), SetupError> {
    if let Ok(Some(chain)) = &chain {
        settings.profile_source = profile_source(profiles, chain, settings);
    }
    let (web_identity_role, roles) = match chain {
        Ok(None) => return Ok(()),
        Err(ChainError::Setup(error)) => return Err(error),
        Err(ChainError::Inconsistent(_)) => (None, Vec::new()),
        Ok(Some(RoleChain { source: Source::WebIdentity(role), roles, .. })) => (Arn::parse(&role), roles),
        Ok(Some(RoleChain { roles, .. })) => (None, roles),
    };
    settings.profile_has_keys = true;
    settings.web_identity_role = web_identity_role;
    settings.profile_roles = roles;
    Ok(())
}

/// Fails if a role needs an MFA code that could not be asked for again.
fn check_codes(settings: &Settings, profile: &str) -> Result<(), SetupError> {
    let mut serials = settings.profile_roles.iter().filter_map(|role| role.mfa_serial.as_ref());
    match (settings.reading, serials.next()) {
        (Reading::First | Reading::Again, Some(serial)) => {
            Err(SetupError::MfaCode { profile: profile.to_owned(), serial: serial.clone() })
        }
        (Reading::Only, _) | (_, None) => Ok(()),
    }
}

fn apply_endpoints(
    reader: &ProfileReader<'_>,
    profiles: &Profiles,
    endpoints: &mut Endpoints,
) -> Result<(), SetupError> {
    let boolean = |key| reader.setting(key, BOOLEAN_EXPECTED, parse_boolean);
    endpoints.use_fips = endpoints.use_fips.or(boolean("use_fips_endpoint")?);
    endpoints.use_dual_stack = endpoints.use_dual_stack.or(boolean("use_dualstack_endpoint")?);
    endpoints.ignored = endpoints.ignored.or(boolean("ignore_configured_endpoint_urls")?);
    let general = reader.setting("endpoint_url", URL_EXPECTED, |text| HttpUrl::parse(text).ok())?;
    for (endpoint, service) in [
        (&mut endpoints.secrets_manager, "secrets_manager"),
        (&mut endpoints.parameter_store, "ssm"),
        (&mut endpoints.sts, "sts"),
    ] {
        let own = reader.service_endpoint(profiles, service)?;
        endpoint.configured = endpoint.configured.take().or(own).or_else(|| general.clone());
    }
    Ok(())
}

/// Checks that each `source_profile` exists.
fn check_source_profiles(name: &str, profile: &Profile, profiles: &Profiles) -> Result<(), SetupError> {
    let (mut name, mut profile) = (name, profile);
    // A chain with more steps than there are profiles is a cycle, which `role_chain` reports.
    for _ in profiles.names() {
        let Some(source) = profile.get("source_profile") else { break };
        profile =
            profiles.get(source).ok_or_else(|| profiles.no_profile(source, ProfileSource::Profile(name.to_owned())))?;
        name = source;
    }
    Ok(())
}

struct ProfileReader<'a> {
    name: &'a str,
    profile: &'a Profile,
}

impl ProfileReader<'_> {
    /// Returns the `endpoint_url` of a service in the section that the profile's `services` names.
    fn service_endpoint(&self, profiles: &Profiles, service: &str) -> Result<Option<HttpUrl>, SetupError> {
        let section = self.profile.get("services");
        let Some(text) = section.and_then(|section| profiles.service_endpoint(section, service)) else {
            return Ok(None);
        };
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
