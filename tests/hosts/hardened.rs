//! Launches in a hardened unit.

use super::systemd::{LOCAL, Systemd, lines_with_aws_and_keys};
use crate::support::aws::served;

/// Almost all hardening options of systemd.exec(5).
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

#[test]
#[ignore = "by make test-hosts"]
fn a_hardened_unit_starts_its_command_with_variables_and_files_in_memory() {
    let systemd = or_skip!(Systemd::shared());
    let aws = served();
    // Without SystemCallErrorNumber=, a forbidden system call kills the process.
    let deadly =
        format!("{LOCAL}SystemCallFilter=@system-service\nSystemCallArchitectures=native\n");
    let all = format!("{HARDENING}{}", lines_with_aws_and_keys(&aws));
    // Each `check` proves that the hardening is really in force.
    for (name, lines, check) in [
        (
            "deadly",
            deadly,
            "grep -q \"^Seccomp:.2\" /proc/self/status",
        ),
        (
            "hardened",
            all,
            "! touch /etc/x /x 2>/dev/null && grep -q \"^CapBnd:.0000000000000000\" /proc/self/status",
        ),
    ] {
        let script = format!("{check} && printf %%s \"$A\" && cat \"$F\"");
        let command = format!("secrets-exec -e A=x:k --as-file F=x:k -- /bin/sh -c '{script}'");
        let unit = systemd
            .unit(name, &format!("Type=oneshot\n{lines}ExecStart={command}\n"))
            .start();
        assert_eq!(unit.printed(), "v-4c7a1ev-4c7a1e", "{name}");
    }
}

#[test]
#[ignore = "by make test-hosts"]
fn a_unit_that_forbids_memfd_create_fails_with_78_and_its_journal_names_the_file() {
    let systemd = or_skip!(Systemd::shared());
    let lines = "Type=exec\nSystemCallFilter=~memfd_create\nSystemCallErrorNumber=EPERM\n\
        ExecStart=secrets-exec --as-file F=x:k -- /bin/true\n";
    let unit = systemd.unit("memory", &format!("{lines}{LOCAL}"));
    let unit = unit.enqueue();
    unit.await_that("ActiveState", "failed");
    assert_eq!(unit.property("ExecMainStatus"), "78");
    let journal = unit.journal();
    for line in [
        "secrets-exec: error: files in memory aren't allowed here",
        "secrets-exec:   for F (--as-file, x:k)",
    ] {
        assert!(journal.contains(line), "{journal}");
    }
}
