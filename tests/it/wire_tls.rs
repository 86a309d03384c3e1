//! Failures of TLS below HTTP: status 75 as for any outage, and never a truncated value.

use std::time::Duration;

use crate::support::deadline::ends_within;
use crate::support::sandbox::{ACCESS_SECRET, Sandbox};
use crate::support::tls::Authority;
use crate::support::wire::{Script, Step, Wire, answer, body, good, with_head};

/// A launch whose Secrets Manager is at this port, over TLS.
fn sandbox(authority: &Authority, wire: &Wire) -> Sandbox {
    Sandbox::new()
        .endpoint(&format!("https://localhost:{}", wire.port()))
        .region("us-east-1")
        .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", ACCESS_SECRET)
        .env("AWS_CA_BUNDLE", authority.bundle())
        .resolve("A=x:k")
}

/// Asserts that the launch succeeds when only the first connection within TLS plays this script.
fn passes(fault: Script) {
    let Some(authority) = Authority::new() else { return };
    let wire = Wire::tls(authority.acceptor(), vec![fault, good("v")]);
    sandbox(&authority, &wire).run().launched_silently().has("A", "v");
    assert_eq!(wire.connections(), 2);
}

/// Asserts status 75, with the server's address, when a server without TLS does this with the ClientHello.
fn is_no_tls(script: Script) {
    let Some(authority) = Authority::new() else { return };
    let wire = Wire::plain(vec![script]);
    let run = sandbox(&authority, &wire).env("AWS_MAX_ATTEMPTS", "2").run();
    run.refused(75).says(["A", "secret x", &format!("localhost:{}", wire.port())]);
    assert_eq!(wire.connections(), 2, "{run}");
}

#[test]
fn a_server_that_speaks_plain_http_is_told_by_name() {
    let refusal = answer("HTTP/1.1 400 Bad Request", "this is no TLS");
    is_no_tls(vec![Step::Greeting, Step::Send(refusal), Step::Pause(Duration::from_millis(50))]);
}

#[test]
fn a_server_that_hangs_up_on_the_greeting_is_told_by_name() {
    is_no_tls(vec![Step::Greeting]);
    // Closing with unread data resets the connection.
    is_no_tls(vec![Step::Pause(Duration::from_millis(50))]);
}

#[test]
fn a_server_that_sends_an_alert_is_told_by_name() {
    // A fatal handshake_failure.
    is_no_tls(vec![Step::Greeting, Step::Send(vec![21, 3, 3, 0, 2, 2, 40])]);
}

#[test]
fn a_handshake_that_stalls_ends_with_the_time() {
    let Some(authority) = Authority::new() else { return };
    // Silence after the ClientHello, and in the middle of a record.
    for script in [vec![Step::Greeting, Step::Stall], vec![Step::Greeting, Step::Send(vec![22, 3, 3]), Step::Stall]] {
        let wire = Wire::plain(vec![script]);
        let run = ends_within(Duration::from_millis(400), sandbox(&authority, &wire));
        run.refused(75).says(["A", "secret x"]);
    }
}

#[test]
fn a_body_that_is_cut_off_without_a_farewell_is_no_answer() {
    let mut bytes = answer("HTTP/1.1 200 OK", body("wrong"));
    bytes.truncate(bytes.len() - 20);
    passes(vec![Step::Request, Step::Send(bytes), Step::Cut]);
}

#[test]
fn a_body_that_ends_with_the_connection_needs_a_farewell() {
    // Without close_notify, an attacker who cuts the connection could truncate the body.
    let bytes = with_head(&["HTTP/1.0 200 OK"], body("wrong"));
    passes(vec![Step::Request, Step::Send(bytes), Step::Cut]);
}

#[test]
fn a_connection_that_is_cut_before_the_answer_is_tried_again() {
    passes(vec![Step::Request, Step::Cut]);
    passes(vec![Step::Cut]);
}

#[test]
fn a_whole_answer_needs_no_farewell() {
    let Some(authority) = Authority::new() else { return };
    let wire = Wire::tls(authority.acceptor(), vec![[good("v"), vec![Step::Cut]].concat()]);
    sandbox(&authority, &wire).run().launched_silently().has("A", "v");
    assert_eq!(wire.connections(), 1);
}
