//! The profile in AWS's configuration files, and its settings.

use std::path::PathBuf;

use super::files::{Profile, Profiles};
use super::role_chain::{RoleChain, role_chain};
use super::settings::{MetadataSettings, Settings};
use super::variable_reader::{BOOLEAN, COUNT, ENDPOINT, METADATA_MODE, REGION, RETRY_MODE};
use crate::backend::aws::protocol::{Api, Endpoints};
use crate::model::problem::{Problem, Status};
use crate::time::Progress;

/// Completes settings with the profile's, and returns the profile's role chain; `None` if it has no credentials, or they are not used.
///
/// # Errors
/// The first error in the files or the profile.
pub fn apply_profile(
    settings: &mut Settings,
    progress: &Progress,
) -> Result<Option<RoleChain>, Problem> {
    let profiles = apply_settings(settings, progress)?;
    match profiles.get(settings.profile().1) {
        Some(profile) if settings.uses_profile() => role_chain(&profiles, profile),
        Some(_) | None => Ok(None),
    }
}

/// Completes settings with the profile's, except for credentials. Options and variables take precedence.
///
/// # Errors
/// The first error in the files or these settings.
pub fn apply_settings(settings: &mut Settings, progress: &Progress) -> Result<Profiles, Problem> {
    let profiles = Profiles::load(&settings.config_files, progress)?;
    let others: Vec<&str> = profiles.names().filter(|name| *name != "default").collect();
    if settings.profile().0.is_none() && !others.is_empty() {
        settings.remedies = vec![format!(
            "choose one of the profiles {} (AWS_PROFILE)",
            others.join(", ")
        )];
    }
    let (source, name) = settings.profile();
    let Some(profile) = profiles.get(name) else {
        // The default profile need not exist.
        return match source {
            Some(setting) => Err(profiles.no_profile(name, setting)),
            None => Ok(profiles),
        };
    };
    let max_attempts = profile.parse("max_attempts", &COUNT)?;
    profile.parse("retry_mode", &RETRY_MODE)?;
    let region = profile.parse("region", &REGION)?;
    apply_endpoints(profile, &profiles, &mut settings.endpoints)?;
    apply_metadata(profile, &mut settings.metadata)?;
    settings.max_attempts = settings.max_attempts.or(max_attempts);
    let source = region
        .as_ref()
        .map(|_| ("the AWS profile", Status::Configuration));
    settings.region = settings.region.take().or(region);
    settings.region_source = settings.region_source.or(source);
    settings.trust.bundle = settings
        .trust
        .bundle
        .take()
        .or_else(|| profile.get("ca_bundle").map(PathBuf::from));
    Ok(profiles)
}

fn apply_metadata(profile: Profile<'_>, metadata: &mut MetadataSettings) -> Result<(), Problem> {
    let endpoint = profile.parse("ec2_metadata_service_endpoint", &ENDPOINT)?;
    let mode = profile.parse("ec2_metadata_service_endpoint_mode", &METADATA_MODE)?;
    metadata.endpoint = metadata.endpoint.take().or(endpoint);
    metadata.endpoint_of_mode = metadata.endpoint_of_mode.or(mode);
    Ok(())
}

fn apply_endpoints(
    profile: Profile<'_>,
    profiles: &Profiles,
    endpoints: &mut Endpoints,
) -> Result<(), Problem> {
    let boolean = |key| profile.parse(key, &BOOLEAN);
    endpoints.use_fips = endpoints.use_fips.or(boolean("use_fips_endpoint")?);
    endpoints.use_dual_stack = endpoints
        .use_dual_stack
        .or(boolean("use_dualstack_endpoint")?);
    endpoints.ignored = endpoints
        .ignored
        .or(boolean("ignore_configured_endpoint_urls")?);
    let general = profile.parse("endpoint_url", &ENDPOINT)?;
    for api in Api::ALL {
        let services = profile.get("services");
        let text = services
            .and_then(|section| profiles.service_endpoint(section, api.endpoint_setting().1));
        let of_service = profile.parse_text(text, "services", &ENDPOINT)?;
        if let (None, Some(url)) = (
            endpoints.configured.get(&api),
            of_service.or_else(|| general.clone()),
        ) {
            endpoints.configured.insert(api, url);
        }
    }
    Ok(())
}
