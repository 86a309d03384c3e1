//! Trust: the roots that the user names, or else Mozilla's and then the system's; and the exchange of keys.

use std::fs;
use std::io::Read;
use std::net::TcpListener;
use std::thread;

use crate::support::aws::Aws;
use crate::support::aws::secret::Secret;
use crate::support::sandbox::{Sandbox, sandbox};
use crate::support::skip;
use crate::support::tls::Authority;

fn served(authority: &Authority) -> Aws {
    Aws::start_tls(authority.acceptor()).secret("x", Secret::json(r#"{"k":"v"}"#))
}

/// A run on a system whose /etc/ssl, an empty directory, has been filled by the shell script `prepare`; `None` where
/// that cannot be done.
fn with_system_bundle(sandbox: Sandbox, prepare: &str) -> Option<Sandbox> {
    let script = format!("mount -t tmpfs none /etc/ssl && mkdir /etc/ssl/certs && {prepare} && exec \"$@\"");
    let trial = ["unshare", "--mount", "sh", "-c", &script, "sh"];
    skip::can(&[&trial[..], &["true"]].concat(), "a system's bundle").then(|| sandbox.through(trial))
}

#[test]
fn a_root_that_is_commented_out_is_not_trusted() {
    let (Some(authority), Some(other)) = (Authority::new(), Authority::new()) else { return };
    let aws = served(&authority);
    let text = |authority: &Authority| fs::read_to_string(authority.bundle()).unwrap();
    for mark in ["#", " ", "DISTRUSTED: "] {
        let bundle = format!("{}{mark}{}{}", text(&other), text(&authority), text(&other));
        sandbox(&aws).file("bundle.pem", bundle).args(["--ca-bundle", "bundle.pem"]).run().refused(78);
    }
    assert!(aws.calls().is_empty());
}

#[test]
fn a_root_in_the_system_s_bundle_alone_is_trusted() {
    let (Some(authority), Some(other)) = (Authority::new(), Authority::named("another authority")) else { return };
    let aws = served(&authority);
    let copy = format!("cp '{}' /etc/ssl/certs/ca-certificates.crt", authority.bundle().display());
    let Some(with_its_root) = with_system_bundle(sandbox(&aws), &copy) else { return };
    with_its_root.run().launched_silently().has("A", "v");
    // A bundle that is named counts alone.
    let Some(named) = with_system_bundle(sandbox(&aws), &copy) else { return };
    let run = named.arg("--ca-bundle").arg(other.bundle()).run();
    run.refused(78).says([
        "its chain ends at the issuer \"a test's own authority\", which is no trusted root",
        "help: ",
        "--ca-bundle",
    ]);
}

#[test]
fn a_system_bundle_that_cannot_be_read_is_told_with_the_unknown_issuer() {
    let Some(authority) = Authority::new() else { return };
    let aws = served(&authority);
    let prepare = "mkdir /etc/ssl/certs/ca-certificates.crt";
    let Some(sandbox) = with_system_bundle(sandbox(&aws), prepare) else { return };
    sandbox.run().refused(78).says(["a test's own authority", "the system's roots: "]);
}

#[test]
fn no_bundle_is_opened_before_a_chain_needs_it() {
    if !skip::can(&["strace", "-o", "/dev/null", "true"], "the files that are opened") {
        return;
    }
    let Some(authority) = Authority::new() else { return };
    let opened = |sandbox: Sandbox| {
        let traced = sandbox.through(["strace", "-f", "-e", "trace=openat,open", "-o", "trace"]);
        let path = traced.path("trace");
        traced.run();
        fs::read_to_string(path).unwrap().lines().filter(|line| line.contains("/ssl/")).count()
    };
    // No test has a chain that ends at a compiled-in root. A server that hangs up on the ClientHello sends none.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    thread::spawn(move || listener.incoming().flatten().for_each(|mut stream| drop(stream.read(&mut [0; 16_384]))));
    let aws = served(&authority);
    assert_eq!(opened(sandbox(&aws).endpoint(&endpoint).env("AWS_MAX_ATTEMPTS", "1")), 0);
    assert_eq!(opened(sandbox(&aws).env("AWS_CA_BUNDLE", authority.bundle())), 0);
    assert!(opened(sandbox(&aws)) > 0);
}

/// The contents of the extensions of a ClientHello (RFC 8446, section 4.1.2), by type.
fn extensions(record: &[u8]) -> Vec<(u16, &[u8])> {
    let number = |bytes: &[u8]| bytes.iter().fold(0, |number: usize, byte| number << 8 | usize::from(*byte));
    // The headers of the record and of the message, the version and the random bytes.
    let mut rest = &record[5 + 4 + 2 + 32..];
    for length in [1, 2, 1] {
        // The session id, the cipher suites and the compression methods.
        rest = &rest[length + number(&rest[..length])..];
    }
    rest = &rest[2..2 + number(&rest[..2])];
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (head, body) = rest.split_at(4);
        let (content, after) = body.split_at(number(&head[2..]));
        found.push((u16::from_be_bytes([head[0], head[1]]), content));
        rest = after;
    }
    found
}

#[test]
fn x25519mlkem768_is_the_first_group_that_is_offered() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let greeting = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut record = vec![0; 5];
        stream.read_exact(&mut record).unwrap();
        record.resize(5 + usize::from(u16::from_be_bytes([record[3], record[4]])), 0);
        stream.read_exact(&mut record[5..]).unwrap();
        record
    });
    let sandbox = Sandbox::new().aws(&Aws::start()).endpoint(&endpoint).resolve("A=x:k");
    sandbox.env("AWS_MAX_ATTEMPTS", "1").run().refused(75);
    let greeting = greeting.join().unwrap();
    let extensions = extensions(&greeting);
    let content = |wanted: u16| extensions.iter().find(|(kind, _)| *kind == wanted).unwrap().1;
    // supported_groups: X25519MLKEM768, X25519, secp256r1, secp384r1.
    assert_eq!(content(10), [0, 8, 0x11, 0xEC, 0, 29, 0, 23, 0, 24]);
    // The first key_share is of the same group, so that no round trip is lost.
    assert_eq!(content(51)[2..4], [0x11, 0xEC]);
}

#[test]
fn a_server_that_exchanges_keys_by_ml_kem_alone_is_read_from() {
    let Some(authority) = Authority::new() else { return };
    let aws = Aws::start_tls(authority.post_quantum_acceptor()).secret("x", Secret::json(r#"{"k":"v"}"#));
    sandbox(&aws).env("AWS_CA_BUNDLE", authority.bundle()).run().launched_silently().has("A", "v");
}
