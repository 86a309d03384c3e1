//! The units of `examples/`, and what docs/systemd.md says about units.

use super::systemd::{LOCAL, Systemd, Unit, lines_with_aws};
use crate::support::aws::served;
use crate::support::record::await_fact;
use crate::support::sandbox::{ACCESS_SECRET, repository_file};

/// An unchanged unit of the examples, with a program that prints the output of `command` and then
/// keeps running. A drop-in adds `lines`. Once the unit's journal has `line`, it is returned.
fn started(name: &'static str, file: &str, lines: &str, command: &str, line: &str) -> Option<Unit> {
    let systemd = Systemd::shared()?;
    // Tests run at the same time, so each unit has its own program and its own declaration.
    let text = repository_file(file)
        .replace("/usr/bin/app", &format!("/usr/bin/{name}"))
        .replace("/etc/app/", &format!("/etc/{name}/"))
        .replace("RuntimeDirectory=app", &format!("RuntimeDirectory={name}"));
    let variables = "env: { A: \"x:k\" }\n";
    systemd.write(&format!("/etc/{name}/secrets-exec.yaml"), variables);
    let files = format!(
        "files: [{{ from: \"x:k\", path: /run/{name}/tls.key, mode: \"0400\", env: KEY }}]\n"
    );
    systemd.write(&format!("/etc/{name}/files.yaml"), &files);
    systemd.write_program(name, command);
    let drop_in = format!("/etc/systemd/system/{name}.service.d/local.conf");
    systemd.write(&drop_in, &format!("[Service]\n{lines}"));
    let unit = systemd.unit_as_it_is(name, &text).start();
    await_fact(line, || unit.journal().contains(line));
    Some(unit)
}

#[test]
#[ignore = "by make test-hosts"]
fn the_example_unit_app_service_starts_with_its_value_and_logs_under_its_own_name() {
    let command = "echo \"$A for $(id -un)\"";
    let shown = "v-4c7a1e for app\n";
    let unit = or_skip!(started(
        "app",
        "examples/app.service",
        LOCAL,
        command,
        shown
    ));
    let systemd = or_skip!(Systemd::shared());
    let named = systemd.ask("journalctl --sync; journalctl --identifier=app --output=cat");
    assert!(named.contains(shown), "{named}");
    unit.stop();
}

#[test]
#[ignore = "by make test-hosts"]
fn the_documented_hardened_unit_starts_with_its_value_and_without_capabilities() {
    let file = "examples/systemd/hardened.service";
    let checks = "touch /etc/x /x 2>/dev/null && exit 1\ngrep -E '^(CapBnd|Seccomp|NoNewPrivs)' /proc/self/status\n\
        ulimit -c\necho \"$A, ${AWS_REGION-no region}\"";
    let shown = "v-4c7a1e, us-east-1";
    let unit = or_skip!(started("walled", file, LOCAL, checks, shown));
    let journal = unit.journal();
    for line in [
        "CapBnd:\t0000000000000000",
        "NoNewPrivs:\t1",
        "Seccomp:\t2",
        "\n0\n",
    ] {
        assert!(journal.contains(line), "{line}: {journal}");
    }
    unit.stop();
}

#[test]
#[ignore = "by make test-hosts"]
fn the_files_of_the_documented_unit_are_in_memory_and_removed_when_the_unit_stops() {
    let file = "examples/systemd/files.service";
    let checks = "echo $(cat \"$KEY\"; echo; stat -c '%a %U' \"$KEY\"; stat -c '%a' /run/shelf; stat -f -c %T /run/shelf)";
    let shown = "v-4c7a1e 400 daemon 700 tmpfs";
    let unit = or_skip!(started("shelf", file, LOCAL, checks, shown));
    unit.stop();
    let systemd = or_skip!(Systemd::shared());
    systemd.done("test ! -e /run/shelf");
}

#[test]
#[ignore = "by make test-hosts"]
fn the_documented_unit_reads_an_aws_configuration_file_that_its_user_cannot_read() {
    let systemd = or_skip!(Systemd::shared());
    let aws = served();
    let config = format!(
        "[profile app]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = {ACCESS_SECRET}\n"
    );
    systemd.write("/etc/outside/aws-config", &config);
    systemd.done("chmod 0600 /etc/outside/aws-config");
    let file = "examples/systemd/credentials.service";
    let checks = "echo $(echo \"$A\"; cat /etc/outside/aws-config 2>/dev/null || echo unreadable\n\
        test -r \"$CREDENTIALS_DIRECTORY/aws-config\" && echo but here)";
    let (lines, shown) = (lines_with_aws(&aws), "v-4c7a1e unreadable but here");
    let unit = or_skip!(started("outside", file, &lines, checks, shown));
    assert_eq!(aws.only_read().access_key(), "AKIAIOSFODNN7EXAMPLE");
    unit.stop();
}

#[test]
#[ignore = "by make test-hosts"]
fn the_documented_systemd_run_command_checks_a_declaration_as_a_dynamic_user() {
    let systemd = or_skip!(Systemd::shared());
    systemd.write("/etc/tried.yaml", "env: { A: \"x:k\" }\n");
    let command = "systemd-run --pipe --wait -p DynamicUser=yes -p Environment=SECRETS_EXEC_LOCAL=/etc/local.json \
        secrets-exec check -f /etc/tried.yaml";
    let checked = systemd.ask(command);
    let is_ok = checked.contains("x:k") && checked.contains("ok");
    assert!(is_ok, "{checked}");
}
