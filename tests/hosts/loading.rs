//! `LoadCredential=` from the socket of `examples/systemd/`, with a real systemd.

use std::thread;
use std::time::Duration;

use super::podman::await_that;
use super::systemd::{LOCAL, Systemd, Unit, lines_with_aws_and_keys};
use crate::support::aws::two_served;
use crate::support::sandbox::repository_file;
use crate::support::*;

/// Installs the units of the example under another name, because tests run at the same time. A
/// drop-in of the service adds `lines`.
fn socket(systemd: &Systemd, name: &str, declaration: &str, lines: &str) {
    install(systemd, name, declaration, lines);
    let restart = format!("systemctl restart secrets-{name}.socket");
    systemd.done(&format!("systemctl daemon-reload; {restart}"));
}

/// Installs the same units, for the credential `tok` of one unit that has the same name.
fn socket_of(systemd: &Systemd, name: &str, lines: &str) {
    let declaration = format!("credentials:\n  {name}.service: {{ tok: \"x:k\" }}\n");
    socket(systemd, name, &declaration, lines);
}

fn install(systemd: &Systemd, name: &str, declaration: &str, lines: &str) {
    let at = format!("/etc/systemd/system/secrets-{name}");
    for (example, path) in [
        ("secrets-exec.socket", ".socket"),
        ("secrets-exec@.service", "@.service"),
    ] {
        let text = repository_file(&format!("examples/systemd/{example}"));
        let text = text.replace("-exec.", &format!("-{name}."));
        systemd.write(&format!("{at}{path}"), &text);
    }
    let drop_in = format!("{at}@.service.d/local.conf");
    systemd.write(&drop_in, &format!("[Service]\n{lines}"));
    systemd.write(&format!("/etc/secrets-{name}.yaml"), declaration);
}

/// A service with a dynamic user that prints its credentials as `NAME=VALUE`.
fn unit_that_loads(
    systemd: &'static Systemd,
    unit: &'static str,
    socket: &str,
    credentials: &[&str],
) -> Unit {
    let load = |name: &&str| format!("LoadCredential={name}:/run/secrets-{socket}.sock\n");
    let command = "cd %d && for name in *; do echo \"$$name=$$(cat $$name)\"; done";
    let load: String = credentials.iter().map(load).collect();
    let lines = format!("Type=oneshot\nDynamicUser=yes\n{load}ExecStart=/bin/sh -c '{command}'\n");
    systemd.unit(unit, &lines)
}

/// Starts a unit, and asserts that systemd didn't run its command because the credential was
/// missing.
fn assert_fails_without_credential(systemd: &Systemd, unit: &Unit, name: &str) {
    systemd.done(&format!("systemctl start {name} || true"));
    assert_failed_for_credential(unit);
}

/// Waits until the unit has failed, and asserts that systemd didn't run its command because of a
/// credential (status 243).
fn assert_failed_for_credential(unit: &Unit) {
    unit.await_that("ActiveState", "failed");
    assert_eq!(unit.property("ExecMainStatus"), "243");
    assert_eq!(unit.printed(), "");
}

/// All messages of the journal. A process can end before journald finds out which unit it belongs
/// to, so a search by unit would miss messages. The messages of a test contain the name of its
/// unit.
fn journal(systemd: &Systemd) -> String {
    systemd.ask("journalctl --sync; journalctl --output=cat")
}

#[test]
#[ignore = "by make test-hosts"]
fn the_units_of_the_example_give_a_service_its_credentials_but_no_variables() {
    let systemd = or_skip!(Systemd::shared());
    let declaration = "credentials:\n  whole.service: { db-password: \"x:k\", tls-key: x }\n";
    socket(systemd, "whole", declaration, LOCAL);
    let text = repository_file("examples/systemd/load-credential.service")
        .replace("secrets-exec.", "secrets-whole.")
        .replace("/usr/bin/app", "/usr/bin/whole");
    let checks = "cd \"$CREDENTIALS_DIRECTORY\" && echo $(grep -cx v-4c7a1e db-password; stat -c '%a %U %s' db-password tls-key; id -un
        tr '\\0' '\\n' </proc/self/environ | grep -c 4c7a1e)";
    systemd.write_program("whole", checks);
    let unit = systemd.unit_as_it_is("whole", &text).start();
    let printed = "1 400 whole 8 400 whole 16 whole 0";
    await_that("it has both", || unit.journal().contains(printed));
    let journal = unit.journal();
    let found = watch::found(&watch::test(), &journal);
    assert_eq!(found, None, "{journal}");
    unit.stop();
    systemd.done("test ! -e /run/credentials/whole.service");
}

#[test]
#[ignore = "by make test-hosts"]
fn units_that_start_together_each_get_their_own_credential_with_one_request() {
    let systemd = or_skip!(Systemd::shared());
    let aws = two_served();
    let declaration = "credentials:\n  \"crowd-*.service\": { a: \"x:k\", b: \"y:k\" }\n  crowd-own.service: { a: \"y:k\" }\n";
    socket(
        systemd,
        "crowd",
        declaration,
        &lines_with_aws_and_keys(&aws),
    );
    let one = unit_that_loads(systemd, "crowd-one", "crowd", &["a", "b"]).enqueue();
    let two = unit_that_loads(systemd, "crowd-two", "crowd", &["a", "b"]).enqueue();
    let own = unit_that_loads(systemd, "crowd-own", "crowd", &["a"]).enqueue();
    for (unit, printed) in [
        (one, "a=v-4c7a1e\nb=w-4c7a1e\n"),
        (two, "a=v-4c7a1e\nb=w-4c7a1e\n"),
        (own, "a=w-4c7a1e\n"),
    ] {
        await_that("it has its own", || unit.printed() == printed);
    }
    assert_eq!(aws.reads().len(), 5);
}

#[test]
#[ignore = "by make test-hosts"]
fn a_unit_whose_credential_cannot_be_read_fails_immediately_and_the_journal_names_the_credential() {
    let systemd = or_skip!(Systemd::shared());
    let aws = Aws::start().secret("x", Secret::failing(fault::denied("x")));
    let not_installed = format!("{LOCAL}ExecStart=\nExecStart=/usr/bin/not-installed credential\n");
    let unlisted = "\"unlisted.service\" wasn't given the credential \"other\"";
    let denied = "denied.service/tok (/etc/secrets-denied.yaml:2";
    let lines = lines_with_aws_and_keys(&aws);
    for (name, lines, credentials, message) in [
        ("unlisted", LOCAL, &["tok", "other"][..], unlisted),
        ("denied", &lines, &["tok"], denied),
        ("gone", &not_installed, &["tok"], ""),
    ] {
        socket_of(systemd, name, lines);
        let unit = unit_that_loads(systemd, name, name, credentials);
        assert_fails_without_credential(systemd, &unit, name);
        let journal = journal(systemd);
        assert!(journal.contains(message), "{journal}");
    }
}

#[test]
#[ignore = "by make test-hosts"]
fn a_unit_with_loadcredential_waits_until_aws_answers() {
    let systemd = or_skip!(Systemd::shared());
    let aws = two_served();
    let relay = Relay::start("127.0.0.1", NOWHERE);
    let lines = lines_with_aws_and_keys(&aws);
    let lines = lines.replace(&aws.endpoint(), &format!("http://{}", relay.address()));
    socket_of(systemd, "late", &lines);
    let unit = unit_that_loads(systemd, "late", "late", &["tok"]).enqueue();
    let slice = "systemctl list-units --no-legend 'secrets-late@*' | wc -l";
    await_that("an instance waits", || systemd.ask(slice) == "1\n");
    thread::sleep(Duration::from_secs(2));
    assert_eq!(unit.property("ActiveState"), "activating");
    relay.leads_to(aws.address());
    await_that("it has the value", || unit.printed() == "tok=v-4c7a1e\n");
}

/// A socket and a service with only the lines that they need. Standard output and standard error
/// are the connection.
fn plain_socket(systemd: &Systemd, name: &str) {
    let declaration =
        format!("credentials:\n  {name}-unit.service: {{ tok: \"x:k\", nope: \"x:nope\" }}\n");
    systemd.write(&format!("/etc/{name}.yaml"), &declaration);
    let command = format!("ExecStart=/usr/bin/secrets-exec credential -vv -f /etc/{name}.yaml\n");
    let service = format!("[Service]\nStandardInput=socket\n{LOCAL}{command}");
    let at = format!("/etc/systemd/system/secrets-{name}");
    systemd.write(&format!("{at}@.service"), &service);
    let text = format!("[Socket]\nListenStream=/run/secrets-{name}.sock\nAccept=yes\n");
    systemd.write(&format!("{at}.socket"), &text);
    let start = format!("systemctl start secrets-{name}.socket");
    systemd.done(&format!("systemctl daemon-reload; {start}"));
}

#[test]
#[ignore = "by make test-hosts"]
fn with_systemds_default_streams_messages_go_to_the_journal_and_not_into_the_credential() {
    let systemd = or_skip!(Systemd::shared());
    plain_socket(systemd, "bare");
    let unit = unit_that_loads(systemd, "bare-unit", "bare", &["tok"]).start();
    assert_eq!(unit.printed(), "tok=v-4c7a1e\n");
    let messages = journal(systemd);
    for part in [
        "secrets-exec: note: the secret \"x\" (",
        ") gives bare-unit.service/tok\n",
    ] {
        assert!(messages.contains(part), "{messages}");
    }
    let unit = unit_that_loads(systemd, "bare-unit", "bare", &["nope"]);
    systemd.done("rm /run/bare-unit.out");
    assert_fails_without_credential(systemd, &unit, "bare-unit");
    let messages = journal(systemd);
    let says_why = messages.contains("for bare-unit.service/nope (");
    assert!(says_why, "{messages}");
}

/// Starts a unit that waits for its credential `tok`, and returns once the secret has been
/// requested.
fn unit_that_waits(systemd: &'static Systemd, name: &'static str, aws: &Aws) -> Unit {
    socket_of(systemd, name, &lines_with_aws_and_keys(aws));
    let unit = unit_that_loads(systemd, name, name, &["tok"]).enqueue();
    aws.await_calls(1);
    unit
}

#[test]
#[ignore = "by make test-hosts"]
fn a_unit_fails_instead_of_getting_an_empty_credential_if_the_service_that_reads_it_is_stopped_or_killed()
 {
    let systemd = or_skip!(Systemd::shared());
    for (name, end) in [
        ("stopped-one", "stop"),
        ("killed-one", "kill --signal=KILL"),
    ] {
        let aws = Aws::start().secret("x", Secret::failing(Fault::Hang));
        let unit = unit_that_waits(systemd, name, &aws);
        systemd.done(&format!("systemctl {end} 'secrets-{name}@*'"));
        assert_failed_for_credential(&unit);
    }
}

#[test]
#[ignore = "by make test-hosts"]
fn a_unit_that_waits_for_its_credential_gets_the_value_even_if_systemd_is_reexecuted() {
    // The other tests are connected to the shared systemd, which must not be re-executed under
    // them.
    let systemd = or_skip!(Systemd::own("again", |_| ()));
    let aws = Aws::start().secret("x", Secret::text(r#"{"k":"v-4c7a1e"}"#).held());
    let unit = unit_that_waits(systemd, "again", &aws);
    systemd.done("systemctl daemon-reexec");
    assert_eq!(unit.property("ActiveState"), "activating");
    aws.release();
    await_that("it has the value", || unit.printed() == "tok=v-4c7a1e\n");
}

/// A template of units that load `tok` at boot. The file of each unit holds the credential that it
/// got, even if that is empty.
const FLEET: &str = "[Unit]\nAfter=secrets-fleet.socket\n[Service]\nType=oneshot\nRemainAfterExit=yes\n\
    LoadCredential=tok:/run/secrets-fleet.sock\nExecStart=/bin/sh -c 'cat %d/tok >/run/fleet.%i'\n[Install]\nWantedBy=multi-user.target\n";

#[test]
#[ignore = "by make test-hosts"]
fn seventy_units_get_their_credentials_at_boot_once_the_network_is_online() {
    // This is more than the 64 connections that systemd allows at the same time by default. With
    // more than 200 in two seconds the socket would fail.
    let example = repository_file("examples/systemd/secrets-exec.socket");
    assert!(example.contains("\nTriggerLimitIntervalSec=0\n"));
    let aws = two_served();
    let before_boot = |systemd: &Systemd| {
        let declaration = "credentials:\n  \"fleet@*.service\": { tok: \"x:k\" }\n";
        install(
            systemd,
            "fleet",
            declaration,
            &lines_with_aws_and_keys(&aws),
        );
        systemd.write("/etc/systemd/system/fleet@.service", FLEET);
        let online = "[Unit]\nBefore=network-online.target\n[Service]\nType=oneshot\nRemainAfterExit=yes\n\
            ExecStart=/bin/sh -c 'sleep 3; cat /run/fleet.* | wc -c >/run/early'\n[Install]\nWantedBy=network-online.target\n";
        systemd.write("/etc/systemd/system/online.service", online);
        let units = "secrets-fleet.socket online.service $(seq -f fleet@%.0f 70)";
        systemd.done(&format!("SYSTEMD_OFFLINE=1 systemctl enable {units}"));
    };
    let systemd = or_skip!(Systemd::own("boot", before_boot));
    let loaded = || systemd.ask("cat /run/fleet.* 2>/dev/null | wc -c");
    await_that("seventy have it", || loaded() == "560\n");
    let failed = "systemctl list-units --failed --no-legend 'fleet@*' | wc -l";
    let early_and_failed = systemd.ask(&format!("cat /run/early; {failed}"));
    assert_eq!(early_and_failed, "0\n0\n");
    assert_eq!(aws.reads().len(), 70);
}
