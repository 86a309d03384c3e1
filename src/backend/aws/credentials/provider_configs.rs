//! The configurations that credential providers share.

use aws_config::provider_config::ProviderConfig;

use super::mfa::MfaCodes;
use crate::backend::aws::clients::Clients;
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
