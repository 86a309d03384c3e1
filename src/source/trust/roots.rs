//! Root certificates, of which only those are decoded that a server's chain calls for.
//!
//! A system's bundle has some 145, of which one or two matter; decoding them all costs more than everything else that a launch
//! with one secret does.

use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use memchr::memmem;
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

/// A bundle in PEM, and where the bodies of its certificates are.
#[derive(Debug)]
pub(super) struct Bundle {
    text: Vec<u8>,
    bodies: Vec<Range<usize>>,
}

const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";
const END: &[u8] = b"-----END CERTIFICATE-----";

impl Roots {
    /// The certificates of a bundle; none when not one of them can be used.
    pub(super) fn of_bundle(text: Vec<u8>) -> Option<Self> {
        let bodies = bodies(&text);
        // One that can be used is enough to know that this is a bundle.
        let is_usable = |body: &Range<usize>| text.get(armour(body)).is_some_and(|block| !parse(block).is_empty());
        if bodies.first().is_some_and(is_usable) {
            return Some(Self::Bundle(Bundle { text, bodies }));
        }
        let roots = parse(&text);
        (!roots.is_empty()).then_some(Self::Parsed(roots))
    }

    /// Those that may have issued a certificate which names one of `issuers`: at least all that are self-signed. Nothing where
    /// there is nothing to choose from.
    pub(super) fn issued_by(&self, issuers: &[Vec<u8>]) -> Option<RootCertStore> {
        match self {
            Self::Parsed(_) => None,
            Self::Bundle(Bundle { text, bodies }) => {
                let mut roots = RootCertStore::empty();
                let issuers: Vec<_> = issuers.iter().map(memmem::Finder::new).collect();
                for body in bodies {
                    let names_one = text.get(body.clone()).is_some_and(|body| mentions(body, &issuers));
                    if names_one && let Some(block) = text.get(armour(body)) {
                        roots.roots.extend(parse(block).roots);
                    }
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

fn bodies(text: &[u8]) -> Vec<Range<usize>> {
    let end = memmem::Finder::new(END);
    let begins = memmem::find_iter(text, BEGIN).map(|at| at + BEGIN.len());
    begins.filter_map(|begin| Some(begin..begin + end.find(text.get(begin..)?)?)).collect()
}

/// A body with its armour around it.
fn armour(body: &Range<usize>) -> Range<usize> {
    body.start - BEGIN.len()..body.end + END.len()
}

/// So many characters of base64 are decoded to look for a name, which are six lines: a root names its issuer, which is itself,
/// in its first bytes.
const LOOKED_AT: usize = 384;

/// Whether the beginning of a certificate holds one of the names, byte for byte as X.509 compares them.
fn mentions(body: &[u8], names: &[memmem::Finder<'_>]) -> bool {
    let mut characters = Vec::with_capacity(LOOKED_AT);
    for line in body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii) {
        match LOOKED_AT - characters.len() {
            0 => break,
            room => characters.extend_from_slice(line.get(..room).unwrap_or(line)),
        }
    }
    characters.truncate(characters.len() / 4 * 4);
    let mut bytes = [0; LOOKED_AT / 4 * 3];
    let decoded = STANDARD_NO_PAD.decode_slice(&characters, &mut bytes).ok();
    let begins = decoded.and_then(|count| bytes.get(..count));
    begins.is_some_and(|begins| names.iter().any(|name| name.find(begins).is_some()))
}
