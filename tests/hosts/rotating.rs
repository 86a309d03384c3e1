//! `--on-rotation` under systemd, with the lines of examples/systemd/rotating.service: the
//! command's readiness and watchdog messages, a restart by systemd, and stopping the service.

use serde_json::json;

use super::systemd::{Systemd, Unit};
use crate::support::record::await_fact;
use crate::support::sandbox::repository_file;
use crate::support::watch;

/// A service with the lines of the example and with `lines`. It reads `/etc/NAME.json`.
fn rotating_unit(
    name: &'static str,
    mode: &str,
    lines: &str,
    command: &str,
) -> Option<(&'static Systemd, Unit)> {
    let systemd = Systemd::shared()?;
    let unit = repository_file("examples/systemd/rotating.service");
    let (_, example) = unit.split_once("[Service]\n").unwrap();
    let (example, _) = example.split_once("\n[").unwrap();
    let kept = |line: &&str| !line.starts_with(['#', 'E', ' ']) && !line.starts_with("RestartSec");
    let example: Vec<&str> = example.lines().filter(kept).collect();
    store(systemd, name, "one-4c7a1e");
    let options =
        format!("--on-rotation {mode} --poll-signal USR2 --local /etc/{name}.json -e A=x:k");
    let start = format!("ExecStart=secrets-exec {options} -- {command}\n");
    let lines = format!("{}\nRestartSec=100ms\n{lines}{start}", example.join("\n"));
    let unit = systemd.unit(name, &lines);
    Some((systemd, unit))
}

/// Writes the file with the secret `x`, whose value is watched for.
fn store(systemd: &Systemd, name: &str, value: &str) {
    let secrets = json!({ "x": { "k": value } }).to_string();
    watch::secret_text(&secrets);
    systemd.write(&format!("/etc/{name}.json"), &secrets);
}

/// Stores another value and requests a poll, as docs/rotation.md shows.
fn rotate(systemd: &Systemd, name: &str, value: &str) {
    store(systemd, name, value);
    systemd.done(&format!("systemctl kill --kill-whom=main -s USR2 {name}"));
}

#[test]
#[ignore = "by make test-hosts"]
fn a_restart_for_a_new_value_keeps_the_units_main_process_readiness_and_watchdog() {
    let command = "/usr/bin/python3 /usr/local/bin/service.py watched";
    // Because of `Restart=no`, the unit would end if nothing fed the watchdog, or if the new
    // command failed to start.
    let lines = "Restart=no\nWatchdogSec=2s\n";
    let Some((systemd, unit)) = rotating_unit("rotating-notify", "restart", lines, command) else {
        return;
    };
    let unit = unit.start();
    let main = unit.property("MainPID");
    unit.await_that("StatusText", "five periods later");
    rotate(systemd, "rotating-notify", "twenty-two-4c7a1e");
    unit.await_that("StatusText", "a value of 17 characters");
    unit.await_that("StatusText", "five periods later");
    let state = ["ActiveState", "MainPID", "NRestarts"].map(|property| unit.property(property));
    assert_eq!(state, ["active", &main, "0"], "{}", unit.journal());
    unit.stop();
    assert_eq!(unit.property("ActiveState"), "inactive");
}

#[test]
#[ignore = "by make test-hosts"]
fn systemd_starts_a_unit_with_on_rotation_exit_again_with_the_new_value() {
    let command = "/bin/sh -c 'printf %%s, \"$A\"; exec sleep 1000'";
    let lines = "Type=exec\n";
    let Some((systemd, unit)) = rotating_unit("rotating-exit", "exit", lines, command) else {
        return;
    };
    let unit = unit.start();
    await_fact("the first value", || unit.printed() == "one-4c7a1e,");
    rotate(systemd, "rotating-exit", "two-4c7a1e");
    let both = "one-4c7a1e,two-4c7a1e,";
    await_fact("the second value", || unit.printed() == both);
    unit.await_that("ActiveState", "active");
    // The number can be higher than one, because a restart during a reload of systemd is counted
    // twice, and other tests reload systemd.
    assert_ne!(unit.property("NRestarts"), "0", "{}", unit.journal());
    assert_eq!(unit.printed(), both);
    unit.stop();
}

#[test]
#[ignore = "by make test-hosts"]
fn systemctl_stop_of_a_rotating_unit_sends_the_command_one_term_and_succeeds() {
    let command = "/bin/sh -c 'trap \"printf TERM,; sleep 0.3; exit 0\" TERM; printf ready,; while :; do sleep 0.05; done'";
    let Some((_, unit)) = rotating_unit("rotating-stop", "restart", "Type=exec\n", command) else {
        return;
    };
    let unit = unit.start();
    await_fact("the handler", || unit.printed() == "ready,");
    unit.stop();
    assert_eq!(unit.printed(), "ready,TERM,");
    let state = ["Result", "ActiveState"].map(|property| unit.property(property));
    assert_eq!(state, ["success", "inactive"], "{}", unit.journal());
}
