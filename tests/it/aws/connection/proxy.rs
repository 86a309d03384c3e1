//! Broken proxies: the error names the proxy, and the launch ends at its deadline.

use std::time::Duration;

use crate::support::wire::{answer, body, with_head};
use crate::support::*;

/// A launch that would reach AWS through this proxy.
fn launch_through(proxy: &Wire) -> Sandbox {
    let url = format!("http://user:{CANARY}@127.0.0.1:{}", proxy.port());
    Sandbox::new()
        .region("us-east-1")
        .keys()
        .env("HTTPS_PROXY", url)
        .resolve("A=x:k")
}

/// A proxy that answers every request with this status.
fn proxy_with_answer(head: &str) -> Wire {
    Wire::plain(vec![vec![Step::Request, Step::Send(answer(head, CANARY))]])
}

const REJECTED: &str = "HTTP/1.1 407 Proxy Authentication Required";

/// The answer with which a proxy opens the tunnel.
fn tunnel_opened() -> Vec<u8> {
    with_head(&["HTTP/1.1 200 Connection established"], "")
}

#[test]
fn a_launch_through_a_broken_proxy_fails_with_75_and_names_the_proxy_and_the_service() {
    let send = |bytes: Vec<u8>| vec![Step::Request, Step::Send(bytes)];
    let mut scripts: Vec<(&str, Script)> = vec![
        ("it hangs up", Vec::new()),
        ("it hangs up on the request", vec![Step::Request]),
        (
            "it hangs up in the status line",
            send(b"HTTP/1.1 200 ".to_vec()),
        ),
        ("it hangs up in the tunnel", send(tunnel_opened())),
        (
            "it isn't a proxy",
            send(b"220 mail.example ESMTP\r\n".to_vec()),
        ),
        (
            "its head has no end",
            send(with_head(
                &["HTTP/1.1 200 OK", &"x: y\r\n".repeat(9000)],
                "",
            )),
        ),
        (
            "it answers instead of the service, as a proxy that terminates TLS would",
            [
                send(
                    [
                        tunnel_opened(),
                        answer("HTTP/1.1 200 OK", body("wrong-4c7a1e")),
                    ]
                    .concat(),
                ),
                vec![Step::Pause(Duration::from_millis(50))],
            ]
            .concat(),
        ),
    ];
    let statuses = "301 Moved|400 Bad|401 Unauthorized|403 Forbidden|404 None|429 Slow|500 Broken|502 Bad|504 Late";
    for status in statuses.split('|') {
        scripts.push((status, send(answer(&format!("HTTP/1.1 {status}"), CANARY))));
    }
    for (case, script) in scripts {
        let proxy = Wire::plain(vec![script]);
        let run = launch_through(&proxy).attempts(2).case(case).run();
        let named = format!("the proxy 127.0.0.1:{} (HTTPS_PROXY)", proxy.port());
        run.refused(75).says(["A (", &named]);
        if let Ok(status) = case.split(' ').next().unwrap().parse::<u16>() {
            let host = "secretsmanager.us-east-1.amazonaws.com:443";
            run.says([&*format!(
                "doesn't connect to {host} (HTTP status {status})"
            )]);
        }
        assert_eq!(proxy.connections(), 2, "{run}");
    }
}

#[test]
fn a_launch_ends_at_its_timeout_if_a_proxy_or_its_tunnel_does_not_answer() {
    let head = with_head(&["HTTP/1.1 200 Connection established", "x: y"], "");
    for last in [
        vec![Step::Stall],
        vec![Step::Drip(head, Duration::from_millis(50))],
        vec![Step::Send(tunnel_opened()), Step::Stall],
    ] {
        let proxy = Wire::plain(vec![[vec![Step::Request], last].concat()]);
        ends_within(Duration::from_millis(400), launch_through(&proxy))
            .refused(75)
            .says(["A (", "didn't answer in time"]);
    }
}

#[test]
fn a_launch_fails_with_78_after_one_request_if_a_proxy_rejects_the_password() {
    let said = "rejects the user name and password in its URL (HTTP status 407)";
    let many = |sandbox: Sandbox| {
        (0..60).fold(sandbox, |sandbox, n| {
            sandbox.resolve(&format!("A{n}=x{n}:k"))
        })
    };
    let proxy = proxy_with_answer(REJECTED);
    let named = format!("the proxy 127.0.0.1:{}", proxy.port());
    many(launch_through(&proxy))
        .run()
        .refused(78)
        .says(["and 56 more", &named, said]);
    assert_eq!(proxy.connections(), 1);
    let url = format!("http://user:{CANARY}@127.0.0.1:{}", proxy.port());
    let forwarded = many(
        launch_through(&proxy)
            .endpoint("http://example.com")
            .env("HTTP_PROXY", url),
    );
    forwarded.run().refused(78).says(["and 56 more", said]);
    assert_eq!(proxy.connections(), 2);
    launch_through(&proxy)
        .args(["-vv", "--fallback-region", "eu-west-1"])
        .run()
        .refused(78)
        .says([said]);
    assert_eq!(proxy.connections(), 3);
    let role = launch_through(&proxy).args(["--role-arn", ROLE]).run();
    role.refused(78)
        .says([said])
        .says_nothing_of("sts:AssumeRole");
    launch_through(&proxy)
        .without_keys()
        .web_identity()
        .run()
        .refused(78)
        .says([said]);
}

#[test]
fn a_launch_fails_with_78_after_one_request_if_a_proxy_requires_a_password() {
    for headers in [
        "proxy-authenticate: Basic\r\n realm=folded",
        "no header",
        &"x: y\r\n".repeat(9000),
    ] {
        let proxy = Wire::plain(vec![vec![
            Step::Request,
            Step::Send(with_head(&[REJECTED, headers], "")),
        ]]);
        launch_through(&proxy).run().refused(78).says([
            "A (",
            "rejects the user name and password",
            "correct them in HTTPS_PROXY",
        ]);
        assert_eq!(proxy.connections(), 1);
    }
    let proxy = proxy_with_answer("HTTP/1.0 407 Proxy Authentication Required");
    let url = format!("http://127.0.0.1:{}", proxy.port());
    let nameless = launch_through(&proxy)
        .env("HTTPS_PROXY", &url)
        .env("HTTP_PROXY", url);
    nameless.run().refused(78).says([
        "A (",
        "requires a user name and a password",
        "write HTTPS_PROXY=http://USER:PASSWORD@127.0.0.1:",
    ]);
    nameless
        .endpoint("http://example.com")
        .run()
        .refused(78)
        .says(["A (", "requires a user name and a password"]);
    assert_eq!(proxy.connections(), 2);
}
