//! The connection to AWS: TLS, certificates, proxies and host names.

use std::fs;

use crate::support::aws::secret::Secret;
use crate::support::aws::{Aws, Version};
use crate::support::proxy::Proxy;
use crate::support::sandbox::{CANARY, Sandbox, sandbox};
use crate::support::skip;
use crate::support::tls::{Acceptor, Authority};

fn served(acceptor: Acceptor) -> Aws {
    Aws::start_tls(acceptor).secret("x", Secret::json(r#"{"k":"v"}"#))
}

#[test]
fn a_bundle_given_as_an_option_is_trusted() {
    let Some(authority) = Authority::new() else {
        return;
    };
    let aws = served(authority.acceptor());
    let sandbox = sandbox(&aws).arg("--ca-bundle").arg(authority.bundle());
    sandbox.run().launched_silently().has("A", "v");
}

#[test]
fn a_bundle_given_by_a_variable_is_trusted() {
    for name in ["AWS_CA_BUNDLE", "SSL_CERT_FILE", "SECRETS_EXEC_CA_BUNDLE"] {
        let Some(authority) = Authority::new() else {
            return;
        };
        let aws = served(authority.acceptor());
        let sandbox = sandbox(&aws).env(name, authority.bundle());
        sandbox.run().launched_silently().has("A", "v");
    }
}

#[test]
fn the_bundle_of_the_profile_is_trusted() {
    let Some(authority) = Authority::new() else {
        return;
    };
    let aws = served(authority.acceptor());
    let config = format!("[default]\nca_bundle = {}\n", authority.bundle().display());
    let sandbox = sandbox(&aws).home_file(".aws/config", &config);
    sandbox.run().launched().has("A", "v");
}

#[test]
fn only_http_1_1_is_offered() {
    let Some(authority) = Authority::new() else {
        return;
    };
    let aws = served(authority.acceptor());
    let sandbox = sandbox(&aws).env("AWS_CA_BUNDLE", authority.bundle());
    sandbox.run().launched();
    let protocols = aws.protocols();
    assert!(!protocols.is_empty());
    for offered in protocols {
        assert!(offered.iter().all(|name| name == "http/1.1"), "{offered:?}");
    }
}

#[test]
fn an_unknown_authority_is_told_at_once_and_not_tried_again() {
    let Some(authority) = Authority::new() else {
        return;
    };
    let aws = served(authority.acceptor());
    let run = sandbox(&aws).run();
    run.refused(78).says(["localhost"]).says_one_of(["certificate"]);
    assert_eq!(aws.connections(), 1);
    assert!(aws.calls().is_empty());
}

#[test]
fn the_bundle_of_another_authority_does_not_help() {
    let (Some(authority), Some(other)) = (Authority::new(), Authority::new()) else {
        return;
    };
    let aws = served(authority.acceptor());
    let sandbox = sandbox(&aws).arg("--ca-bundle").arg(other.bundle());
    sandbox.run().refused(78).says(["localhost"]);
    assert_eq!(aws.connections(), 1);
}

#[test]
fn a_certificate_of_another_host_is_told_at_once() {
    let Some(authority) = Authority::new() else {
        return;
    };
    let aws = served(authority.acceptor_for("DNS:other.example"));
    let sandbox = sandbox(&aws).env("AWS_CA_BUNDLE", authority.bundle());
    sandbox.run().refused(78).says(["localhost"]);
    assert_eq!(aws.connections(), 1);
}

#[test]
fn a_bundle_option_wins_over_the_variables() {
    let (Some(authority), Some(other)) = (Authority::new(), Authority::new()) else {
        return;
    };
    let aws = served(authority.acceptor());
    let sandbox = sandbox(&aws).env("AWS_CA_BUNDLE", other.bundle()).env("SSL_CERT_FILE", other.bundle());
    let run = sandbox.arg("--ca-bundle").arg(authority.bundle()).run();
    run.launched().has("A", "v");
}

#[test]
fn a_bundle_without_roots_is_named() {
    let Some(authority) = Authority::new() else {
        return;
    };
    for content in [
        "",
        "no PEM at all\n",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n",
    ] {
        let aws = served(authority.acceptor());
        let sandbox = sandbox(&aws).file("bundle.pem", content).args(["--ca-bundle", "bundle.pem"]);
        sandbox.run().refused(78).says(["bundle.pem"]);
        assert!(aws.calls().is_empty());
    }
}

#[test]
fn a_bundle_that_is_not_there_is_named() {
    let sandbox = Sandbox::new().aws(&Aws::start()).endpoint("https://localhost:1").resolve("A=x:k");
    sandbox.args(["--ca-bundle", "bundle.pem"]).run().refused(78).says(["bundle.pem"]);
}

#[test]
fn without_any_root_certificate_there_is_a_reason_and_no_crash() {
    let hide = "mount -t tmpfs none /etc/ssl && exec \"$@\"";
    let trial = ["unshare", "--mount", "sh", "-c", hide, "sh", "true"];
    if !skip::can(&trial, "a system without root certificates") {
        return;
    }
    let Some(authority) = Authority::new() else {
        return;
    };
    let aws = served(authority.acceptor());
    let run = sandbox(&aws).through(&trial[..6]).run();
    run.refused(78).says(["localhost"]);
    let trusting = sandbox(&aws).arg("--ca-bundle").arg(authority.bundle());
    trusting.through(&trial[..6]).run().launched();
}

/// The files that a run opens successfully; `None` where strace cannot tell.
fn opened(sandbox: Sandbox) -> Option<Vec<String>> {
    if !skip::can(&["strace", "-o", "/dev/null", "true"], "the files that are opened") {
        return None;
    }
    let sandbox = sandbox.through(["strace", "-f", "-e", "trace=openat,open", "-o", "trace"]);
    sandbox.run().launched();
    let trace = fs::read_to_string(sandbox.path("trace")).unwrap();
    // Without CAP_SYS_PTRACE strace cannot read the memory of a process that is not dumpable, and shows addresses.
    if trace.lines().any(|line| line.contains("(AT_FDCWD, 0x")) {
        skip::skipped("the files that are opened: strace may not read the names of a process that is not dumpable");
        return None;
    }
    let opened = trace.lines().filter(|line| !line.contains("= -1"));
    let paths = opened.filter_map(|line| line.split('"').nth(1));
    Some(paths.map(str::to_owned).collect())
}

/// Returns whether a path looks like a file of root certificates.
fn holds_roots(path: &str) -> bool {
    let places = ["/etc/ssl", "/etc/pki", "/usr/share/ca-certificates", "/usr/lib/ssl"];
    let endings = [".pem", ".crt", ".cer"];
    places.iter().any(|place| path.starts_with(place)) || endings.iter().any(|ending| path.ends_with(ending))
}

#[test]
fn no_root_certificate_is_read_for_plain_http() {
    let aws = Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#));
    let Some(opened) = opened(sandbox(&aws)) else {
        return;
    };
    let roots: Vec<&String> = opened.iter().filter(|path| holds_roots(path)).collect();
    assert!(roots.is_empty(), "{roots:?}");
}

#[test]
fn a_given_bundle_is_the_only_one_that_is_read_and_is_read_once() {
    let Some(authority) = Authority::new() else {
        return;
    };
    let aws = served(authority.acceptor()).secret("y", Secret::json(r#"{"k":"v"}"#));
    let sandbox = sandbox(&aws).resolve("B=y:k");
    let sandbox = sandbox.env("AWS_CA_BUNDLE", authority.bundle());
    let Some(opened) = opened(sandbox) else {
        return;
    };
    let roots: Vec<&String> = opened.iter().filter(|path| holds_roots(path)).collect();
    assert_eq!(roots, [authority.bundle().to_str().unwrap()]);
}

#[test]
fn a_proxy_carries_the_request_to_the_real_name_of_the_service() {
    let Some(authority) = Authority::new() else {
        return;
    };
    for name in ["HTTPS_PROXY", "https_proxy"] {
        let aws = served(authority.acceptor());
        let proxy = Proxy::before(aws.address());
        let run = sandbox(&aws)
            .env_remove("AWS_ENDPOINT_URL")
            .env("AWS_CA_BUNDLE", authority.bundle())
            .env(name, proxy.url())
            .run();
        run.launched().has("A", "v");
        assert_eq!(proxy.asked(), ["CONNECT secretsmanager.us-east-1.amazonaws.com:443"]);
        let host = "secretsmanager.us-east-1.amazonaws.com";
        assert_eq!(aws.only_read().header("host"), Some(host));
    }
}

#[test]
fn a_host_in_no_proxy_is_reached_directly() {
    let Some(authority) = Authority::new() else {
        return;
    };
    let aws = served(authority.acceptor());
    let proxy = Proxy::before(aws.address());
    let run = sandbox(&aws)
        .env("AWS_CA_BUNDLE", authority.bundle())
        .env("HTTPS_PROXY", proxy.url())
        .env("NO_PROXY", "example.com,localhost")
        .run();
    run.launched().has("A", "v");
    assert!(proxy.asked().is_empty());
}

#[test]
fn a_proxy_that_is_no_url_is_a_usage_error() {
    let aws = Aws::start();
    let sandbox = sandbox(&aws).env("HTTPS_PROXY", "http://[broken");
    sandbox.run().refused(64).says(["HTTPS_PROXY"]);
}

#[test]
fn a_host_that_has_no_address_is_temporary() {
    let run = Sandbox::new()
        .aws(&Aws::start())
        .endpoint("http://nowhere.invalid")
        .args(["--timeout", "3s"])
        .resolve("A=x:k")
        .run();
    run.refused(75).says(["A"]);
}

#[test]
fn a_proxy_that_cannot_be_reached_is_named_without_its_password() {
    let proxy = format!("http://user:{CANARY}@127.0.0.1:9");
    let sandbox = Sandbox::new().aws(&Aws::start()).env("HTTPS_PROXY", proxy);
    let run = sandbox.endpoint("https://secrets.invalid").args(["--timeout", "2s"]).resolve("A=x:k").run();
    run.refused(75).says(["A", "secrets.invalid", "the proxy 127.0.0.1:9"]);
}

/// Asserts that a launch with these settings requests the secret `id` from this service.
fn asks(name: &str, id: &str, surroundings: &[(&str, &str)]) {
    let Some(authority) = Authority::new() else {
        return;
    };
    let aws = served(authority.acceptor_for(&format!("DNS:{name}"))).secret(id, Secret::json(r#"{"k":"v"}"#));
    let proxy = Proxy::before(aws.address());
    let mut sandbox = Sandbox::new()
        .aws(&aws)
        .env_remove("AWS_ENDPOINT_URL")
        .env("AWS_CA_BUNDLE", authority.bundle())
        .env("HTTPS_PROXY", proxy.url());
    for (name, value) in surroundings {
        sandbox = sandbox.env(name, value);
    }
    let run = sandbox.resolve(&format!("A={id}:k")).run();
    run.launched().has("A", "v");
    assert_eq!(proxy.asked(), [format!("CONNECT {name}:443")]);
}

#[test]
fn the_partition_decides_the_name_of_the_service() {
    let arn = "arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:x-AbCdEf";
    asks("secretsmanager.cn-north-1.amazonaws.com.cn", arn, &[]);
}

#[test]
fn fips_has_a_name_of_its_own() {
    asks("secretsmanager-fips.us-east-1.amazonaws.com", "x", &[("AWS_USE_FIPS_ENDPOINT", "true")]);
}

#[test]
fn an_endpoint_may_have_a_path() {
    for (after, path) in [("", "/"), ("/", "/"), ("/a/b", "/a/b/"), ("/a%20b/", "/a%20b/"), ("/a?b=c", "/a/")] {
        let aws = Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#)).parameter("/p", &[Version::text(CANARY)]);
        let url = format!("{}{after}", aws.endpoint());
        let sandbox = Sandbox::new().aws(&aws).endpoint(&url).env("AWS_ENDPOINT_URL_SSM", &url);
        sandbox.resolve("A=x:k").resolve("B=ssm:/p").run().launched().has("A", "v");
        let paths: Vec<_> = aws.calls().iter().map(|call| call.path().to_owned()).collect();
        assert_eq!(paths, [path, path], "{after}");
    }
}

#[test]
fn a_configured_endpoint_can_be_ignored() {
    let elsewhere = ("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
    let ignored = ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true");
    asks("secretsmanager.us-east-1.amazonaws.com", "x", &[elsewhere, ignored]);
}

#[test]
fn an_authoritys_own_certificate_is_told_as_such() {
    let Some(authority) = Authority::new() else { return };
    let aws = served(authority.acceptor_of_itself());
    let run = sandbox(&aws).args(["--ca-bundle", authority.bundle().to_str().unwrap()]).run();
    run.refused(78).says(["A", "localhost", "CA:TRUE"]);
    assert_eq!(aws.connections(), 1);
}
