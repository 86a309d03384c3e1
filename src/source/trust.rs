//! Which root certificates are trusted: one bundle, read only when the first connection over TLS is made.

mod roots;
mod verifier;

use std::error::Error;
use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};

use self::roots::Roots;
use self::verifier::Verifier;
use super::settings::TrustSettings;
use super::wording::text_of;

/// Why no root certificates can be had from where they were said to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TrustError {
    path: PathBuf,
    why: String,
}

impl fmt::Display for TrustError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.why)
    }
}

impl Error for TrustError {}

/// TLS 1.2 and 1.3 by ring, HTTP/1.1 only: with HTTP/2 many requests would share one connection and its round trips.
pub(super) fn client_config(settings: &TrustSettings) -> Result<Arc<ClientConfig>, TrustError> {
    let roots = roots(settings)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Verifier::new(roots, provider.signature_verification_algorithms);
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| TrustError { path: PathBuf::from("TLS"), why: error.to_string() })?;
    let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = builder.with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// What the user names, else the system's bundle, else the roots of the web that are compiled in.
fn roots(settings: &TrustSettings) -> Result<Roots, TrustError> {
    if let Some(file) = settings.bundle.as_deref().or(settings.file.as_deref()) {
        return read_file(file);
    }
    if let Some(directory) = &settings.directory {
        return read_directories(directory);
    }
    // A system's bundle that cannot be read is as good as none. SSL_CERT_FILE, which this would read too, is dealt with.
    let system = openssl_probe::probe().cert_file.and_then(|file| read_file(&file).ok());
    Ok(system.unwrap_or_else(|| Roots::Parsed(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() })))
}

fn read_file(path: &Path) -> Result<Roots, TrustError> {
    let error = |why: String| TrustError { path: path.to_owned(), why };
    let text = std::fs::read(path).map_err(|io| error(text_of(&io)))?;
    Roots::of_bundle(text).ok_or_else(|| error("holds no root certificate (PEM) that can be used".to_owned()))
}

/// One folder or several, separated by colons, as OpenSSL takes them: one that is not there is as good as empty.
fn read_directories(list: &Path) -> Result<Roots, TrustError> {
    let mut roots = RootCertStore::empty();
    let mut why = "holds no root certificate (PEM) that can be used".to_owned();
    for directory in list.as_os_str().as_bytes().split(|byte| *byte == b':').filter(|name| !name.is_empty()) {
        match std::fs::read_dir(OsStr::from_bytes(directory)) {
            Ok(files) => {
                for text in files.flatten().filter_map(|file| std::fs::read(file.path()).ok()) {
                    roots.roots.extend(roots::parse(&text).roots);
                }
            }
            Err(io) => why = text_of(&io),
        }
    }
    if roots.is_empty() { Err(TrustError { path: list.to_owned(), why }) } else { Ok(Roots::Parsed(roots)) }
}
