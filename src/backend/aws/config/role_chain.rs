//! A role chain says how a profile gets its credentials: where the first ones come from, and which
//! roles are then assumed, one after the other.
//!
//! ```text
//! [profile app]                [profile middle]             [profile base]
//! role_arn = ROLE_1            role_arn = ROLE_2            aws_access_key_id = …
//! source_profile = middle ───▶ source_profile = base ─────▶ aws_secret_access_key = …
//!
//! source: the keys of "base"
//! roles:  ROLE_2, assumed with these keys, and then ROLE_1, assumed with the credentials of ROLE_2
//! ```
//!
//! The rules are the same as in the SDK (`profile/credentials/repr.rs` of aws-config). We don't
//! leave this to the SDK: it sends neither `duration_seconds` nor an MFA code to STS, and it passes
//! our standard input to a `credential_process`. Nothing in this file sends a request.

use aws_credential_types::Credentials;

use super::places::{self, Profile, SSO_SESSION, choice, session_name};
use crate::model::message::Problem;
use crate::model::options::Parsed;
use crate::model::reference::{Region, Role};
use crate::time::Progress;

pub struct RoleChain {
    pub source: RoleSource,
    /// The profile in which the source is configured.
    pub profile: String,
    /// The roles, in the order in which they are assumed.
    pub roles: Vec<ProfileRole>,
}

/// The source of a profile's first credentials.
#[derive(Clone, Debug)]
pub enum RoleSource {
    Keys(Credentials),
    /// AWS_ACCESS_KEY_ID and its related variables.
    Environment,
    Container,
    Instance,
    /// The command line of a `credential_process`, whose arguments can be secret.
    Process(String),
    /// `aws login`, which has added the setting `login_session` to the profile.
    Login,
    WebIdentity(WebIdentity),
    Sso(Sso),
    /// A role's ARN, and the credentials of its session that the AWS CLI stored.
    StoredSession(String, Credentials),
}

impl RoleSource {
    /// The ARN of the role that the credentials belong to, if the source names one.
    pub fn role(&self) -> Option<&str> {
        match self {
            Self::WebIdentity(identity) => identity.role.as_deref(),
            Self::StoredSession(role, _) => Some(role),
            Self::Keys(_)
            | Self::Environment
            | Self::Container
            | Self::Instance
            | Self::Process(_)
            | Self::Login
            | Self::Sso(_) => None,
        }
    }

    /// True for a session that the AWS CLI stored. AWS may refuse it even though the user can still
    /// assume the role.
    pub fn is_stored_session(&self) -> bool {
        matches!(self, Self::StoredSession(..))
    }
}

/// A role that is assumed with a token from a file, such as a Kubernetes service account token.
#[derive(Clone, Debug)]
pub struct WebIdentity {
    /// The role's ARN. `None` if AWS_ROLE_ARN isn't set.
    pub role: Option<String>,
    pub file: String,
    /// The variable or setting that names the file, for messages.
    pub named_by: &'static str,
    pub session_name: Option<String>,
}

/// A role of the user in SSO (IAM Identity Center).
#[derive(Clone, Debug)]
pub struct Sso {
    pub account: String,
    pub role: String,
    pub region: Region,
    /// The `sso-session` section's name or, without one, the start URL. The name of the token file
    /// is a hash of this text.
    pub session: String,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProfileRole {
    pub arn: String,
    pub external_id: Option<String>,
    pub session_name: Option<String>,
    /// The session's duration in seconds. `None` means AWS's default.
    pub duration: Option<i32>,
    /// The user's MFA device, if the role requires a code.
    pub mfa_serial: Option<String>,
}

/// Follows `source_profile` from profile to profile, to the source of the first credentials.
pub fn role_chain(
    mut profile: Profile<'_>,
    progress: &Progress,
) -> Result<Option<RoleChain>, Problem> {
    let profiles = profile.profiles;
    let mut visited = Vec::new();
    let mut roles = Vec::new();
    let source = loop {
        if visited.contains(&profile.name) {
            visited.push(profile.name);
            let names = visited.join(", ");
            let why = format!("is part of a loop of source_profile settings ({names})");
            let help = "correct source_profile in one of these profiles";
            return Err(profile.inconsistent(why, help));
        }
        visited.push(profile.name);

        // If another profile has named this one as its `source_profile`, keys take precedence over
        // a role.
        let is_source_profile = visited.len() > 1;
        if is_source_profile && let Some(keys) = complete_keys(profile) {
            break Some(RoleSource::Keys(keys));
        }
        let Some(role) = assumed_role(profile)? else {
            break own_source(profile, progress)?;
        };
        roles.push(role);

        // This profile is also the source if it has a `credential_source`, or is its own
        // `source_profile`.
        match source_profile(profile)?.filter(|next| *next != profile.name) {
            Some(next) => {
                let place = profile.place("source_profile");
                profile = profiles
                    .profile(next)
                    .ok_or_else(|| profiles.no_profile(next, &place))?;
            }
            None => break own_source(profile, progress)?,
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
        None => Err(profile.inconsistent(
            "is a source_profile, but doesn't have credentials",
            "add credentials to this profile, such as aws_access_key_id and aws_secret_access_key, or correct source_profile",
        )),
    }
}

/// The role that a profile assumes with its source's credentials. The role of a web identity is
/// read by [`own_source`] instead.
fn assumed_role(profile: Profile<'_>) -> Result<Option<ProfileRole>, Problem> {
    if profile.setting("web_identity_token_file").is_some() {
        return Ok(None);
    }
    let Some(arn) = profile.owned_setting("role_arn") else {
        return Ok(None);
    };
    Ok(Some(ProfileRole {
        arn,
        external_id: profile.parse_setting("external_id", Role::check_external_id)?,
        session_name: profile.parse_setting("role_session_name", session_name)?,
        duration: profile.parse_setting("duration_seconds", duration)?,
        mfa_serial: profile.owned_setting("mfa_serial"),
    }))
}

/// Parses a `duration_seconds` within the limits of AssumeRole.
fn duration(text: &str) -> Parsed<i32> {
    text.parse()
        .ok()
        .filter(|seconds| (900..=43_200).contains(seconds))
        .ok_or("a whole number of seconds from 900 to 43200")
}

/// The profile whose credentials are used to assume this profile's role. `None` if there is a
/// `credential_source` instead.
fn source_profile(profile: Profile<'_>) -> Result<Option<&str>, Problem> {
    let source_profile = profile.setting("source_profile");
    let both = "has both source_profile and credential_source";
    let neither = "has a role_arn, but neither source_profile nor credential_source";
    match (source_profile, profile.setting("credential_source")) {
        (Some(_), Some(_)) => Err(profile.inconsistent(both, "remove one of these two settings")),
        (None, None) => Err(profile.inconsistent(neither, ADD_SOURCE)),
        (source, _) => Ok(source),
    }
}

const ADD_SOURCE: &str = "add source_profile = NAME, with the profile that assumes the role, or credential_source = Environment, Ec2InstanceMetadata or EcsContainer";

fn named_source(text: &str) -> Parsed<RoleSource> {
    let sources = [
        ("Environment", RoleSource::Environment),
        ("EcsContainer", RoleSource::Container),
        ("Ec2InstanceMetadata", RoleSource::Instance),
    ];
    let expected = "Environment, Ec2InstanceMetadata or EcsContainer";
    choice(text, expected, &sources)
}

/// Reads the profile's own source of credentials. If it has several, the first one in botocore's
/// order wins.
fn own_source(profile: Profile<'_>, progress: &Progress) -> Result<Option<RoleSource>, Problem> {
    if let Some(source) = profile.parse_setting("credential_source", named_source)? {
        return Ok(Some(source));
    }

    if let Some(file) = profile.owned_setting("web_identity_token_file") {
        let Some(role) = profile.owned_setting("role_arn") else {
            let why = "has a web_identity_token_file, but no role_arn";
            return Err(profile.inconsistent(why, "add role_arn to this profile"));
        };
        return Ok(Some(RoleSource::WebIdentity(WebIdentity {
            role: Some(role),
            file,
            named_by: "web_identity_token_file",
            session_name: profile.parse_setting("role_session_name", session_name)?,
        })));
    }

    // An `sso_session` without either of these two isn't a source of credentials. It is for
    // services that accept the SSO token itself.
    let is_set = |key| profile.setting(key).is_some();
    if is_set("sso_account_id") || is_set("sso_role_name") {
        return sso_source(profile).map(Some);
    }

    // As in botocore, keys in the credentials file come before `login_session` and
    // `credential_process`, and keys in the configuration file come after them.
    let are_keys_first = profile.profiles.with_stored_keys.contains(profile.name);
    for source in ["login_session", "credential_process"] {
        if is_set(source) && is_set("aws_access_key_id") {
            let taken = if are_keys_first {
                "keys, because they are in the credentials file"
            } else {
                "latter, because the keys are in the configuration file"
            };
            let profile = profile.name;
            progress.note(format!(
                "the AWS profile {profile:?} has keys and a {source}: secrets-exec uses the {taken}"
            ));
        }
    }
    if !are_keys_first {
        if is_set("login_session") {
            return Ok(Some(RoleSource::Login));
        }
        if let Some(command) = profile.owned_setting("credential_process") {
            return Ok(Some(RoleSource::Process(command)));
        }
    }

    if let Some(keys) = complete_keys(profile) {
        return Ok(Some(RoleSource::Keys(keys)));
    }
    if is_set("aws_access_key_id") {
        let why = "has an aws_access_key_id, but no aws_secret_access_key";
        return Err(profile.inconsistent(why, "add aws_secret_access_key to this profile"));
    }
    // A secret key without an access key id is ignored, as in AWS's variables.
    Ok(None)
}

/// Reads the SSO settings. Each can be in the profile itself or in the `sso-session` section that
/// the profile names.
fn sso_source(profile: Profile<'_>) -> Result<RoleSource, Problem> {
    let session = profile.setting("sso_session");
    let section = profile.named_section(
        "sso_session",
        SSO_SESSION,
        " with sso_region and sso_start_url, or run `aws configure sso`",
    )?;

    let setting = |key: &str| {
        if let Some(text) = profile
            .setting(key)
            .or_else(|| places::setting(section?, key))
        {
            return Ok(text);
        }
        let why = format!("has SSO settings, but no {key}");
        // `sso_start_url` and `sso_region` can also be in the `sso-session` section.
        let place = match session {
            Some(name) if key != "sso_account_id" && key != "sso_role_name" => {
                format!("the section [sso-session {name}]")
            }
            _ => "this profile".to_owned(),
        };
        Err(profile.inconsistent(why, format!("add {key} to {place}")))
    };
    let start_url = setting("sso_start_url")?;
    let not_a_region = || {
        let why = "has an sso_region that isn't a region code";
        profile.inconsistent(why, "correct sso_region, as in us-east-1")
    };
    let region = Region::parse(setting("sso_region")?).ok_or_else(not_a_region)?;
    if let Some(remedy) = region.form_remedy() {
        return Err(not_a_region().help(remedy));
    }
    Ok(RoleSource::Sso(Sso {
        account: setting("sso_account_id")?.to_owned(),
        role: setting("sso_role_name")?.to_owned(),
        region,
        session: session.unwrap_or(start_url).to_owned(),
    }))
}

/// The profile's access key, if it is complete. As in botocore, `aws_security_token`, the old name
/// of `aws_session_token`, takes precedence.
fn complete_keys(profile: Profile<'_>) -> Option<Credentials> {
    let id = profile.setting("aws_access_key_id")?;
    let secret = profile.setting("aws_secret_access_key")?;
    let token = profile
        .owned_setting("aws_security_token")
        .or_else(|| profile.owned_setting("aws_session_token"));
    Some(Credentials::new(id, secret, token, None, "profile"))
}
