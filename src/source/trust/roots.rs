//! Root certificates, of which only those are decoded that a server's chain calls for.
//!
//! A system's bundle has some 145, of which one or two matter; decoding them all costs more than everything else that a launch
//! with one secret does.

use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use memchr::{memchr, memmem};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// What may have signed a server's chain.
#[derive(Debug)]
pub(super) enum Roots {
    /// Trust anchors.
    Parsed(RootCertStore),
    /// A bundle in PEM.
    Bundle(Bundle),
}

/// A bundle in PEM, and its certificates.
#[derive(Debug)]
pub(super) struct Bundle {
    text: Vec<u8>,
    certificates: Vec<Certificate>,
}

/// A certificate of a bundle.
#[derive(Debug)]
struct Certificate {
    /// Where it is, with its armour.
    block: Range<usize>,
    /// Its first bytes, decoded: a root names its issuer there, which is itself.
    begins: Vec<u8>,
}

const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";
const END: &[u8] = b"-----END CERTIFICATE-----";

impl Roots {
    /// The certificates of a bundle; none when not one of them can be used.
    pub(super) fn of_bundle(text: Vec<u8>) -> Option<Self> {
        let certificates = certificates(&text);
        // One that can be used is enough to know that this is a bundle.
        let is_usable =
            |found: &Certificate| text.get(found.block.clone()).is_some_and(|block| !parse(block).is_empty());
        if certificates.first().is_some_and(is_usable) {
            return Some(Self::Bundle(Bundle { text, certificates }));
        }
        let roots = parse(&text);
        (!roots.is_empty()).then_some(Self::Parsed(roots))
    }

    /// Those that may have issued a certificate which names one of `issuers`: at least all that are self-signed. Nothing where
    /// there is nothing to choose from.
    pub(super) fn issued_by(&self, issuers: &[Vec<u8>]) -> Option<RootCertStore> {
        match self {
            Self::Parsed(_) => None,
            Self::Bundle(Bundle { text, certificates }) => {
                let mut roots = RootCertStore::empty();
                let issuers: Vec<_> = issuers.iter().map(memmem::Finder::new).collect();
                // Byte for byte, as X.509 compares names.
                let names_one =
                    |found: &&Certificate| issuers.iter().any(|issuer| issuer.find(&found.begins).is_some());
                for found in certificates.iter().filter(names_one) {
                    roots
                        .roots
                        .extend(text.get(found.block.clone()).map(|block| parse(block).roots).unwrap_or_default());
                }
                Some(roots)
            }
        }
    }

    /// All of them.
    pub(super) fn all(&self) -> RootCertStore {
        match self {
            Self::Parsed(roots) => roots.clone(),
            Self::Bundle(bundle) => parse(&bundle.text),
        }
    }
}

/// Every certificate that can be used. A bundle may hold others, too.
pub(super) fn parse(text: &[u8]) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(CertificateDer::pem_slice_iter(text).filter_map(Result::ok));
    roots
}

fn certificates(text: &[u8]) -> Vec<Certificate> {
    let end = memmem::Finder::new(END);
    let certificate = |at: usize| {
        let body = text.get(at + BEGIN.len()..)?;
        let body = body.get(..end.find(body)?)?;
        let block = at..at + BEGIN.len() + body.len() + END.len();
        Some(Certificate { block, begins: beginning(body) })
    };
    memmem::find_iter(text, BEGIN).filter_map(certificate).collect()
}

/// So many characters of base64 are decoded: six lines.
const LOOKED_AT: usize = 384;

/// What a body begins with; nothing when it is not base64.
fn beginning(body: &[u8]) -> Vec<u8> {
    let mut characters = Vec::with_capacity(LOOKED_AT);
    let mut rest = body;
    while !rest.is_empty() && characters.len() < LOOKED_AT {
        let (line, further) = rest.split_at(memchr(b'\n', rest).map_or(rest.len(), |end| end + 1));
        characters.extend_from_slice(line.trim_ascii());
        rest = further;
    }
    characters.truncate(LOOKED_AT);
    characters.truncate(characters.len() / 4 * 4);
    STANDARD_NO_PAD.decode(&characters).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The roots of the machine, where it has a bundle.
    fn bundle() -> Option<(Vec<u8>, Roots)> {
        let text = std::fs::read(openssl_probe::probe().cert_file?).ok()?;
        let roots = Roots::of_bundle(text.clone())?;
        Some((text, roots))
    }

    #[test]
    fn each_root_that_names_itself_is_found_by_its_name() {
        let Some((text, roots)) = bundle() else { return };
        let mut found = 0;
        for der in CertificateDer::pem_slice_iter(&text).filter_map(Result::ok) {
            let Ok(parsed) = webpki::EndEntityCert::try_from(&der) else { continue };
            if parsed.issuer() != parsed.subject() {
                continue;
            }
            let few = roots.issued_by(&[parsed.issuer().to_vec()]).unwrap();
            let names_it = |anchor: &rustls::pki_types::TrustAnchor<'_>| anchor.subject.as_ref() == parsed.subject();
            assert!(few.roots.iter().any(names_it) && few.len() < 10, "{few:?}");
            found += 1;
        }
        assert!(found > 50, "{found} roots");
    }

    #[test]
    fn what_nobody_issued_calls_for_no_root() {
        let Some((_, roots)) = bundle() else { return };
        assert!(roots.issued_by(&[b"nobody".to_vec()]).unwrap().is_empty());
    }

    #[test]
    fn a_text_without_certificates_is_no_bundle() {
        for text in
            ["", "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n", "-----BEGIN CERTIFICATE-----"]
        {
            assert!(Roots::of_bundle(text.into()).is_none(), "{text}");
        }
    }
}
