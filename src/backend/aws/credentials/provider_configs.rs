//! The configurations that credential providers share, and the provider of credentials in variables.

use aws_config::provider_config::ProviderConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError as ProviderError;
use aws_credential_types::provider::{ProvideCredentials, future};

use super::mfa::MfaCodes;
use crate::backend::aws::clients::Clients;
use crate::backend::aws::config::VariableKeys;
use crate::model::reference::Region;

/// The configurations of providers. Each search requires new ones, since those of the SDK cache the files that they read.
pub struct ProviderConfigs<'a> {
    /// For the roles of a profile, which STS is asked for in `region`.
    pub clients: &'a Clients,
    pub region: Region,
    pub mfa_codes: &'a MfaCodes,
    pub network: ProviderConfig,
    pub link_local: ProviderConfig,
    /// True if IMDS already timed out.
    pub skip_imds: bool,
    /// True if IMDS has answered on this host, as the cache shows.
    pub knows_instance: bool,
}

/// The credentials of AWS_ACCESS_KEY_ID and its companions. The SDK's own provider does not read AWS_SECURITY_TOKEN, and accepts
/// SECRET_ACCESS_KEY, which AWS does not document.
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
