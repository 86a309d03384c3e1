//! Answers that are malformed HTTP or broken TLS, on a first and on a second use of a connection:
//! they are retried, and never used as a value.
//!
//! Each test starts a server that follows a script on each connection: the first script on the
//! first connection, and the last one on all later connections. Secrets Manager is this server. A
//! wrong answer has the value `wrong-4c7a1e`, and a right one has `v-4c7a1e`.

use std::time::Duration;

use crate::support::network::Proxy;
use crate::support::wire::{answer, body as secret_json, with_head};
use crate::support::*;

/// How long a server waits before it closes a connection, so that the client can read what was
/// sent.
const A_MOMENT: Duration = Duration::from_millis(50);

/// A launch whose Secrets Manager is this server.
fn launch_with(server: &Wire) -> Sandbox {
    launch_at(&format!("http://localhost:{}", server.port()))
}

/// A launch whose Secrets Manager is this server, over TLS.
fn launch_with_tls(authority: &Authority, server: &Wire) -> Sandbox {
    launch_at(&format!("https://localhost:{}", server.port()))
        .env("AWS_CA_BUNDLE", authority.bundle())
}

fn launch_at(url: &str) -> Sandbox {
    Sandbox::new().endpoint(url).region("us-east-1").keys()
}

/// Runs a test twice, with a server that follows these scripts: without TLS, and with it.
fn without_and_with_tls(case: &str, scripts: &[Script], test: impl Fn(&Wire, Sandbox)) {
    let server = Wire::plain(scripts.to_vec());
    test(&server, launch_with(&server).case(case));

    let Some(authority) = Authority::new() else {
        return;
    };
    let server = Wire::tls(authority.acceptor(), scripts.to_vec());
    let launch = launch_with_tls(&authority, &server);
    test(&server, launch.case(format!("{case}, within TLS")));
}

/// The script of a server that reads a request and sends these bytes. The connection stays open for
/// another request.
fn reads_and_sends(bytes: impl Into<Vec<u8>>) -> Script {
    vec![Step::Request, Step::Send(bytes.into())]
}

/// The script of a server that reads a request and sends an answer with `connection: close` after
/// the status line. The next attempt then needs another connection, so a launch makes as many
/// connections as attempts.
fn reads_and_sends_last(head: &[&str], body: impl AsRef<[u8]>) -> Script {
    let (status_line, headers) = head.split_at(1);
    let head = [status_line, &["connection: close"], headers].concat();
    reads_and_sends(with_head(&head, body))
}

/// The script of a server that gives the secret `x`, whose key `k` has this value.
fn gives_secret(value: &str) -> Script {
    reads_and_sends(answer("HTTP/1.1 200 OK", secret_json(value)))
}

/// An answer with a wrong value, which ends 20 bytes before the length in its header.
fn wrong_answer_cut_short() -> Vec<u8> {
    let mut bytes = answer("HTTP/1.1 200 OK", secret_json("wrong-4c7a1e"));
    bytes.truncate(bytes.len() - 20);
    bytes
}

/// Servers whose answer isn't the JSON of a secret in valid HTTP.
fn malformed_responses() -> Vec<(&'static str, Script)> {
    let json = secret_json("wrong-4c7a1e");
    let chunked = ["HTTP/1.1 200 OK", "transfer-encoding: chunked"];
    let with_length = |length: usize| format!("content-length: {length}");
    // gzip's magic number and method; the rest would matter only to a client that unpacks it.
    let gzipped = [b"\x1f\x8b\x08\x00".as_slice(), CANARY.as_bytes()].concat();
    // The byte 0xff is never a part of UTF-8.
    let (before, after) = json.split_once("wrong").unwrap();
    let not_utf8 = [before.as_bytes(), b"\xff", after.as_bytes()].concat();
    let many_lines = format!("x-filler: {CANARY}\r\n").repeat(60_000);

    vec![
        (
            "a chunked body without its last chunk",
            reads_and_sends_last(&chunked, format!("{:x}\r\n{json}\r\n", json.len())),
        ),
        (
            "a chunk that is cut short",
            reads_and_sends_last(
                &chunked,
                format!("{:x}\r\n{}", json.len(), &json[..json.len() / 2]),
            ),
        ),
        (
            "a body that is shorter than its length",
            reads_and_sends_last(&["HTTP/1.1 200 OK", &with_length(json.len() + 1)], &json),
        ),
        (
            "two different lengths",
            reads_and_sends_last(
                &[
                    "HTTP/1.1 200 OK",
                    "content-length: 10",
                    &with_length(json.len()),
                ],
                &json,
            ),
        ),
        (
            "a body with two JSON documents",
            reads_and_sends_last(
                &["HTTP/1.1 200 OK", &with_length(2 * json.len())],
                json.repeat(2),
            ),
        ),
        (
            "a gzipped body, which the request didn't accept",
            reads_and_sends_last(
                &[
                    "HTTP/1.1 200 OK",
                    "content-encoding: gzip",
                    &with_length(gzipped.len()),
                ],
                gzipped,
            ),
        ),
        (
            "a body that isn't UTF-8",
            reads_and_sends_last(&["HTTP/1.1 200 OK", &with_length(not_utf8.len())], not_utf8),
        ),
        (
            "no content",
            reads_and_sends_last(&["HTTP/1.1 204 No Content"], ""),
        ),
        (
            "not modified",
            reads_and_sends_last(&["HTTP/1.1 304 Not Modified"], ""),
        ),
        (
            "a header of 60,000 lines",
            reads_and_sends_last(&["HTTP/1.1 200 OK", &many_lines], &json),
        ),
        (
            "the greeting of an SSH server",
            reads_and_sends(*b"SSH-2.0-OpenSSH_9.2p1\r\n"),
        ),
        (
            "a change to another protocol",
            reads_and_sends(with_head(
                &[
                    "HTTP/1.1 101 Switching Protocols",
                    "connection: upgrade",
                    "upgrade: websocket",
                ],
                &json,
            )),
        ),
    ]
}

#[test]
fn a_launch_fails_with_75_if_the_http_answer_to_each_attempt_is_malformed() {
    for (case, malformed) in malformed_responses() {
        without_and_with_tls(case, &[malformed], |server, launch| {
            let run = launch.resolve("A=x:k").attempts(2).run();
            run.refused(75).says(["A ("]);
            assert_eq!(server.connections(), 2, "{run}");
        });
    }
}

#[test]
fn a_value_is_read_at_the_second_attempt_if_the_first_http_response_is_malformed() {
    for (case, malformed) in malformed_responses() {
        let scripts = [malformed, gives_secret("v-4c7a1e")];
        without_and_with_tls(case, &scripts, |server, launch| {
            let run = launch.resolve("A=x:k").run();
            run.launched_silently().has("A", "v-4c7a1e");
            assert_eq!(server.connections(), 2, "{case}");
        });
    }
}

#[test]
fn a_value_is_read_from_an_http_answer_that_is_unusual_but_valid() {
    let right = answer("HTTP/1.1 200 OK", secret_json("v-4c7a1e"));
    let informational = [
        with_head(&["HTTP/1.1 100 Continue"], ""),
        with_head(&["HTTP/1.1 103 Early Hints", "link: </x>; rel=preload"], ""),
    ]
    .concat();
    let without_length = with_head(&["HTTP/1.0 200 OK"], secret_json("v-4c7a1e"));

    for (case, script) in [
        (
            "informational answers come first",
            reads_and_sends([informational, right.clone()].concat()),
        ),
        (
            "the body ends with the connection",
            reads_and_sends(without_length),
        ),
        (
            "each byte is sent by itself",
            vec![
                Step::Request,
                Step::Drip(right.clone(), Duration::from_millis(1)),
            ],
        ),
        (
            "TLS ends without close_notify after the whole answer",
            vec![Step::Request, Step::Send(right), Step::Cut],
        ),
    ] {
        without_and_with_tls(case, &[script], |server, launch| {
            let run = launch.resolve("A=x:k").run();
            run.launched_silently().has("A", "v-4c7a1e");
            assert_eq!(server.connections(), 1, "{case}");
        });
    }
}

#[test]
fn a_launch_fails_with_75_at_its_timeout_if_an_http_answer_does_not_end() {
    let json = secret_json("wrong-4c7a1e");
    let head = with_head(
        &[
            "HTTP/1.1 200 OK",
            &format!("content-length: {}", json.len()),
        ],
        "",
    );
    let informational = with_head(&["HTTP/1.1 103 Early Hints"], "").repeat(1000);
    let slowly = |bytes: Vec<u8>| Step::Drip(bytes, Duration::from_millis(50));

    for (case, script) in [
        (
            "the header is slow",
            vec![Step::Request, slowly(answer("HTTP/1.1 200 OK", &json))],
        ),
        (
            "the body is slow",
            vec![
                Step::Request,
                Step::Send(head),
                slowly(json.clone().into_bytes()),
            ],
        ),
        (
            "the body stops",
            vec![
                Step::Request,
                Step::Send(wrong_answer_cut_short()),
                Step::Stall,
            ],
        ),
        (
            "there are ever more informational answers",
            vec![
                Step::Request,
                Step::Drip(informational, Duration::from_millis(1)),
            ],
        ),
    ] {
        without_and_with_tls(case, &[script], |_, launch| {
            let run = ends_within(Duration::from_millis(400), launch.resolve("A=x:k"));
            run.refused(75).says(["A (", "didn't answer in time"]);
        });
    }
}

#[test]
fn a_value_is_read_at_the_second_attempt_if_the_first_answer_stops_half_way() {
    let stops = vec![
        Step::Request,
        Step::Send(wrong_answer_cut_short()),
        Step::Stall,
    ];
    let server = Wire::plain(vec![stops, gives_secret("v-4c7a1e")]);

    let run = launch_with(&server).resolve("A=x:k").timeout("9s").run();

    run.launched().warned_of_nothing().has("A", "v-4c7a1e");
    assert_eq!(server.connections(), 2);
}

/// The steps of a server that reads only the header of a request, sends a part of an answer, and
/// resets the connection. The system resets a connection that is closed while it has unread bytes.
fn resets_within_the_answer() -> Script {
    vec![
        Step::Head,
        Step::Send(wrong_answer_cut_short()),
        Step::Pause(A_MOMENT),
    ]
}

#[test]
fn a_value_is_read_even_if_the_connection_is_reset_before_or_within_the_first_answers() {
    let resets_before_the_answer = vec![Step::Head];
    let server = Wire::plain(vec![
        resets_within_the_answer(),
        resets_before_the_answer,
        gives_secret("v-4c7a1e"),
    ]);

    let run = launch_with(&server).resolve("A=x:k").run();

    run.launched_silently().has("A", "v-4c7a1e");
    assert_eq!(server.connections(), 3);
}

#[test]
fn a_launch_fails_with_75_if_each_connection_is_reset_within_the_answer() {
    let server = Wire::plain(vec![resets_within_the_answer()]);
    let run = launch_with(&server).resolve("A=x:k").attempts(2).run();
    run.refused(75)
        .says(["A (", "the connection to localhost:", " broke: "]);
}

#[test]
fn the_error_names_an_https_endpoint_that_does_not_speak_tls_and_hints_at_the_likely_cause() {
    let Some(authority) = Authority::new() else {
        return;
    };
    // A firewall that looks for the server's name in the first packet does not find it there with a
    // post-quantum key exchange.
    let firewall = "--key-exchange classical";
    let plain_http = "write http:// instead of https:// in AWS_ENDPOINT_URL";
    let bad_request = answer("HTTP/1.1 400 Bad Request", "this is not TLS");
    let handshake_failure_alert = vec![21, 3, 3, 0, 2, 2, 40];

    for (case, script, hint) in [
        (
            "it answers in plain HTTP",
            vec![
                Step::Greeting,
                Step::Send(bad_request),
                Step::Pause(A_MOMENT),
            ],
            Some(plain_http),
        ),
        (
            "it closes the connection after the greeting",
            vec![Step::Greeting],
            Some(firewall),
        ),
        // Nothing is read, so closing the connection resets it.
        (
            "it resets the connection",
            vec![Step::Pause(A_MOMENT)],
            Some(firewall),
        ),
        (
            "it sends a fatal alert",
            vec![Step::Greeting, Step::Send(handshake_failure_alert)],
            None,
        ),
        (
            "it doesn't answer the greeting",
            vec![Step::Greeting, Step::Stall],
            Some(firewall),
        ),
    ] {
        let server = Wire::plain(vec![script]);
        let launch = launch_with_tls(&authority, &server).case(case);

        let run = launch.resolve("A=x:k").attempts(2).timeout("20s").run();

        // A server that speaks another protocol is not asked again.
        let (status, attempts) = if hint == Some(plain_http) {
            (78, 1)
        } else {
            (75, 2)
        };
        let address = format!("localhost:{}", server.port());
        run.refused(status).says(["A (", &address]);
        for text in [firewall, plain_http] {
            let is_expected = hint == Some(text);
            assert_eq!(run.stderr().contains(text), is_expected, "{text}: {run}");
        }
        // The name of rustls's error.
        run.says_nothing_of("InvalidContentType");
        assert_eq!(server.connections(), attempts, "{run}");
    }
}

/// A server that answers the greeting of TLS in plain HTTP.
fn not_tls() -> Wire {
    let bad_request = answer("HTTP/1.1 400 Bad Request", "this is not TLS");
    let script = vec![
        Step::Greeting,
        Step::Send(bad_request),
        Step::Pause(A_MOMENT),
    ];
    Wire::plain(vec![script])
}

#[test]
fn a_proxy_that_does_not_speak_tls_ends_the_launch_at_once_and_with_wait_it_is_asked_again() {
    let Some(authority) = Authority::new() else {
        return;
    };
    let launch = |server: &Wire| {
        launch_with_tls(&authority, server)
            .endpoint("https://secrets.example")
            .env(
                "HTTPS_PROXY",
                format!("https://localhost:{}", server.port()),
            )
            .resolve("A=x:k")
    };
    let server = not_tls();
    launch(&server).run().refused(78).says([
        "(HTTPS_PROXY) doesn't speak TLS",
        &format!("write HTTPS_PROXY=http://localhost:{}", server.port()),
    ]);
    assert_eq!(server.connections(), 1);

    let server = not_tls();
    launch(&server).args(["--wait", "1s"]).run().refused(75);
    assert!(server.connections() > 1);

    // Many proxies close the connection without an answer.
    let server = Wire::plain(vec![vec![Step::Greeting]]);
    let plain_url = format!("write HTTPS_PROXY=http://localhost:{}", server.port());
    let launched = launch(&server).env("AWS_MAX_ATTEMPTS", "1").run();
    launched.refused(75).says([plain_url.as_str()]);
}

#[test]
fn an_agent_that_does_not_speak_tls_ends_the_launch_at_once_unless_aws_is_the_fallback() {
    let (aws, server) = (served(), not_tls());
    let launch = || {
        sandbox(&aws)
            .arg(format!("--agent=https://localhost:{}", server.port()))
            .env("AWS_TOKEN", "token-4c7a1e")
    };
    let run = launch().run();
    run.refused(78)
        .says(["write http:// instead of https:// in --agent"]);
    assert_eq!(server.connections(), 1, "{run}");
    let run = launch().arg("--agent-fallback").run();
    run.launched().has("A", "v-4c7a1e");
}

#[test]
fn a_captive_portal_in_front_of_aws_is_asked_three_times_and_the_launch_may_be_repeated() {
    let server = not_tls();
    let proxy = Proxy::before(server.address());
    let aws = served();
    let run = sandbox(&aws)
        .env_remove("AWS_ENDPOINT_URL")
        .env("HTTPS_PROXY", proxy.url())
        .run();
    run.refused(75).says([
        "secretsmanager.us-east-1.amazonaws.com through the proxy",
        "doesn't speak TLS",
        "captive portal",
    ]);
    assert_eq!(server.connections(), 3, "{run}");
}

#[test]
fn a_launch_fails_with_75_at_its_timeout_if_a_tls_handshake_does_not_end() {
    let Some(authority) = Authority::new() else {
        return;
    };
    let beginning_of_a_record = vec![22, 3, 3];

    for (case, script) in [
        (
            "it doesn't answer the greeting",
            vec![Step::Greeting, Step::Stall],
        ),
        (
            "it stops within its answer to the greeting",
            vec![
                Step::Greeting,
                Step::Send(beginning_of_a_record),
                Step::Stall,
            ],
        ),
    ] {
        let server = Wire::plain(vec![script]);
        let launch = launch_with_tls(&authority, &server).case(case);
        let run = ends_within(Duration::from_millis(400), launch.resolve("A=x:k"));
        run.refused(75).says(["A (", "didn't answer in time"]);
    }
}

/// Without TLS's close_notify, an attacker who cuts the connection could shorten the body.
#[test]
fn a_value_is_read_at_the_second_attempt_if_the_first_answer_ends_without_tls_close_notify() {
    let Some(authority) = Authority::new() else {
        return;
    };
    let without_length = with_head(&["HTTP/1.0 200 OK"], secret_json("wrong-4c7a1e"));

    for (case, cut) in [
        (
            "within the body",
            vec![
                Step::Request,
                Step::Send(wrong_answer_cut_short()),
                Step::Cut,
            ],
        ),
        (
            "after a body that ends with the connection",
            vec![Step::Request, Step::Send(without_length), Step::Cut],
        ),
        ("before the answer", vec![Step::Request, Step::Cut]),
        ("before the request", vec![Step::Cut]),
    ] {
        let server = Wire::tls(authority.acceptor(), vec![cut, gives_secret("v-4c7a1e")]);
        let launch = launch_with_tls(&authority, &server).case(case);

        let run = launch.resolve("A=x:k").run();

        run.launched_silently().has("A", "v-4c7a1e");
        assert_eq!(server.connections(), 2, "{case}");
    }
}

#[test]
fn the_error_about_a_missing_tls_close_notify_has_no_link_to_the_documentation_of_a_library() {
    let Some(authority) = Authority::new() else {
        return;
    };
    let half_of_a_header = b"HTTP/1.1 200".to_vec();

    for (case, cut) in [
        (
            "within the header of the answer",
            vec![Step::Request, Step::Send(half_of_a_header), Step::Cut],
        ),
        ("before the answer", vec![Step::Request, Step::Cut]),
    ] {
        let server = Wire::tls(authority.acceptor(), vec![cut]);
        let launch = launch_with_tls(&authority, &server).case(case);

        let run = launch.resolve("A=x:k").attempts(1).run();

        run.refused(75).says([
            "A (",
            "closed the connection before its answer was complete",
        ]);
        run.says_nothing_of("docs.rs").says_nothing_of("https://");
    }
}

/// The answer of STS to AssumeRole.
fn role_credentials() -> Vec<u8> {
    let credentials = format!(
        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><AssumedRoleUser>\
         <AssumedRoleId>AROA:s</AssumedRoleId><Arn>arn:aws:sts::123456789012:assumed-role/Reader/s</Arn>\
         </AssumedRoleUser><Credentials><AccessKeyId>ASIAROLEROLEROLEROLE</AccessKeyId><SecretAccessKey>{ACCESS_SECRET}\
         </SecretAccessKey><SessionToken>{ACCESS_SECRET}</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration>\
         </Credentials></AssumeRoleResult></AssumeRoleResponse>"
    );
    answer("HTTP/1.1 200 OK", credentials)
}

/// The server is STS, too, so a launch with a role uses the connection twice: first for the role,
/// then for the secret.
#[test]
fn a_secret_is_read_even_if_the_server_closes_the_connection_on_which_the_role_was_assumed() {
    // What the server does on the first connection after its answer with the role, and how many
    // connections the launch makes.
    for (case, then, connections) in [
        ("it gives the secret", gives_secret("v-4c7a1e"), 1),
        (
            "it closes the connection after the request for the secret",
            vec![Step::Request],
            2,
        ),
        (
            "it cuts the connection after the request for the secret",
            vec![Step::Request, Step::Cut],
            2,
        ),
        (
            "it resets the connection after the request for the secret",
            vec![Step::Head, Step::Cut],
            2,
        ),
        ("it closes the connection at once", Vec::new(), 2),
        ("it cuts the connection at once", vec![Step::Cut], 2),
    ] {
        let scripts = [
            [reads_and_sends(role_credentials()), then].concat(),
            gives_secret("v-4c7a1e"),
        ];
        without_and_with_tls(case, &scripts, |server, launch| {
            let launch = launch.args(["--role-arn", ROLE]).resolve("A=x:k");
            let run = launch.attempts(1).run();
            run.launched_silently().has("A", "v-4c7a1e");
            let seen = server.connections();
            assert_eq!(seen, connections, "{case}: {:#?}", server.heads());
        });
    }
}

/// Again, the server is STS, too. The second answer is in one write with the first, so that it has
/// arrived when the second request is sent.
#[test]
fn an_answer_that_arrives_before_its_request_is_never_used_as_a_value() {
    let too_early = answer("HTTP/1.1 200 OK", secret_json("wrong-4c7a1e"));
    let both_answers = [role_credentials(), too_early].concat();
    let scripts = [
        vec![Step::Request, Step::Send(both_answers), Step::Stall],
        gives_secret("v-4c7a1e"),
    ];
    without_and_with_tls("two answers to one request", &scripts, |server, launch| {
        let launch = launch.args(["--role-arn", ROLE]).resolve("A=x:k");
        let run = launch.attempts(1).run();
        run.launched_silently().has("A", "v-4c7a1e");
        assert_eq!(server.connections(), 2, "{:#?}", server.heads());
    });
}

/// secrets-exec opens the connection to Secrets Manager while it waits for STS to give it the role.
#[test]
fn a_value_is_read_at_the_first_attempt_even_if_the_server_has_closed_a_connection_opened_in_advance()
 {
    for (case, closes) in [
        ("closed before the request", Vec::new()),
        ("cut before the request", vec![Step::Cut]),
        ("closed after the request", vec![Step::Request]),
        ("cut after the request", vec![Step::Request, Step::Cut]),
    ] {
        let sts = Wire::plain(vec![reads_and_sends(role_credentials())]);
        let server = Wire::plain(vec![closes, gives_secret("v-4c7a1e")]);
        let launch = launch_with(&server)
            .env(
                "AWS_ENDPOINT_URL_STS",
                format!("http://localhost:{}", sts.port()),
            )
            .args(["--role-arn", ROLE])
            .case(case);

        let run = launch.resolve("A=x:k").attempts(1).run();

        run.launched_silently().has("A", "v-4c7a1e");
        assert_eq!(server.connections(), 2, "{case}: {:#?}", server.heads());
    }
}
