//! Messages about a server's certificate that is not trusted.
//!
//! rustls' own messages print the names of Rust types, and times in seconds since 1970. They don't
//! name the issuer, which is what a user has to know to find the missing root certificate.

use std::time::{Duration, UNIX_EPOCH};

use rustls::CertificateError;
use rustls::pki_types::{CertificateDer, UnixTime};
use webpki::EndEntityCert;

/// Returns the reason why a certificate is not trusted, as the predicate of a sentence (`expired at
/// …`), and the remedy, if there is a typical one.
pub fn reason_and_remedy(why: &CertificateError) -> (String, Option<&'static str>) {
    let shown_time =
        |time: &UnixTime| match UNIX_EPOCH.checked_add(Duration::from_secs(time.as_secs())) {
            Some(moment) => humantime::format_rfc3339_seconds(moment).to_string(),
            None => why.to_string(),
        };

    let (text, help) = match why {
        CertificateError::ExpiredContext { time, not_after } => {
            let (end, now) = (shown_time(not_after), shown_time(time));
            let text = format!("expired at {end} (this machine's clock says {now})");
            let help = "set this machine's clock if it is wrong; otherwise, renew the certificate";
            (text, help)
        }
        CertificateError::NotValidYetContext { time, not_before } => {
            let (begin, now) = (shown_time(not_before), shown_time(time));
            let text = format!("is not valid before {begin} (this machine's clock says {now})");
            // This certificate is an outage, and its cause has the remedy for it.
            return (text, None);
        }
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => {
            // rustls gives a name as `DnsName("example.com")`.
            let names: Vec<_> = presented
                .iter()
                .map(|name| name.split('"').nth(1).unwrap_or(name))
                .collect();
            let (valid, expected) = (names.join(", "), expected.to_str());
            let text = format!("is valid for {valid}, not for {expected}");
            let help = "use one of the names in the certificate, or check which server answers to this name";
            (text, help)
        }
        CertificateError::Other(other) => {
            if let Some(issuer) = other.0.downcast_ref::<UnknownIssuer>() {
                let help = "if it belongs to your proxy or private endpoint, pass its root certificate with --ca-bundle or AWS_CA_BUNDLE";
                (issuer.to_string(), help)
            } else if let Some(webpki::Error::CaUsedAsEndEntity) = other.0.downcast_ref() {
                let text =
                    "is one for a certificate authority (CA:TRUE), which is not valid for a server";
                (text.to_owned(), "issue a certificate for the server")
            } else {
                return (format!("is not trusted: {why}"), None);
            }
        }
        _ => return (format!("is not trusted: {why}"), None),
    };

    (text, Some(help))
}

/// The error for a chain whose issuer is not a trusted root. It replaces rustls' error, which does
/// not name the issuer.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UnknownIssuer(String);

impl UnknownIssuer {
    /// Returns the error for a chain: the server's certificate (`leaf`) and the other certificates
    /// that the server sent. The message names the issuer at which the chain ends.
    pub fn new(leaf: &CertificateDer<'_>, others: &[CertificateDer<'_>]) -> Self {
        let last = EndEntityCert::try_from(others.last().unwrap_or(leaf)).ok();
        let issuer = last
            .as_ref()
            .and_then(|certificate| common_name(certificate.issuer()))
            .map_or("without a name".to_owned(), |name| format!("{name:?}"));
        Self(format!(
            "is not trusted, because its chain ends at the issuer {issuer}, which is not a trusted root"
        ))
    }
}

/// Returns the common name in a distinguished name (RFC 5280, section 4.1.2.4).
///
/// Returns `None` if there isn't one, if it is not UTF-8, or if it has 128 bytes or more, because
/// DER then encodes its length differently.
fn common_name(der: &[u8]) -> Option<String> {
    let at = der
        .windows(5)
        .position(|bytes| bytes == [6, 3, 0x55, 4, 3])?;
    // One byte with the type of the string and one with its length come before the text.
    let length = *der.get(at + 6).filter(|length| **length < 128)?;
    String::from_utf8(der.get(at + 7..at + 7 + usize::from(length))?.to_vec()).ok()
}
