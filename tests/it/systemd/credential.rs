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

const DECLARATION: &str = "credentials:\n  app.service: { tok: \"x:k\", other: \"y:k\" }\n";

/// A run with the fake, and [`DECLARATION`].
fn run_with_aws(aws: &Aws) -> Sandbox {
    Sandbox::new()
        .arg("credential")
        .aws(aws)
        .file("units.yaml", DECLARATION)
        .args(["-f", "units.yaml"])
        .bare()
}

/// A run that reads from a local file, which it reports on standard error unless `-q` is set.
fn run_with_local_file(secrets: &str, declaration: &str) -> Sandbox {
    Sandbox::new()
        .arg("credential")
        .local(secrets)
        .arg("-q")
        .declaration(declaration)
        .bare()
}

::rows::rows!("tests/it/systemd/credential.rows");

/// Requests a credential of a unit, and returns what it got.
fn received_credential(sandbox: Sandbox, unit: &str, name: &str) -> Vec<u8> {
    let (mut client, connection) = load(unit, name);
    let running = sandbox.connected(connection).spawn();
    let received = client.read();
    running.wait().launched_silently();
    received
}

/// Requests a credential of a unit, and asserts that it is refused.
fn assert_refused(sandbox: Sandbox, unit: &str, name: &str, status: i32) -> Outcome {
    let (client, connection) = load(unit, name);
    assert_refused_on(sandbox, client, connection, status)
}

/// Runs with this connection, and asserts that the credential is refused and that the run ends with
/// this status.
fn assert_refused_on(
    sandbox: Sandbox,
    mut client: Client,
    connection: Connection,
    status: i32,
) -> Outcome {
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
    assert_eq!(
        received_credential(
            run_with_local_file(secrets, declaration),
            "app.service",
            "tok"
        ),
        b"\0\xff-4c7a1e"
    );
    assert_eq!(
        received_credential(
            run_with_local_file(secrets, declaration),
            "app.service",
            "bytes"
        ),
        b"\0\xff\xfe\n"
    );
}

#[test]
fn a_credential_is_refused_with_75_if_the_local_file_cannot_be_read_to_the_end() {
    let sandbox = Sandbox::new()
        .arg("credential")
        .declaration(DECLARATION)
        .bare();
    named_pipe(&sandbox.path("local.json"));
    assert_refused(
        sandbox.args(["--local", "local.json", "--timeout", "1s"]),
        "app.service",
        "tok",
        75,
    );
}

#[test]
fn a_unit_gets_no_credential_if_a_signal_comes_before_the_secret_is_requested() {
    let aws = two_served();
    // The call is dup3(2) on arm64.
    for call in ["fcntl", "/^dup[23]$"] {
        let inject = format!("inject={call}:signal=SIGTERM:when=1");
        let interrupted = or_skip!(skip::traced(&["-e", &inject], "a signal at a system call"));
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
        let aws = Aws::start().secret("x", Secret::failing(Fault::Hang));
        let (mut client, connection) = load("app.service", "tok");
        let sandbox = run_with_aws(&aws);
        let running = sandbox.connected(connection).spawn();
        aws.await_calls(1);
        running.signal(signal);
        client.assert_refused();
        running
            .wait()
            .ended(Status::Signal(signal as i32))
            .says([signal.as_str()]);
    }
}

#[test]
fn secrets_exec_credential_ends_if_systemd_closes_the_connection_but_waits_if_systemd_reads_slowly()
{
    for (format, fact) in [("text", "closed the connection"), ("json", "\"status\":75")] {
        let aws = Aws::start().secret("x", Secret::text(r#"{"k":"v-4c7a1e"}"#).held());
        let (client, connection) = load("app.service", "tok");
        let sandbox = run_with_aws(&aws).args(["--timeout", "10m", "--log-format", format]);
        let running = sandbox.connected(connection).spawn();
        aws.await_calls(1);
        drop(client);
        running
            .wait()
            .ended(Status::Exit(75))
            .says(["app.service/tok", fact]);
    }
    let secrets = format!(r#"{{ "x": {{ "k": "{}" }} }}"#, "v".repeat(1_000_000));
    for (name, length) in [("tok", 1_000_000), ("other", MAX_LENGTH + 1)] {
        let (mut client, connection) = load("app.service", name);
        let running = run_with_local_file(&secrets, DECLARATION)
            .connected(connection)
            .spawn();
        thread::sleep(Duration::from_secs(6));
        assert_eq!(client.read().len(), length, "the value, or a refusal");
        running.wait();
        let (client, connection) = load("app.service", name);
        let running = run_with_local_file(&secrets, DECLARATION)
            .connected(connection)
            .spawn();
        thread::sleep(Duration::from_secs(1));
        drop(client);
        running
            .wait()
            .ended(Status::Exit(if name == "tok" { 75 } else { 78 }))
            .says([&*format!("app.service/{name}")]);
    }
}

#[test]
fn a_credential_of_1_mib_is_sent_and_a_longer_one_is_refused() {
    let secrets = |length: usize| format!(r#"{{ "x": {{ "k": "{}" }} }}"#, "v".repeat(length));
    assert_eq!(
        received_credential(
            run_with_local_file(&secrets(MAX_LENGTH), DECLARATION),
            "app.service",
            "tok"
        ),
        vec![b'v'; MAX_LENGTH]
    );
    let run = assert_refused(
        run_with_local_file(&secrets(MAX_LENGTH + 1), DECLARATION),
        "app.service",
        "tok",
        78,
    );
    run.says(["app.service/tok", "1048577 bytes", "1048576"]);
    let check = |length| {
        let secrets = secrets(length).replacen('{', r#"{ "y": { "k": "w-4c7a1e" }, "#, 1);
        Sandbox::new()
            .args(["check", "-q"])
            .local(&secrets)
            .declaration(DECLARATION)
            .bare()
            .run()
    };
    check(MAX_LENGTH).launched();
    let run = check(MAX_LENGTH + 1);
    run.ended(Status::Exit(78))
        .says(["app.service/tok", "1048577 bytes", "1048576"]);
    assert!(run.stdout().contains("too-long"), "{run}");
}

#[test]
fn another_user_gets_no_credential() {
    if !geteuid().is_root() {
        return skipped("a client of another user: this needs root");
    }
    let aws = two_served();
    let (client, connection) = load_as(65_534, "app.service", "tok");
    let run = assert_refused_on(run_with_aws(&aws), client, connection, 77);
    run.says(["user 65534"]);
    assert_eq!(aws.calls().len(), 0);
}

#[test]
fn a_client_gets_no_credential_if_its_socket_address_does_not_have_the_form_that_systemd_uses() {
    let aws = two_served();
    let wrong = [
        "/unit/app.service",
        "/user/app.service/tok",
        "/unit/app.service/tok/more",
        "/unit//tok",
    ];
    for address in wrong.map(Some).into_iter().chain([None]) {
        let (client, connection) = connect_from(address);
        assert_refused_on(run_with_aws(&aws), client, connection, 64).says(["doesn't name a unit"]);
    }
    assert_eq!(aws.calls().len(), 0);
}

#[test]
fn if_secrets_exec_credential_gets_a_listening_socket_the_error_advises_accept_yes() {
    let run = run_with_aws(&served())
        .connected(Connection::listening())
        .run();
    run.refused(64).says(["a listening socket", "Accept=yes"]);
}
