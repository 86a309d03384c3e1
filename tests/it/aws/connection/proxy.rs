//! Broken proxies: the error names the proxy, and the launch ends at its deadline.

use std::time::Duration;

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

/// A proxy that rejects the user name and the password.
const REJECTING: &str =
    "read; send HTTP/1.1 407 Proxy Authentication Required⏎content-length: 15⏎⏎{canary}";

#[test]
fn a_launch_through_a_broken_proxy_fails_with_75_and_names_the_proxy_and_the_service() {
    let endless_head = format!("read; send HTTP/1.1 200 OK⏎{}", "x: y⏎".repeat(9000));
    let statuses = [301, 400, 401, 403, 404, 429, 500, 502, 504];
    let with_status = statuses.map(|status| {
        let script = format!("read; send HTTP/1.1 {status} No⏎content-length: 15⏎⏎{{canary}}");
        (script, Some(status))
    });
    let broken = [
        "",
        "read",
        "read; send HTTP/1.1 200 ",
        "read; send HTTP/1.1 200 Connection established⏎⏎",
        // It isn't a proxy.
        "read; send 220 mail.example ESMTP⏎",
        &endless_head,
        // A proxy that terminates TLS answers instead of the service.
        "read; send HTTP/1.1 200 Connection established⏎⏎{wrong}; wait",
    ];
    let broken = broken.map(|script| (script.to_owned(), None));

    for (script, status) in broken.into_iter().chain(with_status) {
        let proxy = scripted(&[&script]);
        let case = &script[..script.len().min(100)];
        let run = launch_through(&proxy).attempts(2).case(case).run();
        let named = format!("the proxy 127.0.0.1:{} (HTTPS_PROXY)", proxy.port());
        run.refused(75).says(["A (", &named]);
        if let Some(status) = status {
            let host = "secretsmanager.us-east-1.amazonaws.com:443";
            let said = format!("doesn't connect to {host} (HTTP status {status})");
            run.says([&*said]);
        }
        assert_eq!(proxy.connections(), 2, "{run}");
    }
}

#[test]
fn a_launch_ends_at_its_timeout_if_a_proxy_or_its_tunnel_does_not_answer() {
    for script in [
        "read; stall",
        "read; drip HTTP/1.1 200 Connection established⏎x: y⏎⏎",
        "read; send HTTP/1.1 200 Connection established⏎⏎; stall",
    ] {
        let proxy = scripted(&[script]);
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
    let proxy = scripted(&[REJECTING]);
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
        "proxy-authenticate: Basic⏎ realm=folded",
        "no header",
        &"x: y⏎".repeat(9000),
    ] {
        let rejected = "HTTP/1.1 407 Proxy Authentication Required";
        let proxy = scripted(&[&format!("read; send {rejected}⏎{headers}⏎⏎")]);
        launch_through(&proxy).run().refused(78).says([
            "A (",
            "rejects the user name and password",
            "correct them in HTTPS_PROXY",
        ]);
        assert_eq!(proxy.connections(), 1);
    }
    let proxy = scripted(&[&REJECTING.replace("HTTP/1.1", "HTTP/1.0")]);
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
