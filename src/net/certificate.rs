//! The words about a server's certificate that is not trusted.

use std::error::Error;

use rustls::CertificateError;
use rustls::pki_types::CertificateDer;
use webpki::EndEntityCert;

use super::errors::{HostError, find_source};
use crate::model::answer::Refusal;
use crate::model::quoting::one_line;

/// Returns the refusal for a server's certificate, if a chain has one.
pub fn certificate_error(error: &(dyn Error + 'static)) -> Option<Refusal> {
    let rustls::Error::InvalidCertificate(why) = find_source(error)? else { return None };
    let host = find_source::<HostError>(error).map(|error| error.host.as_str()).unwrap_or_default();
    let text = match why {
        CertificateError::Other(other) => other.0.to_string(),
        other => other.to_string(),
    };
    Some(Refusal::Certificate { why: one_line(&format!("{host}: {text}")), help: certificate_help(why) })
}

/// Returns what to do about a certificate error.
fn certificate_help(why: &CertificateError) -> Option<&'static str> {
    match why {
        CertificateError::ExpiredContext { .. } | CertificateError::NotValidYetContext { .. } => {
            Some("renew the certificate, or set this machine's clock")
        }
        CertificateError::NotValidForNameContext { .. } => {
            Some("use a name that the certificate has, or check which server answers under this name")
        }
        CertificateError::Other(other) if other.0.is::<UnknownIssuer>() => Some(
            "if a proxy or a private endpoint uses it, give its root certificates with --ca-bundle or AWS_CA_BUNDLE",
        ),
        CertificateError::Other(other) if matches!(other.0.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity)) => {
            Some("issue a certificate for the server: an authority's (CA:TRUE) is not valid for one")
        }
        _ => None,
    }
}

/// The error of a chain that ends at no trusted root, in place of rustls' own, which does not name the issuer.
#[derive(Debug, thiserror::Error)]
#[error("its chain ends at the issuer {issuer}, which is no trusted root{notes}")]
pub struct UnknownIssuer {
    /// The issuer of the last certificate in the chain, in quotes.
    issuer: String,
    /// The first error of reading the system's roots.
    notes: String,
}

impl UnknownIssuer {
    pub fn of(leaf: &CertificateDer<'_>, others: &[CertificateDer<'_>], notes: &str) -> Self {
        let last = EndEntityCert::try_from(others.last().unwrap_or(leaf)).ok();
        let name = last.and_then(|certificate| name(certificate.issuer()));
        let issuer = name.map_or_else(|| "without a name".to_owned(), |name| format!("{name:?}"));
        Self { issuer, notes: notes.to_owned() }
    }
}

/// Returns the common name in a distinguished name (RFC 5280, section 4.1.2.4), else the organization, if it is text in UTF-8 of less
/// than 128 bytes.
fn name(der: &[u8]) -> Option<String> {
    let value = |attribute: u8| {
        let at = der.windows(5).position(|bytes| bytes == [6, 3, 0x55, 4, attribute])?;
        // The type of string and its length precede the text.
        let length = *der.get(at + 6).filter(|length| **length < 128)?;
        String::from_utf8(der.get(at + 7..at + 7 + usize::from(length))?.to_vec()).ok()
    };
    value(3).or_else(|| value(10))
}
