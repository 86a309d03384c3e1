//! `Restart=on-failure` with `RestartPreventExitStatus=` of docs/systemd.md: temporary failures are restarted, permanent ones
//! are not.

use super::podman::await_that;
use super::systemd::{LOCAL, Systemd, Unit, asking, asking_with_keys};
use crate::support::sandbox::repository_file;
use crate::support::*;

/// A service with the lines of docs/systemd.md.
fn restarted_unit(name: &'static str, lines: &str, command: &str) -> Option<Unit> {
    let systemd = Systemd::shared()?;
    let page = repository_file("docs/systemd.md");
    let is_kept =
        |line: &&str| line.starts_with("Restart=") || line.starts_with("RestartPreventExitStatus=");
    let restart: Vec<&str> = page.lines().filter(is_kept).collect();
    assert_eq!(restart.len(), 2, "{restart:?}");
    let restart = restart.join("\n");
    Some(systemd.unit(
        name,
        &format!("Type=exec\n{restart}\nRestartSec=100ms\n{lines}ExecStart={command}\n"),
    ))
}

#[test]
#[ignore = "by make test-hosts"]
fn a_unit_that_ends_with_64_70_77_78_126_or_127_is_not_restarted() {
    let aws = Aws::start();
    let asking = asking(&aws);
    for (name, lines, command, what) in [
        (
            "status-64",
            LOCAL,
            "secrets-exec --nope -- /bin/true",
            "a wrong command line",
        ),
        (
            "status-70",
            LOCAL,
            "secrets-exec -e A=x:k -- /bin/sh -c 'exit 70'",
            "the status of a panic",
        ),
        (
            "status-77",
            &asking,
            "secrets-exec -e A=x:k -- /bin/true",
            "missing credentials",
        ),
        (
            "status-78",
            LOCAL,
            "secrets-exec -e A=x:nope -- /bin/true",
            "a missing key",
        ),
        (
            "status-126",
            LOCAL,
            "secrets-exec -e A=x:k -- /etc/passwd",
            "a command that cannot be executed",
        ),
        (
            "status-127",
            LOCAL,
            "secrets-exec -e A=x:k -- /no/such",
            "a command that is not there",
        ),
    ] {
        let Some(unit) = restarted_unit(name, lines, command) else {
            return;
        };
        let unit = unit.enqueue();
        // A restart would make it `activating` at once.
        unit.await_that("ActiveState", "failed");
        let found = (
            format!("status-{}", unit.is("ExecMainStatus")),
            unit.is("NRestarts"),
        );
        assert_eq!(
            found,
            (name.to_owned(), "0".to_owned()),
            "{what}: {}",
            unit.journal()
        );
    }
}

#[test]
#[ignore = "by make test-hosts"]
fn a_unit_that_ends_with_75_in_an_outage_is_restarted_until_the_value_comes() {
    let outage = [fault::internal_error(), fault::internal_error()];
    let aws = Aws::start().secret("x", Secret::text(r#"{"k":"v-4c7a1e"}"#).after(outage));
    let lines = format!("{}Environment=AWS_MAX_ATTEMPTS=1\n", asking_with_keys(&aws));
    let command = "secrets-exec -e A=x:k -- /bin/sh -c 'printf %%s \"$A\"; exec sleep 1000'";
    let Some(unit) = restarted_unit("status-75", &lines, command) else {
        return;
    };
    let unit = unit.enqueue();
    await_that("the third start has the value", || {
        unit.printed() == "v-4c7a1e"
    });
    // Not NRestarts: it counts twice a restart that a reload of systemd, as other tests make, falls into.
    assert_eq!(
        (unit.is("ActiveState").as_str(), aws.reads().len()),
        ("active", 3),
        "{}",
        unit.journal()
    );
    assert!(unit.journal().contains("status=75"), "{}", unit.journal());
    unit.stop();
}

#[test]
#[ignore = "by make test-hosts"]
fn a_unit_whose_command_ends_with_3_is_restarted_with_the_value() {
    let command = "secrets-exec -e A=x:k -- /bin/sh -c 'printf %%s \"$A\"; exit 3'";
    let Some(unit) = restarted_unit("fails", LOCAL, command) else {
        return;
    };
    let unit = unit.enqueue();
    await_that("it has started thrice", || {
        unit.printed().starts_with("v-4c7a1ev-4c7a1ev-4c7a1e")
    });
    unit.stop();
}
