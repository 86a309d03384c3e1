//! Root certificates, decoded on demand: only those that a server's chain names as issuers.
//!
//! A system's bundle has some 145 roots, of which a launch needs one or two. Decoding all of them takes longer than all else that a
//! launch with one secret does.

use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use memchr::{memchr, memmem};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// The trusted roots.
#[derive(Debug)]
pub enum Roots {
    Parsed(RootCertStore),
    Bundle(Bundle),
}

/// A PEM bundle and the certificates in it.
#[derive(Debug)]
pub struct Bundle {
    text: Vec<u8>,
    certificates: Vec<Certificate>,
}

/// A certificate in a bundle, not decoded yet.
#[derive(Debug)]
struct Certificate {
    /// Its range in the text, from the BEGIN line to the END line (RFC 7468).
    block: Range<usize>,
    /// The first bytes of its DER encoding, which contain the issuer's name.
    prefix: Vec<u8>,
}

const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";

const END: &[u8] = b"-----END CERTIFICATE-----";

impl Roots {
    /// Reads a PEM bundle; `None` if it has no usable certificate.
    pub fn of_bundle(text: Vec<u8>) -> Option<Self> {
        // If the first certificate is usable, the text is a bundle, and the others need not be decoded.
        let is_usable =
            |found: &Certificate| text.get(found.block.clone()).is_some_and(|block| !parse(block).is_empty());
        match certificates(&text) {
            Some(certificates) if certificates.first().is_some_and(is_usable) => {
                return Some(Self::Bundle(Bundle { text, certificates }));
            }
            Some(_) | None => {}
        }
        let roots = parse(&text);
        (!roots.is_empty()).then_some(Self::Parsed(roots))
    }

    /// Decodes the roots of a bundle that may have issued a certificate with one of `issuers` as its issuer: at least every
    /// self-signed root whose name is in its prefix. `None` if all roots are decoded already.
    pub fn issued_by(&self, issuers: &[Vec<u8>]) -> Option<RootCertStore> {
        match self {
            Self::Parsed(_) => None,
            Self::Bundle(Bundle { text, certificates }) => {
                let mut roots = RootCertStore::empty();
                let issuers: Vec<_> = issuers.iter().map(memmem::Finder::new).collect();
                // webpki compares names byte by byte.
                let names_one =
                    |found: &&Certificate| issuers.iter().any(|issuer| issuer.find(&found.prefix).is_some());
                for found in certificates.iter().filter(names_one) {
                    roots
                        .roots
                        .extend(text.get(found.block.clone()).map(|block| parse(block).roots).unwrap_or_default());
                }
                Some(roots)
            }
        }
    }

    /// Decodes all roots.
    pub fn all(&self) -> RootCertStore {
        match self {
            Self::Parsed(roots) => roots.clone(),
            Self::Bundle(bundle) => parse(&bundle.text),
        }
    }
}

/// Decodes every usable certificate and skips the others.
pub fn parse(text: &[u8]) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(CertificateDer::pem_slice_iter(text).filter_map(Result::ok));
    roots
}

/// Finds the certificates of a bundle as [`parse`] does: BEGIN and END count at the start of a line. `None` for a text with a section
/// of another kind or without its END, which [`parse`] must read as a whole.
fn certificates(text: &[u8]) -> Option<Vec<Certificate>> {
    let mut certificates = Vec::new();
    let mut open = None;
    for at in memmem::find_iter(text, b"-----").filter(|at| begins_line(text, *at)) {
        let boundary = text.get(at..)?;
        if boundary.starts_with(b"-----BEGIN ") {
            let rest = boundary.strip_prefix(BEGIN)?;
            if open.is_some() || !matches!(rest.first(), None | Some(b'\n' | b'\r')) {
                return None;
            }
            open = Some(at);
        } else if boundary.starts_with(END)
            && let Some(begin) = open.take()
        {
            let prefix = decode_prefix(text.get(begin + BEGIN.len()..at)?);
            certificates.push(Certificate { block: begin..at + END.len(), prefix });
        }
    }
    open.is_none().then_some(certificates)
}

fn begins_line(text: &[u8], at: usize) -> bool {
    at.checked_sub(1).and_then(|before| text.get(before)).is_none_or(|before| matches!(before, b'\n' | b'\r'))
}

/// The length of a prefix in characters of base64: six lines, or 288 bytes.
const PREFIX_LENGTH: usize = 384;

/// Decodes the prefix of a certificate's body; empty if it is not base64.
fn decode_prefix(body: &[u8]) -> Vec<u8> {
    let mut characters = Vec::with_capacity(PREFIX_LENGTH);
    let mut rest = body;
    while !rest.is_empty() && characters.len() < PREFIX_LENGTH {
        let (line, remaining) = rest.split_at(memchr(b'\n', rest).map_or(rest.len(), |end| end + 1));
        characters.extend_from_slice(line.trim_ascii());
        rest = remaining;
    }
    characters.truncate(PREFIX_LENGTH);
    characters.truncate(characters.len() / 4 * 4);
    STANDARD_NO_PAD.decode(&characters).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ONE: &str = "\
-----BEGIN CERTIFICATE-----
MIIBhzCCAS2gAwIBAgIUGLvxHA3QfJbSvQKb6ucn9vg5OBowCgYIKoZIzj0EAwIw
GDEWMBQGA1UEAwwNVGVzdCByb290IE9uZTAgFw0yNjExMjAyMjMwMThaGA8yMTI2
MTAyNzIyMzAxOFowGDEWMBQGA1UEAwwNVGVzdCByb290IE9uZTBZMBMGByqGSM49
AgEGCCqGSM49AwEHA0IABG8CcG0Bykl2Y2nahRoTJze1ZhAf0TmK4hiTvloCJSFg
Ja7pRAFdv65H8yIofBLb2dQ1LFt90eV5ekplWO7XT+CjUzBRMB0GA1UdDgQWBBQV
RjHYTDelXpfqXi7G98xikZ+sCDAfBgNVHSMEGDAWgBQVRjHYTDelXpfqXi7G98xi
kZ+sCDAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIGAUMbKs4LzD
3riZaM3fl6F6wfNJDSZySHq8fKlcpR4cAiEAiHjBTkd0gKp5BTnDWVu2tiT47kLT
Yg71dpzOWfQ1x9A=
-----END CERTIFICATE-----
";

    const TWO: &str = "\
-----BEGIN CERTIFICATE-----
MIIBhTCCASygAwIBAgITW2YUQanC6h2VyBQrCqu+XJpQqzAKBggqhkjOPQQDAjAY
MRYwFAYDVQQDDA1UZXN0IHJvb3QgVHdvMCAXDTI2MTEyMDIyMzAxOFoYDzIxMjYx
MDI3MjIzMDE4WjAYMRYwFAYDVQQDDA1UZXN0IHJvb3QgVHdvMFkwEwYHKoZIzj0C
AQYIKoZIzj0DAQcDQgAEcWmmx8BkwfjV+dMYRsv9gDHry8Q0A0srA4+wABqqZrKr
q3JVP42RvTPsmcWLd1dRD0C8rHdlDkEoRp02m5OmGKNTMFEwHQYDVR0OBBYEFFEM
CPbFw5Klm3U+w/0lYX/roSmoMB8GA1UdIwQYMBaAFFEMCPbFw5Klm3U+w/0lYX/r
oSmoMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDRwAwRAIgcLt4VIkkV0iN
PBMUvGniE47EvEO4SybGz7rvWiSwpL4CIAss+2TGJli0X+1HC4kXoM7zM8NT1l70
M2ZmOKrcQruj
-----END CERTIFICATE-----
";

    /// The issuer of every certificate in a text.
    fn issuers(text: &str) -> Vec<Vec<u8>> {
        let certificates: Vec<_> = CertificateDer::pem_slice_iter(text.as_bytes()).filter_map(Result::ok).collect();
        let parsed = certificates.iter().filter_map(|der| webpki::EndEntityCert::try_from(der).ok());
        parsed.map(|parsed| parsed.issuer().to_vec()).collect()
    }

    fn names(roots: &RootCertStore) -> Vec<Vec<u8>> {
        let mut names: Vec<_> = roots.roots.iter().map(|root| root.subject.as_ref().to_vec()).collect();
        names.sort();
        names
    }

    proptest! {
        /// Texts of certificates, comments, and indented or broken boundaries.
        #[test]
        fn the_roots_found_on_demand_are_those_that_the_parser_finds(
            pieces in proptest::collection::vec(prop_oneof![
                3 => Just(ONE.to_owned()),
                3 => Just(TWO.to_owned()),
                1 => Just(ONE.replace('\n', "\r\n")),
                1 => Just(format!("#{ONE}")),
                1 => Just(format!(" {TWO}")),
                1 => Just(format!("DISTRUSTED: {TWO}")),
                1 => Just(TWO.replace("-----BEGIN", "-----BEGIN TRUSTED")),
                1 => Just(TWO.replace("-----END", "-----END TRUSTED")),
                1 => Just(ONE.trim_end().to_owned()),
                1 => Just("# a comment\n".to_owned()),
                1 => Just("\r".to_owned()),
                1 => "-----(BEGIN|END) (CERTIFICATE|X509 CRL)-----[ x]?\n?",
                1 => (0..ONE.len()).prop_map(|end| ONE[..end].to_owned()),
            ], 0..6),
        ) {
            let text = pieces.concat();
            let all = parse(text.as_bytes());
            match Roots::of_bundle(text.clone().into_bytes()) {
                None => prop_assert!(all.is_empty()),
                Some(roots) => {
                    prop_assert_eq!(names(&roots.all()), names(&all));
                    if let Some(found) = roots.issued_by(&issuers(&format!("{ONE}{TWO}"))) {
                        prop_assert_eq!(names(&found), names(&all));
                    }
                }
            }
        }
    }

    #[test]
    fn a_root_is_found_by_its_own_name_alone() {
        let roots = Roots::of_bundle(format!("{ONE}{TWO}").into_bytes()).unwrap();
        let found = roots.issued_by(&issuers(TWO)).unwrap();
        assert_eq!(names(&found), issuers(TWO));
    }

    /// The roots of this machine, if it has a bundle.
    fn bundle() -> Option<(Vec<u8>, Roots)> {
        let text = std::fs::read("/etc/ssl/certs/ca-certificates.crt").ok()?;
        let roots = Roots::of_bundle(text.clone())?;
        Some((text, roots))
    }

    #[test]
    fn each_root_of_this_machine_that_names_itself_is_found_by_its_name() {
        let Some((text, roots)) = bundle() else { return };
        let mut count = 0;
        for der in CertificateDer::pem_slice_iter(&text).filter_map(Result::ok) {
            let Ok(parsed) = webpki::EndEntityCert::try_from(&der) else { continue };
            if parsed.issuer() != parsed.subject() {
                continue;
            }
            let found = roots.issued_by(&[parsed.issuer().to_vec()]).unwrap();
            let names_it = |anchor: &rustls::pki_types::TrustAnchor<'_>| anchor.subject.as_ref() == parsed.subject();
            assert!(found.roots.iter().any(names_it) && found.len() < 10, "{found:?}");
            count += 1;
        }
        assert!(count > 50, "{count} roots");
    }

    #[test]
    fn an_unknown_issuer_has_no_root() {
        let Some((_, roots)) = bundle() else { return };
        assert!(roots.issued_by(&[b"unknown".to_vec()]).unwrap().is_empty());
    }

    #[test]
    fn a_text_without_certificates_is_no_bundle() {
        for text in
            ["", "-----BEGIN CERTIFICATE-----\nno base64\n-----END CERTIFICATE-----\n", "-----BEGIN CERTIFICATE-----"]
        {
            assert!(Roots::of_bundle(text.into()).is_none(), "{text}");
        }
    }
}
