//! TLS with nginx and OpenSSL: certificates that are trusted, and the errors for those that aren't.

use super::nginx::Site;
use crate::support::network::Relay;
use crate::support::sandbox::{CANARY, Sandbox};

/// The settings that can name root certificates.
const WAYS: [(&str, &str); 4] = [
    ("--ca-bundle", "root.pem"),
    ("AWS_CA_BUNDLE", "root.pem"),
    ("SSL_CERT_FILE", "root.pem"),
    ("SSL_CERT_DIR", "roots"),
];

/// A launch that gets its root certificates in one of the [`WAYS`].
fn trusting(site: &Site, sandbox: Sandbox, (way, file): (&str, &str)) -> Sandbox {
    if way.starts_with("--") {
        sandbox.arg(way).arg(site.file(file))
    } else {
        sandbox.env(way, site.file(file))
    }
}

#[test]
fn a_server_with_an_intermediate_certificate_is_trusted_if_its_root_is_named() {
    let site = or_skip!(Site::shared());
    for version in ["TLSv1.2", "TLSv1.3"] {
        for way in WAYS {
            let sandbox =
                Site::sandbox(&site.url("good", version)).case(format!("{way:?} {version}"));
            let run = trusting(site, sandbox, way).run();
            run.launched_silently().has("A", CANARY);
        }
        let sandbox = Site::sandbox(&site.url("chain", version));
        let run = trusting(site, sandbox, WAYS[0]).run();
        run.launched_silently().has("A", CANARY);
    }
}

#[test]
fn ssl_cert_dir_can_list_folders_and_the_error_names_a_folder_without_certificates() {
    let site = or_skip!(Site::shared());
    let folders = ["empty", "roots", "missing"].map(|name| site.file(name).display().to_string());
    let folders = folders.join(":");
    let sandbox = || Site::sandbox(&site.url("good", "TLSv1.3"));
    let run = sandbox().env("SSL_CERT_DIR", folders).run();
    run.launched_silently().has("A", CANARY);
    let empty = site.file("empty");
    let run = sandbox().env("SSL_CERT_DIR", &empty).run();
    run.refused(78, [empty.to_str().unwrap()]);
    let run = sandbox().run();
    let said = ["localhost", "certificate", "--ca-bundle", "AWS_CA_BUNDLE"];
    run.refused(78, said);
}

#[test]
fn a_certificate_that_is_not_valid_fails_the_launch_at_once_with_host_and_reason() {
    let site = or_skip!(Site::shared());
    let elsewhere = "has other names: [\"elsewhere.example\"]";
    let expired = "has expired";
    let early = "isn't valid yet";
    let unsigned = "isn't trusted: its chain ends at the issuer \"";
    for (at, (certificate, status, reason)) in [
        ("elsewhere", 78, elsewhere),
        ("expired", 78, expired),
        // This is the error if the clock isn't set yet, as at boot.
        ("early", 75, early),
        ("alone", 78, unsigned),
        // The first is signed by another authority, and the chain of the second doesn't have its
        // intermediate certificate.
        ("foreign", 78, unsigned),
        ("below", 78, unsigned),
    ]
    .into_iter()
    .enumerate()
    {
        let url = site.url(certificate, "TLSv1.3");
        let port: u16 = url.rsplit(':').next().unwrap().parse().unwrap();
        let relay = Relay::start("127.0.0.1", ([127, 0, 0, 1], port).into());
        let address = relay.address().to_string();
        let sandbox = Site::sandbox(&format!("https://{address}"));
        let launch = trusting(site, sandbox, WAYS[at % WAYS.len()]).attempts(5);
        let run = launch.run();
        run.refused(status, ["A", &address, "certificate", reason, "help: "]);
        assert_eq!(relay.connections(), 1, "{run}");
        if certificate == "early" {
            let run = launch.args(["--wait", "1s"]).run();
            run.refused(75, [reason, "secrets-exec kept trying for 1s"]);
        }
    }
}
