//! How secrets are read from AWS, once options, variables and the profile have been heard.

use std::path::PathBuf;

/// Which roots a server's certificate may come from: the first that is given.
#[derive(Clone, Debug)]
pub struct TrustSettings {
    /// `--ca-bundle`, else AWS_CA_BUNDLE, else the profile's `ca_bundle`.
    pub bundle: Option<PathBuf>,
    /// SSL_CERT_FILE
    pub file: Option<PathBuf>,
    /// SSL_CERT_DIR
    pub directory: Option<PathBuf>,
}
