//! Launches in a hardened unit.

use super::systemd::{LOCAL, Systemd, Unit, asking_with_keys};
use crate::support::aws::Aws;
use crate::support::aws::secret::Secret;

/// Nearly all hardening options of systemd.exec(5).
const HARDENING: &str = "\
CapabilityBoundingSet=
DynamicUser=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
NoNewPrivileges=yes
PrivateDevices=yes
PrivateTmp=yes
ProcSubset=pid
ProtectControlGroups=yes
ProtectHome=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProtectSystem=strict
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
SystemCallArchitectures=native
SystemCallErrorNumber=EPERM
SystemCallFilter=@system-service
UMask=0077
";

/// Asserts that the hardening is in force, and that a variable and a file in memory arrive.
fn delivers(name: &'static str, lines: &str, check: &str) {
    let Some(systemd) = Systemd::shared() else { return };
    let script = format!("{check} && printf %%s \"$A\" && cat \"$F\"");
    let command = format!("secrets-exec -e A=x:k --as-file F=x:k -- /bin/sh -c '{script}'");
    let unit = systemd.unit(name, &format!("Type=oneshot\n{lines}ExecStart={command}\n")).start();
    assert_eq!(unit.printed(), "vv");
}

#[test]
#[ignore = "by make test-hosts"]
fn values_arrive_for_a_dynamic_user_on_a_system_that_is_read_only() {
    let check = "! touch /etc/x /usr/x /x 2>/dev/null && test \"$(id -un)\" = dynamic";
    delivers("dynamic", &format!("{LOCAL}DynamicUser=yes\nProtectSystem=strict\n"), check);
}

#[test]
#[ignore = "by make test-hosts"]
fn values_arrive_under_the_system_calls_of_a_service_and_no_writable_code() {
    let lines = "SystemCallFilter=@system-service\nSystemCallErrorNumber=EPERM\nMemoryDenyWriteExecute=yes\n";
    delivers("calls", &format!("{LOCAL}{lines}"), "grep -q \"^Seccomp:.2\" /proc/self/status");
}

#[test]
#[ignore = "by make test-hosts"]
fn a_system_call_that_is_not_allowed_kills_nothing_of_ours() {
    // Without SystemCallErrorNumber=, a forbidden system call kills the process.
    let check = "grep -q \"^Seccomp:.2\" /proc/self/status";
    delivers("deadly", &format!("{LOCAL}SystemCallFilter=@system-service\nSystemCallArchitectures=native\n"), check);
}

#[test]
#[ignore = "by make test-hosts"]
fn values_arrive_from_aws_under_all_of_it_together() {
    let aws = Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#));
    let check = "! touch /etc/x /x 2>/dev/null && grep -q \"^CapBnd:.0000000000000000\" /proc/self/status";
    delivers("hardened", &format!("{HARDENING}{}", asking_with_keys(&aws)), check);
}

#[test]
#[ignore = "by make test-hosts"]
fn a_file_in_memory_that_the_unit_forbids_is_78_and_names_it() {
    let Some(systemd) = Systemd::shared() else { return };
    let lines = format!("Type=exec\nSystemCallFilter=~memfd_create\nSystemCallErrorNumber=EPERM\n{LOCAL}");
    let command = "secrets-exec --as-file F=x:k -- /bin/true";
    let unit: Unit = systemd.unit("memory", &format!("{lines}ExecStart={command}\n")).enqueue();
    unit.await_that("ActiveState", "failed");
    assert_eq!(unit.is("ExecMainStatus"), "78");
    let journal = unit.journal();
    let told =
        ["secrets-exec: error: files in memory are not allowed here", "secrets-exec: error:   F (--as-file, x:k)"];
    assert!(told.iter().all(|line| journal.contains(line)), "{journal}");
}
