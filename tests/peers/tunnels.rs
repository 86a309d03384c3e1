//! Tinyproxy as the proxy: tunnels, passwords, refusals, and requests that must not go there.

use super::moto::Moto;
use super::nginx::Site;
use super::tinyproxy::Tinyproxy;
use crate::support::aws::Aws;
use crate::support::aws::secret::Secret;
use crate::support::sandbox::{CANARY, Sandbox, sandbox};
use crate::support::tls::Authority;

/// A name and a password, as in tinyproxy's configuration and as in a URL.
const CONFIGURED: &str = "BasicAuth user cAnArY-7f3a9c51";
const IN_URL: &str = "user:cAnArY%2D7f3a9c51";

/// A launch that reads `tls/x` over TLS through the proxy.
fn tunnelled(site: &Site, proxy: &str) -> Sandbox {
    let sandbox = Site::sandbox(&site.url("good", "TLSv1.3")).env("AWS_CA_BUNDLE", site.file("root.pem"));
    sandbox.env("HTTPS_PROXY", proxy)
}

/// Such a launch with two attempts, since a proxy's refusal may be temporary.
fn tunnelled_twice(site: &Site, proxy: &str) -> Sandbox {
    tunnelled(site, proxy).env("AWS_MAX_ATTEMPTS", "2")
}

/// The request line for the secret over TLS.
fn connect(site: &Site) -> String {
    site.url("good", "TLSv1.3").replace("https://", "CONNECT ")
}

/// A launch that reads `tls/x` in the clear through the proxy.
fn forwarded(moto: &Moto, proxy: &str) -> Sandbox {
    Site::sandbox(&moto.url).env("HTTP_PROXY", proxy)
}

#[test]
fn a_tunnel_carries_tls() {
    let (Some(site), Some(proxy)) = (Site::shared(), Tinyproxy::start("")) else { return };
    tunnelled(site, &proxy.url()).run().launched_silently().has("A", "v");
    assert_eq!(proxy.asked(), [connect(site)]);
}

#[test]
fn a_tunnel_is_opened_with_a_password() {
    let (Some(site), Some(proxy)) = (Site::shared(), Tinyproxy::start(CONFIGURED)) else { return };
    tunnelled(site, &proxy.url_for(IN_URL)).run().launched_silently().has("A", "v");
}

#[test]
fn a_password_that_a_proxy_wants_and_does_not_get_is_told() {
    let (Some(site), Some(proxy)) = (Site::shared(), Tinyproxy::start(CONFIGURED)) else { return };
    // Tinyproxy answers a wrong password with HTTP status 401.
    for (url, status) in [(proxy.url(), 78), (proxy.url_for(&format!("user:{CANARY}x")), 75)] {
        let run = tunnelled_twice(site, &url).run();
        run.refused(status).says(["A", &format!("the proxy {}", proxy.address()), "password"]);
    }
}

/// Asserts an error that names the service and the proxy, after the allowed attempts.
fn is_refused(directives: &str) {
    let (Some(site), Some(proxy)) = (Site::shared(), Tinyproxy::start(directives)) else { return };
    let run = tunnelled_twice(site, &proxy.url()).run();
    run.refused(75).says(["A", "localhost", &format!("the proxy {}", proxy.address()), "refuses"]);
    assert_eq!(proxy.asked(), [connect(site), connect(site)]);
}

#[test]
fn a_proxy_that_allows_no_such_port_is_told() {
    is_refused("ConnectPort 443");
}

#[test]
fn a_proxy_that_allows_no_such_host_is_told() {
    // An empty list of allowed hosts.
    is_refused("FilterDefaultDeny Yes\nFilter \"/dev/null\"");
}

#[test]
fn a_proxy_that_reaches_nobody_is_told() {
    let (Some(site), Some(proxy)) = (Site::shared(), Tinyproxy::start("")) else { return };
    // Port 1 refuses connections.
    let run = tunnelled_twice(site, &proxy.url()).endpoint("https://127.0.0.1:1").run();
    run.refused(75).says(["A", "127.0.0.1:1", &format!("the proxy {}", proxy.address())]);
}

#[test]
fn a_certificate_behind_a_tunnel_is_judged_by_the_host_behind_it() {
    let (Some(site), Some(proxy)) = (Site::shared(), Tinyproxy::start("")) else { return };
    let run = tunnelled(site, &proxy.url()).endpoint(&site.url("elsewhere", "TLSv1.3")).run();
    run.refused(78).says(["it is valid for elsewhere.example, not for localhost"]);
    assert_eq!(proxy.asked().len(), 1, "{run}");
}

#[test]
fn a_request_in_the_clear_is_forwarded() {
    let (Some(_), Some(moto), Some(proxy)) = (Site::shared(), Moto::shared(), Tinyproxy::start("")) else { return };
    forwarded(moto, &proxy.url()).run().launched_silently().has("A", "v");
    assert_eq!(proxy.asked(), [format!("POST {}/", moto.url)]);
}

#[test]
fn a_request_in_the_clear_is_forwarded_with_a_password() {
    let (Some(_), Some(moto), Some(proxy)) = (Site::shared(), Moto::shared(), Tinyproxy::start(CONFIGURED)) else {
        return;
    };
    forwarded(moto, &proxy.url_for(IN_URL)).run().launched_silently().has("A", "v");
}

#[test]
fn a_password_for_the_proxy_is_shown_to_nobody_else() {
    let (Some(authority), Some(proxy)) = (Authority::new(), Tinyproxy::start(CONFIGURED)) else { return };
    let secret = || Secret::json(r#"{"k":"v"}"#);
    let (clear, secure) = (Aws::start(), Aws::start_tls(authority.acceptor()));
    for aws in [clear.secret("x", secret()), secure.secret("x", secret())] {
        let sandbox = sandbox(&aws).env("AWS_CA_BUNDLE", authority.bundle());
        let sandbox = sandbox.env("HTTP_PROXY", proxy.url_for(IN_URL)).env("HTTPS_PROXY", proxy.url_for(IN_URL));
        sandbox.run().launched_silently();
        sandbox.env("NO_PROXY", "localhost").run().launched_silently();
        let shown = aws.reads().iter().map(|read| read.header("proxy-authorization").is_some()).collect::<Vec<_>>();
        assert_eq!(shown, [false, false]);
    }
    assert_eq!(proxy.asked().len(), 2);
}

#[test]
fn a_host_in_no_proxy_is_not_asked_of_it() {
    let (Some(site), Some(proxy)) = (Site::shared(), Tinyproxy::start("")) else { return };
    for none in ["localhost", "example.com, localhost", "*"] {
        tunnelled(site, &proxy.url()).env("NO_PROXY", none).run().launched_silently().has("A", "v");
    }
    for none in ["example.com", "host", "localhost.example.com"] {
        tunnelled(site, &proxy.url()).env("NO_PROXY", none).run().launched_silently();
    }
    assert_eq!(proxy.asked(), [connect(site), connect(site), connect(site)]);
}

#[test]
fn an_address_in_no_proxy_may_be_a_network() {
    let (Some(site), Some(proxy)) = (Site::shared(), Tinyproxy::start("")) else { return };
    let url = site.url("good", "TLSv1.3").replace("localhost", "127.0.0.1");
    for none in ["127.0.0.1", "10.0.0.0/8,127.0.0.0/8"] {
        tunnelled(site, &proxy.url()).endpoint(&url).env("NO_PROXY", none).run().launched_silently().has("A", "v");
    }
    assert!(proxy.asked().is_empty());
}

#[test]
fn credentials_of_a_container_and_of_an_instance_are_never_asked_of_a_proxy() {
    let (Some(site), Some(proxy)) = (Site::shared(), Tinyproxy::start("")) else { return };
    let aws = Aws::start().secret("x", Secret::json("{}"));
    let container = ("AWS_CONTAINER_CREDENTIALS_FULL_URI", aws.container_credentials());
    let instance = ("AWS_EC2_METADATA_SERVICE_ENDPOINT", aws.instance_metadata());
    for (name, url) in [container, instance] {
        let sandbox = tunnelled(site, &proxy.url()).env("HTTP_PROXY", proxy.url());
        let sandbox = sandbox.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
        let sandbox = sandbox.env("AWS_EC2_METADATA_DISABLED", "false").env(name, url);
        sandbox.run().launched_silently().has("A", "v");
    }
    assert!(!aws.calls().is_empty());
    assert_eq!(proxy.asked(), [connect(site), connect(site)]);
}

#[test]
fn sts_is_asked_by_way_of_the_proxy_too() {
    let (Some(site), Some(proxy)) = (Site::shared(), Tinyproxy::start("")) else { return };
    let role = "arn:aws:iam::123456789012:role/reader";
    tunnelled(site, &proxy.url()).args(["--role-arn", role]).run().launched_silently().has("A", "v");
    let asked = proxy.asked();
    assert!(!asked.is_empty() && asked.iter().all(|asked| *asked == connect(site)), "{asked:?}");
    let sandbox = tunnelled_twice(site, &proxy.url()).args(["--role-arn", role]);
    let run = sandbox.env("AWS_ENDPOINT_URL_STS", "https://sts.invalid").run();
    run.refused(75).says(["sts.invalid", &format!("the proxy {}", proxy.address())]);
}
