//! A connection that is used twice (first for a role, then for the secret): surplus bytes on it, and its end.

use crate::support::sandbox::{ACCESS_SECRET, Sandbox};
use crate::support::tls::Authority;
use crate::support::wire::{Script, Step, Wire, answer, body, good};

const ROLE: &str = "arn:aws:iam::123456789012:role/Reader";

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

/// Runs a test against a server that answers AssumeRole on the first connection, continues it with these steps, and
/// works on later connections.
fn reused(then: Script, test: impl Fn(&Wire, Sandbox)) {
    let first = [vec![Step::Request, Step::Send(role())], then].concat();
    played(vec![first, good("v")], test);
}

/// Runs a test against a server of these scripts, in the clear and within TLS.
fn played(scripts: Vec<Script>, test: impl Fn(&Wire, Sandbox)) {
    let sandbox = |url: String| {
        Sandbox::new()
            .endpoint(&url)
            .region("us-east-1")
            .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", ACCESS_SECRET)
            .args(["--role-arn", ROLE])
            .resolve("A=x:k")
    };
    let wire = Wire::plain(scripts.clone());
    test(&wire, sandbox(format!("http://localhost:{}", wire.port())));
    let Some(authority) = Authority::new() else { return };
    let wire = Wire::tls(authority.acceptor(), scripts);
    test(&wire, sandbox(format!("https://localhost:{}", wire.port())).env("AWS_CA_BUNDLE", authority.bundle()));
}

/// Asserts that the launch succeeds with the right value, whatever the first connection does.
fn is_survived(then: Script) {
    reused(then, |wire, sandbox| {
        sandbox.run().launched_silently().has("A", "v");
        assert_eq!(wire.connections(), 2, "{:#?}", wire.heads());
    });
}

#[test]
fn a_connection_is_used_again() {
    reused(good("v"), |wire, sandbox| {
        sandbox.run().launched_silently().has("A", "v");
        assert_eq!((wire.connections(), wire.heads().len()), (1, 2));
    });
}

#[test]
fn a_connection_that_closes_when_it_is_used_again_is_replaced() {
    is_survived(vec![Step::Request]);
    is_survived(vec![Step::Request, Step::Cut]);
}

#[test]
fn a_connection_that_is_reset_when_it_is_used_again_is_replaced() {
    is_survived(vec![Step::Head, Step::Cut]);
}

#[test]
fn a_connection_that_has_closed_meanwhile_is_replaced() {
    is_survived(Vec::new());
    is_survived(vec![Step::Cut]);
}

#[test]
fn what_a_connection_says_unasked_is_no_answer() {
    let unasked = answer("HTTP/1.1 200 OK", body("wrong"));
    // In one write with the answer, so that it has arrived when the next request is sent.
    let first = vec![Step::Request, Step::Send([role(), unasked].concat()), Step::Stall];
    for _ in 0..3 {
        played(vec![first.clone(), good("v")], |wire, sandbox| {
            sandbox.run().launched_silently().has("A", "v");
            assert_eq!(wire.connections(), 2);
        });
    }
}
