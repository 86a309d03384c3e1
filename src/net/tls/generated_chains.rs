//! Generated chains and bundles, on which `Verifier` and rustls's `WebPkiServerVerifier` with every root of the bundle must agree.
//!
//! Compared, for each bundle, chain, server name and time: acceptance, and the error of a refusal. They depend on the roots that
//! `Roots::issued_by` selects, on the fallback to all roots, on the order of the checks and on the chain that is remembered.
//!
//! The same by construction: both call rustls to parse PEM and trust anchors, to search a path, to check the server's name and the
//! handshake's signatures, with the same algorithms. Neither looks at OCSP responses or revocation lists.
//!
//! Different on purpose: a remembered chain is not checked again at a later time. Different, and harmless: webpki's limit of 100
//! signatures for one chain counts only the roots that are decoded (`a_root_that_is_not_decoded_costs_no_signature`).

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::string::PrintableString;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, DnValue, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyIdMethod, NameConstraints, PublicKeyData, SanType, SignatureAlgorithm, SigningKey,
    date_time_ymd,
};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::ring::{default_provider, sign};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::{RootCertStore, SignatureScheme};
use webpki::EndEntityCert;

use super::as_openssl_reads;
use super::roots::Roots;
use super::verifier::Verifier;

/// Enums without fields, whose first variant is the ordinary one.
macro_rules! choices {
    ($($(#[$doc:meta])* $name:ident { $first:ident $(, $other:ident)* $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq)]
        enum $name { #[default] $first, $($other),* }

        impl $name {
            const ALL: &[Self] = &[Self::$first, $(Self::$other),*];
        }
    )*};
}

choices! {
    /// The subject of the root. `Long` and `ManyAttributes` end behind the part of a certificate that `Roots` decodes.
    RootName { Utf8, Printable, Long, ManyAttributes, Empty }

    /// The certificate of the root, as it stands in the bundle.
    RootForm {
        SelfSigned, CrossSigned, CrossSignedByLongName, Version1, Expired, NotYetValid, OtherAlgorithm, PathLengthZero,
        PermitsTheName, PermitsOtherNames, ExcludesTheName, NoAuthority, CriticalExtension,
    }

    /// The certificates of the bundle, in their order. `NewKey` is a root with the same subject and another key.
    InBundle {
        Root, RootTwice, RootSelfSigned, NoRoot, NewKeyRoot, RootNewKey, NewKeyOnly, OtherEncodingOfName, TopIntermediate,
        RootIntermediates, IntermediatesRoot, Leaf, CrossSigner, RootCrossSigner,
    }

    /// The text of the bundle.
    Text {
        Plain, Nothing, Comments, Crlf, LoneCr, ByteOrderMark, OneLine, NarrowLines, SpacesAtEnds, NoFinalNewline,
        BrokenBlockFirst, BrokenBlockLast, NoCertificateFirst, TrustedFirst, PrivateKeyLast, WordBeforeBegin,
        CommentBeforeCr, WordBehindEnd, HeaderInBlock, NoEndFirst, TruncatedLast,
    }

    /// A defect of the intermediate that the root issued.
    IntermediateDefect {
        None, Expired, NotYetValid, PathLengthZero, NoAuthority, OtherPurpose, PermitsOtherNames, BrokenSignature, OtherKey,
    }

    /// A defect or a property of the server's certificate.
    LeafKind {
        Ordinary, Expired, NotYetValid, Authority, ClientPurpose, ServerPurpose, NoNames, Wildcard, BrokenSignature, OtherKey,
        Truncated, CriticalExtension, SelfSigned,
    }

    /// The certificates that the server sends behind its own.
    Sent {
        Intermediates, WithRoot, Reversed, Twice, AmongUnrelated, CrossSignedLast, CrossSignedFirst, NoIntermediates,
        GarbageFirst, WithLeaf,
    }

    /// The server's name and the time that are asked for.
    Question { Name, UpperCase, OtherName, Address, OtherAddress, TooEarly, LastSecond, TooLate }
}

#[derive(Clone, Copy, Debug, Default)]
struct Scenario {
    intermediates: usize,
    name: RootName,
    root: RootForm,
    bundle: InBundle,
    text: Text,
    /// The unrelated root that each bundle holds stands first, not last.
    unrelated_first: bool,
    /// With 75 unrelated roots before and 75 behind.
    crowded: bool,
    /// Not passed through `as_openssl_reads`.
    raw: bool,
    intermediate: IntermediateDefect,
    leaf: LeafKind,
    sent: Sent,
    question: Question,
}

/// Each choice by itself, the pairs on which the selection of roots depends, and `RANDOM` mixtures.
fn scenarios() -> Vec<Scenario> {
    let mut all: Vec<_> = (0..=3).map(|intermediates| Scenario { intermediates, ..Scenario::default() }).collect();
    let plain = Scenario { intermediates: 2, ..Scenario::default() };
    for (raw, unrelated_first) in [(false, false), (false, true), (true, false), (true, true)] {
        all.extend(Text::ALL.iter().map(|&text| Scenario { text, raw, unrelated_first, ..plain }));
    }
    all.extend(IntermediateDefect::ALL.iter().map(|&intermediate| Scenario { intermediate, ..plain }));
    all.extend(LeafKind::ALL.iter().map(|&leaf| Scenario { leaf, ..plain }));
    all.extend(Question::ALL.iter().map(|&question| Scenario { question, ..plain }));
    for &bundle in InBundle::ALL {
        all.push(Scenario { bundle, crowded: true, ..plain });
        all.extend(RootForm::ALL.iter().map(|&root| Scenario { root, bundle, intermediates: 1, ..plain }));
        all.extend(RootName::ALL.iter().map(|&name| Scenario { name, bundle, intermediates: 1, ..plain }));
        all.extend(Sent::ALL.iter().map(|&sent| Scenario { sent, bundle, ..plain }));
    }
    let mut random = fastrand::Rng::with_seed(12);
    all.extend((0..RANDOM).map(|_| mixture(&mut random)));
    all
}

const RANDOM: usize = 80;

/// A random scenario. Two of three choices are ordinary, or no chain would be accepted.
fn mixture(random: &mut fastrand::Rng) -> Scenario {
    fn choose<T: Copy + Default>(random: &mut fastrand::Rng, all: &[T]) -> T {
        if random.u8(..3) == 0 { all[random.usize(..all.len())] } else { T::default() }
    }
    Scenario {
        intermediates: random.usize(..4),
        name: choose(random, RootName::ALL),
        root: choose(random, RootForm::ALL),
        bundle: choose(random, InBundle::ALL),
        text: choose(random, Text::ALL),
        unrelated_first: random.bool(),
        crowded: random.u8(..8) == 0,
        raw: random.bool(),
        intermediate: choose(random, IntermediateDefect::ALL),
        leaf: choose(random, LeafKind::ALL),
        sent: choose(random, Sent::ALL),
        question: choose(random, Question::ALL),
    }
}

/// An Ed25519 key, because such a key can be made from a seed and its signatures are deterministic.
struct Key {
    private: Arc<dyn rustls::sign::SigningKey>,
    public: Vec<u8>,
}

impl Key {
    fn of(seed: u8) -> Self {
        // A private key in PKCS #8 (RFC 8410, section 7), up to its 32 bytes.
        let prefix = *b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";
        let private =
            sign::any_eddsa_type(&PrivatePkcs8KeyDer::from([prefix, [seed; 16], [seed; 16]].concat())).unwrap();
        let public = private.public_key().unwrap().as_ref()[12..].to_vec();
        Self { private, public }
    }
}

impl PublicKeyData for Key {
    fn der_bytes(&self) -> &[u8] {
        &self.public
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &rcgen::PKCS_ED25519
    }
}

impl SigningKey for Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        Ok(self.private.choose_scheme(&[SignatureScheme::ED25519]).unwrap().sign(message).unwrap())
    }
}

/// The public key of another algorithm, with which no signature here can be verified.
struct P256;

impl PublicKeyData for P256 {
    fn der_bytes(&self) -> &[u8] {
        &[4; 65]
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P256_SHA256
    }
}

static KEYS: LazyLock<Vec<Key>> = LazyLock::new(|| (0..10).map(Key::of).collect());

const LEAF: usize = 0;
const ROOT: usize = 1;
const NEW: usize = 2;
const CROSS_SIGNER: usize = 3;
const UNRELATED: usize = 4;
/// The first of three.
const INTERMEDIATE: usize = 5;

type Der = CertificateDer<'static>;

fn issue(params: &CertificateParams, key: &impl PublicKeyData, issuer: &CertificateParams, issuer_key: usize) -> Der {
    params.signed_by(key, &Issuer::from_params(issuer, &KEYS[issuer_key])).unwrap().into()
}

fn self_signed(params: &CertificateParams, key: usize) -> Der {
    issue(params, &KEYS[key], params, key)
}

/// The parameters that all certificates share. They are valid from 2020 to 2029.
fn params(name: DistinguishedName) -> CertificateParams {
    let mut params = CertificateParams::default();
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2030, 1, 1));
    params.serial_number = Some(vec![0x5a; 16].into());
    params.key_identifier_method = KeyIdMethod::PreSpecified(vec![1; 20]);
    params.distinguished_name = name;
    params
}

/// In 2025, in seconds of Unix time.
const NOW: u64 = 1_750_000_000;
/// The last second in which the certificates are valid.
const LAST: u64 = 1_893_456_000;

fn common_name(value: impl Into<DnValue>) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CountryName, "US");
    name.push(DnType::OrganizationName, "Example Trust Services");
    name.push(DnType::CommonName, value);
    name
}

fn authority(name: DistinguishedName) -> CertificateParams {
    let mut params = params(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

fn expired(params: &mut CertificateParams) {
    params.not_after = date_time_ymd(2021, 1, 1);
}

fn not_yet_valid(params: &mut CertificateParams) {
    params.not_before = date_time_ymd(2029, 1, 1);
}

fn path_length_zero(params: &mut CertificateParams) {
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
}

fn permits(params: &mut CertificateParams, domain: &str) {
    let permitted_subtrees = vec![GeneralSubtree::DnsName(domain.to_owned())];
    params.name_constraints = Some(NameConstraints { permitted_subtrees, excluded_subtrees: Vec::new() });
}

fn excludes(params: &mut CertificateParams, domain: &str) {
    let excluded_subtrees = vec![GeneralSubtree::DnsName(domain.to_owned())];
    params.name_constraints = Some(NameConstraints { permitted_subtrees: Vec::new(), excluded_subtrees });
}

fn critical_extension(params: &mut CertificateParams) {
    let mut extension = CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
    extension.set_criticality(true);
    params.custom_extensions.push(extension);
}

fn with_broken_signature(der: Der) -> Der {
    let mut bytes = der.to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    bytes.into()
}

/// The certificates of a scenario, from which the bundle and the chain are put together.
struct Certificates {
    root: CertificateParams,
    /// As in the bundle.
    root_der: Der,
    /// The intermediates, with the one that the root issued first.
    intermediates: Vec<Der>,
    leaf: Der,
    /// The first intermediate, or else the root, with the same key and another issuer.
    cross_signed: Der,
}

impl Certificates {
    fn of(scenario: &Scenario, root: CertificateParams) -> Self {
        let mut issuer = (root.clone(), ROOT);
        let mut top = (root.clone(), ROOT);
        let mut intermediates = Vec::new();
        for level in 0..scenario.intermediates {
            let defect = if level == 0 { scenario.intermediate } else { IntermediateDefect::None };
            let params = intermediate(level, defect);
            let issuer_key = if defect == IntermediateDefect::OtherKey { UNRELATED } else { issuer.1 };
            let key = INTERMEDIATE + level;
            let der = issue(&params, &KEYS[key], &issuer.0, issuer_key);
            let is_broken = defect == IntermediateDefect::BrokenSignature;
            intermediates.push(if is_broken { with_broken_signature(der) } else { der });
            issuer = (params, key);
            if level == 0 {
                top = issuer.clone();
            }
        }
        Self {
            root_der: root_der(scenario.root, &root),
            leaf: leaf(scenario.leaf, &issuer.0, issuer.1),
            cross_signed: issue(&top.0, &KEYS[top.1], &cross_signer(), CROSS_SIGNER),
            root,
            intermediates,
        }
    }

    fn bundle(&self, bundle: InBundle) -> Vec<Der> {
        let root = || self.root_der.clone();
        let new_key = || self_signed(&self.root, NEW);
        let cross_signer = || self_signed(&cross_signer(), CROSS_SIGNER);
        match bundle {
            InBundle::Root => vec![root()],
            InBundle::RootTwice => vec![root(), root()],
            InBundle::RootSelfSigned => vec![root(), self_signed(&self.root, ROOT)],
            InBundle::NoRoot => Vec::new(),
            InBundle::NewKeyRoot => vec![new_key(), root()],
            InBundle::RootNewKey => vec![root(), new_key()],
            InBundle::NewKeyOnly => vec![new_key()],
            InBundle::OtherEncodingOfName => vec![self_signed(&authority(root_name(RootName::Printable)), ROOT)],
            InBundle::TopIntermediate => self.intermediates.iter().take(1).cloned().collect(),
            InBundle::RootIntermediates => [vec![root()], self.intermediates.clone()].concat(),
            InBundle::IntermediatesRoot => [self.intermediates.clone(), vec![root()]].concat(),
            InBundle::Leaf => vec![self.leaf.clone()],
            InBundle::CrossSigner => vec![cross_signer()],
            InBundle::RootCrossSigner => vec![root(), cross_signer()],
        }
    }

    fn sent(&self, sent: Sent) -> Vec<Der> {
        let ordered: Vec<_> = self.intermediates.iter().rev().cloned().collect();
        match sent {
            Sent::Intermediates => ordered,
            Sent::WithRoot => [ordered, vec![self.root_der.clone()]].concat(),
            Sent::Reversed => self.intermediates.clone(),
            Sent::Twice => [ordered.clone(), ordered].concat(),
            Sent::AmongUnrelated => [vec![unrelated(0)], ordered, vec![unrelated(1)]].concat(),
            Sent::CrossSignedLast => [ordered, vec![self.cross_signed.clone()]].concat(),
            Sent::CrossSignedFirst => [vec![self.cross_signed.clone()], ordered].concat(),
            Sent::NoIntermediates => Vec::new(),
            Sent::GarbageFirst => [vec![vec![0x30, 0x03, 0x02, 0x01].into()], ordered].concat(),
            Sent::WithLeaf => [vec![self.leaf.clone()], ordered].concat(),
        }
    }
}

fn root_name(name: RootName) -> DistinguishedName {
    // A text that may be a PrintableString.
    let text = "Root of the generated chains";
    match name {
        RootName::Utf8 => common_name(text),
        RootName::Printable => common_name(DnValue::PrintableString(PrintableString::try_from(text).unwrap())),
        RootName::Long => common_name("long ".repeat(60)),
        RootName::ManyAttributes => {
            let mut name = common_name(text);
            for number in 0..30 {
                name.push(DnType::from_oid(&[1, 3, 6, 1, 4, 1, 55555, number]), "an attribute");
            }
            name
        }
        RootName::Empty => DistinguishedName::new(),
    }
}

fn root_der(form: RootForm, root: &CertificateParams) -> Der {
    let mut root = root.clone();
    match form {
        RootForm::SelfSigned => {}
        RootForm::CrossSigned => return issue(&root, &KEYS[ROOT], &cross_signer(), CROSS_SIGNER),
        RootForm::CrossSignedByLongName => {
            return issue(&root, &KEYS[ROOT], &authority(root_name(RootName::Long)), CROSS_SIGNER);
        }
        RootForm::Version1 => return version_1(&self_signed(&root, ROOT)),
        RootForm::OtherAlgorithm => return issue(&root, &P256, &root, ROOT),
        RootForm::Expired => expired(&mut root),
        RootForm::NotYetValid => not_yet_valid(&mut root),
        RootForm::PathLengthZero => path_length_zero(&mut root),
        RootForm::PermitsTheName => permits(&mut root, "example.com"),
        RootForm::PermitsOtherNames => permits(&mut root, "example.org"),
        RootForm::ExcludesTheName => excludes(&mut root, "example.com"),
        RootForm::NoAuthority => root.is_ca = IsCa::ExplicitNoCa,
        RootForm::CriticalExtension => critical_extension(&mut root),
    }
    self_signed(&root, ROOT)
}

/// The certificate without a version and extensions, as roots of the 1990s are. Its signature is empty: a trust anchor's is not
/// verified.
fn version_1(der: &Der) -> Der {
    let parsed = EndEntityCert::try_from(der).unwrap();
    let (algorithm, validity) = (tlv(0x30, b"\x06\x03\x2b\x65\x70"), tlv(0x30, b""));
    let serial = tlv(0x02, parsed.serial());
    let names = [parsed.issuer(), parsed.subject()].map(|name| tlv(0x30, name));
    let key = parsed.subject_public_key_info();
    let body = [&serial[..], &algorithm, &names[0], &validity, &names[1], key.as_ref()].concat();
    tlv(0x30, &[tlv(0x30, &body), algorithm, tlv(0x03, b"\0")].concat()).into()
}

/// One value in DER.
fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    let header = match length {
        [0, short @ ..0x80] => vec![tag, short],
        [0, byte] => vec![tag, 0x81, byte],
        [high, low] => vec![tag, 0x82, high, low],
    };
    [header, content.to_vec()].concat()
}

fn cross_signer() -> CertificateParams {
    authority(common_name("Cross signer"))
}

fn unrelated(number: usize) -> Der {
    self_signed(&authority(common_name(format!("Unrelated root {number}"))), UNRELATED)
}

fn intermediate(level: usize, defect: IntermediateDefect) -> CertificateParams {
    let mut params = authority(common_name(format!("Intermediate {level}")));
    match defect {
        IntermediateDefect::None | IntermediateDefect::BrokenSignature | IntermediateDefect::OtherKey => {}
        IntermediateDefect::Expired => expired(&mut params),
        IntermediateDefect::NotYetValid => not_yet_valid(&mut params),
        IntermediateDefect::PathLengthZero => path_length_zero(&mut params),
        IntermediateDefect::NoAuthority => params.is_ca = IsCa::ExplicitNoCa,
        IntermediateDefect::OtherPurpose => params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth],
        IntermediateDefect::PermitsOtherNames => permits(&mut params, "example.org"),
    }
    params
}

fn leaf(kind: LeafKind, issuer: &CertificateParams, issuer_key: usize) -> Der {
    let mut params = params(common_name("server"));
    params.subject_alt_names =
        vec![SanType::DnsName("server.example.com".try_into().unwrap()), SanType::IpAddress([192, 0, 2, 1].into())];
    match kind {
        LeafKind::Ordinary | LeafKind::BrokenSignature | LeafKind::OtherKey | LeafKind::Truncated => {}
        LeafKind::Expired => expired(&mut params),
        LeafKind::NotYetValid => not_yet_valid(&mut params),
        LeafKind::Authority => params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained),
        LeafKind::ClientPurpose => params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth],
        LeafKind::ServerPurpose => params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth],
        LeafKind::NoNames => params.subject_alt_names.clear(),
        LeafKind::Wildcard => params.subject_alt_names = vec![SanType::DnsName("*.example.com".try_into().unwrap())],
        LeafKind::CriticalExtension => critical_extension(&mut params),
        LeafKind::SelfSigned => return self_signed(&params, LEAF),
    }
    let key = if kind == LeafKind::OtherKey { UNRELATED } else { issuer_key };
    let der = issue(&params, &KEYS[LEAF], issuer, key);
    if kind == LeafKind::BrokenSignature {
        with_broken_signature(der)
    } else if kind == LeafKind::Truncated {
        der[..der.len() / 2].to_vec().into()
    } else {
        der
    }
}

fn pem(der: &[u8], width: usize) -> String {
    let base64 = STANDARD.encode(der);
    let body: Vec<_> = base64.as_bytes().chunks(width).map(String::from_utf8_lossy).collect();
    format!("{BEGIN}\n{}\n{END}\n", body.join("\n"))
}

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

const WIDTH: usize = 64;

static CROWD: LazyLock<[String; 2]> = LazyLock::new(|| {
    let all: Vec<_> = (0..150).map(|number| pem(&unrelated(number), WIDTH)).collect();
    [all[..75].concat(), all[75..].concat()]
});

/// The certificates of a bundle in PEM.
fn text(certificates: &[Der], form: Text) -> String {
    let blocks = |width| -> Vec<_> { certificates.iter().map(|der| pem(der, width)).collect() };
    let plain = blocks(WIDTH).concat();
    // A bundle of which the first block is another.
    let first = |change: fn(String) -> String| {
        let mut blocks = blocks(WIDTH).into_iter();
        blocks.next().map(change).into_iter().chain(blocks).collect::<String>()
    };
    let no_certificate = |body: &str| format!("{BEGIN}\n{body}\n{END}\n");
    match form {
        Text::Plain => plain,
        Text::Nothing => String::new(),
        Text::Comments => blocks(WIDTH).iter().map(|block| format!("# a root\n\n{block}")).collect(),
        Text::Crlf => plain.replace('\n', "\r\n"),
        Text::LoneCr => plain.replace('\n', "\r"),
        Text::ByteOrderMark => format!("\u{feff}{plain}"),
        Text::OneLine => blocks(usize::MAX).concat(),
        Text::NarrowLines => blocks(7).concat(),
        Text::SpacesAtEnds => plain.replace('\n', " \n"),
        Text::NoFinalNewline => plain.trim_end().to_owned(),
        Text::BrokenBlockFirst => no_certificate("!") + &plain,
        Text::BrokenBlockLast => plain + &no_certificate("!"),
        Text::NoCertificateFirst => no_certificate("AAAA") + &plain,
        Text::PrivateKeyLast => plain + &no_certificate("AAAA").replace("CERTIFICATE", "PRIVATE KEY"),
        Text::TruncatedLast => plain + &pem(&unrelated(0), WIDTH)[..200],
        Text::TrustedFirst => first(|block| block.replace("CERTIFICATE", "TRUSTED CERTIFICATE")),
        Text::WordBeforeBegin => first(|block| format!("DISTRUSTED {block}")),
        Text::CommentBeforeCr => first(|block| format!("# off\r{block}")),
        Text::WordBehindEnd => first(|block| block.replace(END, &format!("{END} text"))),
        Text::HeaderInBlock => first(|block| block.replace(BEGIN, &format!("{BEGIN}\nname: value\n"))),
        Text::NoEndFirst => first(|block| block.replace(END, "")),
    }
}

/// The arguments of a verification, and the bundle.
struct Case {
    bundle: Vec<u8>,
    leaf: Der,
    others: Vec<Der>,
    server: ServerName<'static>,
    now: UnixTime,
}

impl Case {
    fn of(scenario: &Scenario) -> Self {
        Self::with_root(scenario, authority(root_name(scenario.name)))
    }

    fn with_root(scenario: &Scenario, root: CertificateParams) -> Self {
        let certificates = Certificates::of(scenario, root);
        let mut roots = certificates.bundle(scenario.bundle);
        roots.insert(if scenario.unrelated_first { 0 } else { roots.len() }, unrelated(0));
        let mut bundle = text(&roots, scenario.text);
        if scenario.crowded {
            bundle = [&CROWD[0], &bundle, &CROWD[1]].map(String::as_str).concat();
        }
        let bundle = bundle.into_bytes();
        let (server, now) = match scenario.question {
            Question::Name => ("server.example.com", NOW),
            Question::UpperCase => ("SERVER.EXAMPLE.COM", NOW),
            Question::OtherName => ("other.example.org", NOW),
            Question::Address => ("192.0.2.1", NOW),
            Question::OtherAddress => ("192.0.2.2", NOW),
            Question::TooEarly => ("server.example.com", 1_000_000_000),
            Question::LastSecond => ("server.example.com", LAST),
            Question::TooLate => ("server.example.com", LAST + 1),
        };
        Self {
            bundle: if scenario.raw { bundle } else { as_openssl_reads(bundle) },
            others: certificates.sent(scenario.sent),
            leaf: certificates.leaf,
            server: server.try_into().unwrap(),
            now: UnixTime::since_unix_epoch(Duration::from_secs(now)),
        }
    }

    /// The verifier under test; none for a bundle without a root.
    fn verifier(&self) -> Option<Verifier> {
        let roots = Roots::of_bundle(self.bundle.clone())?;
        Some(Verifier::new(roots, default_provider().signature_verification_algorithms))
    }

    fn verdict(&self) -> Option<Verdict> {
        Some(self.ask(&self.verifier()?))
    }

    /// The verdict of rustls's own verifier with every certificate of the bundle that can be parsed.
    fn expected(&self) -> Option<Verdict> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&self.bundle).filter_map(Result::ok));
        self.ask_with(roots)
    }

    /// The verdict of rustls's own verifier; none without a root.
    fn ask_with(&self, roots: RootCertStore) -> Option<Verdict> {
        let builder = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::new(default_provider()));
        Some(self.ask(builder.build().ok()?.as_ref()))
    }

    fn ask(&self, verifier: &dyn ServerCertVerifier) -> Verdict {
        let verdict = verifier.verify_server_cert(&self.leaf, &self.others, &self.server, &[], self.now);
        verdict.map(drop).map_err(|error| format!("{error:?}"))
    }

    /// The roots with which `Verifier` accepts a chain.
    fn route(&self) -> Route {
        let certificates = std::iter::once(&self.leaf).chain(&self.others);
        let parsed = certificates.filter_map(|der| EndEntityCert::try_from(der).ok());
        let issuers: Vec<_> = parsed.map(|parsed| parsed.issuer().to_vec()).collect();
        match Roots::of_bundle(self.bundle.clone()).unwrap().issued_by(&issuers) {
            None => Route::NoChoice,
            Some(few) => match self.ask_with(few) {
                Some(Ok(())) => Route::OnDemand,
                Some(Err(_)) | None => Route::Fallback,
            },
        }
    }
}

/// Acceptance, or the error with all that it holds. As text: a `rustls::Error` around an error of webpki is unequal to itself.
type Verdict = Result<(), String>;

#[derive(Debug, PartialEq)]
enum Route {
    /// All, because the text holds more than whole certificates.
    NoChoice,
    /// Those that `Roots::issued_by` selects.
    OnDemand,
    /// All, because those selected do not suffice.
    Fallback,
}

/// Every scenario, and the verdict of rustls's own verifier.
static CASES: LazyLock<Vec<(Scenario, Case, Option<Verdict>)>> = LazyLock::new(|| {
    let judged = |scenario| {
        let case = Case::of(&scenario);
        let expected = case.expected();
        (scenario, case, expected)
    };
    scenarios().into_iter().map(judged).collect()
});

#[test]
fn a_chain_is_accepted_or_refused_as_with_every_root_of_the_bundle() {
    for (scenario, case, expected) in CASES.iter() {
        assert_eq!(case.verdict(), *expected, "{scenario:?}");
    }
}

#[test]
fn the_generated_chains_are_refused_for_every_reason() {
    let verdicts: Vec<_> = CASES.iter().map(|(_, _, expected)| expected).collect();
    for reason in [
        "BadEncoding",
        "BadSignature",
        "CaUsedAsEndEntity",
        "EndEntityUsedAsCa",
        "ExpiredContext",
        "InvalidPurposeContext",
        "NameConstraintViolation",
        "NotValidForNameContext",
        "NotValidYetContext",
        "PathLenConstraintViolated",
        "UnknownIssuer",
        "UnsupportedCriticalExtension",
        "UnsupportedSignatureAlgorithmForPublicKeyContext",
    ] {
        let is_it = |verdict: &&&Option<Verdict>| matches!(verdict, Some(Err(error)) if error.contains(reason));
        assert!(verdicts.iter().filter(is_it).count() > 1, "{reason}");
    }
    assert!(verdicts.contains(&&None));
}

#[test]
fn the_generated_chains_are_accepted_by_roots_on_demand_by_the_fallback_and_without_a_choice() {
    let accepted = CASES.iter().filter(|(_, _, expected)| *expected == Some(Ok(())));
    let routes: Vec<_> = accepted.map(|(_, case, _)| case.route()).collect();
    let count = |route| routes.iter().filter(|one| **one == route).count();
    let counts = [count(Route::OnDemand), count(Route::Fallback), count(Route::NoChoice)];
    assert!(counts[0] > 100 && counts[1] > 20 && counts[2] > 10, "{counts:?}");
}

#[test]
fn a_root_is_trusted_wherever_its_name_ends() {
    let scenario = Scenario { intermediates: 1, ..Scenario::default() };
    let mut routes = Vec::new();
    for length in 130..250 {
        let case = Case::with_root(&scenario, authority(common_name("n".repeat(length))));
        assert_eq!(case.expected(), Some(Ok(())));
        assert_eq!(case.verdict(), Some(Ok(())), "{length}");
        routes.push(case.route());
    }
    assert!(routes.contains(&Route::OnDemand) && routes.contains(&Route::Fallback));
}

#[test]
fn a_remembered_chain_answers_for_no_other_chain_and_no_other_server() {
    let plain = Scenario { intermediates: 1, ..Scenario::default() };
    let good = Case::of(&plain);
    let verifier = good.verifier().unwrap();
    let leaves = LeafKind::ALL.iter().map(|&leaf| Scenario { leaf, ..plain });
    let sent = Sent::ALL.iter().map(|&sent| Scenario { sent, ..plain });
    let names = [Question::OtherName, Question::OtherAddress, Question::Address, Question::UpperCase];
    let names = names.into_iter().map(|question| Scenario { question, ..plain });
    for scenario in leaves.chain(sent).chain(names) {
        let other = Case::of(&scenario);
        assert_eq!(good.ask(&verifier), Ok(()), "before {scenario:?}");
        assert_eq!(Some(other.ask(&verifier)), other.expected(), "{scenario:?}");
        assert_eq!(Some(other.ask(&verifier)), other.expected(), "again: {scenario:?}");
    }
}

#[test]
fn a_hundred_other_keys_of_a_root_are_as_many_as_webpki_tries() {
    for name in [RootName::Utf8, RootName::Long] {
        let root = authority(root_name(name));
        let case = |others: usize| {
            let mut case = Case::of(&Scenario { name, ..Scenario::default() });
            let new_keys = pem(&self_signed(&root, NEW), WIDTH).repeat(others).into_bytes();
            case.bundle.splice(..0, new_keys);
            case
        };
        assert_eq!(case(99).expected(), Some(Ok(())));
        assert_eq!(case(99).verdict(), Some(Ok(())));
        let expected = case(100).expected();
        assert!(matches!(&expected, Some(Err(error)) if error.contains("MaximumSignatureChecksExceeded")));
        assert_eq!(case(100).verdict(), expected);
    }
}

/// A known difference: webpki gives up a chain after 100 signatures, and counts one for each root that it tries. A root that is not
/// decoded is not tried. The chain here is valid by its last certificate, which webpki with all roots does not reach.
#[test]
fn a_root_that_is_not_decoded_costs_no_signature() {
    let mut case = Case::of(&Scenario {
        intermediates: 1,
        root: RootForm::CrossSignedByLongName,
        bundle: InBundle::RootCrossSigner,
        intermediate: IntermediateDefect::OtherKey,
        sent: Sent::CrossSignedLast,
        ..Scenario::default()
    });
    let forged = case.others[0].clone();
    case.others.splice(..0, vec![forged; 100]);
    let expected = case.expected();
    assert!(matches!(&expected, Some(Err(error)) if error.contains("MaximumSignatureChecksExceeded")), "{expected:?}");
    assert_eq!(case.verdict(), Some(Ok(())));
}
