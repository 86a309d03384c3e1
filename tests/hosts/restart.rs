//! `Restart=on-failure` with the `RestartPreventExitStatus=` of docs/systemd.md: systemd restarts a
//! service after a temporary failure, and doesn't after a permanent one.

use super::systemd::{LOCAL, Systemd, Unit, lines_with_aws, lines_with_aws_and_keys};
use crate::support::record::await_fact;
use crate::support::sandbox::repository_file;
use crate::support::*;

/// A service with the lines of docs/systemd.md.
fn restarted_unit(name: &'static str, lines: &str, command: &str) -> Option<Unit> {
    let systemd = Systemd::shared()?;
    let page = repository_file("docs/systemd.md");
    let kept = ["Restart=", "RestartPreventExitStatus="];
    let is_kept = |line: &&str| kept.iter().any(|kept| line.starts_with(kept));
    let restart: Vec<&str> = page.lines().filter(is_kept).collect();
    assert_eq!(restart.len(), 2, "{restart:?}");
    let restart = restart.join("\n");
    let lines = format!("Type=exec\n{restart}\nRestartSec=100ms\n{lines}ExecStart={command}\n");
    Some(systemd.unit(name, &lines))
}

#[test]
#[ignore = "by make test-hosts"]
fn systemd_does_not_restart_a_unit_after_a_permanent_failure() {
    let aws = Aws::start();
    let without_keys = lines_with_aws(&aws);
    for (name, lines, arguments) in [
        ("status-64", LOCAL, "--nope -- /bin/true"),
        // The status of a panic.
        ("status-70", LOCAL, "-e A=x:k -- /bin/sh -c 'exit 70'"),
        ("status-77", &without_keys, "-e A=x:k -- /bin/true"),
        ("status-78", LOCAL, "-e A=x:nope -- /bin/true"),
        // A command that can't be executed, and one that isn't there.
        ("status-126", LOCAL, "-e A=x:k -- /etc/passwd"),
        ("status-127", LOCAL, "-e A=x:k -- /no/such"),
    ] {
        let command = format!("secrets-exec {arguments}");
        let unit = or_skip!(restarted_unit(name, lines, &command));
        let unit = unit.enqueue();
        // If systemd restarted the unit, the state would become `activating` immediately.
        unit.await_that("ActiveState", "failed");
        let status = format!("status-{}", unit.property("ExecMainStatus"));
        let found = (status.as_str(), &*unit.property("NRestarts"));
        assert_eq!(found, (name, "0"), "{}", unit.journal());
    }
}

#[test]
#[ignore = "by make test-hosts"]
fn systemd_restarts_a_unit_that_ends_with_75_until_the_outage_is_over() {
    let outage = [fault::internal_error(), fault::internal_error()];
    let aws = Aws::start().secret("x", Secret::text(r#"{"k":"v-4c7a1e"}"#).after(outage));
    let lines = lines_with_aws_and_keys(&aws) + "Environment=AWS_MAX_ATTEMPTS=1\n";
    let command = "secrets-exec -e A=x:k -- /bin/sh -c 'printf %%s \"$A\"; exec sleep 1000'";
    let unit = or_skip!(restarted_unit("status-75", &lines, command));
    let unit = unit.enqueue();
    await_fact("the third start has the value", || {
        unit.printed() == "v-4c7a1e"
    });
    // NRestarts can't be compared here: a restart that happens during a reload of systemd is
    // counted twice, and other tests reload systemd.
    let state = (unit.property("ActiveState"), aws.reads().len());
    let journal = unit.journal();
    assert_eq!(state, ("active".to_owned(), 3), "{journal}");
    assert!(journal.contains("status=75"), "{journal}");
    unit.stop();
}
