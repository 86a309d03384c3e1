//! Verification of a server's certificate by rustls's own rules, with as few decoded roots as possible, and once for each chain.

use std::sync::{Mutex, PoisonError};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use webpki::EndEntityCert;

use super::roots::Roots;

/// A verifier for rustls.
#[derive(Debug)]
pub struct Verifier {
    roots: Roots,
    algorithms: WebPkiSupportedAlgorithms,
    /// The last chain that passed: many connections go to one server, and a launch takes seconds.
    verified: Mutex<Option<Chain>>,
}

/// A server's name and its certificates, the server's own first.
#[derive(Debug, PartialEq)]
struct Chain {
    server: ServerName<'static>,
    certificates: Vec<CertificateDer<'static>>,
}

impl Verifier {
    pub fn new(roots: Roots, algorithms: WebPkiSupportedAlgorithms) -> Self {
        Self { roots, algorithms, verified: Mutex::default() }
    }

    fn is_verified(&self, server: &ServerName<'_>, leaf: &CertificateDer<'_>, others: &[CertificateDer<'_>]) -> bool {
        let verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        verified.as_ref().is_some_and(|chain| {
            chain.server == *server && chain.certificates.iter().eq(std::iter::once(leaf).chain(others))
        })
    }

    fn verify(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        server: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Error> {
        let parsed = ParsedCertificate::try_from(leaf)?;
        let trusted_by = |roots: &RootCertStore| {
            verify_server_cert_signed_by_trust_anchor(&parsed, roots, others, now, self.algorithms.all)
        };
        // Trust grows with roots: retry with the whole bundle, and report that error.
        let candidates = self.roots.issued_by(&issuers(leaf, others));
        if candidates.is_none_or(|roots| trusted_by(&roots).is_err()) {
            trusted_by(&self.roots.all())?;
        }
        verify_server_name(&parsed, server)
    }
}

/// The issuer of each certificate in a chain.
fn issuers(leaf: &CertificateDer<'_>, others: &[CertificateDer<'_>]) -> Vec<Vec<u8>> {
    let parsed = std::iter::once(leaf).chain(others).filter_map(|one| EndEntityCert::try_from(one).ok());
    parsed.map(|parsed| parsed.issuer().to_vec()).collect()
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        server: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if !self.is_verified(server, leaf, others) {
            self.verify(leaf, others, server, now)?;
            let certificates = std::iter::once(leaf).chain(others).map(|one| one.clone().into_owned()).collect();
            let chain = Chain { server: server.to_owned(), certificates };
            *self.verified.lock().unwrap_or_else(PoisonError::into_inner) = Some(chain);
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
