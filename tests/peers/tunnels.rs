//! Tinyproxy as the proxy: tunnels, passwords, refusals, and requests that must not be sent to it.

use super::moto::Moto;
use super::nginx::Site;
use super::tinyproxy::Tinyproxy;
use crate::support::tls::Authority;
use crate::support::*;

/// A name and a password, as they are written in tinyproxy's configuration and in a URL.
const CONFIGURED: &str = "BasicAuth user cAnArY-7f3a9c51";
const IN_URL: &str = "user:cAnArY%2D7f3a9c51@";

#[test]
fn tinyproxy_tunnels_https_and_forwards_http_with_and_without_a_password() {
    let (Some(site), Some(moto)) = (Site::shared(), Moto::shared()) else {
        return;
    };
    let https = site.url("good", "TLSv1.3");
    for (configuration, login) in [("", ""), (CONFIGURED, IN_URL)] {
        let proxy = or_skip!(Tinyproxy::start(configuration));
        let launch = |url: &str| {
            let sandbox = Site::sandbox(url).env("AWS_CA_BUNDLE", site.file("root.pem"));
            let sandbox = sandbox.env("HTTP_PROXY", proxy.url(login));
            sandbox.env("HTTPS_PROXY", proxy.url(login)).run()
        };
        launch(&https).launched_silently().has("A", CANARY);
        launch(&moto.url).launched_silently().has("A", CANARY);
        // The certificate is verified behind the proxy, too.
        let elsewhere = site.url("elsewhere", "TLSv1.3");
        let refused = "has other names: [\"elsewhere.example\"]";
        launch(&elsewhere).refused(78, [refused]);
        let expected = [
            https.replace("https://", "CONNECT "),
            format!("POST {}/", moto.url),
            elsewhere.replace("https://", "CONNECT "),
        ];
        assert_eq!(proxy.request_lines(), expected);
    }
}

#[test]
fn a_proxys_password_is_not_sent_to_aws() {
    let (Some(authority), Some(proxy)) = (Authority::new(), Tinyproxy::start(CONFIGURED)) else {
        return;
    };
    let secret = || Secret::text(r#"{"k":"v-4c7a1e"}"#);
    let (clear, secure) = (Aws::start(), Aws::start_tls(authority.acceptor()));
    for aws in [clear.secret("x", secret()), secure.secret("x", secret())] {
        let sandbox = sandbox(&aws)
            .env("AWS_CA_BUNDLE", authority.bundle())
            .env("HTTP_PROXY", proxy.url(IN_URL))
            .env("HTTPS_PROXY", proxy.url(IN_URL));
        sandbox.run().launched_silently();
        let run = sandbox.env("NO_PROXY", "localhost").run();
        run.launched_silently();
        let reads = aws.reads();
        assert_eq!(reads.len(), 2);
        for read in reads {
            assert_eq!(read.header("proxy-authorization"), None);
        }
    }
    assert_eq!(proxy.request_lines().len(), 2);
}
