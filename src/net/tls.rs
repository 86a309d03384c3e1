//! The TLS client configuration: rustls' own verifier, over the roots that the user names or else over Mozilla's and then the system's.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::iter;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::kx_group;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore,
    SignatureScheme,
};
use rustls_native_certs::{CertificateResult, ErrorKind, load_certs_from_paths, load_native_certs};

use super::certificate::UnknownIssuer;
use super::errors::NetFailure;
use crate::model::options::KeyExchange;
use crate::system::os_error;

/// The root certificates that the user names. They count alone.
#[derive(Clone, Debug)]
pub struct TrustSettings {
    /// `--ca-bundle`, else AWS_CA_BUNDLE, else the profile's `ca_bundle`. It counts before the other two.
    pub bundle: Option<PathBuf>,
    /// SSL_CERT_FILE
    pub file: Option<PathBuf>,
    /// SSL_CERT_DIR: directories, separated by colons.
    pub directory: Option<PathBuf>,
    /// `--key-exchange`
    pub key_exchange: KeyExchange,
}

/// The TLS client configuration. The roots are read when a connection first needs them.
pub struct Tls {
    settings: TrustSettings,
    config: OnceLock<Result<Arc<ClientConfig>, NetFailure>>,
}

impl Tls {
    pub fn new(settings: TrustSettings) -> Self {
        Self {
            settings,
            config: OnceLock::new(),
        }
    }

    pub fn config(&self) -> Result<Arc<ClientConfig>, NetFailure> {
        self.config
            .get_or_init(|| client_config(&self.settings))
            .clone()
    }
}

/// TLS 1.2 and 1.3, and X25519MLKEM768 as the first group, unless the key exchange is classical. HTTP/1.1 only: with HTTP/2 all requests
/// would share one connection, and wait for its packets.
fn client_config(settings: &TrustSettings) -> Result<Arc<ClientConfig>, NetFailure> {
    let verifier = match named_roots(settings)? {
        Some(named) => Verifier::new(verifier(named)?, None),
        None => {
            let compiled_in = RootCertStore {
                roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
            };
            Verifier::new(verifier(compiled_in)?, Some(OnceLock::new()))
        }
    };
    let mut offered = CryptoProvider::clone(&provider());
    if settings.key_exchange == KeyExchange::Classical {
        offered.kx_groups = vec![kx_group::X25519, kx_group::SECP256R1, kx_group::SECP384R1];
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(offered))
        .with_safe_default_protocol_versions();
    let builder = builder
        .map_err(|error| NetFailure::Trust(format!("TLS is not available: {error}")))?
        .dangerous();
    let mut config = builder
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // The connections of a launch are opened together, before there is a session to resume.
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn verifier(roots: RootCertStore) -> Result<Arc<WebPkiServerVerifier>, NetFailure> {
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build();
    verifier.map_err(|error| {
        NetFailure::Trust(format!("the root certificates cannot be used: {error}"))
    })
}

/// Reads the roots that the user names. A missing directory of several is no error, as in OpenSSL.
///
/// # Errors
/// When there is no root in what the user names.
fn named_roots(settings: &TrustSettings) -> Result<Option<RootCertStore>, NetFailure> {
    let file = settings.bundle.as_deref().or(settings.file.as_deref());
    let list = settings
        .directory
        .as_deref()
        .filter(|_| settings.bundle.is_none());
    let Some(named) = file.or(list) else {
        return Ok(None);
    };
    let mut found = load_certs_from_paths(file, None);
    let directories = list
        .into_iter()
        .flat_map(|list| list.as_os_str().as_bytes().split(|byte| *byte == b':'));
    for directory in directories
        .filter(|name| !name.is_empty())
        .map(OsStr::from_bytes)
    {
        let CertificateResult { certs, errors, .. } =
            load_certs_from_paths(None, Some(Path::new(directory)));
        found.certs.extend(certs);
        found.errors.extend(errors);
    }
    let roots = parsed(found.certs);
    if roots.is_empty() {
        let why = match found.errors.into_iter().next().map(|error| error.kind) {
            Some(ErrorKind::Io { inner, path }) => {
                let (path, why) = (path.display(), os_error::text(&inner));
                format!("the root certificates in {path} cannot be read: {why}")
            }
            Some(_) | None => {
                let path = named.display();
                format!("{path} does not contain a root certificate (PEM) that can be used")
            }
        };
        return Err(NetFailure::Trust(why));
    }
    Ok(Some(roots))
}

fn parsed(certificates: Vec<CertificateDer<'_>>) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates);
    roots
}

/// rustls' verifier over the first roots, and over the system's for a chain whose issuer these do not know.
///
/// It remembers the chain that it last verified for each name: the connections of a launch have the same, and two of the three RSA
/// verifications of a handshake are the chain's. The third, of the handshake's own signature, is made for each connection.
#[derive(Debug)]
struct Verifier {
    first: Arc<dyn ServerCertVerifier>,
    /// `None` with roots that the user names.
    system: Option<OnceLock<SystemRoots>>,
    chains: Mutex<HashMap<ServerName<'static>, VerifiedChain>>,
}

impl Verifier {
    fn new(first: Arc<dyn ServerCertVerifier>, system: Option<OnceLock<SystemRoots>>) -> Self {
        Self {
            first,
            system,
            chains: Mutex::default(),
        }
    }
}

/// The time for which a chain counts as verified.
const CHAIN_AGE: Duration = Duration::from_secs(60);

/// A chain that was verified for a name.
#[derive(Debug)]
struct VerifiedChain {
    certificates: Vec<CertificateDer<'static>>,
    time: UnixTime,
}

/// The system's bundle and directory of certificates, read when they are first needed.
#[derive(Debug)]
struct SystemRoots {
    /// `None` if there is no root in them.
    verifier: Option<Arc<WebPkiServerVerifier>>,
    /// The first error of reading them.
    error: String,
}

impl SystemRoots {
    fn read() -> Self {
        let CertificateResult { certs, errors, .. } = load_native_certs();
        let error = errors
            .first()
            .map(|error| format!("; reading the system's roots failed: {error}"))
            .unwrap_or_default();
        Self {
            verifier: verifier(parsed(certs)).ok(),
            error,
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        server: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let chain = || iter::once(leaf).chain(others);
        let mut chains = self.chains.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(VerifiedChain { certificates, time }) = chains.get(server)
            && certificates.iter().eq(chain())
            && now
                .as_secs()
                .checked_sub(time.as_secs())
                .is_some_and(|age| age < CHAIN_AGE.as_secs())
        {
            return Ok(ServerCertVerified::assertion());
        }
        let mut verified = self
            .first
            .verify_server_cert(leaf, others, server, ocsp, now);
        let system = self
            .system
            .as_ref()
            .filter(|_| is_unknown_issuer(&verified));
        let system = system.map(|system| system.get_or_init(SystemRoots::read));
        if let Some(verifier) = system.and_then(|system| system.verifier.as_ref()) {
            verified = verifier.verify_server_cert(leaf, others, server, ocsp, now);
        }
        if is_unknown_issuer(&verified) {
            let unknown =
                UnknownIssuer::new(leaf, others, system.map_or("", |system| &system.error));
            return Err(CertificateError::Other(OtherError(Arc::new(unknown))).into());
        }
        let verified = verified?;
        let certificates = chain()
            .map(|certificate| certificate.clone().into_owned())
            .collect();
        chains.insert(
            server.to_owned(),
            VerifiedChain {
                certificates,
                time: now,
            },
        );
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.first
            .verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.first
            .verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.first.supported_verify_schemes()
    }
}

fn is_unknown_issuer(verified: &Result<ServerCertVerified, rustls::Error>) -> bool {
    matches!(
        verified,
        Err(rustls::Error::InvalidCertificate(
            CertificateError::UnknownIssuer
        ))
    )
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Counts the chains that it verifies, and trusts the leaf `good`. No handshake follows.
    #[derive(Debug, Default)]
    struct CountingVerifier(AtomicUsize);

    impl ServerCertVerifier for CountingVerifier {
        fn verify_server_cert(
            &self,
            leaf: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: UnixTime,
        ) -> Result<ServerCertVerified, rustls::Error> {
            self.0.fetch_add(1, Ordering::Relaxed);
            if leaf.as_ref() == b"good" {
                return Ok(ServerCertVerified::assertion());
            }
            Err(CertificateError::Revoked.into())
        }

        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, rustls::Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn verify_tls13_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, rustls::Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            Vec::new()
        }
    }

    #[test]
    fn a_chain_is_verified_once_a_minute_for_each_name() {
        let counting = Arc::new(CountingVerifier::default());
        let verifier = Verifier::new(counting.clone(), None);
        let verify = |leaf: &'static [u8], issuer: &'static [u8], name: &'static str, seconds| {
            let (leaf, others) = (CertificateDer::from(leaf), [CertificateDer::from(issuer)]);
            let name = ServerName::try_from(name).unwrap();
            let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
            let verified = verifier
                .verify_server_cert(&leaf, &others, &name, &[], now)
                .is_ok();
            (verified, counting.0.load(Ordering::Relaxed))
        };
        for _ in 0..20 {
            assert_eq!(verify(b"good", b"issuer", "a", 1000), (true, 1));
        }
        assert_eq!(verify(b"good", b"issuer", "a", 1059), (true, 1));
        assert_eq!(
            verify(b"good", b"issuer", "a", 1060),
            (true, 2),
            "a minute later"
        );
        assert_eq!(
            verify(b"good", b"issuer", "a", 1000),
            (true, 3),
            "a clock that was set back"
        );
        assert_eq!(
            verify(b"good", b"issuer", "b", 1000),
            (true, 4),
            "another name"
        );
        assert_eq!(
            verify(b"good", b"other", "a", 1000),
            (true, 5),
            "another issuer"
        );
        assert_eq!(
            verify(b"bad", b"other", "a", 1000),
            (false, 6),
            "another leaf"
        );
        assert_eq!(
            verify(b"bad", b"other", "a", 1000),
            (false, 7),
            "a chain that was refused"
        );
        assert_eq!(verify(b"good", b"other", "a", 1000), (true, 7));
    }
}
