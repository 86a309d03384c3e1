//! The role chain of a profile: the source of the first credentials, and the roles that are assumed with them in turn.
//!
//! The rules are the SDK's (`profile/credentials/repr.rs` of aws-config). It is not left to the SDK, which sends neither
//! `duration_seconds` nor the code of an MFA device, and runs a `credential_process` with our standard input.

use aws_credential_types::Credentials;

use super::files::{Profile, Profiles};
use super::variable_reader::Format;
use crate::model::problem::Problem;
use crate::model::reference::Region;

/// The way to the credentials of a profile.
#[derive(Clone, Debug)]
pub struct RoleChain {
    pub source: RoleSource,
    /// The profile of the source.
    pub profile: String,
    /// In the order in which they are assumed.
    pub roles: Vec<ProfileRole>,
}

/// A source of credentials that needs no others.
#[derive(Clone, Debug)]
pub enum RoleSource {
    Keys(Credentials),
    /// `credential_source = Environment`
    Environment,
    /// `credential_source = EcsContainer`
    Container,
    /// `credential_source = Ec2InstanceMetadata`
    Instance,
    /// The command line of a `credential_process`, whose arguments may be secret.
    Process(String),
    /// The `login_session` of `aws login`, the ARN of an identity.
    Login,
    WebIdentity(WebIdentity),
    Sso(Sso),
}

/// A role that is assumed with a token in a file.
#[derive(Clone, Debug)]
pub struct WebIdentity {
    pub role: String,
    pub file: String,
    pub session_name: Option<String>,
}

/// A role of SSO (IAM Identity Center). A portal exchanges a cached token for its credentials.
#[derive(Clone, Debug)]
pub struct Sso {
    pub account: String,
    pub role: String,
    pub region: Region,
    pub start_url: String,
    /// The name of the `sso-session`, else the URL: the name of the token's file is a hash of it.
    pub session: String,
}

/// A role that a profile assumes.
#[derive(Clone, Debug)]
pub struct ProfileRole {
    pub arn: String,
    pub external_id: Option<String>,
    pub session_name: Option<String>,
    /// In seconds.
    pub duration: Option<i32>,
    /// The MFA device whose code the role requires.
    pub mfa_serial: Option<String>,
}

/// Finds the role chain of a profile; `None` if the profile has no credentials.
///
/// # Errors
/// When the settings make no chain, or one of them is invalid.
pub fn role_chain<'a>(
    profiles: &'a Profiles,
    mut profile: Profile<'a>,
) -> Result<Option<RoleChain>, Problem> {
    let (mut visited, mut roles) = (Vec::new(), Vec::new());
    let source = loop {
        if visited.contains(&profile.name) {
            visited.push(profile.name);
            let way = visited.join(", ");
            return Err(profile.inconsistent(format!(
                "is part of a loop of source_profile settings ({way})"
            )));
        }
        visited.push(profile.name);
        // The keys of a source profile precede its role.
        if let Some(keys) = complete_keys(profile).filter(|_| visited.len() > 1) {
            break Some(RoleSource::Keys(keys));
        }
        let Some(role) = role(profile)? else {
            break source(profiles, profile)?;
        };
        roles.push(role);
        match source_profile(profile)?.filter(|next| *next != profile.name) {
            Some(next) => {
                let setting = format!("source_profile of {:?}", profile.name);
                profile = profiles
                    .get(next)
                    .ok_or_else(|| profiles.no_profile(next, &setting))?;
            }
            None => break source(profiles, profile)?,
        }
    };
    roles.reverse();
    match source {
        Some(source) => Ok(Some(RoleChain {
            source,
            profile: profile.name.to_owned(),
            roles,
        })),
        None if roles.is_empty() => Ok(None),
        None => Err(profile.inconsistent("is a source_profile, but has no credentials")),
    }
}

/// The role of a profile. With a web identity it is the source that assumes it.
fn role(profile: Profile<'_>) -> Result<Option<ProfileRole>, Problem> {
    let text = |key| profile.get(key).map(str::to_owned);
    let arn = text("role_arn").filter(|_| profile.get("web_identity_token_file").is_none());
    let Some(arn) = arn else { return Ok(None) };
    // The limits of AssumeRole.
    let seconds = Format {
        expected: "a whole number of seconds from 900 to 43200",
        parse: |text| {
            let seconds = text.parse().ok();
            seconds.filter(|seconds| (900..=43_200).contains(seconds))
        },
    };
    Ok(Some(ProfileRole {
        arn,
        external_id: text("external_id"),
        session_name: text("role_session_name"),
        duration: profile.parse("duration_seconds", &seconds)?,
        // A code for no device could not be right.
        mfa_serial: text("mfa_serial").filter(|serial| !serial.is_empty()),
    }))
}

/// The profile whose credentials assume the role of a profile; `None` if `credential_source` has them.
fn source_profile(profile: Profile<'_>) -> Result<Option<&str>, Problem> {
    let sources = (
        profile.get("source_profile"),
        profile.get("credential_source"),
    );
    match sources {
        (Some(_), Some(_)) => {
            Err(profile.inconsistent("has both source_profile and credential_source"))
        }
        (None, None) => Err(profile
            .inconsistent("has a role_arn, but neither source_profile nor credential_source")),
        (source, _) => Ok(source),
    }
}

/// The source of credentials in a profile itself.
fn source(profiles: &Profiles, profile: Profile<'_>) -> Result<Option<RoleSource>, Problem> {
    let text = |key| profile.get(key).map(str::to_owned);
    let named = Format {
        expected: "Environment, Ec2InstanceMetadata or EcsContainer",
        parse: named_source,
    };
    if let Some(source) = profile.parse("credential_source", &named)? {
        return Ok(Some(source));
    }
    if let Some(file) = text("web_identity_token_file") {
        let Some(role) = text("role_arn") else {
            return Err(profile.inconsistent("has a web_identity_token_file, but no role_arn"));
        };
        return Ok(Some(RoleSource::WebIdentity(WebIdentity {
            role,
            file,
            session_name: text("role_session_name"),
        })));
    }
    if profile
        .get("sso_account_id")
        .or(profile.get("sso_role_name"))
        .is_some()
    {
        return sso(profiles, profile).map(Some);
    }
    if profile.get("login_session").is_some() {
        return Ok(Some(RoleSource::Login));
    }
    if let Some(command) = text("credential_process") {
        return Ok(Some(RoleSource::Process(command)));
    }
    match complete_keys(profile) {
        None if profile.get("aws_access_key_id").is_some() => {
            Err(profile.inconsistent("has an aws_access_key_id, but no aws_secret_access_key"))
        }
        // As in variables, a secret key without its id counts as not set.
        keys => Ok(keys.map(RoleSource::Keys)),
    }
}

/// Parses a `credential_source`, in any case.
fn named_source(text: &str) -> Option<RoleSource> {
    match text.to_ascii_lowercase().as_str() {
        "environment" => Some(RoleSource::Environment),
        "ecscontainer" => Some(RoleSource::Container),
        "ec2instancemetadata" => Some(RoleSource::Instance),
        _ => None,
    }
}

/// Returns the settings of SSO, each from the profile or else from its `sso_session`.
fn sso(profiles: &Profiles, profile: Profile<'_>) -> Result<RoleSource, Problem> {
    let session = profile.get("sso_session");
    let section = session.and_then(|name| profiles.sso_session(name));
    if let (Some(name), None) = (session, section) {
        return Err(profile.inconsistent(format!(
            "names the sso_session {name:?}, but there is no section [sso-session {name}]"
        )));
    }
    let setting = |key: &str| {
        let found = profile.get(key).or_else(|| section?.get(key));
        found.ok_or_else(|| profile.inconsistent(format!("has SSO settings, but no {key}")))
    };
    let start_url = setting("sso_start_url")?;
    let region = Region::parse(setting("sso_region")?);
    Ok(RoleSource::Sso(Sso {
        account: setting("sso_account_id")?.to_owned(),
        role: setting("sso_role_name")?.to_owned(),
        region: region
            .ok_or_else(|| profile.inconsistent("has an sso_region that is not a region code"))?,
        start_url: start_url.to_owned(),
        session: session.unwrap_or(start_url).to_owned(),
    }))
}

/// The keys in a profile. `aws_security_token` is the older name of the token, and precedes it in botocore.
fn complete_keys(profile: Profile<'_>) -> Option<Credentials> {
    let (id, secret) = (
        profile.get("aws_access_key_id")?,
        profile.get("aws_secret_access_key")?,
    );
    let token = profile
        .get("aws_security_token")
        .or_else(|| profile.get("aws_session_token"));
    Some(Credentials::new(
        id,
        secret,
        token.map(str::to_owned),
        None,
        "profile",
    ))
}
