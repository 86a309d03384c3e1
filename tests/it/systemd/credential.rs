//! `credential`: one connection of systemd's LoadCredential= gets the value that a declaration lists for the unit, or is refused.

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
fn asking(aws: &Aws) -> Sandbox {
    Sandbox::new()
        .arg("credential")
        .aws(aws)
        .file("units.yaml", DECLARATION)
        .args(["-f", "units.yaml"])
        .bare()
}

/// A run without AWS, which is announced on standard error unless `-q` is given.
fn local(secrets: &str, declaration: &str) -> Sandbox {
    Sandbox::new()
        .arg("credential")
        .local(secrets)
        .arg("-q")
        .declaration(declaration)
        .bare()
}

::rows::rows!("tests/it/systemd/credential.rows");

/// Asks for a credential of a unit, and returns what it got.
fn asked(sandbox: Sandbox, unit: &str, name: &str) -> Vec<u8> {
    let (mut client, connection) = load(unit, name);
    let running = sandbox.connected(connection).spawn();
    let received = client.read();
    running.wait().launched_silently();
    received
}

/// Asks for a credential of a unit, and asserts the refusal.
fn refused(sandbox: Sandbox, unit: &str, name: &str, status: i32) -> Outcome {
    let (client, connection) = load(unit, name);
    refused_on(sandbox, client, connection, status)
}

fn refused_on(
    sandbox: Sandbox,
    mut client: Client,
    connection: Connection,
    status: i32,
) -> Outcome {
    let running = sandbox.connected(connection).spawn();
    client.is_refused();
    let outcome = running.wait();
    outcome.ended(Status::Exit(status));
    outcome
}

#[test]
fn a_credential_is_sent_to_the_connection_byte_for_byte() {
    let secrets = r#"{ "x": { "k": "AP8tNGM3YTFl" }, "y": { "$binary": "AP/+Cg==" } }"#;
    let declaration =
        "credentials: { app.service: { tok: { from: \"x:k\", decode: base64 }, bytes: y } }\n";
    assert_eq!(
        asked(local(secrets, declaration), "app.service", "tok"),
        b"\0\xff-4c7a1e"
    );
    assert_eq!(
        asked(local(secrets, declaration), "app.service", "bytes"),
        b"\0\xff\xfe\n"
    );
}

#[test]
fn a_credential_from_a_local_file_that_stalls_is_refused_with_75() {
    let sandbox = Sandbox::new()
        .arg("credential")
        .declaration(DECLARATION)
        .bare();
    named_pipe(&sandbox.path("local.json"));
    refused(
        sandbox.args(["--local", "local.json", "--timeout", "1s"]),
        "app.service",
        "tok",
        75,
    );
}

#[test]
fn a_signal_before_the_first_request_refuses_the_credential_before_the_process_ends() {
    let aws = two_served();
    // It is dup3(2) on arm64.
    for call in ["fcntl", "/^dup[23]$"] {
        let inject = format!("inject={call}:signal=SIGTERM:when=1");
        let Some(interrupted) = skip::traced(&["-e", &inject], "a signal at a system call") else {
            return;
        };
        let (mut client, connection) = load("app.service", "tok");
        let sandbox = asking(&aws).through(interrupted).case(call);
        let running = sandbox.connected(connection.everywhere()).spawn();
        client.is_refused();
        running.wait().ended(Status::Signal(15));
    }
}

#[test]
fn a_signal_during_resolution_refuses_the_credential_before_the_process_ends() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let aws = Aws::start().secret("x", Secret::failing(Fault::Hang));
        let (mut client, connection) = load("app.service", "tok");
        let sandbox = asking(&aws);
        let running = sandbox.connected(connection).spawn();
        aws.await_calls(1);
        running.signal(signal);
        client.is_refused();
        running
            .wait()
            .ended(Status::Signal(signal as i32))
            .says([signal.as_str()]);
    }
}

#[test]
fn a_credential_client_that_hangs_up_ends_the_process_and_a_slow_reader_is_waited_for() {
    for (format, fact) in [("text", "closed the connection"), ("json", "\"status\":75")] {
        let aws = Aws::start().secret("x", Secret::text(r#"{"k":"v-4c7a1e"}"#).held());
        let (client, connection) = load("app.service", "tok");
        let sandbox = asking(&aws).args(["--timeout", "10m", "--log-format", format]);
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
        let running = local(&secrets, DECLARATION).connected(connection).spawn();
        thread::sleep(Duration::from_secs(6));
        assert_eq!(client.read().len(), length, "the value, or a refusal");
        running.wait();
        let (client, connection) = load("app.service", name);
        let running = local(&secrets, DECLARATION).connected(connection).spawn();
        thread::sleep(Duration::from_secs(1));
        drop(client);
        running
            .wait()
            .ended(Status::Exit(if name == "tok" { 75 } else { 78 }))
            .says([&*format!("app.service/{name}")]);
    }
}

#[test]
fn a_credential_of_1_mib_is_sent_and_one_byte_more_is_refused_with_78() {
    let secrets = |length: usize| format!(r#"{{ "x": {{ "k": "{}" }} }}"#, "v".repeat(length));
    assert_eq!(
        asked(
            local(&secrets(MAX_LENGTH), DECLARATION),
            "app.service",
            "tok"
        ),
        vec![b'v'; MAX_LENGTH]
    );
    let run = refused(
        local(&secrets(MAX_LENGTH + 1), DECLARATION),
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
fn a_credential_client_of_another_user_is_refused_with_77_without_a_request() {
    if !geteuid().is_root() {
        return skipped("a client of another user: this needs root");
    }
    let aws = two_served();
    let (client, connection) = load_as(65_534, "app.service", "tok");
    let run = refused_on(asking(&aws), client, connection, 77);
    run.says(["user 65534"]);
    assert_eq!(aws.calls().len(), 0);
}

#[test]
fn a_credential_client_whose_address_names_no_unit_is_refused_with_64_without_a_request() {
    let aws = two_served();
    let wrong = [
        "/unit/app.service",
        "/user/app.service/tok",
        "/unit/app.service/tok/more",
        "/unit//tok",
    ];
    for address in wrong.map(Some).into_iter().chain([None]) {
        let (client, connection) = connect_from(address);
        refused_on(asking(&aws), client, connection, 64).says(["does not name a unit"]);
    }
    assert_eq!(aws.calls().len(), 0);
}

#[test]
fn credential_on_a_listening_socket_is_64_with_the_advice_of_accept_yes() {
    let run = asking(&served()).connected(Connection::listening()).run();
    run.refused(64).says(["a listening socket", "Accept=yes"]);
}
