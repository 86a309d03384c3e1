//! Limits of this process as the reason that a provider has no credentials.

use aws_credential_types::provider::error::CredentialsError as ProviderError;

use super::process::StartError;
use crate::model::answer::CredentialsError;
use crate::net::errors::find_source;
use crate::system::os_error;

/// True if a limit of processes or descriptors is reached.
pub fn is_limit(error: &ProviderError) -> bool {
    let file = find_source::<std::io::Error>(error).is_some_and(|error| os_error::is_limit(os_error::errno(error)));
    file || find_source::<StartError>(error).is_some_and(StartError::is_limit)
}

/// The error with a limit on descriptors as a further reason, if that is reached now: the SDK passes over files that it cannot open.
pub fn limit_in_force(error: &CredentialsError) -> Option<CredentialsError> {
    let limit = os_error::reached_limit()?;
    let mut error = CredentialsError { temporary: true, ..error.clone() };
    error.tried.push(("files", os_error::text(&limit)));
    Some(error)
}
