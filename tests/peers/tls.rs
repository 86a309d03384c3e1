//! TLS with nginx and OpenSSL: certificates that are trusted, and the errors of those that are not.

use super::nginx::Site;
use crate::support::network::Relay;
use crate::support::sandbox::{CANARY, Sandbox};

/// The settings that name root certificates.
const WAYS: [(&str, &str); 4] = [
    ("--ca-bundle", "root.pem"),
    ("AWS_CA_BUNDLE", "root.pem"),
    ("SSL_CERT_FILE", "root.pem"),
    ("SSL_CERT_DIR", "roots"),
];

fn trusting(site: &Site, sandbox: Sandbox, (way, file): (&str, &str)) -> Sandbox {
    match way.starts_with("--") {
        true => sandbox.arg(way).arg(site.file(file)),
        false => sandbox.env(way, site.file(file)),
    }
}

/// A relay to a server, and its URL.
fn before(url: &str) -> (Relay, String) {
    let port: u16 = url.rsplit(':').next().unwrap().parse().unwrap();
    let relay = Relay::start("127.0.0.1", ([127, 0, 0, 1], port).into());
    let url = format!("https://{}", relay.address());
    (relay, url)
}

#[test]
fn nginx_is_trusted_by_a_root_named_in_any_way_also_with_an_intermediate() {
    let Some(site) = Site::shared() else { return };
    for version in ["TLSv1.2", "TLSv1.3"] {
        for way in WAYS {
            let sandbox =
                Site::sandbox(&site.url("good", version)).case(format!("{way:?} {version}"));
            trusting(site, sandbox, way)
                .run()
                .launched_silently()
                .has("A", CANARY);
        }
        let sandbox = Site::sandbox(&site.url("chain", version))
            .arg("--ca-bundle")
            .arg(site.file("root.pem"));
        sandbox.run().launched_silently().has("A", CANARY);
    }
}

#[test]
fn ssl_cert_dir_may_list_folders_and_one_without_roots_is_78_and_named() {
    let Some(site) = Site::shared() else { return };
    let folders = ["empty", "roots", "missing"]
        .map(|name| site.file(name).display().to_string())
        .join(":");
    let sandbox = || Site::sandbox(&site.url("good", "TLSv1.3"));
    sandbox()
        .env("SSL_CERT_DIR", folders)
        .run()
        .launched_silently()
        .has("A", CANARY);
    let empty = site.file("empty");
    sandbox()
        .env("SSL_CERT_DIR", &empty)
        .run()
        .refused(78)
        .says([empty.to_str().unwrap()]);
    sandbox()
        .run()
        .refused(78)
        .says(["localhost", "certificate", "--ca-bundle", "AWS_CA_BUNDLE"]);
}

#[test]
fn a_certificate_that_is_not_valid_is_reported_with_host_and_reason_and_not_retried() {
    let Some(site) = Site::shared() else { return };
    let unsigned = "is not trusted, because its chain ends at the issuer \"";
    for (certificate, status, reason) in [
        (
            "elsewhere",
            78,
            "is valid for elsewhere.example, not for 127.0.0.1",
        ),
        (
            "expired",
            78,
            "expired at 2021-01-01T00:00:00Z (this machine's clock is at 20",
        ),
        // A clock that is not set, as at boot.
        (
            "early",
            75,
            "is not valid before 2048-01-01T00:00:00Z (this machine's clock is at 20",
        ),
        ("alone", 78, "is self-signed (issuer \""),
        // Of another authority, and without the middle of its chain.
        ("foreign", 78, unsigned),
        ("below", 78, unsigned),
    ] {
        if status == 75 {
            let (_relay, url) = before(&site.url(certificate, "TLSv1.3"));
            let waiting = trusting(site, Site::sandbox(&url), WAYS[0]).args(["--wait", "1s"]);
            waiting
                .run()
                .refused(75)
                .says([reason, "secrets-exec tried for 1s"]);
        }
        for way in WAYS {
            let (relay, url) = before(&site.url(certificate, "TLSv1.3"));
            let run = trusting(site, Site::sandbox(&url), way)
                .attempts(5)
                .case(certificate)
                .run();
            run.refused(status).says([
                "A",
                "tls/x",
                &relay.address().to_string(),
                "certificate",
                reason,
                "help: ",
            ]);
            assert_eq!(relay.connections(), 1, "{run}");
        }
    }
}
