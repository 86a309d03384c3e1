//! Creates the TLS client configuration, chooses the trusted root certificates, and words the
//! messages about certificates that aren't trusted.
//!
//! If the user names root certificates (`--ca-bundle`, AWS_CA_BUNDLE, the profile's `ca_bundle`,
//! SSL_CERT_FILE or SSL_CERT_DIR), only these are trusted. Otherwise, Mozilla's roots are tried
//! first, because they are compiled in. The system's are read only if Mozilla's don't contain the
//! issuer of a server's chain, as with a company's proxy:
//!
//! ```text
//! does the user name roots? ─ yes ─▶ verify with these roots ────────────────▶ trusted, or refused
//!            │ no
//!            ▼
//! verify with Mozilla's roots ─ unknown issuer ─▶ verify with the system's ──▶ trusted, or refused
//!            └─ anything else ───────────────────────────────────────────────▶ trusted, or refused
//! ```
//!
//! rustls verifies every certificate, and no option turns this off. The messages are ours: those of
//! rustls print the names of Rust types, and times in seconds since 1970, and don't name the
//! issuer, which a user needs to find the missing root certificate.
//!
//! The SDK reads the system's root certificates even if they aren't used (smithy-rs#3262 makes this
//! lazy), and ignores AWS_CA_BUNDLE (aws-sdk-rust#1362, open; aws-sdk-rust#1171 asked for other
//! roots).

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;
use std::{fs, iter};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::kx_group;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore,
    SignatureScheme,
};
use rustls_native_certs::{ErrorKind, load_certs_from_paths, load_native_certs};
use webpki::EndEntityCert;

use crate::model::fault::Fault;
use crate::model::message::{FetchError, FetchResult, Placed, Refusal};
use crate::model::options::KeyExchange;
use crate::model::shown::without_tokens;
use crate::system::lifecycle::locked;
use crate::system::os_error;

/// Which root certificates to trust, and which key exchange to use.
#[derive(Clone, Debug, Default)]
pub struct TrustSettings {
    /// From `--ca-bundle`, AWS_CA_BUNDLE or the profile's `ca_bundle`, in this order of precedence.
    /// If it is set, `environment` is ignored.
    pub bundle: Option<Placed<PathBuf>>,
    /// From SSL_CERT_FILE or, if that isn't set, SSL_CERT_DIR.
    pub environment: Option<Placed<PathBuf>>,
    pub key_exchange: KeyExchange,
}

/// The TLS configuration, which is created when a connection first needs it. Creating it blocks the
/// thread while the user's root certificates are read.
pub(super) type TlsConfig = LazyLock<ConfigResult, Box<dyn FnOnce() -> ConfigResult + Send>>;
type ConfigResult = FetchResult<Arc<ClientConfig>>;

/// The configuration for TLS 1.2 and 1.3. By default, the preferred key exchange group is
/// X25519MLKEM768.
///
/// Only HTTP/1.1 is offered: with HTTP/2, all requests would share one connection and wait for each
/// other's packets.
pub(super) fn client_config(settings: &TrustSettings) -> ConfigResult {
    let system: LazyLock<_> =
        LazyLock::new(|| webpki_verifier(root_store(load_native_certs().certs)).ok());
    let (first, fallback) = match named_roots(settings)? {
        Some(named) => (named, None),
        None => {
            let roots = webpki_roots::TLS_SERVER_ROOTS.to_vec();
            (RootCertStore { roots }, Some(system))
        }
    };
    let verifier = Verifier {
        first: webpki_verifier(first)?,
        system: fallback,
        chains: Mutex::default(),
    };

    let mut provider = CryptoProvider::clone(&crypto_provider());
    if settings.key_exchange == KeyExchange::Classical {
        provider.kx_groups = vec![kx_group::X25519, kx_group::SECP256R1, kx_group::SECP384R1];
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable_tls(format!("TLS isn't available: {error}")))?
        // rustls calls every custom verifier dangerous.
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // There is rarely a TLS session to resume, because a launch opens its connections at the same
    // time.
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

fn crypto_provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn webpki_verifier(roots: RootCertStore) -> FetchResult<Arc<WebPkiServerVerifier>> {
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), crypto_provider())
        .build()
        .map_err(|error| unusable_tls(format!("the root certificates can't be used: {error}")))
}

/// The root certificates that the user named, if any. SSL_CERT_DIR may name several directories. As
/// in OpenSSL, a missing one isn't an error if another one has a certificate.
fn named_roots(settings: &TrustSettings) -> FetchResult<Option<RootCertStore>> {
    let (named, mut found) = if let Some(bundle) = &settings.bundle {
        (bundle, load_certs_from_paths(Some(&bundle.value), None))
    } else if let Some(environment) = &settings.environment {
        // This reads SSL_CERT_FILE and SSL_CERT_DIR itself and, if either is set, no other roots.
        (environment, load_native_certs())
    } else {
        return Ok(None);
    };

    // `rustls_native_certs` overlooks a certificate right after a byte order mark, so read this one
    // here.
    let file = fs::read(&named.value).unwrap_or_default();
    if let Some(rest) = file.strip_prefix("\u{feff}".as_bytes()) {
        found
            .certs
            .extend(CertificateDer::pem_slice_iter(rest).flatten());
    }

    let roots = root_store(found.certs);
    if roots.is_empty() {
        let error = found.errors.into_iter().next();
        return Err(unusable_roots(named, file, error.map(|error| error.kind)));
    }
    Ok(Some(roots))
}

/// The error if `named` has no usable root certificate. `file` is its content, or empty if it can't
/// be read.
fn unusable_roots(named: &Placed<PathBuf>, file: Vec<u8>, error: Option<ErrorKind>) -> FetchError {
    let why = match error {
        Some(ErrorKind::Io { inner, path }) => {
            let reason = os_error::file_error_text(&path, &inner);
            // By mistake, the path may be a URL with a password, or the contents of a PEM file,
            // even of a private key. Don't show these.
            let path = without_tokens(&path.to_string_lossy());
            if path.contains('\n') || path.contains("-----") {
                format!("the root certificates can't be read: {reason}")
            } else {
                format!("the root certificates in {path} can't be read: {reason}")
            }
        }
        _ => {
            let der = root_store(vec![CertificateDer::from(file)]);
            let defect = if der.is_empty() {
                "contains no usable root certificate (PEM)"
            } else {
                "is in DER, not PEM: use openssl x509 -inform der -in FILE -out ca.pem"
            };
            format!("{} {defect}", named.value.display())
        }
    };
    let mut help = format!("correct the file or the path in {}", named.place);
    if os_error::unexpanded_help(&named.value.to_string_lossy()).is_some() {
        help += ": nothing expands it here";
    }
    unusable_tls(why).help(help)
}

fn unusable_tls(why: String) -> FetchError {
    FetchError::refused(Refusal::TrustStore, why)
}

fn root_store(certificates: Vec<CertificateDer<'_>>) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates);
    roots
}

/// Verifies a server's certificate chain as the head of this file shows.
///
/// Remembers the last verified chain for each host name, which is the same on all connections of a
/// launch. This saves two of the three RSA verifications in a handshake. The third one, of the
/// handshake's own signature, is done for every connection.
#[derive(Debug)]
struct Verifier {
    first: Arc<dyn ServerCertVerifier>,
    /// The system's roots. The outer option is `None` if the user named roots, and the inner one if
    /// the system has none.
    system: Option<LazyLock<Option<Arc<WebPkiServerVerifier>>>>,
    chains: Mutex<HashMap<ServerName<'static>, VerifiedChain>>,
}

/// How long a verified chain is remembered. Later, a certificate in it may have expired.
const MAX_CHAIN_AGE: Duration = Duration::from_secs(60);

/// The certificates of the chain, and the time when they were verified.
type VerifiedChain = (Vec<CertificateDer<'static>>, UnixTime);

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
        // Hold this lock during the verification, so that the first of several simultaneous
        // connections to a host verifies the chain, and the others wait. If the clock was set back,
        // the chain is verified again.
        let mut chains = locked(&self.chains);
        if let Some((certificates, time)) = chains.get(server)
            && certificates.iter().eq(chain())
            && let Some(age) = now.as_secs().checked_sub(time.as_secs())
            && age < MAX_CHAIN_AGE.as_secs()
        {
            return Ok(ServerCertVerified::assertion());
        }

        let mut result = self
            .first
            .verify_server_cert(leaf, others, server, ocsp, now);
        if is_unknown_issuer(&result)
            && let Some(Some(system)) = self.system.as_deref()
        {
            result = system.verify_server_cert(leaf, others, server, ocsp, now);
        }

        if is_unknown_issuer(&result) {
            let unknown = Arc::new(unknown_issuer(leaf, others));
            return Err(CertificateError::Other(OtherError(unknown)).into());
        }
        let verified = result?;

        let certificates = chain()
            .map(|certificate| certificate.clone().into_owned())
            .collect();
        chains.insert(server.to_owned(), (certificates, now));
        Ok(verified)
    }

    // A handshake's signature doesn't depend on the roots, so `first` can verify it in any case.
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.first.verify_tls12_signature(message, leaf, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.first.verify_tls13_signature(message, leaf, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.first.supported_verify_schemes()
    }
}

/// True also for `BadSignature`, which rustls reports if a root has the issuer's name but a
/// different key of the same type.
fn is_unknown_issuer(verified: &Result<ServerCertVerified, rustls::Error>) -> bool {
    let why = verified.as_ref().err();
    let has = |reason: CertificateError| why == Some(&reason.into());
    has(CertificateError::UnknownIssuer) || has(CertificateError::BadSignature)
}

/// Completes a sentence about the certificate, as in `has expired`.
pub(super) fn certificate_fault(why: &CertificateError) -> Fault {
    let reason = match why {
        CertificateError::ExpiredContext { .. } => {
            return Fault::new("has expired")
                .help("set this machine's clock if it is wrong; otherwise, renew the certificate");
        }
        CertificateError::NotValidForNameContext { presented, .. } => {
            // rustls writes `DnsName("example.com")`.
            let names = presented
                .join(", ")
                .replace("DnsName(", "")
                .replace(')', "");
            return Fault::new(format!("has other names: [{names}]"))
                .help("check which server answers to this name");
        }
        CertificateError::Other(OtherError(other))
            if other.downcast_ref() == Some(&webpki::Error::CaUsedAsEndEntity) =>
        {
            return Fault::new("is a CA's certificate, which a server can't use")
                .help("give the server a certificate with basicConstraints CA:FALSE");
        }
        // This is an `UnknownIssuer`.
        CertificateError::Other(other) => other.to_string(),
        why => why.to_string(),
    };
    Fault::new(format!("isn't trusted: {reason}")).help(
        "if the issuer belongs to your proxy or private endpoint, pass its root certificate with --ca-bundle or AWS_CA_BUNDLE",
    )
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct UnknownIssuer(String);

/// `leaf` is the server's certificate. The message names the issuer at the end of the chain.
fn unknown_issuer(leaf: &CertificateDer<'_>, others: &[CertificateDer<'_>]) -> UnknownIssuer {
    let issuer = EndEntityCert::try_from(others.last().unwrap_or(leaf))
        .ok()
        .and_then(|certificate| common_name(certificate.issuer()))
        .map_or("without a name".to_owned(), |name| format!("{name:?}"));
    UnknownIssuer(format!(
        "its chain ends at the issuer {issuer}, which isn't a trusted root"
    ))
}

/// The first common name in a distinguished name (RFC 5280, section 4.1.2.4). `None` if it isn't
/// UTF-8, or has 128 bytes or more, because DER encodes longer lengths differently.
fn common_name(der: &[u8]) -> Option<String> {
    // The object identifier of a common name (2.5.4.3).
    let identifier = [6, 3, 0x55, 4, 3];
    let at = der.windows(5).position(|bytes| bytes == identifier)?;
    let [_type, length @ 0..128, rest @ ..] = der.get(at + 5..)? else {
        return None;
    };
    let text = rest.get(..usize::from(*length))?;
    String::from_utf8(text.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Counts the chains that it verifies, and trusts only the leaf `good`.
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
        let verifier = Verifier {
            first: counting.clone(),
            system: None,
            chains: Mutex::default(),
        };
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
