//! The parts that all credential providers share: the clients and settings that they use, their
//! failures, and the origin of credentials.
//!
//! The failure that a provider returns decides what the search for credentials does next. There are
//! four ways to go on, and one function for each of them, from [`not_configured`] to
//! [`service_failure`].

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use http::HeaderValue;

use crate::backend::aws::config::{ProfileRole, RoleChain, Settings};
use crate::backend::aws::endpoints::Api;
use crate::backend::aws::service_client::{Client, Clients};
use crate::model::answer::{
    Again, CREDENTIALS_REFUSED, Cause, CredentialsFault, Denial, FetchError, FetchResult,
    OutageKind, Refusal, Unsigned,
};
use crate::model::fault::overlooked;
use crate::model::reference::Region;
use crate::system::os_error;
use crate::system::redaction::conceal;
use crate::time::RetryBudget;

/// The SSO token, if this launch has renewed it, and the time at which the new token expires.
pub type RenewedToken = Option<(String, SystemTime)>;

pub struct SearchContext<'a> {
    pub settings: &'a Settings,
    pub services: Services<'a>,
    /// The source of the profile's credentials, and the roles that are assumed with them. `None` if
    /// the profile doesn't have credentials, or isn't used.
    pub chain: Option<&'a RoleChain>,
    pub kept: &'a Kept,
}

/// Everything that a launch gets only once. It is kept for the next try of `--wait`, which may open
/// a new session.
#[derive(Default)]
pub struct Kept {
    /// The MFA code that the user has typed. STS accepts it only once.
    pub mfa_code: RefCell<Option<String>>,
    /// The SSO token that this launch has renewed. Storing it in its file may have failed.
    pub sso_token: RefCell<RenewedToken>,
    /// The roles of the profile that were assumed, with their credentials.
    pub roles: RefCell<Vec<(ProfileRole, Credentials)>>,
}

impl Kept {
    /// The credentials of a role of the profile, if it was assumed and they haven't expired.
    pub(super) fn role(&self, role: &ProfileRole) -> Option<Credentials> {
        let roles = self.roles.borrow();
        let (_, credentials) = roles.iter().rfind(|(assumed, _)| assumed == role)?;
        if credentials
            .expiry()
            .is_some_and(|end| end <= SystemTime::now())
        {
            return None;
        }
        Some(credentials.clone())
    }
}

/// The services that give credentials, and the time for their answers. STS is asked in one region
/// after the other.
#[derive(Clone, Copy)]
pub struct Services<'a> {
    pub clients: &'a Clients,
    pub sts_regions: &'a [Region],
    pub budget: &'a RetryBudget<'a>,
}

impl Services<'_> {
    /// Makes a request to STS in one region after the other.
    pub(super) async fn in_sts_regions<T>(
        &self,
        credentials: Option<&Credentials>,
        request: impl AsyncFn(&Client, &RetryBudget<'_>) -> FetchResult<T>,
    ) -> FetchResult<T> {
        self.budget
            .over_regions(self.sts_regions, async |region, budget| {
                let client = self.clients.client(Api::Sts, region, credentials).await?;
                request(&client, &budget).await
            })
            .await
    }
}

/// The failure of a provider that isn't configured. The next provider is asked. `why` is a whole
/// sentence.
pub(super) fn not_configured(why: impl Into<String>) -> FetchError {
    FetchError::without_credentials(why, Again::NextProvider)
}

/// The failure of a provider that is configured but can't be used. The search ends, and only
/// `--wait` repeats it.
pub fn unusable(why: impl Into<String>) -> FetchError {
    FetchError::without_credentials(why, Again::Later)
}

/// The failure of a provider with invalid settings. The search ends, even with `--wait`.
pub fn misconfigured(why: impl Into<String>) -> FetchError {
    FetchError::without_credentials(why, Again::Never)
}

/// The failure of a service or of this machine, after which the same provider is asked again. `why`
/// is a whole sentence.
pub(super) fn service_failure(why: impl Into<String>) -> FetchError {
    FetchError::outage(OutageKind::Service, why).with_whole_headline()
}

/// The failure of a provider whose file can't be read. `name` says what the file contains, such as
/// `the service account token`. The help is `remedy`, or how to give this user a missing
/// permission.
pub(super) fn unreadable_file(
    name: &str,
    path: impl AsRef<Path>,
    error: &io::Error,
    remedy: &str,
) -> FetchError {
    let path = path.as_ref();
    let why = os_error::file_error_text(path, error);
    // A relative path isn't shown, because it may be the token itself, set by mistake.
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

/// Parts of the messages with which AWS refuses credentials, each with the help to print. The first
/// four reasons are from STS, the next two from EKS Pod Identity, and one is from ECS. The last two
/// are texts of aws-config 1.13 (`EcsConfigurationError`, which is private), and a test shows both.
const REMEDIES: &str = include_str!("remedies.txt");

/// Finds the help for the `reason` with which AWS refused credentials, in [`REMEDIES`]. `None` if
/// no row fits.
pub(super) fn known_remedy(reason: &str) -> Option<String> {
    REMEDIES
        .lines()
        .filter_map(|row| row.split_once(" => "))
        .find(|(part, _)| reason.contains(part))
        .map(|(_, remedy)| remedy.to_owned())
}

/// The failure of a provider whose request failed with `error`. `headline` is a sentence, such as
/// `the role "…" couldn't be assumed`.
///
/// A denied or an invalid request is final. But a token that isn't accepted can be replaced, so
/// `--wait` tries again. An outage gets the headline before its own text. An absence or a missing
/// region makes the provider [`unusable`]. Any other error, such as one about the caller's own
/// credentials or a certificate, is returned unchanged, because other requests would fail in the
/// same way.
pub(super) fn request_failure(headline: &str, error: FetchError) -> FetchError {
    use Cause::{Absent, Denied, NoCredentials, NoRegion, Outage, Refused};
    let cause = error.cause();
    match cause {
        Denied(_) | Refused(Refusal::Request(_) | Refusal::NotSent) => {}
        // The error's text is left out, because it is about a secret or a launch without a region.
        Absent(_) | NoRegion => return unusable(headline),
        // `with_outage_headline` changes only an outage.
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

/// A provider of credentials.
#[derive(Clone, Debug)]
pub enum Provider {
    Variables,
    Profile(String),
    WebIdentity,
    Container,
    Instance,
}

impl Provider {
    /// The names of the provider in the JSON of `check` and in a sentence about credentials:
    /// `profile` and `the profile "app"`.
    pub fn words(&self) -> (&'static str, Cow<'static, str>) {
        match self {
            Self::Variables => ("environment", "AWS_ACCESS_KEY_ID".into()),
            Self::Profile(name) => ("profile", format!("the profile {name:?}").into()),
            Self::WebIdentity => ("web identity", "the role in AWS_ROLE_ARN".into()),
            Self::Container => ("container", "the container's role".into()),
            Self::Instance => ("instance metadata", "the instance's role".into()),
        }
    }

    /// The name that messages have for a part of the credentials: `AWS_ACCESS_KEY_ID` (`variable`)
    /// if the credentials are from variables, and otherwise `aws_access_key_id from the profile
    /// "app"`.
    fn name_of(&self, variable: &str) -> String {
        if let Self::Variables = self {
            return variable.to_owned();
        }
        format!("{} from {self}", variable.to_lowercase())
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words().1)
    }
}

/// The provider of credentials. `None` for those of a role that was assumed with the credentials of
/// a provider.
pub fn provider_of(credentials: &Credentials) -> Option<&Provider> {
    credentials.get_property()
}

/// Conceals every part of the credentials in messages from now on, except for a number: with
/// LocalStack, an access key id may be the number of an account, which isn't secret.
pub(super) fn conceal_credentials(credentials: &Credentials) {
    let keys = [credentials.access_key_id(), credentials.secret_access_key()];
    conceal(
        keys.into_iter()
            .chain(credentials.session_token())
            .filter(|text| text.parse::<u64>().is_err()),
    );
}

/// Checks and conceals a provider's credentials, and returns them with their provider, where
/// [`provider_of`] finds it.
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
    // A session token can have any character.
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

/// Finds a defect in a part of the credentials, and returns it as a predicate: `is empty`.
/// `None` if the part has no defect.
fn credential_defect(text: &str) -> Option<String> {
    if text.contains(['"', '\'']) {
        return Some("contains a quote".to_owned());
    }
    // AKIA and ASIA in base64, as in a Kubernetes Secret.
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

/// Replaces an error that means that AWS refused the credentials. The new error says what is wrong
/// with them ([`fault_and_remedy`]). Any other error stays as it is.
///
/// The new error has a help text only for credentials from variables or from a profile, because
/// somebody may have copied them there.
pub fn explain_refused_credentials(
    error: FetchError,
    credentials: Option<&Credentials>,
) -> FetchError {
    let Cause::Denied(Denial::Credentials(fault)) = error.cause() else {
        return error;
    };
    let Some(credentials) = credentials else {
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

/// A sentence about what is wrong with credentials that AWS refused, and the help for somebody who
/// has copied them. The sentence shows the last characters of the access key id, unless it doesn't
/// look like one of AWS's, because then it may have a part of the secret access key.
fn fault_and_remedy(fault: CredentialsFault, credentials: &Credentials) -> (String, &'static str) {
    let id = credentials.access_key_id();
    let (what, help) = match fault {
        // AWS then says that the token has expired, or that it isn't valid.
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
        provider_of(credentials).map_or("the assumed role".into(), |found| found.words().1);
    let mut end = "";
    if id.starts_with('A') && id.len() <= 20 {
        end = id.get(id.len().saturating_sub(4)..).unwrap_or_default();
    }
    let text = format!("the AWS credentials from {origin} (access key …{end}) {what}");
    (text, help)
}
