//! Failures of a provider on this machine: a limit of this process, or a file.

use std::io;

use aws_credential_types::provider::error::CredentialsError as ProviderError;
use aws_smithy_runtime_api::client::result::ConnectorError;

use super::process::StartError;
use crate::model::answer::CredentialsError;
use crate::net::errors::find_source;
use crate::system::os_error;

/// True if a limit of processes or descriptors is reached.
pub fn is_limit(error: &ProviderError) -> bool {
    let file = find_source::<io::Error>(error).is_some_and(|error| os_error::is_limit(os_error::errno(error)));
    file || find_source::<StartError>(error).is_some_and(StartError::is_limit)
}

/// The error with a limit on descriptors as a further reason, if that is reached now: the SDK passes over files that it cannot open.
pub fn limit_in_force(error: &CredentialsError) -> Option<CredentialsError> {
    let limit = os_error::reached_limit()?;
    let mut error = CredentialsError { temporary: true, ..error.clone() };
    error.tried.push(("files", os_error::text(&limit)));
    Some(error)
}

/// True if a file of this machine is missing or not readable.
pub fn is_unreadable_file(error: &ProviderError) -> bool {
    let kind = find_source::<io::Error>(error).map(io::Error::kind);
    let is_refused = matches!(kind, Some(io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied));
    is_refused && find_source::<ConnectorError>(error).is_none()
}
