//! Files in memory where the system refuses them (seccomp, an old kernel, a limit): the error says how to avoid them,
//! and flags that an old kernel does not know are left out.

use super::tls_secret;
use crate::support::*;

/// Installs a seccomp filter as container runtimes do, by which memfd_create answers EPERM, and execs its arguments.
const SECCOMP: &str = "
import ctypes, os, platform, struct, sys
number = {'x86_64': 319, 'aarch64': 279}[platform.machine()]
load, equal, answer = 0x20, 0x15, 0x06
steps = [(load, 0, 0, 0), (equal, 0, 1, number), (answer, 0, 0, 0x00050000 | 1), (answer, 0, 0, 0x7fff0000)]
program = ctypes.create_string_buffer(b''.join(struct.pack('HBBI', *step) for step in steps))
class Filter(ctypes.Structure):
    _fields_ = [('length', ctypes.c_ushort), ('steps', ctypes.c_void_p)]
filter = Filter(len(steps), ctypes.addressof(program))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.byref(filter), 0, 0) == 0, os.strerror(ctypes.get_errno())
os.execvp(sys.argv[1], sys.argv[1:])
";

/// A launch with a file in memory, whose entry is on line 2.
fn delivered_through(settings: &str, wrapper: &[&str]) -> Outcome {
    let declaration = format!("files:\n  - {{ from: \"prod/tls:key\", env: F{settings} }}\n");
    let aws = tls_secret();
    let sandbox = Sandbox::new()
        .aws(&aws)
        .file("app.yaml", declaration)
        .args(["-f", "app.yaml"]);
    sandbox
        .script("cat \"$F\"")
        .prints_values()
        .through(wrapper)
        .spawn_copy()
        .wait()
}

#[test]
fn a_system_that_refuses_files_in_memory_is_78_with_the_cause_and_the_advice_of_path() {
    let limited = |limit: &str| format!("ulimit -n {limit}; exec \"$@\"");
    let (below, none) = (limited("64"), limited("100"));
    let strace = [
        "strace",
        "-o",
        "/dev/null",
        "-e",
        "trace=memfd_create",
        "-e",
    ];
    let wrappers: [(&[&str], &str); 5] = [
        (&["python3", "-c", SECCOMP], "seccomp"),
        (
            &[&strace[..], &["inject=memfd_create:error=ENOSYS"]].concat(),
            "`path`",
        ),
        (
            &[&strace[..], &["inject=memfd_create:error=EPERM"]].concat(),
            "`path`",
        ),
        (&["/bin/sh", "-c", &below, "sh"], "64"),
        (&["/bin/sh", "-c", &none, "sh"], "100"),
    ];
    for (wrapper, fact) in wrappers {
        if skip::can(
            &[wrapper, &["true"]].concat(),
            "a system without files in memory",
        ) {
            delivered_through("", wrapper)
                .refused(78)
                .says(["F (app.yaml:2", fact, "`path`"]);
        }
    }
}

#[test]
fn a_kernel_that_knows_no_flag_for_executable_files_still_gives_a_file_in_memory() {
    let inject = [
        "-e",
        "trace=memfd_create",
        "-e",
        "inject=memfd_create:error=EINVAL:when=1",
    ];
    let Some(wrapper) = skip::traced(&inject, "an old kernel") else {
        return;
    };
    delivered_through("", &wrapper)
        .launched_silently()
        .printed("key-4c7a1e\n");
}

#[test]
fn a_file_in_memory_with_an_owner_that_may_not_be_set_is_78() {
    let Some(nobody) = skip::as_nobody() else {
        return;
    };
    delivered_through(", owner: root", &nobody)
        .refused(78)
        .says(["F (app.yaml:2", "owner"]);
}
