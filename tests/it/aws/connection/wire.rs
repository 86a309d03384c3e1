//! Answers that are malformed HTTP or broken TLS, on a first and on a second use of a connection:
//! they are retried, and never used as a value.
//!
//! Each test starts a server that follows a script on each connection ([`wire::steps`]): the first
//! script on the first connection, and the last one on all later connections. Secrets Manager is
//! this server.

use std::time::Duration;

use crate::support::network::Proxy;
use crate::support::*;

const GOOD: &str = "read; send {right}";

/// A server that answers the greeting of TLS in plain HTTP.
const NOT_TLS: &str =
    "greet; send HTTP/1.1 400 Bad Request⏎content-length: 15⏎⏎this is not TLS; wait";

/// A launch whose Secrets Manager is this server.
fn launch_with(server: &Wire) -> Sandbox {
    launch_at(&format!("http://localhost:{}", server.port()))
}

fn launch_with_tls(authority: &Authority, server: &Wire) -> Sandbox {
    launch_at(&format!("https://localhost:{}", server.port()))
        .env("AWS_CA_BUNDLE", authority.bundle())
}

fn launch_at(url: &str) -> Sandbox {
    let sandbox = Sandbox::new().endpoint(url).region("us-east-1").keys();
    sandbox.resolve("A=x:k")
}

/// The beginning of the first script, which a failure shows.
fn case(scripts: &[&str]) -> String {
    scripts[0].chars().take(300).collect()
}

/// A server that follows these scripts within TLS, and its launch.
fn within_tls(authority: &Authority, scripts: &[&str]) -> (Wire, Sandbox) {
    let played = scripts.iter().map(|text| steps(text)).collect();
    let server = Wire::tls(authority.acceptor(), played);
    let launch = launch_with_tls(authority, &server).case(case(scripts));
    (server, launch)
}

/// Runs a test twice, with a server that follows these scripts: without TLS, and with it.
fn without_and_with_tls(scripts: &[&str], test: impl Fn(&Wire, Sandbox)) {
    let server = scripted(scripts);
    test(&server, launch_with(&server).case(case(scripts)));

    let authority = or_skip!(Authority::new());
    let (server, launch) = within_tls(&authority, scripts);
    test(&server, launch);
}

/// Asserts that the right value is read, without TLS and with it, from a server that follows the
/// scripts in a line of this table and then works. A line has the number of connections and, with
/// ` then ` between them, the scripts.
fn assert_read(options: impl Fn(Sandbox) -> Sandbox, table: &str) {
    for line in table.trim().lines() {
        let (connections, scripts) = line.split_once(" | ").unwrap();
        let scripts: Vec<&str> = scripts.split(" then ").chain([GOOD]).collect();
        without_and_with_tls(&scripts, |server, launch| {
            let run = options(launch).run();
            run.launched_with_value();
            let (seen, heads) = (server.connections(), server.heads());
            assert_eq!(seen.to_string(), connections, "{run}: {heads:#?}");
        });
    }
}

/// A launch that assumes a role, so that it uses its connection twice. Each request is sent once.
fn with_role(launch: Sandbox) -> Sandbox {
    launch.args(["--role-arn", ROLE]).attempts(1)
}

/// Answers that aren't the JSON of a secret in valid HTTP, each after its description. With
/// `connection: close`, the next attempt needs another connection, so a launch makes as many
/// connections as attempts.
const MALFORMED: &str = "
a chunked body without its last chunk | 200 OK⏎connection: close⏎transfer-encoding: chunked⏎⏎{hex}⏎{json}⏎
a chunk that is cut short | 200 OK⏎connection: close⏎transfer-encoding: chunked⏎⏎{hex}⏎{\"ARN\":
a body that is shorter than its length | 200 OK⏎connection: close⏎content-length: 9999⏎⏎{json}
two different lengths | 200 OK⏎connection: close⏎content-length: 10⏎content-length: {length}⏎⏎{json}
a body with two JSON documents | 200 OK⏎connection: close⏎⏎{json}{json}
a gzipped body, which the request didn't accept | 200 OK⏎connection: close⏎content-encoding: gzip⏎⏎\u{1f}\u{8b}\u{8}\0{json}
a body that isn't UTF-8 | 200 OK⏎connection: close⏎⏎{\"Name\":\"x\",\"SecretString\":\"{\\\"k\\\":\\\"\u{ff}-4c7a1e\\\"}\"}
no content | 204 No Content⏎connection: close⏎⏎
not modified | 304 Not Modified⏎connection: close⏎⏎
a header of 60,000 lines | 200 OK⏎connection: close⏎FILLER⏎{json}
a change to another protocol | 101 Switching Protocols⏎connection: upgrade⏎upgrade: websocket⏎⏎{json}
";

#[test]
fn a_malformed_http_answer_is_never_used_as_a_value_and_the_request_is_sent_again() {
    let filler = format!("x-filler: {CANARY}⏎").repeat(60_000);
    let answers = MALFORMED.lines().filter_map(|line| line.split_once(" | "));
    let answers = answers.map(|(_, answer)| format!("HTTP/1.1 {answer}"));
    for answer in answers.chain(["SSH-2.0-OpenSSH_9.2p1⏎".to_owned()]) {
        let malformed = format!("read; send {}", answer.replace("FILLER", &filler));
        without_and_with_tls(&[&malformed], |server, launch| {
            let run = launch.attempts(2).run();
            run.refused(75, ["A ("]);
            assert_eq!(server.connections(), 2, "{run}");
        });
        assert_read(|launch| launch, &format!("2 | {malformed}"));
    }
}

#[test]
fn a_value_is_read_from_an_http_answer_that_is_unusual_but_valid() {
    // In HTTP/1.0, the body ends with the connection. The last answer is whole, although there is
    // no close_notify of TLS.
    assert_read(
        |launch| launch,
        "
1 | read; send HTTP/1.1 100 Continue⏎⏎HTTP/1.1 103 Early Hints⏎link: </x>⏎⏎{right}
1 | read; send HTTP/1.0 200 OK⏎⏎{right json}
1 | read; trickle {right}
1 | read; send {right}; cut",
    );
}

/// A server that resets the connection within its answer. The system resets a connection that is
/// closed while it has unread bytes, which here are those of the request's body.
const RESETS: &str = "read head; send {half}; wait";

#[test]
fn a_value_is_read_even_if_the_first_answers_stop_half_way_or_are_reset() {
    assert_read(
        |launch| launch.timeout("9s"),
        &format!("2 | read; send {{half}}; stall\n3 | {RESETS} then read head"),
    );
}

#[test]
fn a_launch_fails_with_75_if_each_connection_is_reset_within_the_answer() {
    let run = launch_with(&scripted(&[RESETS])).attempts(2).run();
    run.refused(75, ["A (", "the connection to localhost:", " broke: "]);
}

#[test]
fn a_launch_fails_with_75_at_its_timeout_if_an_http_answer_does_not_end() {
    let informational = "HTTP/1.1 103 Early Hints⏎⏎".repeat(1000);
    for script in [
        "read; drip {wrong}",
        "read; send HTTP/1.1 200 OK⏎content-length: {length}⏎⏎; drip {json}",
        "read; send {half}; stall",
        &format!("read; trickle {informational}"),
    ] {
        without_and_with_tls(&[script], |_, launch| {
            let run = ends_within(Duration::from_millis(400), launch);
            run.refused(75, ["A (", "didn't answer in time"]);
        });
    }
}

#[test]
fn the_error_names_an_https_endpoint_that_does_not_speak_tls_and_the_likely_cause() {
    let authority = or_skip!(Authority::new());
    // A firewall that looks for the server's name in the first packet does not find it there with a
    // post-quantum key exchange.
    let firewall = "--key-exchange classical";
    let plain_http = "use http:// instead of https:// in AWS_ENDPOINT_URL";

    for (script, hint) in [
        (NOT_TLS, plain_http),
        ("greet", firewall),
        // Nothing is read, so closing the connection resets it.
        ("wait", firewall),
        ("greet; stall", firewall),
        // A fatal alert about the handshake.
        ("greet; send \u{15}\u{3}\u{3}\0\u{2}\u{2}\u{28}", ""),
    ] {
        let server = scripted(&[script]);
        let launch = launch_with_tls(&authority, &server).case(script);

        let run = launch.attempts(2).timeout("20s").run();

        // A server that speaks another protocol is not asked again.
        let is_http = hint == plain_http;
        let (status, attempts) = if is_http { (78, 1) } else { (75, 2) };
        let address = format!("localhost:{}", server.port());
        run.refused(status, ["A (", &address]);
        for text in [firewall, plain_http] {
            let is_expected = hint == text;
            assert_eq!(run.stderr().contains(text), is_expected, "{text}: {run}");
        }
        // The name of rustls's error.
        run.says_nothing_of("InvalidContentType");
        assert_eq!(server.connections(), attempts, "{run}");
    }
}

#[test]
fn a_proxy_that_does_not_speak_tls_ends_a_launch_without_wait_at_once() {
    let authority = or_skip!(Authority::new());
    let launch = |server: &Wire| {
        let proxy = format!("https://localhost:{}", server.port());
        launch_with_tls(&authority, server)
            .endpoint("https://secrets.example")
            .env("HTTPS_PROXY", proxy)
    };
    let remedy = "use http:// instead of https:// in HTTPS_PROXY";
    let server = scripted(&[NOT_TLS]);
    let run = launch(&server).run();
    run.refused(78, ["(HTTPS_PROXY) doesn't speak TLS", remedy]);
    assert_eq!(server.connections(), 1);
    launch(&server).args(["--wait", "1s"]).run().refused(75, []);
    assert!(server.connections() > 2);
    // Many proxies close the connection without an answer.
    let server = scripted(&["greet"]);
    let run = launch(&server).attempts(1).run();
    run.refused(75, [remedy]);
}

#[test]
fn an_agent_that_does_not_speak_tls_ends_the_launch_at_once() {
    let (aws, server) = (served(), scripted(&[NOT_TLS]));
    let run = sandbox(&aws)
        .arg(format!("--agent=https://localhost:{}", server.port()))
        .env("AWS_TOKEN", "token-4c7a1e")
        .run();
    run.refused(78, ["use http:// instead of https:// in --agent"]);
    assert_eq!(server.connections(), 1, "{run}");
}

#[test]
fn a_captive_portal_in_front_of_aws_is_asked_three_times_and_is_temporary() {
    let server = scripted(&[NOT_TLS]);
    let proxy = Proxy::before(server.address());
    let aws = served();
    let run = sandbox(&aws)
        .env_remove("AWS_ENDPOINT_URL")
        .env("HTTPS_PROXY", proxy.url())
        .run();
    let said = [
        "secretsmanager.us-east-1.amazonaws.com through the proxy",
        "doesn't speak TLS",
        "captive portal",
    ];
    run.refused(75, said);
    assert_eq!(server.connections(), 3, "{run}");
}

#[test]
fn a_launch_fails_with_75_at_its_timeout_if_a_tls_handshake_does_not_end() {
    let authority = or_skip!(Authority::new());
    // The second server sends the beginning of a record.
    for script in ["greet; stall", "greet; send \u{16}\u{3}\u{3}; stall"] {
        let server = scripted(&[script]);
        let launch = launch_with_tls(&authority, &server).case(script);
        let run = ends_within(Duration::from_millis(400), launch);
        run.refused(75, ["A (", "didn't answer in time"]);
    }
}

/// Without TLS's close_notify, an attacker who cuts the connection could shorten the body.
#[test]
fn an_answer_that_ends_without_tls_close_notify_is_requested_again() {
    let authority = or_skip!(Authority::new());
    for script in [
        "read; send {half}; cut",
        // The body ends with the connection.
        "read; send HTTP/1.0 200 OK⏎⏎{json}; cut",
        "read; cut",
        "cut",
    ] {
        let (server, launch) = within_tls(&authority, &[script, GOOD]);
        let run = launch.run();
        run.launched_with_value();
        assert_eq!(server.connections(), 2, "{run}");
    }
}

#[test]
fn the_error_about_a_missing_tls_close_notify_does_not_link_to_a_library() {
    let authority = or_skip!(Authority::new());
    for script in ["read; send HTTP/1.1 200; cut", "read; cut"] {
        let (_server, launch) = within_tls(&authority, &[script]);
        let run = launch.attempts(1).run();
        let said = [
            "A (",
            "closed the connection before its answer was complete",
        ];
        run.refused(75, said);
        run.says_nothing_of("docs.rs").says_nothing_of("https://");
    }
}

/// The server is STS, too: first it gives the role, and then the secret.
#[test]
fn a_secret_is_read_even_if_the_connection_closes_after_the_role_was_assumed() {
    // In the fourth line, the connection is reset.
    assert_read(
        with_role,
        "
1 | read; send {role}; read; send {right}
2 | read; send {role}; read
2 | read; send {role}; read; cut
2 | read; send {role}; read head; cut
2 | read; send {role}
2 | read; send {role}; cut",
    );
}

/// Again, the server is STS, too. The second answer is in one write with the first, so that it has
/// arrived when the second request is sent.
#[test]
fn an_answer_that_arrives_before_its_request_is_never_used_as_a_value() {
    assert_read(with_role, "2 | read; send {role}{wrong}; stall");
}

/// secrets-exec opens the connection to Secrets Manager while it waits for STS to give it the role.
#[test]
fn a_value_is_read_at_once_even_if_a_connection_opened_in_advance_was_closed() {
    for script in ["", "cut", "read", "read; cut"] {
        let sts = scripted(&["read; send {role}"]);
        let server = scripted(&[script, GOOD]);
        let sts_url = format!("http://localhost:{}", sts.port());
        let launch = launch_with(&server).env("AWS_ENDPOINT_URL_STS", sts_url);
        let run = with_role(launch).run();
        run.launched_with_value();
        assert_eq!(server.connections(), 2, "{run}: {:#?}", server.heads());
    }
}
