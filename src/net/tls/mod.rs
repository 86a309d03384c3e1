//! The TLS client configuration, and the root certificates: those that the user names, the system's, or those compiled in.

mod roots;
mod verifier;

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustls::{ClientConfig, RootCertStore};

use crate::net::errors::TrustError;
use roots::Roots;
use verifier::Verifier;

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

/// The TLS client configuration. The roots are read when a connection first needs them.
pub struct Tls {
    settings: TrustSettings,
    config: OnceLock<Result<Arc<ClientConfig>, TrustError>>,
}

impl Tls {
    pub fn new(settings: TrustSettings) -> Self {
        Self { settings, config: OnceLock::new() }
    }

    pub fn config(&self) -> Result<Arc<ClientConfig>, TrustError> {
        self.config.get_or_init(|| client_config(&self.settings)).clone()
    }
}

/// TLS 1.2 and 1.3 with ring. HTTP/1.1 only: with HTTP/2 all requests would share one connection, and wait for its packets.
fn client_config(settings: &TrustSettings) -> Result<Arc<ClientConfig>, TrustError> {
    let roots = roots(settings)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Verifier::new(roots, provider.signature_verification_algorithms);
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| TrustError::new(Path::new("TLS"), error.to_string()))?;
    let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = builder.with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// The roots that the user names, else the system's bundle, else Mozilla's roots, which are compiled in.
fn roots(settings: &TrustSettings) -> Result<Roots, TrustError> {
    if let Some(file) = settings.bundle.as_deref().or(settings.file.as_deref()) {
        return read_file(file);
    }
    if let Some(directory) = &settings.directory {
        return read_directories(directory);
    }
    match SYSTEM_BUNDLES.iter().map(Path::new).find(|file| !is_absent(file)) {
        Some(file) => read_file(file),
        None => Ok(Roots::Parsed(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() })),
    }
}

/// The bundles of Linux distributions and BSDs, in Go's order (crypto/x509, root_linux.go and root_bsd.go).
const SYSTEM_BUNDLES: [&str; 8] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/ssl/cert.pem",
    "/usr/local/etc/ssl/cert.pem",
    "/etc/openssl/certs/ca-certificates.crt",
];

/// True if there is no such bundle. A dangling link or an unreadable path does not count: the bundle may leave out a root on purpose,
/// so no other roots are trusted instead.
fn is_absent(file: &Path) -> bool {
    let absent = |error: std::io::Error| matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory);
    file.symlink_metadata().is_err_and(absent)
}

fn read_file(path: &Path) -> Result<Roots, TrustError> {
    let text = std::fs::read(path).map_err(|io| TrustError::unreadable(path, &io))?;
    Roots::of_bundle(as_openssl_reads(text))
        .ok_or_else(|| TrustError::new(path, "holds no root certificate (PEM) that can be used".to_owned()))
}

/// Reads one directory or several, separated by colons, as OpenSSL does: it skips a missing one, and reads only files with hashed
/// names (openssl-rehash(1)), so that a root that was renamed to disable it stays disabled.
fn read_directories(list: &Path) -> Result<Roots, TrustError> {
    let mut roots = RootCertStore::empty();
    let why = "holds no root certificate (PEM) under a hashed name, as `openssl rehash` makes them";
    let mut error = TrustError::new(list, why.to_owned());
    for directory in list.as_os_str().as_bytes().split(|byte| *byte == b':').filter(|name| !name.is_empty()) {
        match std::fs::read_dir(OsStr::from_bytes(directory)) {
            Ok(files) => {
                let hashed = files.flatten().filter(|file| is_hashed(&file.file_name())).map(|file| file.path());
                // Regular files only: reading a pipe would block.
                for text in hashed.filter(|file| file.is_file()).filter_map(|file| std::fs::read(file).ok()) {
                    roots.roots.extend(roots::parse(&as_openssl_reads(text)).roots);
                }
            }
            Err(io) => error = TrustError::unreadable(list, &io),
        }
    }
    if roots.is_empty() { Err(error) } else { Ok(Roots::Parsed(roots)) }
}

/// Makes rustls read PEM text as OpenSSL does: removes a byte order mark, and replaces carriage returns without a line feed, which to
/// OpenSSL end no line. A root behind `# off\r` is commented out.
fn as_openssl_reads(mut text: Vec<u8>) -> Vec<u8> {
    if text.starts_with(b"\xef\xbb\xbf") {
        text.drain(..3);
    }
    let lone: Vec<_> = memchr::memchr_iter(b'\r', &text).filter(|at| text.get(at + 1) != Some(&b'\n')).collect();
    for byte in lone {
        text[byte] = b' ';
    }
    text
}

/// True for the name that `openssl rehash` gives a root: 8 hexadecimal digits, a dot, a number (`.rN` is a CRL).
fn is_hashed(name: &OsStr) -> bool {
    let Some((hash, number)) = name.to_str().and_then(|name| name.split_once('.')) else { return false };
    let is_hash = hash.len() == 8 && hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    is_hash && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod generated_chains;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_hash_and_a_number_are_the_name_of_a_root() {
        for name in ["0a1b2c3d.0", "ffffffff.12"] {
            assert!(is_hashed(OsStr::new(name)), "{name}");
        }
        for name in [
            "rogue.pem.disabled",
            "0a1b2c3d.0.disabled",
            "0a1b2c3d.r0",
            "0a1b2c3d",
            "0a1b2c3d.",
            "0A1B2C3D.0",
            "a1b2c3d.0",
        ] {
            assert!(!is_hashed(OsStr::new(name)), "{name}");
        }
    }
}
