//! The settings that choose the trusted root certificates.

use std::path::PathBuf;

/// Sources of root certificates. The first one that is set is used, or else the system's bundle.
#[derive(Clone, Debug)]
pub struct TrustSettings {
    /// `--ca-bundle`, else AWS_CA_BUNDLE, else the profile's `ca_bundle`.
    pub bundle: Option<PathBuf>,
    /// SSL_CERT_FILE
    pub file: Option<PathBuf>,
    /// SSL_CERT_DIR
    pub directory: Option<PathBuf>,
}
