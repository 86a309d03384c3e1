//! Tinyproxy as the proxy: tunnels, passwords, refusals, and requests that must not be sent to it.

use super::moto::Moto;
use super::nginx::Site;
use super::tinyproxy::Tinyproxy;
use crate::support::tls::Authority;
use crate::support::*;

/// A name and a password, as they are written in tinyproxy's configuration and in a URL.
const CONFIGURED: &str = "BasicAuth user cAnArY-7f3a9c51";
const IN_URL: &str = "user:cAnArY%2D7f3a9c51";

/// A launch that reads `tls/x` over TLS through the proxy. It has two attempts, because a proxy's
/// refusal may be temporary.
fn tunnelled(site: &Site, proxy: &str) -> Sandbox {
    let sandbox =
        Site::sandbox(&site.url("good", "TLSv1.3")).env("AWS_CA_BUNDLE", site.file("root.pem"));
    sandbox.env("HTTPS_PROXY", proxy).attempts(2)
}

/// The line of the request to connect to the secret's server over TLS.
fn connect(site: &Site) -> String {
    site.url("good", "TLSv1.3").replace("https://", "CONNECT ")
}

#[test]
fn tinyproxy_tunnels_https_and_forwards_http_with_and_without_a_password() {
    let (Some(site), Some(moto)) = (Site::shared(), Moto::shared()) else {
        return;
    };
    for configuration in ["", CONFIGURED] {
        let proxy = or_skip!(Tinyproxy::start(configuration));
        let url = match configuration {
            "" => proxy.url(),
            _ => proxy.url_for(IN_URL),
        };
        let run = tunnelled(site, &url).run();
        run.launched_silently().has("A", CANARY);
        let run = Site::sandbox(&moto.url).env("HTTP_PROXY", url).run();
        run.launched_silently().has("A", CANARY);
        let expected = [connect(site), format!("POST {}/", moto.url)];
        assert_eq!(proxy.request_lines(), expected);
    }
}

#[test]
fn a_server_behind_a_proxy_is_refused_if_its_certificate_is_for_another_host() {
    let (Some(site), Some(proxy)) = (Site::shared(), Tinyproxy::start("")) else {
        return;
    };
    let sandbox = tunnelled(site, &proxy.url());
    let run = sandbox.endpoint(&site.url("elsewhere", "TLSv1.3")).run();
    run.refused(78, ["is valid for elsewhere.example, not for localhost"]);
    assert_eq!(proxy.request_lines().len(), 1, "{run}");
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
            .env("HTTP_PROXY", proxy.url_for(IN_URL))
            .env("HTTPS_PROXY", proxy.url_for(IN_URL));
        sandbox.run().launched_silently();
        sandbox
            .env("NO_PROXY", "localhost")
            .run()
            .launched_silently();
        let reads = aws.reads();
        assert_eq!(reads.len(), 2);
        for read in reads {
            assert_eq!(read.header("proxy-authorization"), None);
        }
    }
    assert_eq!(proxy.request_lines().len(), 2);
}

#[test]
fn a_role_is_assumed_through_the_proxy_and_the_error_names_the_proxy_if_sts_cannot_be_reached() {
    let (Some(site), Some(proxy)) = (Site::shared(), Tinyproxy::start("")) else {
        return;
    };
    let role = "arn:aws:iam::123456789012:role/reader";
    let sandbox = || tunnelled(site, &proxy.url()).args(["--role-arn", role]);
    sandbox().run().launched_silently().has("A", CANARY);
    let asked = proxy.request_lines();
    let mut others = asked.iter().filter(|asked| **asked != connect(site));
    assert!(!asked.is_empty() && others.next().is_none(), "{asked:?}");
    let elsewhere = sandbox().env("AWS_ENDPOINT_URL_STS", "https://sts.invalid");
    let run = elsewhere.run();
    let named = format!("the proxy {}", proxy.address());
    run.refused(75, ["sts.invalid", &named]);
}
