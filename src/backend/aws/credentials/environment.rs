//! Credentials in variables. The SDK's own provider does not read AWS_SECURITY_TOKEN, and accepts
//! SECRET_ACCESS_KEY, which AWS does not document.

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError as ProviderError;
use aws_credential_types::provider::{ProvideCredentials, future};

use crate::backend::aws::config::VariableKeys;

/// The credentials of AWS_ACCESS_KEY_ID and its companions.
#[derive(Debug)]
pub struct EnvironmentCredentials(pub VariableKeys);

impl EnvironmentCredentials {
    fn credentials(&self) -> Result<Credentials, ProviderError> {
        match &self.0 {
            VariableKeys::Unset => Err(ProviderError::not_loaded("AWS_ACCESS_KEY_ID is not set")),
            VariableKeys::WithoutSecret => {
                let why = "AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not";
                Err(ProviderError::invalid_configuration(why))
            }
            VariableKeys::Complete(credentials) => Ok(credentials.clone()),
        }
    }
}

impl ProvideCredentials for EnvironmentCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(self.credentials())
    }
}
