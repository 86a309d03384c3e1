//! `credential`: one connection of systemd's LoadCredential= gets the value that a declaration
//! lists for the unit, or is refused.

use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::unistd::geteuid;

use crate::support::aws::two_served;
use crate::support::connection::{Client, Connection, MAX_LENGTH, connect_from, load, load_as};
use crate::support::skip::skipped;
use crate::support::*;

::rows::rows!("tests/it/systemd/credential.rows");

const DECLARATION: &str = "credentials:\n  app.service: { tok: \"x:k\", other: \"y:k\" }\n";

/// A run with a declaration.
fn run_with(declaration: &str) -> Sandbox {
    let sandbox = Sandbox::new().arg("credential").bare();
    sandbox.declaration(declaration)
}

/// A run with the fake, and [`DECLARATION`].
fn run_with_aws(aws: &Aws) -> Sandbox {
    run_with(DECLARATION).aws(aws)
}

/// A run that reads from a local file, which it reports on standard error unless `-q` is set.
pub fn run_with_local_file(secrets: &str, declaration: &str) -> Sandbox {
    run_with(declaration).local(secrets).arg("-q")
}

/// A local file whose secret `x` has a value of this length in its key `k`.
fn secrets_of_length(length: usize) -> String {
    let value = "v".repeat(length);
    format!(r#"{{ "x": {{ "k": "{value}" }}, "y": {{ "k": "w-4c7a1e" }} }}"#)
}

/// Requests a credential of a unit, and returns what it got.
pub fn received_credential(sandbox: Sandbox, unit: &str, name: &str) -> Vec<u8> {
    let (mut client, connection) = load(unit, name);
    let running = sandbox.connected(connection).spawn();
    let received = client.read();
    running.wait().launched_silently();
    received
}

/// Runs with this connection, and asserts that the credential is refused and that the run ends with
/// this status.
fn assert_refused(sandbox: Sandbox, ends: (Client, Connection), status: i32) -> Outcome {
    let (mut client, connection) = ends;
    let running = sandbox.connected(connection).spawn();
    client.assert_refused();
    let outcome = running.wait();
    outcome.ended(Status::Exit(status));
    outcome
}

#[test]
fn systemd_gets_a_credential_byte_for_byte() {
    let secrets = r#"{ "x": { "k": "AP8tNGM3YTFl" }, "y": { "$binary": "AP/+Cg==" } }"#;
    let declaration =
        "credentials: { app.service: { tok: { from: \"x:k\", decode: base64 }, bytes: y } }\n";
    for (name, bytes) in [("tok", &b"\0\xff-4c7a1e"[..]), ("bytes", b"\0\xff\xfe\n")] {
        let sandbox = run_with_local_file(secrets, declaration);
        assert_eq!(received_credential(sandbox, "app.service", name), bytes);
    }
}

#[test]
fn a_credential_is_refused_with_75_if_the_local_file_cannot_be_read_to_the_end() {
    let sandbox = run_with(DECLARATION).args(["--local", "local.json", "--timeout", "1s"]);
    named_pipe(&sandbox.path("local.json"));
    assert_refused(sandbox, load("app.service", "tok"), 75);
}

#[test]
fn a_unit_gets_no_credential_if_a_signal_comes_before_the_secret_is_requested() {
    let aws = two_served();
    // The call is dup3(2) on arm64.
    for call in ["fcntl", "/^dup[23]$"] {
        let inject = format!("-e inject={call}:signal=SIGTERM:when=1");
        let interrupted = or_skip!(skip::traced(&inject));
        let (mut client, connection) = load("app.service", "tok");
        let sandbox = run_with_aws(&aws).through(interrupted).case(call);
        let running = sandbox.connected(connection.everywhere()).spawn();
        client.assert_refused();
        running.wait().ended(Status::Signal(15));
    }
}

#[test]
fn a_unit_gets_no_credential_if_a_signal_comes_while_the_secret_is_read() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let aws = hanging();
        let (mut client, connection) = load("app.service", "tok");
        let running = run_with_aws(&aws).connected(connection).spawn();
        aws.await_calls(1);
        running.signal(signal);
        client.assert_refused();
        let outcome = running.wait();
        outcome.ended(Status::Signal(signal as i32));
        outcome.says([signal.as_str()]);
    }
}

#[test]
fn secrets_exec_credential_ends_if_systemd_closes_the_connection_but_waits_if_systemd_reads_slowly()
{
    for (format, fact) in [("text", "closed the connection"), ("json", "\"status\":75")] {
        let aws = held();
        let (client, connection) = load("app.service", "tok");
        let sandbox = run_with_aws(&aws).args(["--timeout", "10m", "--log-format", format]);
        let running = sandbox.connected(connection).spawn();
        aws.await_calls(1);
        drop(client);
        let outcome = running.wait();
        outcome
            .ended(Status::Exit(75))
            .says(["app.service/tok", fact]);
    }
    // The value is sent, or refused with more bytes than a credential may have.
    for (length, status) in [(1_000_000, 75), (MAX_LENGTH + 1, 78)] {
        let run = || {
            let (client, connection) = load("app.service", "tok");
            let sandbox = run_with_local_file(&secrets_of_length(length), DECLARATION);
            (client, sandbox.connected(connection).spawn())
        };
        let (mut client, running) = run();
        thread::sleep(Duration::from_secs(6));
        assert_eq!(client.read().len(), length);
        running.wait();
        let (client, running) = run();
        thread::sleep(Duration::from_secs(1));
        drop(client);
        let outcome = running.wait();
        outcome
            .ended(Status::Exit(status))
            .says(["app.service/tok"]);
    }
}

#[test]
fn a_credential_of_1_mib_is_sent_and_a_longer_one_is_refused() {
    let run = |length| run_with_local_file(&secrets_of_length(length), DECLARATION);
    let received = received_credential(run(MAX_LENGTH), "app.service", "tok");
    assert_eq!(received, vec![b'v'; MAX_LENGTH]);
    let facts = ["app.service/tok", "1048577 bytes", "1048576"];
    assert_refused(run(MAX_LENGTH + 1), load("app.service", "tok"), 78).says(facts);
    let check = |length| {
        let sandbox = Sandbox::new().args(["check", "-q"]).bare();
        let sandbox = sandbox.local(&secrets_of_length(length));
        sandbox.declaration(DECLARATION).run()
    };
    check(MAX_LENGTH).launched();
    let run = check(MAX_LENGTH + 1);
    run.ended(Status::Exit(78)).says(facts);
    assert!(run.stdout().contains("too-long"), "{run}");
}

#[test]
fn another_user_gets_no_credential() {
    if !geteuid().is_root() {
        return skipped("a client of another user: this needs root");
    }
    let aws = two_served();
    let ends = load_as(65_534, "app.service", "tok");
    assert_refused(run_with_aws(&aws), ends, 77).says(["user 65534"]);
    assert_eq!(aws.calls().len(), 0);
}

#[test]
fn a_client_gets_no_credential_if_its_socket_address_does_not_have_the_form_that_systemd_uses() {
    let aws = two_served();
    for address in [
        None,
        Some("/unit/app.service"),
        Some("/user/app.service/tok"),
        Some("/unit/app.service/tok/more"),
        Some("/unit//tok"),
    ] {
        let run = assert_refused(run_with_aws(&aws), connect_from(address), 64);
        run.says(["doesn't name a unit"]);
    }
    assert_eq!(aws.calls().len(), 0);
}

#[test]
fn if_secrets_exec_credential_gets_a_listening_socket_the_error_advises_accept_yes() {
    let sandbox = run_with_aws(&served());
    let run = sandbox.connected(Connection::listening()).run();
    run.refused(64, ["a listening socket", "Accept=yes"]);
}
