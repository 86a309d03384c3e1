//! TLS with nginx and OpenSSL: certificates that are trusted, and the errors of those that are not.

use super::moto::Moto;
use super::nginx::Site;
use super::proxy::Proxy;
use crate::support::sandbox::{CANARY, Sandbox};

/// The settings that name root certificates.
const WAYS: [(&str, &str); 4] = [
    ("--ca-bundle", "root.pem"),
    ("AWS_CA_BUNDLE", "root.pem"),
    ("SSL_CERT_FILE", "root.pem"),
    ("SSL_CERT_DIR", "roots"),
];

/// The error for a certificate without a known issuer, before the issuer's name.
const UNSIGNED: &str = "its chain ends at the issuer \"";

fn trusting(site: &Site, sandbox: Sandbox, (way, file): (&str, &str)) -> Sandbox {
    match way.starts_with("--") {
        true => sandbox.arg(way).arg(site.file(file)),
        false => sandbox.env(way, site.file(file)),
    }
}

fn reads(version: &str) {
    let Some(site) = Site::shared() else { return };
    for way in WAYS {
        let sandbox = Site::sandbox(&site.url("good", version));
        trusting(site, sandbox, way).run().launched_silently().has("A", "v");
    }
}

#[test]
fn roots_that_are_named_in_any_way_are_trusted_over_tls_1_2() {
    reads("TLSv1.2");
}

#[test]
fn roots_that_are_named_in_any_way_are_trusted_over_tls_1_3() {
    reads("TLSv1.3");
}

#[test]
fn a_list_of_folders_is_searched_for_roots_as_openssl_does() {
    let Some(site) = Site::shared() else { return };
    let folders = ["empty", "roots", "missing"].map(|name| site.file(name).display().to_string()).join(":");
    let sandbox = Site::sandbox(&site.url("good", "TLSv1.3")).env("SSL_CERT_DIR", folders);
    sandbox.run().launched_silently().has("A", "v");
}

#[test]
fn a_folder_without_roots_is_named() {
    let Some(site) = Site::shared() else { return };
    let sandbox = Site::sandbox(&site.url("good", "TLSv1.3")).env("SSL_CERT_DIR", site.file("empty"));
    sandbox.run().refused(78).says([site.file("empty").to_str().unwrap()]);
}

/// Asserts an error with host and reason, without a retry, for each setting that names the roots.
fn is_refused(certificate: &str, reason: &str) {
    let Some(site) = Site::shared() else { return };
    for way in WAYS {
        let before = Proxy::before(&site.url(certificate, "TLSv1.3"));
        let run = trusting(site, Site::sandbox(&before.url), way).run();
        let host = before.url.trim_start_matches("https://");
        run.refused(78).says(["A", "tls/x", host, "certificate", reason, "help: "]);
        assert_eq!(before.connections(), 1, "{run}");
    }
}

#[test]
fn a_certificate_of_another_host_is_told_by_both_names() {
    is_refused("elsewhere", "it is valid for elsewhere.example, not for 127.0.0.1");
}

#[test]
fn a_certificate_that_has_expired_is_told_with_its_end() {
    is_refused("expired", "it expired at 2021-01-01T00:00:00Z; this machine's clock is at 20");
}

#[test]
fn a_certificate_that_is_not_valid_yet_is_told_with_its_beginning() {
    is_refused("early", "it is not valid before 2048-01-01T00:00:00Z; this machine's clock is at 20");
}

#[test]
fn a_certificate_that_signed_itself_is_told() {
    is_refused("alone", "it is signed by itself \"");
}

#[test]
fn a_certificate_of_another_authority_is_told() {
    is_refused("foreign", UNSIGNED);
}

#[test]
fn a_chain_without_its_middle_is_told() {
    is_refused("below", UNSIGNED);
}

#[test]
fn a_chain_with_its_middle_is_trusted() {
    let Some(site) = Site::shared() else { return };
    for version in ["TLSv1.2", "TLSv1.3"] {
        let sandbox = Site::sandbox(&site.url("chain", version)).arg("--ca-bundle").arg(site.file("root.pem"));
        sandbox.run().launched_silently().has("A", "v");
    }
}

#[test]
fn a_private_authority_is_not_trusted_unless_it_is_named() {
    let Some(site) = Site::shared() else { return };
    let run = Site::sandbox(&site.url("good", "TLSv1.3")).run();
    run.refused(78).says(["localhost", "certificate", "--ca-bundle", "AWS_CA_BUNDLE"]);
}

#[test]
fn a_gateway_that_has_lost_its_service_is_75() {
    let Some(site) = Site::shared() else { return };
    let before = Proxy::before(&site.orphan());
    let sandbox = Site::sandbox(&before.url).env("AWS_CA_BUNDLE", site.file("root.pem"));
    let run = sandbox.env("AWS_MAX_ATTEMPTS", "3").run();
    run.refused(75).says(["A", "tls/x", "502"]);
}

#[test]
fn the_largest_secret_comes_whole_over_tls() {
    let (Some(site), Some(moto)) = (Site::shared(), Moto::shared()) else { return };
    let largest = format!("{CANARY}{}", "é\n\"\\".repeat(65_536 / 5 - 10));
    moto.secret("tls/largest", &largest);
    let sandbox = Site::sandbox(&site.url("good", "TLSv1.2")).env("AWS_CA_BUNDLE", site.file("root.pem"));
    sandbox.resolve("LARGEST=tls/largest").run().launched_silently().has("LARGEST", largest);
}
