//! The distinction of requests that may have different answers, by which the cache names its entries: what is read, and by which caller.
//!
//! The texts are hashed and never printed: an access key id is among them, and the token of a container.

use std::path::Path;

use super::profiles::Profiles;
use super::role_chain::{NamedSource, ProfileRole, RoleChain, Source};
use super::settings::{PROCESS, Settings, VariableKeys};
use crate::model::inherited::Inherited;
use crate::model::reference::{Locator, Region, Role};

/// The variables of the container's and of the instance's credentials.
const HOST_VARIABLES: [&str; 5] = [
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
];

/// Returns the endpoint, region, role, external id, id and version of a request, and its caller; `None` without complete credentials.
///
/// The region of IMDS is that service's endpoint, since it is the same for every launch on the instance.
pub fn distinction(settings: &Settings, locator: &Locator) -> Option<Vec<String>> {
    let caller = caller(settings)?;
    let mut texts = vec![locator.store.service().to_owned()];
    texts.extend(settings.endpoints.distinction(locator.store));
    let role = settings.role_of(locator);
    let external_id = role.and_then(|Role { external_id, .. }| external_id.clone());
    let metadata = || settings.host_source.iter().find(|text| text.starts_with("AWS_EC2_METADATA")).cloned();
    let region = locator.region.as_ref().or(settings.region.as_ref()).map(Region::to_string).or_else(metadata);
    let (stage, id) = (locator.version.stage(), locator.version.id());
    let optional = [
        region,
        role.map(|role| role.arn.to_string()),
        external_id,
        Some(locator.id.to_string()),
        stage.map(str::to_owned),
        id.map(str::to_owned),
    ];
    texts.extend(optional.map(Option::unwrap_or_default));
    // The last, since their number differs.
    texts.extend(caller);
    Some(texts)
}

/// Returns texts that differ for two callers whose credentials come from different sources; `None` if the source is incomplete.
///
/// Follows the order in which sources are asked (`credentials/chain.rs`).
fn caller(settings: &Settings) -> Option<Vec<String>> {
    if settings.profile.is_none() {
        match &settings.variable_keys {
            VariableKeys::Complete(keys) => return Some(texts(["environment", keys.access_key_id()])),
            VariableKeys::WithoutSecret => return None,
            VariableKeys::Unset => {}
        }
    }
    if settings.profile_has_keys {
        let name = settings.profile().map_or("default", |(_, name)| name);
        let files = [&settings.config_files.config, &settings.config_files.credentials];
        let files = files.map(|path| path.as_deref().map(path_text).unwrap_or_default());
        let caller = texts(["profile", name]).into_iter().chain(files).chain(settings.profile_source.iter().cloned());
        return Some(caller.collect());
    }
    if let Some(file) = &settings.web_identity_file {
        // Without a role there is no web identity, and the file tells it apart from others that lack one.
        let role = settings.web_identity_role.as_ref().map_or_else(|| file.clone(), ToString::to_string);
        return Some(texts(["web identity", &role]));
    }
    Some(texts(["host"]).into_iter().chain(settings.host_source.iter().cloned()).collect())
}

/// Returns the source of a profile's credentials and its roles. The secret key and a session token are not among them.
pub fn profile_source(profiles: &Profiles, chain: &RoleChain, settings: &Settings) -> Vec<String> {
    let mut source = match &chain.source {
        Source::Keys(keys) => texts(["keys", keys.access_key_id()]),
        Source::Named(NamedSource::Environment) => match &settings.variable_keys {
            VariableKeys::Complete(keys) => texts(["environment", keys.access_key_id()]),
            VariableKeys::Unset | VariableKeys::WithoutSecret => texts(["environment"]),
        },
        Source::Named(NamedSource::Container | NamedSource::Instance) => {
            texts(["host"]).into_iter().chain(settings.host_source.iter().cloned()).collect()
        }
        // A relative path in the command is another file in another directory.
        Source::Process(command) => texts([PROCESS, command, &path_text(Path::new("."))]),
        Source::WebIdentity(role) => texts(["web identity", role]),
        Source::Sso => {
            let keys = ["sso_account_id", "sso_role_name", "sso_session", "sso_start_url"];
            let setting = |key| profiles.get(&chain.profile).and_then(|profile| profile.get(key)).unwrap_or_default();
            texts(["sso"].into_iter().chain(keys.map(setting)))
        }
    };
    for ProfileRole { arn, external_id, .. } in &chain.roles {
        source.extend([arn.clone(), external_id.clone().unwrap_or_default()]);
    }
    source
}

/// Returns the variables of [`HOST_VARIABLES`], each with its name.
pub fn host_source(inherited: &Inherited) -> Vec<String> {
    let filled = HOST_VARIABLES.into_iter().filter_map(|name| Some((name, inherited.filled(name)?)));
    filled.map(|(name, value)| format!("{name}={value:?}")).collect()
}

/// Returns the absolute path, in which bytes that are not UTF-8 are escaped.
fn path_text(path: &Path) -> String {
    format!("{:?}", std::path::absolute(path).as_deref().unwrap_or(path))
}

fn texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    texts.into_iter().map(str::to_owned).collect()
}
