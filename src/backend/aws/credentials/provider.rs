//! A credential provider's part of a search: the clients and settings that it may use, and its failures.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::Path;

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError as SdkCredentialsError;
use http::HeaderValue;

use super::mfa::MfaCodes;
use crate::backend::aws::clients::Clients;
use crate::backend::aws::config::{RoleChain, Settings};
use crate::backend::aws::protocol::classify_sdk_error;
use crate::model::answer::{
    Again, CredentialsError, CredentialsFault, Denial, FetchError, Outage, OutageKind, Reason,
    Refusal,
};
use crate::model::reference::Region;
use crate::net::errors::error_text;
use crate::system::os_error;

/// The clients and settings of a search.
#[derive(Clone)]
pub struct SearchContext<'a> {
    pub settings: &'a Settings,
    pub clients: &'a Clients,
    /// The region in which STS is called.
    pub region: &'a Region,
    /// The way to the credentials of the profile; `None` if it has none, or is not used.
    pub chain: Option<&'a RoleChain>,
    pub mfa_codes: &'a MfaCodes,
}

/// Returns the failure of a provider that is not configured: the search goes on with the next one. `why` is a sentence, as in all failures.
pub fn not_configured(why: impl Into<String>) -> FetchError {
    without_credentials(why, Again::NextProvider)
}

/// Returns the failure of a provider that may be configured, but does not answer: the search goes on with the next one, and a later search may
/// succeed.
pub fn unanswered(why: impl Into<String>) -> FetchError {
    let error = CredentialsError::new(why, Again::NextProvider);
    error.temporary().into()
}

/// Returns the failure of a provider that is configured, but cannot be used: the search ends, and only `--wait` repeats it.
pub fn unusable(why: impl Into<String>) -> FetchError {
    without_credentials(why, Again::Later)
}

/// Returns the failure of a provider with invalid settings: the search ends, even with `--wait`.
pub fn misconfigured(why: impl Into<String>) -> FetchError {
    without_credentials(why, Again::Never)
}

fn without_credentials(why: impl Into<String>, again: Again) -> FetchError {
    CredentialsError::new(why, again).into()
}

/// Returns the failure of a service or of this machine, as a sentence, after which the provider is asked again.
pub fn failed(why: impl Into<Reason>) -> FetchError {
    Outage::new(OutageKind::Connection, why).into()
}

/// Returns the failure of a provider whose file cannot be read. `name` says what is in the file.
pub fn unreadable(name: &str, path: &Path, error: &io::Error) -> FetchError {
    let why = os_error::text_of_file(path, error);
    unusable(format!(
        "{name} can't be read from {}: {why}",
        path.display()
    ))
}

/// Returns the failure of a provider for that of its request, with a headline that says what the request did not do.
pub fn of_request(headline: &str, error: FetchError) -> FetchError {
    match error {
        FetchError::Unavailable(outage) => outage.of(headline).into(),
        FetchError::Denied { message, .. }
        | FetchError::Refused(Refusal::Request(message) | Refusal::NotSent(message)) => {
            let error = CredentialsError::new(headline, Again::Later);
            error.aws_says(message).into()
        }
        // Refused keys have their own headline.
        FetchError::NoCredentials(mut error) => {
            error.problem.code = "no-credentials";
            error.again = Again::Later;
            error.into()
        }
        error => only_if_general(error, headline),
    }
}

/// Returns the failure of the SDK's provider of credentials, which `headline` says. `status` is that of an HTTP response in it.
pub fn of_sdk(headline: &str, error: &SdkCredentialsError, status: Option<u16>) -> FetchError {
    // The outermost error only says that the provider failed.
    let why = error.source().map_or_else(|| error.to_string(), error_text);
    let why = format!("{headline}: {why}");
    match error {
        SdkCredentialsError::CredentialsNotLoaded(_) => not_configured(why),
        SdkCredentialsError::ProviderTimedOut(_) => failed(why),
        SdkCredentialsError::InvalidConfiguration(_) => misconfigured(why),
        error => of_response(error, status, &why),
    }
}

/// Returns the failure of a provider whose request the SDK made. `status` is that of an HTTP response in the error.
pub fn of_response(error: &(dyn Error + 'static), status: Option<u16>, why: &str) -> FetchError {
    match status {
        Some(408 | 429 | 500..) => return failed(why),
        Some(_) => return unusable(why),
        None => {}
    }
    match classify_sdk_error(error) {
        // The response may come from something else, in front of the metadata service.
        FetchError::Refused(Refusal::Request(_)) => failed(why),
        FetchError::Unavailable(outage) => FetchError::Unavailable(Outage {
            reason: why.into(),
            ..outage
        }),
        error => only_if_general(error, why),
    }
}

/// Returns the error of a certificate, a CA bundle or a proxy, which no other provider can mend. Any other one makes the provider unusable.
fn only_if_general(error: FetchError, why: &str) -> FetchError {
    match error {
        FetchError::Refused(
            Refusal::Certificate { .. } | Refusal::TrustStore(_) | Refusal::Proxy { .. },
        ) => error,
        FetchError::NotFound { .. }
        | FetchError::Denied { .. }
        | FetchError::Unavailable(_)
        | FetchError::Refused(_)
        | FetchError::NoCredentials(_)
        | FetchError::NoRegion { .. } => unusable(why),
    }
}

/// Adds the remedy to the failure of a provider, unless it has one already.
pub fn with_help(mut error: FetchError, help: impl Into<String>) -> FetchError {
    if let FetchError::NoCredentials(error) = &mut error {
        error.problem.help.get_or_insert_with(|| help.into());
    }
    error
}

/// The origin of credentials, which the SDK keeps with them as a property.
#[derive(Clone, Debug)]
pub enum CredentialsOrigin {
    Variables,
    /// The profile with this name.
    Profile(String),
    WebIdentity,
    Container,
    Instance,
    /// A role that was assumed with other credentials.
    Role,
}

impl CredentialsOrigin {
    /// Returns the origin of credentials. Only those of a role lack the property.
    pub fn of(credentials: &Credentials) -> Self {
        credentials.get_property().cloned().unwrap_or(Self::Role)
    }

    /// Returns the word in the JSON of `check`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Variables => "environment",
            Self::Profile(_) => "profile",
            Self::WebIdentity => "web identity",
            Self::Container => "container",
            Self::Instance => "instance metadata",
            Self::Role => "role",
        }
    }
}

/// Returns the origin of credentials as a part of a sentence.
impl fmt::Display for CredentialsOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variables => f.write_str("AWS_ACCESS_KEY_ID"),
            Self::Profile(name) => write!(f, "the profile {name:?}"),
            Self::WebIdentity => f.write_str("the role in AWS_ROLE_ARN"),
            Self::Container => f.write_str("the container's credentials endpoint"),
            Self::Instance => f.write_str("the instance metadata"),
            Self::Role => f.write_str("the assumed role"),
        }
    }
}

/// Returns the credentials with their origin.
///
/// # Errors
/// When they have a part that fits into no header: signing would panic over a line break, for example.
pub fn with_origin(
    mut credentials: Credentials,
    origin: CredentialsOrigin,
) -> Result<Credentials, FetchError> {
    let parts = [
        ("AWS_ACCESS_KEY_ID", Some(credentials.access_key_id())),
        (
            "AWS_SECRET_ACCESS_KEY",
            Some(credentials.secret_access_key()),
        ),
        ("AWS_SESSION_TOKEN", credentials.session_token()),
    ];
    for (variable, text) in parts {
        let fits = |text: &str| HeaderValue::from_str(text).is_ok() && !text.contains(['"', '\'']);
        if text.is_none_or(|text| !text.is_empty() && fits(text)) {
            continue;
        }
        let name = match &origin {
            CredentialsOrigin::Variables => variable.to_owned(),
            origin => format!("{} from {origin}", variable.to_lowercase()),
        };
        let why = format!(
            "{name} is empty, or contains a quote, a line break or another character that isn't allowed"
        );
        return Err(with_help(
            unusable(why),
            "copy it again, without quotes or line breaks",
        ));
    }
    credentials.set_property(origin);
    Ok(credentials)
}

/// Names the credentials, by the end of their access key, in AWS's error that refuses them. The remedy is for those that somebody has copied.
pub fn naming_credentials(error: FetchError, credentials: Option<&Credentials>) -> FetchError {
    let (
        FetchError::Denied {
            message,
            cause: Denial::Credentials(fault),
            ..
        },
        Some(credentials),
    ) = (&error, credentials)
    else {
        return error;
    };
    let (id, origin) = (
        credentials.access_key_id(),
        CredentialsOrigin::of(credentials),
    );
    let key = format!(
        "access key …{}",
        id.get(id.len().saturating_sub(4)..).unwrap_or_default()
    );
    let (secret, token) = match origin {
        CredentialsOrigin::Variables => ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
        _ => ("aws_secret_access_key", "aws_session_token"),
    };
    let (text, help) = match fault {
        CredentialsFault::Expired => (
            format!("the temporary AWS credentials from {origin} ({key}) have expired"),
            "get new ones, or remove the old ones to use a profile or a role".to_owned(),
        ),
        CredentialsFault::WrongSecretKey => (
            format!("{secret} does not match the {key} from {origin}"),
            "copy both keys again, without spaces".to_owned(),
        ),
        CredentialsFault::Unrecognized => (
            format!("AWS does not accept the {key} from {origin}"),
            match (id.get(..4), credentials.session_token()) {
                (Some("ASIA"), None) => format!("set {token}, too: a temporary access key (ASIA…) needs it"),
                (Some("AKIA"), Some(_)) => {
                    format!("remove {token}: a permanent access key (AKIA…) has no session token")
                }
                _ => "check that the access key is complete and still exists. China and GovCloud need keys of their own"
                    .to_owned(),
            },
        ),
    };
    let is_copied = matches!(
        origin,
        CredentialsOrigin::Variables | CredentialsOrigin::Profile(_)
    );
    let mut error = CredentialsError::refused("credentials-refused", text);
    error.problem.help = is_copied.then_some(help);
    error.aws_says(message.clone()).into()
}
