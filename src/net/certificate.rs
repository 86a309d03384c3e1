//! The words about a server's certificate that is not trusted.

use std::time::{Duration, UNIX_EPOCH};

use rustls::CertificateError;
use rustls::pki_types::{CertificateDer, UnixTime};
use webpki::EndEntityCert;

/// Returns why a certificate is not trusted, as a predicate, and what to do. rustls prints the names of its own types, and times in seconds since 1970.
pub fn reason_and_remedy(why: &CertificateError) -> (String, Option<&'static str>) {
    let moment = |time: &UnixTime| {
        let moment = UNIX_EPOCH.checked_add(Duration::from_secs(time.as_secs()));
        moment.map_or_else(
            || why.to_string(),
            |moment| humantime::format_rfc3339_seconds(moment).to_string(),
        )
    };
    let (text, help) = match why {
        CertificateError::ExpiredContext { time, not_after } => {
            let (end, now) = (moment(not_after), moment(time));
            let text = format!("expired at {end} (this machine's clock is at {now})");
            (
                text,
                "renew the certificate, or set the clock if it is wrong",
            )
        }
        CertificateError::NotValidYetContext { time, not_before } => {
            let (begin, now) = (moment(not_before), moment(time));
            let text = format!("is not valid before {begin} (this machine's clock is at {now})");
            (text, "correct this machine's clock, for example with NTP")
        }
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => {
            // rustls presents a name as `DnsName("example.com")`.
            let names: Vec<_> = presented
                .iter()
                .map(|name| name.split('"').nth(1).unwrap_or(name))
                .collect();
            let (names, expected) = (names.join(", "), expected.to_str());
            let text = format!("is valid for {names}, not for {expected}");
            let help = "use one of the names in the certificate, or check which server answers to this name";
            (text, help)
        }
        CertificateError::Other(other) => {
            if let Some(issuer) = other.0.downcast_ref::<UnknownIssuer>() {
                (issuer.why.clone(), issuer.help)
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

/// The error of a chain that ends at no trusted root. It replaces rustls' own, which does not name the issuer.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub struct UnknownIssuer {
    why: String,
    help: &'static str,
}

impl UnknownIssuer {
    /// Returns the error of a server's certificate and the rest of its chain. `notes` has the first error of reading the system's roots.
    pub fn new(leaf: &CertificateDer<'_>, others: &[CertificateDer<'_>], notes: &str) -> Self {
        let last = EndEntityCert::try_from(others.last().unwrap_or(leaf)).ok();
        let issuer = last
            .as_ref()
            .and_then(|certificate| name(certificate.issuer()))
            .map_or("without a name".to_owned(), |name| format!("{name:?}"));
        let is_self_signed = others.is_empty()
            && last.is_some_and(|certificate| certificate.issuer() == certificate.subject());

        if is_self_signed {
            Self {
                why: format!("is self-signed (issuer {issuer}), so it is not trusted{notes}"),
                help: "if this is the right server, pass this certificate with --ca-bundle or AWS_CA_BUNDLE",
            }
        } else {
            Self {
                why: format!(
                    "is not trusted, because its chain ends at the issuer {issuer}, which is not a trusted root{notes}"
                ),
                help: "if it belongs to your proxy or private endpoint, pass its root certificate with --ca-bundle or AWS_CA_BUNDLE",
            }
        }
    }
}

/// Returns the common name in a distinguished name (RFC 5280, section 4.1.2.4), else the organization, if it is text in UTF-8 of less
/// than 128 bytes.
fn name(der: &[u8]) -> Option<String> {
    let value = |attribute: u8| {
        let at = der
            .windows(5)
            .position(|bytes| bytes == [6, 3, 0x55, 4, attribute])?;
        // The type of string and its length precede the text.
        let length = *der.get(at + 6).filter(|length| **length < 128)?;
        String::from_utf8(der.get(at + 7..at + 7 + usize::from(length))?.to_vec()).ok()
    };
    value(3).or_else(|| value(10))
}
