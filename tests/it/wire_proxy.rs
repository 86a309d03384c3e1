//! A broken proxy: the error names it, and the deadline holds.

use std::time::Duration;

use crate::support::deadline::ends_within;
use crate::support::sandbox::{ACCESS_SECRET, CANARY, Sandbox};
use crate::support::wire::{Script, Step, Wire, answer, body, with_head};

/// A launch that would reach AWS through this proxy.
fn sandbox(proxy: &Wire) -> Sandbox {
    Sandbox::new()
        .region("us-east-1")
        .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", ACCESS_SECRET)
        .env("HTTPS_PROXY", format!("http://user:{CANARY}@127.0.0.1:{}", proxy.port()))
        .resolve("A=x:k")
}

/// The service and the proxy, as an error names them.
fn both(proxy: &Wire) -> String {
    format!("secretsmanager.us-east-1.amazonaws.com through the proxy 127.0.0.1:{}", proxy.port())
}

/// Asserts status 75 after the allowed attempts.
fn may_pass(script: Script) {
    let proxy = Wire::plain(vec![script]);
    let run = sandbox(&proxy).env("AWS_MAX_ATTEMPTS", "2").run();
    run.refused(75).says(["A", "secret x", &both(&proxy)]);
    assert_eq!(proxy.connections(), 2, "{run}");
}

fn ends_with_the_time(script: Script) {
    let proxy = Wire::plain(vec![script]);
    ends_within(Duration::from_millis(400), sandbox(&proxy)).refused(75).says(["A", "secret x"]);
}

/// The proxy's answer that opens the tunnel.
fn opened() -> Vec<u8> {
    with_head(&["HTTP/1.1 200 Connection established"], "")
}

#[test]
fn a_proxy_that_does_not_answer_ends_with_the_time() {
    ends_with_the_time(vec![Step::Request, Step::Stall]);
    let head = with_head(&["HTTP/1.1 200 Connection established", "x: y"], "");
    ends_with_the_time(vec![Step::Request, Step::Drip(head, Duration::from_millis(50))]);
}

#[test]
fn a_tunnel_that_leads_nowhere_ends_with_the_time() {
    ends_with_the_time(vec![Step::Request, Step::Send(opened()), Step::Stall]);
}

#[test]
fn a_proxy_that_hangs_up_is_told() {
    may_pass(Vec::new());
    may_pass(vec![Step::Request]);
    may_pass(vec![Step::Request, Step::Send(b"HTTP/1.1 200 ".to_vec())]);
    may_pass(vec![Step::Request, Step::Send(opened())]);
}

#[test]
fn a_proxy_that_is_none_is_told() {
    may_pass(vec![Step::Request, Step::Send(b"220 mail.example ESMTP\r\n".to_vec())]);
    may_pass(vec![Step::Request, Step::Send(with_head(&["HTTP/1.1 200 OK", &"x: y\r\n".repeat(9000)], ""))]);
}

#[test]
fn a_proxy_that_answers_every_status_but_success_is_told() {
    for status in ["301 Moved", "400 Bad", "403 Forbidden", "404 None", "429 Slow", "500 Broken", "502 Bad", "504 Late"]
    {
        may_pass(vec![Step::Request, Step::Send(answer(&format!("HTTP/1.1 {status}"), CANARY))]);
    }
}

#[test]
fn a_proxy_that_wants_another_password_is_78_and_asked_once() {
    for version in ["1.0", "1.1"] {
        let head = format!("HTTP/{version} 407 Proxy Authentication Required");
        let proxy = Wire::plain(vec![vec![Step::Request, Step::Send(answer(&head, CANARY))]]);
        let named = format!("the proxy 127.0.0.1:{}", proxy.port());
        sandbox(&proxy).run().refused(78).says(["A", &named, "rejects the user name and password"]);
        let url = format!("http://127.0.0.1:{}", proxy.port());
        let forwarded = sandbox(&proxy).endpoint("http://example.com").env("HTTP_PROXY", url);
        forwarded.run().refused(78).says(["A", &named, "requires a user name and a password"]);
        assert_eq!(proxy.connections(), 2);
    }
}

#[test]
fn a_role_behind_a_proxy_that_wants_a_password_is_78_and_not_the_roles_fault() {
    let head = "HTTP/1.1 407 Proxy Authentication Required";
    let proxy = Wire::plain(vec![vec![Step::Request, Step::Send(answer(head, CANARY))]]);
    let role = "arn:aws:iam::123456789012:role/app";
    let assumed = sandbox(&proxy).args(["--role-arn", role]);
    assumed.run().refused(78).says(["rejects the user name and password"]).says_nothing_of("sts:AssumeRole");
    let token = sandbox(&proxy).file("token", CANARY);
    let file = token.path("token");
    let web_identity = token.env_remove("AWS_ACCESS_KEY_ID").env("AWS_ROLE_ARN", role);
    let run = web_identity.env("AWS_WEB_IDENTITY_TOKEN_FILE", file).run();
    run.refused(78).says(["rejects the user name and password"]);
}

#[test]
fn a_proxy_that_answers_in_the_place_of_the_service_is_no_service() {
    // As a proxy that terminates TLS would answer.
    let secret = answer("HTTP/1.1 200 OK", body("wrong"));
    may_pass(vec![Step::Request, Step::Send([opened(), secret].concat()), Step::Pause(Duration::from_millis(50))]);
}

#[test]
fn a_password_that_a_proxy_rejects_is_sent_once_for_all_values() {
    let head = "HTTP/1.1 407 Proxy Authentication Required";
    let proxy = Wire::plain(vec![vec![Step::Request, Step::Send(answer(head, CANARY))]]);
    let many = |mut sandbox: Sandbox| {
        for n in 0..60 {
            sandbox = sandbox.resolve(&format!("A{n}=x{n}:k"));
        }
        sandbox
    };
    many(sandbox(&proxy)).run().refused(78).says(["A59", "rejects the user name and password"]);
    assert_eq!(proxy.connections(), 1);
    let url = format!("http://user:{CANARY}@127.0.0.1:{}", proxy.port());
    let forwarded = many(sandbox(&proxy).endpoint("http://example.com").env("HTTP_PROXY", url));
    forwarded.run().refused(78).says(["A59", "rejects the user name and password"]);
    assert_eq!(proxy.connections(), 2);
}

#[test]
fn a_407_with_headers_of_any_kind_is_78_and_asked_once() {
    let head = "HTTP/1.1 407 Proxy Authentication Required";
    for headers in ["proxy-authenticate: Basic\r\n realm=folded", "no header", &"x: y\r\n".repeat(9000)] {
        let proxy = Wire::plain(vec![vec![Step::Request, Step::Send(with_head(&[head, headers], ""))]]);
        let run = sandbox(&proxy).resolve("B=y:k").run();
        run.refused(78).says(["A", "rejects the user name and password"]);
        assert_eq!(proxy.connections(), 1, "{run}");
    }
}

#[test]
fn a_rejected_password_is_not_sent_again_in_another_region_or_for_the_identity() {
    let head = "HTTP/1.1 407 Proxy Authentication Required";
    let proxy = Wire::plain(vec![vec![Step::Request, Step::Send(answer(head, CANARY))]]);
    let sandbox = sandbox(&proxy).resolve("B=y:k").args(["-vv", "--fallback-region", "eu-west-1"]);
    sandbox.run().refused(78).says(["rejects the user name and password"]);
    assert_eq!(proxy.connections(), 1);
}
