//! Answers that are malformed HTTP, in the clear and within TLS: they are retried, and never taken for a value.

use std::time::Duration;

use crate::support::deadline::ends_within;
use crate::support::sandbox::{ACCESS_SECRET, CANARY, Sandbox};
use crate::support::tls::Authority;
use crate::support::wire::{Script, Step, Wire, answer, body, good, with_head};

/// A launch whose Secrets Manager is this server.
fn sandbox(url: &str) -> Sandbox {
    Sandbox::new()
        .endpoint(url)
        .region("us-east-1")
        .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", ACCESS_SECRET)
        .resolve("A=x:k")
}

/// Runs a test against a server of these scripts, in the clear and within TLS.
fn both_ways(scripts: &[Script], test: impl Fn(&Wire, Sandbox)) {
    let wire = Wire::plain(scripts.to_vec());
    test(&wire, sandbox(&format!("http://localhost:{}", wire.port())));
    let Some(authority) = Authority::new() else { return };
    let wire = Wire::tls(authority.acceptor(), scripts.to_vec());
    let url = format!("https://localhost:{}", wire.port());
    test(&wire, sandbox(&url).env("AWS_CA_BUNDLE", authority.bundle()));
}

fn answered_with(bytes: Vec<u8>) -> Script {
    vec![Step::Request, Step::Send(bytes)]
}

/// A script whose answer closes the connection, so that each attempt is a connection.
fn answered_once(bytes: Vec<u8>) -> Script {
    let end = bytes.windows(2).position(|end| end == b"\r\n").unwrap();
    answered_with([&bytes[..end], b"\r\nconnection: close", &bytes[end..]].concat())
}

/// Asserts status 75 after the allowed attempts, and that the launch succeeds when it happens only once.
fn may_pass(fault: Script) {
    both_ways(std::slice::from_ref(&fault), |wire, sandbox| {
        let run = sandbox.env("AWS_MAX_ATTEMPTS", "2").run();
        run.refused(75).says(["A", "secret x", "us-east-1"]);
        assert_eq!(wire.connections(), 2, "{run}");
    });
    both_ways(&[fault, good("v")], |wire, sandbox| {
        sandbox.run().launched_silently().has("A", "v");
        assert_eq!(wire.connections(), 2);
    });
}

/// Asserts that this answer is accepted.
fn is_taken(script: Script) {
    both_ways(&[script], |wire, sandbox| {
        sandbox.run().launched_silently().has("A", "v");
        assert_eq!(wire.connections(), 1);
    });
}

/// Asserts that a server which never completes its answer is given up at the deadline.
fn ends_with_the_time(script: Script) {
    both_ways(&[script], |_, sandbox| {
        let run = ends_within(Duration::from_millis(400), sandbox);
        run.refused(75).says(["A", "secret x"]);
    });
}

#[test]
fn a_chunked_body_without_its_last_chunk_is_no_answer() {
    let whole = body("wrong");
    let chunk = format!("{:x}\r\n{whole}\r\n", whole.len());
    may_pass(answered_once(with_head(&["HTTP/1.1 200 OK", "transfer-encoding: chunked"], chunk)));
}

#[test]
fn a_chunk_cut_short_is_no_answer() {
    let whole = body("wrong");
    let chunk = format!("{:x}\r\n{}", whole.len(), &whole[..whole.len() / 2]);
    may_pass(answered_once(with_head(&["HTTP/1.1 200 OK", "transfer-encoding: chunked"], chunk)));
}

#[test]
fn a_body_shorter_than_its_length_is_no_answer() {
    let length = format!("content-length: {}", body("wrong").len() + 1);
    may_pass(answered_once(with_head(&["HTTP/1.1 200 OK", &length], body("wrong"))));
}

#[test]
fn two_lengths_are_no_answer() {
    let length = format!("content-length: {}", body("wrong").len());
    let lines = ["HTTP/1.1 200 OK", "content-length: 10", &length];
    may_pass(answered_once(with_head(&lines, body("wrong"))));
}

#[test]
fn two_documents_in_one_body_are_no_answer() {
    may_pass(answered_once(answer("HTTP/1.1 200 OK", body("wrong").repeat(2))));
}

#[test]
fn a_compressed_body_that_nobody_asked_for_is_no_answer() {
    // gzip's magic number and method; the rest would matter only to a client that unpacks it.
    let packed = [b"\x1f\x8b\x08\x00".as_slice(), CANARY.as_bytes()].concat();
    let length = format!("content-length: {}", packed.len());
    may_pass(answered_once(with_head(&["HTTP/1.1 200 OK", "content-encoding: gzip", &length], packed)));
}

#[test]
fn a_body_that_is_no_text_is_no_answer() {
    let broken = body("wrong\u{fffd}").into_bytes();
    let replaced = broken.windows(3).position(|bytes| bytes == "\u{fffd}".as_bytes()).unwrap();
    let broken = [&broken[..replaced], b"\xff\xfe".as_slice(), &broken[replaced + 3..]].concat();
    may_pass(answered_once(answer("HTTP/1.1 200 OK", broken)));
}

#[test]
fn an_answer_without_a_body_is_no_absence() {
    for status in ["204 No Content", "304 Not Modified"] {
        may_pass(answered_once(with_head(&[&format!("HTTP/1.1 {status}")], "")));
    }
}

#[test]
fn a_head_without_an_end_is_given_up() {
    let endless = format!("x-filler: {CANARY}\r\n").repeat(60_000);
    may_pass(answered_once(with_head(&["HTTP/1.1 200 OK", &endless], body("wrong"))));
}

#[test]
fn what_is_said_on_a_connection_is_told_with_its_place() {
    for script in [answered_with(b"SSH-2.0-OpenSSH_9.2p1\r\n".to_vec()), vec![Step::Request]] {
        both_ways(&[script], |wire, sandbox| {
            let run = sandbox.env("AWS_MAX_ATTEMPTS", "1").run();
            run.refused(75).says(["A", &format!("localhost:{}", wire.port())]);
        });
    }
}

#[test]
fn what_is_no_http_is_told() {
    may_pass(answered_with(b"SSH-2.0-OpenSSH_9.2p1\r\n".to_vec()));
}

#[test]
fn a_change_of_protocol_is_no_answer() {
    let lines = ["HTTP/1.1 101 Switching Protocols", "connection: upgrade", "upgrade: websocket"];
    may_pass(answered_with(with_head(&lines, body("wrong"))));
}

#[test]
fn informational_answers_come_before_the_answer() {
    let mut bytes = with_head(&["HTTP/1.1 100 Continue"], "");
    bytes.extend(with_head(&["HTTP/1.1 103 Early Hints", "link: </x>; rel=preload"], ""));
    bytes.extend(answer("HTTP/1.1 200 OK", body("v")));
    is_taken(answered_with(bytes));
}

#[test]
fn a_body_may_end_with_the_connection() {
    is_taken(answered_with(with_head(&["HTTP/1.0 200 OK"], body("v"))));
}

#[test]
fn an_answer_byte_by_byte_is_an_answer() {
    let bytes = answer("HTTP/1.1 200 OK", body("v"));
    is_taken(vec![Step::Request, Step::Drip(bytes, Duration::from_millis(1))]);
}

#[test]
fn a_head_that_comes_too_slowly_ends_with_the_time() {
    let bytes = answer("HTTP/1.1 200 OK", body("wrong"));
    ends_with_the_time(vec![Step::Request, Step::Drip(bytes, Duration::from_millis(50))]);
}

#[test]
fn a_body_that_comes_too_slowly_ends_with_the_time() {
    let length = format!("content-length: {}", body("wrong").len());
    let head = with_head(&["HTTP/1.1 200 OK", &length], "");
    let drip = Step::Drip(body("wrong").into_bytes(), Duration::from_millis(50));
    ends_with_the_time(vec![Step::Request, Step::Send(head), drip]);
}

#[test]
fn a_body_that_stops_in_the_middle_ends_with_the_time() {
    let mut bytes = answer("HTTP/1.1 200 OK", body("wrong"));
    bytes.truncate(bytes.len() - 20);
    ends_with_the_time(vec![Step::Request, Step::Send(bytes), Step::Stall]);
}

/// It is given up as early as an answer that never begins, in time for another attempt.
#[test]
fn a_body_that_stops_in_the_middle_is_asked_for_again() {
    let mut bytes = answer("HTTP/1.1 200 OK", body("wrong"));
    bytes.truncate(bytes.len() - 20);
    let wire = Wire::plain(vec![vec![Step::Request, Step::Send(bytes), Step::Stall], good("v")]);
    let sandbox = sandbox(&format!("http://localhost:{}", wire.port()));
    sandbox.args(["--timeout", "9s"]).run().launched_silently().has("A", "v");
    assert_eq!(wire.connections(), 2);
}

#[test]
fn informational_answers_without_an_end_end_with_the_time() {
    let hints = with_head(&["HTTP/1.1 103 Early Hints"], "").repeat(1000);
    ends_with_the_time(vec![Step::Request, Step::Drip(hints, Duration::from_millis(1))]);
}

#[test]
fn a_connection_that_is_reset_in_the_middle_of_an_answer_is_tried_again() {
    let mut bytes = answer("HTTP/1.1 200 OK", body("wrong"));
    bytes.truncate(bytes.len() - 20);
    let reset = vec![Step::Head, Step::Send(bytes), Step::Pause(Duration::from_millis(50))];
    let wire = Wire::plain(vec![reset.clone(), vec![Step::Head], good("v")]);
    let url = format!("http://localhost:{}", wire.port());
    sandbox(&url).run().launched_silently().has("A", "v");
    assert_eq!(wire.connections(), 3);
    let wire = Wire::plain(vec![reset]);
    let url = format!("http://localhost:{}", wire.port());
    sandbox(&url).env("AWS_MAX_ATTEMPTS", "2").run().refused(75).says(["A", "secret x"]);
}
