//! Broken proxies: the error names the proxy, and the launch ends at its deadline.

use std::time::Duration;

use crate::support::*;

/// A launch that would reach AWS through this proxy, and another endpoint without TLS as well.
fn launch_through(proxy: &Wire) -> Sandbox {
    let url = format!("http://user:{CANARY}@127.0.0.1:{}", proxy.port());
    let sandbox = Sandbox::new().region("us-east-1").keys().resolve("A=x:k");
    sandbox.env("HTTPS_PROXY", &url).env("HTTP_PROXY", &url)
}

/// A proxy that rejects the user name and the password.
const REJECTING: &str =
    "read; send HTTP/1.1 407 Proxy Authentication Required⏎content-length: 15⏎⏎{canary}";

#[test]
fn a_launch_through_a_broken_proxy_fails_with_75_and_names_proxy_and_service() {
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
        run.refused(75, ["A (", &named]);
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
            .refused(75, ["A (", "didn't answer in time"]);
    }
}

#[test]
fn a_launch_fails_with_78_after_one_request_if_a_proxy_rejects_the_password() {
    let said = "requires a valid user name and password (HTTP status 407)";
    let proxy = scripted(&[REJECTING]);
    let named = format!("the proxy 127.0.0.1:{}", proxy.port());
    let many = || {
        (0..60).fold(launch_through(&proxy), |sandbox, n| {
            sandbox.resolve(&format!("A{n}=x{n}:k"))
        })
    };
    let fallback = launch_through(&proxy).args(["-vv", "--fallback-region", "eu-west-1"]);
    let launches = [
        (many(), "and 56 more"),
        (many().endpoint("http://example.com"), "and 56 more"),
        (fallback, "A ("),
        (launch_through(&proxy).args(["--role-arn", ROLE]), "A ("),
        (launch_through(&proxy).without_keys().web_identity(), "A ("),
    ];
    for (before, (launch, entries)) in launches.into_iter().enumerate() {
        let run = launch.run();
        run.refused(78, [&named, said, entries]);
        run.says_nothing_of("sts:AssumeRole");
        assert_eq!(proxy.connections(), before + 1, "{run}");
    }
}

#[test]
fn a_launch_fails_with_78_after_one_request_if_a_proxy_answers_407() {
    let many = "x: y⏎".repeat(90);
    let folded = "proxy-authenticate: Basic⏎ realm=folded";
    for headers in [folded, "no header", &many] {
        let rejected = "HTTP/1.1 407 Proxy Authentication Required";
        let proxy = scripted(&[&format!("read; send {rejected}⏎{headers}⏎⏎")]);
        let said = [
            "requires a valid user name and password",
            "USER:PASSWORD@ before the host in HTTPS_PROXY",
        ];
        launch_through(&proxy).run().refused(78, said);
        assert_eq!(proxy.connections(), 1);
    }
}

#[test]
fn a_launch_without_a_password_for_a_proxy_says_in_which_variable_to_write_it() {
    let proxy = scripted(&[&REJECTING.replace("HTTP/1.1", "HTTP/1.0")]);
    let url = format!("http://127.0.0.1:{}", proxy.port());
    for (endpoint, name) in [("", "HTTPS_PROXY"), ("http://example.com", "HTTP_PROXY")] {
        let launch = launch_through(&proxy).endpoint(endpoint).env(name, &url);
        let remedy = format!("USER:PASSWORD@ before the host in {name}");
        let said = ["A (", "requires a valid user name and password", &remedy];
        launch.run().refused(78, said);
    }
    assert_eq!(proxy.connections(), 2);
}

#[test]
fn an_error_that_a_proxy_sends_instead_of_an_emulator_is_not_blamed_on_aws() {
    for status in [302, 403, 404, 429, 502] {
        let script = format!("read; send HTTP/1.1 {status} No⏎content-length: 15⏎⏎{{canary}}");
        let proxy = scripted(&[&script]);
        let launch = launch_through(&proxy).endpoint("http://emulator.example:4566");
        let run = launch.attempts(1).case(&script).run();
        let port = proxy.port();
        let said = format!("the request through the proxy 127.0.0.1:{port} (HTTP_PROXY) got ");
        let help = "help: correct HTTP_PROXY, or add emulator.example to NO_PROXY";
        run.refused(75, [&*said, &format!("HTTP status {status}"), help]);
        run.says_nothing_of("AWS says");
    }
}
