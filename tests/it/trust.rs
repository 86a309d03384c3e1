//! Root certificates: exactly those that OpenSSL would read are trusted.

use std::fs;

use crate::support::aws::Aws;
use crate::support::aws::secret::Secret;
use crate::support::sandbox::{Sandbox, sandbox};
use crate::support::skip;
use crate::support::tls::Authority;

fn served(authority: &Authority) -> Aws {
    Aws::start_tls(authority.acceptor()).secret("x", Secret::json(r#"{"k":"v"}"#))
}

/// A bundle with the certificate of `authority`, whose text is passed through `change`, among others.
fn bundle(authority: &Authority, other: &Authority, change: impl Fn(&str) -> String) -> String {
    let text = |authority: &Authority| fs::read_to_string(authority.bundle()).unwrap();
    format!("{}{}{}", text(other), change(&text(authority)), text(other))
}

#[test]
fn a_root_that_is_commented_out_is_not_trusted() {
    let (Some(authority), Some(other)) = (Authority::new(), Authority::new()) else { return };
    let aws = served(&authority);
    for mark in ["#", " ", "\t", "DISTRUSTED: ", "--", "# off\r"] {
        let text = bundle(&authority, &other, |root| format!("{mark}{root}"));
        let run = sandbox(&aws).file("bundle.pem", text).args(["--ca-bundle", "bundle.pem"]).run();
        run.refused(78).says(["certificate"]);
    }
    assert!(aws.calls().is_empty());
}

#[test]
fn a_root_that_is_commented_out_line_by_line_is_not_trusted() {
    let (Some(authority), Some(other)) = (Authority::new(), Authority::new()) else { return };
    let aws = served(&authority);
    let comment = |root: &str| root.lines().map(|line| format!("# {line}\n")).collect();
    let text = bundle(&authority, &other, comment);
    sandbox(&aws).file("bundle.pem", text).args(["--ca-bundle", "bundle.pem"]).run().refused(78);
}

#[test]
fn a_root_among_comments_and_other_lines_is_trusted() {
    let (Some(authority), Some(other)) = (Authority::new(), Authority::new()) else { return };
    let aws = served(&authority);
    let windows = |root: &str| format!("# A comment\r\nSubject: x\r\n{}", root.replace('\n', "\r\n"));
    let other_section = |root: &str| format!("-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n{root}");
    let marked = |root: &str| format!("\u{feff}{root}");
    let among = |change: &dyn Fn(&str) -> String| bundle(&authority, &other, change);
    let first = fs::read_to_string(authority.bundle()).unwrap();
    for text in [among(&windows), among(&other_section), marked(&first)] {
        let run = sandbox(&aws).file("bundle.pem", text).args(["--ca-bundle", "bundle.pem"]).run();
        run.launched_silently().has("A", "v");
    }
}

#[test]
fn a_directory_of_roots_is_read_by_its_hashed_names_alone() {
    let Some(authority) = Authority::new() else { return };
    let aws = served(&authority);
    let root = fs::read_to_string(authority.bundle()).unwrap();
    for name in ["rogue.pem.disabled", "rogue.pem", "0a1b2c3d.0.disabled", "0a1b2c3d.r0"] {
        let run = sandbox(&aws).file(&format!("roots/{name}"), &root).env("SSL_CERT_DIR", "roots").run();
        run.refused(78).says(["roots", "hashed"]);
    }
    let run = sandbox(&aws).file("roots/0a1b2c3d.0", &root).env("SSL_CERT_DIR", "roots").run();
    run.launched_silently().has("A", "v");
}

/// A run on a system whose /etc/ssl, an empty directory, has been filled by the shell script `prepare`; `None` where
/// that cannot be done.
fn with_system_bundle(sandbox: Sandbox, prepare: &str) -> Option<Sandbox> {
    let script = format!("mount -t tmpfs none /etc/ssl && mkdir /etc/ssl/certs && {prepare} && exec \"$@\"");
    let trial = ["unshare", "--mount", "sh", "-c", &script, "sh"];
    skip::can(&[&trial[..], &["true"]].concat(), "a system's bundle").then(|| sandbox.through(trial))
}

#[test]
fn a_pipe_in_a_directory_of_roots_is_not_waited_for() {
    let Some(authority) = Authority::new() else { return };
    let aws = served(&authority);
    let root = fs::read_to_string(authority.bundle()).unwrap();
    let sandbox = sandbox(&aws).file("roots/0a1b2c3d.0", root).env("SSL_CERT_DIR", "roots");
    let mode = nix::sys::stat::Mode::from_bits_truncate(0o600);
    nix::unistd::mkfifo(&sandbox.path("roots/0a1b2c3d.1"), mode).unwrap();
    sandbox.run().launched_silently().has("A", "v");
}

#[test]
fn a_system_bundle_without_roots_is_named_and_not_replaced() {
    let Some(authority) = Authority::new() else { return };
    let aws = served(&authority);
    for prepare in [
        ": >/etc/ssl/certs/ca-certificates.crt",
        "echo nonsense >/etc/ssl/certs/ca-certificates.crt",
        "mkdir /etc/ssl/certs/ca-certificates.crt",
        "ln -s nowhere /etc/ssl/certs/ca-certificates.crt",
    ] {
        let Some(sandbox) = with_system_bundle(sandbox(&aws), prepare) else { return };
        sandbox.run().refused(78).says(["/etc/ssl/certs/ca-certificates.crt"]);
    }
}
