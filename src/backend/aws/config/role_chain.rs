//! The role chain of a profile: the source of the first credentials, and the roles that are assumed with them in turn.
//!
//! The rules are the SDK's (`profile/credentials/repr.rs` of aws-config). It is not left to the SDK, which sends neither
//! `duration_seconds` nor the code of an MFA device, and runs a `credential_process` with our standard input.

use aws_config::profile::Profile;
use aws_credential_types::Credentials;

use super::profiles::Profiles;
use super::setup_error::{ProfileSource, SetupError};
use crate::model::quoting::one_line;

/// The way to the credentials of a profile.
#[derive(Debug)]
pub struct RoleChain {
    pub source: Source,
    /// The profile of the source.
    pub profile: String,
    /// In the order in which they are assumed.
    pub roles: Vec<ProfileRole>,
}

/// A source of credentials that needs no others.
#[derive(Debug)]
pub enum Source {
    Keys(Credentials),
    Named(NamedSource),
    /// The command line of a `credential_process`, whose arguments may be secret.
    Process(String),
    /// The role that is assumed with a token in a file.
    WebIdentity(String),
    Sso,
}

/// The values of `credential_source`.
#[derive(Clone, Copy, Debug)]
pub enum NamedSource {
    Environment,
    Container,
    Instance,
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

/// The reason why the settings of a profile make no chain.
#[derive(Debug)]
pub enum ChainError {
    /// A setting with an invalid value, or a profile that does not exist.
    Setup(SetupError),
    /// Settings that contradict each other, or that lack another one.
    Inconsistent(String),
}

/// Finds the role chain of a profile; `None` if the profile has no credentials, or does not exist.
///
/// # Errors
/// When the settings make no chain.
pub fn role_chain<'a>(profiles: &'a Profiles, name: &'a str) -> Result<Option<RoleChain>, ChainError> {
    let (mut name, mut visited, mut roles) = (name, Vec::new(), Vec::new());
    loop {
        let Some(profile) = profiles.get(name) else {
            let missing = |named_by: &&str| {
                Err(ChainError::Setup(profiles.no_profile(name, ProfileSource::Profile((*named_by).to_owned()))))
            };
            return visited.last().map_or(Ok(None), missing);
        };
        if visited.contains(&name) {
            let path = [&visited[..], &[name]].concat().join(", ");
            return Err(ChainError::Inconsistent(format!("the source_profile of these profiles makes a loop: {path}")));
        }
        visited.push(name);
        let is_first = visited.len() == 1;
        let keys_of_a_source = if is_first { None } else { complete_keys(profile) };
        let found = match (keys_of_a_source, role(name, profile)?) {
            (Some(keys), _) => Some(Source::Keys(keys)),
            (None, Some(role)) => {
                roles.push(role);
                match source_profile(name, profile)? {
                    Some(source) => {
                        name = source;
                        continue;
                    }
                    None => source(profiles, name, profile)?,
                }
            }
            (None, None) => source(profiles, name, profile)?,
        };
        roles.reverse();
        return match found {
            Some(source) => Ok(Some(RoleChain { source, profile: name.to_owned(), roles })),
            None if is_first => Ok(None),
            None => Err(inconsistent(name, "is a source_profile, and has no credentials")),
        };
    }
}

fn inconsistent(profile: &str, why: &str) -> ChainError {
    ChainError::Inconsistent(one_line(&format!("the profile {profile:?} {why}")))
}

/// The role of a profile. With a web identity it is the source that assumes it.
fn role(name: &str, profile: &Profile) -> Result<Option<ProfileRole>, ChainError> {
    let text = |key| profile.get(key).map(str::to_owned);
    let arn = text("role_arn").filter(|_| profile.get("web_identity_token_file").is_none());
    let Some(arn) = arn else { return Ok(None) };
    let duration = profile.get("duration_seconds").map(|text| duration(name, text)).transpose()?;
    Ok(Some(ProfileRole {
        arn,
        external_id: text("external_id"),
        session_name: text("role_session_name"),
        duration,
        // A code for no device could not be right.
        mfa_serial: text("mfa_serial").filter(|serial| !serial.is_empty()),
    }))
}

/// Parses `duration_seconds`, within the limits of AssumeRole.
fn duration(profile: &str, text: &str) -> Result<i32, ChainError> {
    let seconds = text.parse().ok().filter(|seconds| (900..=43_200).contains(seconds));
    seconds.ok_or_else(|| {
        ChainError::Setup(SetupError::Setting {
            profile: profile.to_owned(),
            key: "duration_seconds",
            text: one_line(text),
            expected: "a whole number of seconds from 900 to 43200",
        })
    })
}

/// The profile whose credentials assume the role of a profile; `None` if it is the profile itself.
fn source_profile<'a>(name: &str, profile: &'a Profile) -> Result<Option<&'a str>, ChainError> {
    match (profile.get("source_profile"), profile.get("credential_source")) {
        (Some(_), Some(_)) => Err(inconsistent(name, "has both source_profile and credential_source")),
        (None, None) => Err(inconsistent(name, "has a role_arn, but neither source_profile nor credential_source")),
        (Some(source), None) => Ok((source != name).then_some(source)),
        (None, Some(_)) => Ok(None),
    }
}

/// The source of credentials in a profile itself.
fn source(profiles: &Profiles, name: &str, profile: &Profile) -> Result<Option<Source>, ChainError> {
    let has = |key| profile.get(key).is_some();
    if let Some(source) = profile.get("credential_source") {
        return Ok(Some(Source::Named(named_source(name, source)?)));
    }
    if has("web_identity_token_file") {
        let source = profile.get("role_arn").map(|role| Source::WebIdentity(role.to_owned()));
        return source.map(Some).ok_or_else(|| inconsistent(name, "has a web_identity_token_file without role_arn"));
    }
    if has("sso_account_id") || has("sso_role_name") {
        return check_sso(profiles, name, profile).map(|()| Some(Source::Sso));
    }
    if has("login_session") {
        return Err(inconsistent(name, "has a login_session, which is not supported"));
    }
    if let Some(command) = profile.get("credential_process") {
        return Ok(Some(Source::Process(command.to_owned())));
    }
    match complete_keys(profile) {
        Some(keys) => Ok(Some(Source::Keys(keys))),
        None if has("aws_access_key_id") => {
            Err(inconsistent(name, "has an aws_access_key_id without aws_secret_access_key"))
        }
        // As in variables, a secret key without its id counts as not set.
        None => Ok(None),
    }
}

fn named_source(name: &str, source: &str) -> Result<NamedSource, ChainError> {
    match source.to_ascii_lowercase().as_str() {
        "environment" => Ok(NamedSource::Environment),
        "ecscontainer" => Ok(NamedSource::Container),
        "ec2instancemetadata" => Ok(NamedSource::Instance),
        _ => Err(ChainError::Setup(SetupError::Setting {
            profile: name.to_owned(),
            key: "credential_source",
            text: one_line(source),
            expected: "Environment, Ec2InstanceMetadata or EcsContainer",
        })),
    }
}

/// Checks that nothing that SSO needs is missing.
fn check_sso(profiles: &Profiles, name: &str, profile: &Profile) -> Result<(), ChainError> {
    for key in ["sso_account_id", "sso_role_name", "sso_region", "sso_start_url"] {
        let own = profile.get(key);
        let found = match profile.get("sso_session") {
            None => own,
            Some(session) => {
                let of_session = profiles.session_setting(session, key);
                let of_session = of_session.ok_or_else(|| {
                    inconsistent(name, &format!("has the sso_session {session:?}, which does not exist"))
                })?;
                if own.is_some() && of_session.is_some() && own != of_session {
                    let why = format!("has another {key} than its sso_session {session:?}");
                    return Err(inconsistent(name, &why));
                }
                own.or(of_session)
            }
        };
        if found.is_none() {
            return Err(inconsistent(name, &format!("has settings of SSO, but no {key}")));
        }
    }
    Ok(())
}

/// The keys in a profile. `aws_security_token` is the older name of the token, and precedes it in botocore.
fn complete_keys(profile: &Profile) -> Option<Credentials> {
    let (id, secret) = (profile.get("aws_access_key_id")?, profile.get("aws_secret_access_key")?);
    let token = profile.get("aws_security_token").or_else(|| profile.get("aws_session_token"));
    Some(Credentials::new(id, secret, token.map(str::to_owned), None, "profile"))
}
