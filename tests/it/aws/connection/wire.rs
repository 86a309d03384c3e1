//! Answers that are malformed HTTP or broken TLS, on a first and on a second use of a connection: they are retried, and never taken for a
//! value.

use std::time::Duration;

use crate::support::wire::{answer, body, with_head};
use crate::support::*;

/// A launch whose Secrets Manager is this server.
fn at_url(url: String) -> Sandbox {
    Sandbox::new()
        .endpoint(&url)
        .region("us-east-1")
        .keys()
        .resolve("A=x:k")
}

/// A launch whose Secrets Manager is at this port, over TLS.
fn over_tls(authority: &Authority, wire: &Wire) -> Sandbox {
    at_url(format!("https://localhost:{}", wire.port())).env("AWS_CA_BUNDLE", authority.bundle())
}

/// Runs a test against a server of these scripts, in the clear and within TLS.
fn both_ways(case: &str, scripts: &[Script], test: impl Fn(&Wire, Sandbox)) {
    let wire = Wire::plain(scripts.to_vec());
    test(
        &wire,
        at_url(format!("http://localhost:{}", wire.port())).case(case),
    );
    let Some(authority) = Authority::new() else {
        return;
    };
    let wire = Wire::tls(authority.acceptor(), scripts.to_vec());
    test(
        &wire,
        over_tls(&authority, &wire).case(format!("{case}, within TLS")),
    );
}

fn answered_with(bytes: impl Into<Vec<u8>>) -> Script {
    vec![Step::Request, Step::Send(bytes.into())]
}

/// A script whose answer closes the connection, so that each attempt is a connection.
fn answered_once(bytes: &[u8]) -> Script {
    let end = bytes.windows(2).position(|end| end == b"\r\n").unwrap();
    answered_with([&bytes[..end], b"\r\nconnection: close", &bytes[end..]].concat())
}

fn once(lines: &[&str], body: impl AsRef<[u8]>) -> Script {
    answered_once(&with_head(lines, body))
}

/// The answer without its last bytes.
fn cut_short() -> Vec<u8> {
    let mut bytes = answer("HTTP/1.1 200 OK", body("wrong-4c7a1e"));
    bytes.truncate(bytes.len() - 20);
    bytes
}

#[test]
fn a_malformed_http_answer_is_asked_for_again_and_75_after_every_attempt() {
    let wrong = body("wrong-4c7a1e");
    let length = |length: usize| format!("content-length: {length}");
    let chunked = ["HTTP/1.1 200 OK", "transfer-encoding: chunked"];
    // gzip's magic number and method; the rest would matter only to a client that unpacks it.
    let packed = [b"\x1f\x8b\x08\x00".as_slice(), CANARY.as_bytes()].concat();
    let no_text = wrong.replace("wrong", "wr\u{1}ng").into_bytes();
    let no_text: Vec<u8> = no_text
        .into_iter()
        .map(|byte| if byte == 1 { 0xff } else { byte })
        .collect();
    let upgrade = [
        "HTTP/1.1 101 Switching Protocols",
        "connection: upgrade",
        "upgrade: websocket",
    ];
    let endless = format!("x-filler: {CANARY}\r\n").repeat(60_000);
    for (case, fault) in [
        (
            "a body without its last chunk",
            once(&chunked, format!("{:x}\r\n{wrong}\r\n", wrong.len())),
        ),
        (
            "a chunk cut short",
            once(
                &chunked,
                format!("{:x}\r\n{}", wrong.len(), &wrong[..wrong.len() / 2]),
            ),
        ),
        (
            "a body shorter than its length",
            once(&["HTTP/1.1 200 OK", &length(wrong.len() + 1)], &wrong),
        ),
        (
            "two lengths",
            once(
                &[
                    "HTTP/1.1 200 OK",
                    "content-length: 10",
                    &length(wrong.len()),
                ],
                &wrong,
            ),
        ),
        (
            "two documents",
            answered_once(&answer("HTTP/1.1 200 OK", wrong.repeat(2))),
        ),
        (
            "a compressed body that nobody asked for",
            once(
                &[
                    "HTTP/1.1 200 OK",
                    "content-encoding: gzip",
                    &length(packed.len()),
                ],
                packed,
            ),
        ),
        (
            "a body that is no text",
            answered_once(&answer("HTTP/1.1 200 OK", no_text)),
        ),
        ("no content", once(&["HTTP/1.1 204 No Content"], "")),
        ("nothing new", once(&["HTTP/1.1 304 Not Modified"], "")),
        (
            "a head without an end",
            once(&["HTTP/1.1 200 OK", &endless], &wrong),
        ),
        ("no HTTP", answered_with(*b"SSH-2.0-OpenSSH_9.2p1\r\n")),
        (
            "a change of protocol",
            answered_with(with_head(&upgrade, &wrong)),
        ),
    ] {
        both_ways(case, std::slice::from_ref(&fault), |wire, sandbox| {
            let run = sandbox.attempts(2).run();
            run.refused(75).says(["A (", "secret x", "us-east-1"]);
            assert_eq!(wire.connections(), 2, "{run}");
        });
        both_ways(case, &[fault, good("v-4c7a1e")], |wire, sandbox| {
            sandbox.run().launched_silently().has("A", "v-4c7a1e");
            assert_eq!(wire.connections(), 2, "{case}");
        });
    }
}

#[test]
fn a_value_is_read_from_a_valid_http_answer_of_unusual_form() {
    let mut informed = with_head(&["HTTP/1.1 100 Continue"], "");
    informed.extend(with_head(
        &["HTTP/1.1 103 Early Hints", "link: </x>; rel=preload"],
        "",
    ));
    informed.extend(answer("HTTP/1.1 200 OK", body("v-4c7a1e")));
    let drip = Step::Drip(
        answer("HTTP/1.1 200 OK", body("v-4c7a1e")),
        Duration::from_millis(1),
    );
    for (case, script) in [
        ("informational answers before it", answered_with(informed)),
        (
            "a body that ends with the connection",
            answered_with(with_head(&["HTTP/1.0 200 OK"], body("v-4c7a1e"))),
        ),
        ("byte by byte", vec![Step::Request, drip]),
        (
            "without a farewell",
            [good("v-4c7a1e"), vec![Step::Cut]].concat(),
        ),
    ] {
        both_ways(case, &[script], |wire, sandbox| {
            sandbox.run().launched_silently().has("A", "v-4c7a1e");
            assert_eq!(wire.connections(), 1, "{case}");
        });
    }
}

#[test]
fn an_http_answer_that_never_ends_is_75_at_the_timeout() {
    let slowly = |bytes: Vec<u8>| Step::Drip(bytes, Duration::from_millis(50));
    let head = with_head(
        &[
            "HTTP/1.1 200 OK",
            &format!("content-length: {}", body("wrong-4c7a1e").len()),
        ],
        "",
    );
    let hints = with_head(&["HTTP/1.1 103 Early Hints"], "").repeat(1000);
    for (case, script) in [
        (
            "a slow head",
            vec![
                Step::Request,
                slowly(answer("HTTP/1.1 200 OK", body("wrong-4c7a1e"))),
            ],
        ),
        (
            "a slow body",
            vec![
                Step::Request,
                Step::Send(head),
                slowly(body("wrong-4c7a1e").into_bytes()),
            ],
        ),
        (
            "a body that stops",
            vec![Step::Request, Step::Send(cut_short()), Step::Stall],
        ),
        (
            "informational answers",
            vec![Step::Request, Step::Drip(hints, Duration::from_millis(1))],
        ),
    ] {
        both_ways(case, &[script], |_, sandbox| {
            let run = ends_within(Duration::from_millis(400), sandbox);
            run.refused(75).says(["A (", "secret x"]);
        });
    }
    // A body that stops is given up as early as an answer that never begins, in time for another attempt.
    let wire = Wire::plain(vec![
        vec![Step::Request, Step::Send(cut_short()), Step::Stall],
        good("v-4c7a1e"),
    ]);
    let sandbox = at_url(format!("http://localhost:{}", wire.port())).timeout("9s");
    sandbox.run().launched_silently().has("A", "v-4c7a1e");
    assert_eq!(wire.connections(), 2);
}

#[test]
fn a_request_whose_connection_is_reset_within_the_answer_is_sent_again() {
    let reset = vec![
        Step::Head,
        Step::Send(cut_short()),
        Step::Pause(Duration::from_millis(50)),
    ];
    let wire = Wire::plain(vec![reset.clone(), vec![Step::Head], good("v-4c7a1e")]);
    at_url(format!("http://localhost:{}", wire.port()))
        .run()
        .launched_silently()
        .has("A", "v-4c7a1e");
    assert_eq!(wire.connections(), 3);
    let wire = Wire::plain(vec![reset]);
    let sandbox = at_url(format!("http://localhost:{}", wire.port())).attempts(2);
    sandbox.run().refused(75).says(["A (", "secret x"]);
}

#[test]
fn an_https_endpoint_that_does_not_speak_tls_is_75_and_named() {
    let Some(authority) = Authority::new() else {
        return;
    };
    let refusal = Step::Send(answer("HTTP/1.1 400 Bad Request", "this is no TLS"));
    for (case, script, is_firewall) in [
        (
            "plain HTTP",
            vec![
                Step::Greeting,
                refusal,
                Step::Pause(Duration::from_millis(50)),
            ],
            false,
        ),
        ("it hangs up on the greeting", vec![Step::Greeting], true),
        // Closing with unread data resets the connection.
        (
            "it resets the connection",
            vec![Step::Pause(Duration::from_millis(50))],
            true,
        ),
        (
            "a fatal alert",
            vec![Step::Greeting, Step::Send(vec![21, 3, 3, 0, 2, 2, 40])],
            false,
        ),
        ("it says nothing", vec![Step::Greeting, Step::Stall], true),
    ] {
        let wire = Wire::plain(vec![script]);
        let run = over_tls(&authority, &wire)
            .attempts(2)
            .timeout("20s")
            .case(case)
            .run();
        run.refused(75)
            .says(["A (", "secret x", &format!("localhost:{}", wire.port())]);
        assert_eq!(
            run.stderr().contains("--key-exchange classical"),
            is_firewall,
            "{run}"
        );
        let is_http = run
            .stderr()
            .contains("the answer is not TLS; the endpoint may speak http");
        assert_eq!(is_http, case == "plain HTTP", "{run}");
        run.says_nothing_of("InvalidContentType");
        assert_eq!(wire.connections(), 2, "{run}");
    }
    // Silence after the ClientHello, and in the middle of a record.
    for script in [
        vec![Step::Greeting, Step::Stall],
        vec![Step::Greeting, Step::Send(vec![22, 3, 3]), Step::Stall],
    ] {
        let wire = Wire::plain(vec![script]);
        let run = ends_within(Duration::from_millis(400), over_tls(&authority, &wire));
        run.refused(75).says(["A (", "secret x"]);
    }
}

#[test]
fn an_answer_cut_off_without_tls_close_notify_is_no_value_and_asked_for_again() {
    let Some(authority) = Authority::new() else {
        return;
    };
    // Without close_notify, an attacker who cuts the connection could truncate the body.
    let unbounded = with_head(&["HTTP/1.0 200 OK"], body("wrong-4c7a1e"));
    for (case, fault) in [
        (
            "in the body",
            vec![Step::Request, Step::Send(cut_short()), Step::Cut],
        ),
        (
            "after a body that ends with the connection",
            vec![Step::Request, Step::Send(unbounded), Step::Cut],
        ),
        ("before the answer", vec![Step::Request, Step::Cut]),
        ("before the request", vec![Step::Cut]),
    ] {
        let wire = Wire::tls(authority.acceptor(), vec![fault, good("v-4c7a1e")]);
        over_tls(&authority, &wire)
            .case(case)
            .run()
            .launched_silently()
            .has("A", "v-4c7a1e");
        assert_eq!(wire.connections(), 2, "{case}");
    }
}

#[test]
fn a_message_about_a_missing_tls_close_notify_has_no_link_to_the_documentation_of_a_library() {
    let Some(authority) = Authority::new() else {
        return;
    };
    for (case, cut) in [
        (
            "in the head of the answer",
            vec![
                Step::Request,
                Step::Send(b"HTTP/1.1 200".to_vec()),
                Step::Cut,
            ],
        ),
        ("before the answer", vec![Step::Request, Step::Cut]),
    ] {
        let wire = Wire::tls(authority.acceptor(), vec![cut.clone(), cut]);
        let run = over_tls(&authority, &wire).attempts(1).case(case).run();
        run.refused(75)
            .says(["A (", "closed the TLS connection without close_notify"]);
        run.says_nothing_of("docs.rs").says_nothing_of("https://");
    }
}

/// The answer of AssumeRole.
fn role() -> Vec<u8> {
    let credentials = format!(
        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><AssumedRoleUser>\
         <AssumedRoleId>AROA:s</AssumedRoleId><Arn>arn:aws:sts::123456789012:assumed-role/Reader/s</Arn>\
         </AssumedRoleUser><Credentials><AccessKeyId>ASIAROLEROLEROLEROLE</AccessKeyId><SecretAccessKey>{ACCESS_SECRET}\
         </SecretAccessKey><SessionToken>{ACCESS_SECRET}</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration>\
         </Credentials></AssumeRoleResult></AssumeRoleResponse>"
    );
    answer("HTTP/1.1 200 OK", credentials)
}

/// A connection is used twice: first for a role, then for the secret.
#[test]
fn a_second_request_uses_the_open_connection_or_a_new_one_if_closed() {
    let unasked = answer("HTTP/1.1 200 OK", body("wrong-4c7a1e"));
    for (case, first, then, connections) in [
        ("it is good", role(), good("v-4c7a1e"), 1),
        (
            "it closes when it is used again",
            role(),
            vec![Step::Request],
            2,
        ),
        (
            "it is cut when it is used again",
            role(),
            vec![Step::Request, Step::Cut],
            2,
        ),
        (
            "it is reset when it is used again",
            role(),
            vec![Step::Head, Step::Cut],
            2,
        ),
        ("it has closed meanwhile", role(), Vec::new(), 2),
        ("it has been cut meanwhile", role(), vec![Step::Cut], 2),
        // In one write with the answer, so that it has arrived when the next request is sent.
        (
            "it says something unasked",
            [role(), unasked].concat(),
            vec![Step::Stall],
            2,
        ),
    ] {
        let scripts = [
            [vec![Step::Request, Step::Send(first)], then].concat(),
            good("v-4c7a1e"),
        ];
        both_ways(case, &scripts, |wire, sandbox| {
            sandbox
                .args(["--role-arn", ROLE])
                .attempts(1)
                .run()
                .launched_silently()
                .has("A", "v-4c7a1e");
            assert_eq!(
                wire.connections(),
                connections,
                "{case}: {:#?}",
                wire.heads()
            );
        });
    }
}

/// The connection is opened while STS is asked for the role.
#[test]
fn a_connection_opened_in_advance_and_closed_by_the_server_costs_no_attempt() {
    for (case, closed) in [
        ("before the request", Vec::new()),
        ("and cut before the request", vec![Step::Cut]),
        ("after the request", vec![Step::Request]),
        ("and cut after the request", vec![Step::Request, Step::Cut]),
    ] {
        let sts = Wire::plain(vec![answered_with(role())]);
        let sts_url = format!("http://localhost:{}", sts.port());
        let wire = Wire::plain(vec![closed, good("v-4c7a1e")]);
        let sandbox = at_url(format!("http://localhost:{}", wire.port())).case(case);
        let sandbox = sandbox
            .env("AWS_ENDPOINT_URL_STS", sts_url)
            .args(["--role-arn", ROLE])
            .attempts(1);
        sandbox.run().launched_silently().has("A", "v-4c7a1e");
        assert_eq!(wire.connections(), 2, "{case}: {:#?}", wire.heads());
    }
}
