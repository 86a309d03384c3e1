//! The parts that all providers of credentials share. A provider is a source of credentials, such
//! as the profile. Its failure decides how the search goes on, and each of these functions makes
//! one kind:
//!
//! - [`not_configured`]: the next provider is asked.
//! - [`unusable`]: the search ends, but `--wait` searches again.
//! - [`misconfigured`]: the search ends for good, even with `--wait`.
//! - [`service_failure`]: the same provider is asked again.

use std::cell::RefCell;
use std::fmt;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::rc::Rc;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use http::HeaderValue;
use serde::Deserialize;
use tokio::time::Instant;

use crate::backend::aws::config::{ProfileRole, RoleChain, Settings};
use crate::backend::aws::endpoints::Api;
use crate::backend::aws::service_client::{Client, Clients};
use crate::model::fault::overlooked;
use crate::model::message::{
    Again, CREDENTIALS_REFUSED, Cause, CredentialsFault, Denial, FetchError, FetchResult,
    OutageKind, Refusal, Unsigned,
};
use crate::model::reference::Region;
use crate::system::os_error;
use crate::system::redaction::conceal;
use crate::time::RetryBudget;

/// An SSO token that this launch has renewed.
pub struct RenewedToken {
    pub(super) token: String,
    pub(super) expiry: SystemTime,
}

/// Everything that is needed to get credentials.
pub struct Access {
    pub settings: Settings,
    pub clients: Clients,
    /// The time and attempts left, which all requests share.
    pub budget: RetryBudget<'static>,
    /// How the profile gets its credentials. `None` if it has none or isn't used.
    pub chain: Option<RoleChain>,
    pub kept: Rc<Kept>,
    /// The regions in which STS is asked for a role, in this order.
    pub sts_regions: Vec<Region>,
}

impl Access {
    /// Sends a request to STS. After an outage, tries the next region
    /// ([`RetryBudget::region_turns`]).
    pub(super) async fn in_sts_regions<T>(
        &self,
        credentials: Option<&Credentials>,
        request: impl AsyncFn(&Client, &RetryBudget<'_>) -> FetchResult<T>,
    ) -> FetchResult<T> {
        let mut errors = Vec::new();
        for turn in self.budget.region_turns(Instant::now(), &self.sts_regions) {
            if !turn.may_help(&errors) {
                continue;
            }
            let clients = &self.clients;
            let client = clients.client(Api::Sts, turn.region, credentials).await?;
            match request(&client, &turn.budget).await {
                Err(error) if error.next_try().is_in_next_region() => {
                    errors.push((turn.region.clone(), error));
                }
                ended => return ended,
            }
        }
        match errors.pop() {
            Some((_, error)) => Err(error),
            // Never reached, because there is at least one region.
            None => Err(unusable("STS wasn't asked in any region")),
        }
    }
}

/// What a launch gets only once, such as an MFA code. It is kept for later tries of `--wait`, even
/// if they open a new session.
#[derive(Default)]
pub struct Kept {
    /// The code that the user typed. STS accepts each code only once.
    pub mfa_code: RefCell<Option<String>>,
    /// The new token is also kept here, because storing it in its file may fail.
    pub sso_token: RefCell<Option<RenewedToken>>,
    /// The roles that this launch has assumed.
    pub roles: RefCell<Vec<(ProfileRole, Credentials)>>,
}

impl Kept {
    /// The current credentials of a role that this launch has assumed.
    pub(super) fn credentials_of(&self, role: &ProfileRole) -> Option<Credentials> {
        let roles = self.roles.borrow();
        let (_, credentials) = roles.iter().rfind(|(assumed, _)| assumed == role)?;
        Some(credentials.clone()).filter(is_current)
    }
}

/// True if the credentials haven't expired.
pub fn is_current(credentials: &Credentials) -> bool {
    credentials
        .expiry()
        .is_none_or(|end| end > SystemTime::now())
}

/// Credentials as a `credential_process` prints them and as the AWS CLI stores them.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CredentialsJson {
    pub version: Option<u32>,
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
    /// The expiration time as the program or the AWS CLI wrote it, still unparsed.
    pub expiration: Option<String>,
}

impl CredentialsJson {
    /// `None` if the expiration time is invalid. Credentials without one don't expire.
    pub fn into_credentials(self) -> Option<Credentials> {
        let mut expires = None;
        if let Some(text) = &self.expiration {
            expires = Some(parse_time(text)?);
        }
        Some(Credentials::new(
            self.access_key_id,
            self.secret_access_key,
            self.session_token.filter(|token| !token.is_empty()),
            expires,
            "JSON",
        ))
    }
}

/// Parses an RFC 3339 time. As in botocore, the offset can also be `UTC` or `+0100`.
pub(super) fn parse_time(text: &str) -> Option<SystemTime> {
    let text = &text.replace("UTC", "Z");
    let parse = |text: &str| DateTime::from_str(text, Format::DateTimeWithOffset).ok();
    let moment = parse(text).or_else(|| {
        let (hours, minutes) = text.split_at_checked(text.len().checked_sub(2)?)?;
        parse(&format!("{hours}:{minutes}"))
    });
    SystemTime::try_from(moment?).ok()
}

/// The error of a provider that isn't configured. `why` is a complete sentence.
pub(super) fn not_configured(why: impl Into<String>) -> FetchError {
    FetchError::without_credentials(why, Again::NextProvider)
}

/// The error of a provider that is configured but can't be used.
pub fn unusable(why: impl Into<String>) -> FetchError {
    FetchError::without_credentials(why, Again::Later)
}

/// The error of a provider with invalid settings.
pub fn misconfigured(why: impl Into<String>) -> FetchError {
    FetchError::without_credentials(why, Again::Never)
}

/// The error of a provider that failed because of a service or this machine. `why` is a complete
/// sentence.
pub(super) fn service_failure(why: impl Into<String>) -> FetchError {
    FetchError::outage(OutageKind::Service, why).with_whole_headline()
}

/// The error of a provider that can't read its file. `name` says what the file contains, such as
/// `the service account token`.
pub(super) fn unreadable_file(
    name: &str,
    path: impl AsRef<Path>,
    error: &io::Error,
    remedy: &str,
) -> FetchError {
    let path = path.as_ref();
    let why = os_error::file_error_text(path, error);
    // A relative path isn't shown, because it may be the token itself, set as the path by mistake.
    let file = if path.is_absolute() {
        path.to_string_lossy()
    } else {
        "its file".into()
    };
    unusable(format!("{name} can't be read from {file}: {why}")).help(match error.kind() {
        ErrorKind::PermissionDenied => "let this user read it (on EKS, set the pod's fsGroup)",
        _ => remedy,
    })
}

/// Parts of messages about refused credentials, each with its help. The first four are from STS,
/// the next two from EKS Pod Identity, and the next one is from ECS. The last two are from
/// aws-config 1.13 (its private `EcsConfigurationError`), and a test covers both.
const REMEDIES: &str = include_str!("remedies.txt");

/// The help for the `reason` that AWS gave for refusing credentials.
pub(super) fn known_remedy(reason: &str) -> Option<String> {
    REMEDIES
        .lines()
        .filter_map(|row| row.split_once(" => "))
        .find(|(part, _)| reason.contains(part))
        .map(|(_, remedy)| remedy.to_owned())
}

/// Turns the error of a provider's request into the provider's own error. `headline` is a sentence.
///
/// A denied or invalid request is final. Only if AWS refused a token does `--wait` try again,
/// because the token may have been replaced by then. Errors such as an untrusted certificate are
/// returned unchanged, because other requests would fail in the same way.
pub(super) fn request_failure(headline: &str, error: FetchError) -> FetchError {
    use Cause::{Absent, Denied, NoCredentials, NoRegion, Outage, Refused};
    let cause = error.cause();
    match cause {
        Denied(_) | Refused(Refusal::Request(_) | Refusal::NotSent) => {}
        // The error's own text would be about a secret, or about a launch without a region.
        Absent(_) | NoRegion => return unusable(headline),
        // Only an outage gets the headline. Other errors stay unchanged.
        Outage(_) | NoCredentials(_) | Refused(_) => return error.with_outage_headline(headline),
    }

    let mut refused = FetchError::credentials_refused("role-denied", headline).explaining(error);
    if let Denied(_) = cause {
        let remedy = known_remedy(refused.reason());
        refused = refused.or_help(remedy);
    }
    if let Denied(Denial::Credentials(_)) = cause {
        refused = refused.again(Again::Later);
    }
    refused
}

/// A provider of credentials, such as the profile.
#[derive(Clone, Debug)]
pub enum Provider {
    Variables,
    Profile(String),
    WebIdentity,
    Container,
    Instance,
}

impl Provider {
    /// The provider's name in the JSON of `check`.
    pub fn json_name(&self) -> &'static str {
        match self {
            Self::Variables => "environment",
            Self::Profile(_) => "profile",
            Self::WebIdentity => "web identity",
            Self::Container => "container",
            Self::Instance => "instance metadata",
        }
    }

    /// What messages call the value of `variable`: for example, `AWS_ACCESS_KEY_ID` or
    /// `aws_access_key_id from the profile "app"`.
    fn name_of(&self, variable: &str) -> String {
        if let Self::Variables = self {
            return variable.to_owned();
        }
        format!("{} from {self}", variable.to_lowercase())
    }
}

/// The provider's name in sentences.
impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Variables => "AWS_ACCESS_KEY_ID",
            Self::Profile(name) => return write!(f, "the profile {name:?}"),
            Self::WebIdentity => "the role in AWS_ROLE_ARN",
            Self::Container => "the container's role",
            Self::Instance => "the instance's role",
        })
    }
}

/// The provider that returned these credentials.
pub fn provider_of(credentials: &Credentials) -> Option<&Provider> {
    credentials.get_property()
}

/// Conceals the credentials in later messages, except numbers: with LocalStack, an access key id
/// may be an account id, which isn't secret.
pub(super) fn conceal_credentials(credentials: &Credentials) {
    let keys = [credentials.access_key_id(), credentials.secret_access_key()];
    conceal(
        keys.into_iter()
            .chain(credentials.session_token())
            .filter(|text| text.parse::<u64>().is_err()),
    );
}

/// Checks the credentials that a provider returned, and conceals them in later messages.
pub(super) fn checked_credentials(
    mut credentials: Credentials,
    provider: Provider,
) -> FetchResult<Credentials> {
    conceal_credentials(&credentials);
    let id = credentials.access_key_id();
    let secret = credentials.secret_access_key();
    let parts = [
        ("AWS_ACCESS_KEY_ID", Some(id)),
        ("AWS_SECRET_ACCESS_KEY", Some(secret)),
        ("AWS_SESSION_TOKEN", credentials.session_token()),
    ];
    for (variable, text) in parts {
        if let Some(defect) = text.and_then(credential_defect) {
            let why = format!("{} {defect}", provider.name_of(variable));
            return Err(unusable(why).help("copy the original text, without quotes or line breaks"));
        }
    }
    // The session token isn't checked, because it can contain any of these characters.
    for (variable, key) in [("AWS_ACCESS_KEY_ID", id), ("AWS_SECRET_ACCESS_KEY", secret)] {
        if key.contains([' ', ':', ',']) {
            let name = provider.name_of(variable);
            let why = format!("{name} contains a space, colon or comma, so it may hold both keys");
            return Err(unusable(why).help("set the access key id and the secret key separately"));
        }
    }
    if id.len() == 40 {
        let name = provider.name_of("AWS_ACCESS_KEY_ID");
        let why = format!("{name} has 40 characters, as a secret access key does");
        let help =
            "set the two keys the other way round: an access key id begins with AKIA or ASIA";
        return Err(unusable(why).help(help));
    }
    credentials.set_property(provider);
    Ok(credentials)
}

/// What is wrong with `text`, as the end of a sentence, such as `contains a quote`.
fn credential_defect(text: &str) -> Option<String> {
    if text.contains(['"', '\'']) {
        return Some("contains a quote".to_owned());
    }
    // These are AKIA and ASIA in base64, as in a Kubernetes Secret.
    if text.starts_with("QUtJQ") || text.starts_with("QVNJQ") {
        return Some("is base64-encoded".to_owned());
    }
    if let Some(found) = overlooked(text) {
        return Some(found.to_string());
    }
    if HeaderValue::from_str(text).is_err() {
        return Some("contains a character that isn't allowed".to_owned());
    }
    None
}

/// If AWS refused the credentials, says what is wrong with them. Adds help only to credentials from
/// variables or a profile, which the user may have copied there.
pub fn explain_refused_credentials(error: FetchError, credentials: &Credentials) -> FetchError {
    let Cause::Denied(Denial::Credentials(fault)) = error.cause() else {
        return error;
    };

    let (text, help) = fault_and_remedy(fault, credentials);
    let refused = FetchError::credentials_refused(CREDENTIALS_REFUSED, text)
        .with_unsigned(Unsigned::Refused)
        .explaining(error);
    if let Some(Provider::Variables | Provider::Profile(_)) = provider_of(credentials) {
        return refused.help(help);
    }
    refused
}

/// A sentence that says what is wrong, and help for a user who copied the credentials.
fn fault_and_remedy(fault: CredentialsFault, credentials: &Credentials) -> (String, &'static str) {
    let id = credentials.access_key_id();
    let (what, help) = match fault {
        // For a permanent key with a session token, AWS reports an expired or an invalid token.
        CredentialsFault::Expired | CredentialsFault::Unrecognized
            if id.starts_with("AKIA") && credentials.session_token().is_some() =>
        {
            (
                "have a session token, which only a temporary access key (ASIA…) has",
                "unset AWS_SESSION_TOKEN, or remove aws_session_token from the profile",
            )
        }
        CredentialsFault::Expired => (
            "have expired",
            "get new ones, or remove the old ones to use a profile or a role",
        ),
        CredentialsFault::WrongSecretKey => (
            "have a secret key that doesn't belong to the access key id",
            "copy both keys again, without spaces",
        ),
        CredentialsFault::Unrecognized
            if id.starts_with("ASIA") && credentials.session_token().is_none() =>
        {
            (
                "have no session token, which a temporary access key (ASIA…) needs",
                "copy the session token, too",
            )
        }
        CredentialsFault::Unrecognized => (
            "aren't accepted by AWS",
            "check that the access key is complete (an id begins with AKIA or ASIA) and still exists, that it has its session token (ASIA…) or none (AKIA…), and that the account has enabled this region. The China and GovCloud regions need their own access keys",
        ),
    };
    let origin =
        provider_of(credentials).map_or("the assumed role".to_owned(), Provider::to_string);
    let end = shown_end(id);
    let text = format!("the AWS credentials from {origin} (access key …{end}) {what}");
    (text, help)
}

/// The last four characters of an access key id. An id that doesn't look like one of AWS's isn't
/// shown, because it may contain part of the secret key.
fn shown_end(id: &str) -> &str {
    if !id.starts_with('A') || id.len() > 20 {
        return "";
    }
    let start = id.len().saturating_sub(4);
    id.get(start..).unwrap_or_default()
}
