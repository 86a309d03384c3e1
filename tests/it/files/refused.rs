//! Files in memory on systems that refuse them (seccomp, an old kernel). The error says how to do
//! without them, and flags that an old kernel doesn't know are left out.

use super::tls_secret;
use crate::support::*;

/// Installs a seccomp filter that lets memfd_create fail with EPERM, as container runtimes do, and
/// execs its arguments.
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
fn if_the_system_refuses_files_in_memory_the_error_names_the_cause_and_suggests_a_path() {
    let strace = [
        "strace",
        "-o",
        "/dev/null",
        "-e",
        "trace=memfd_create",
        "-e",
    ];
    let wrappers: [(&[&str], &str); 3] = [
        (&["python3", "-c", SECCOMP], "seccomp"),
        (
            &[&strace[..], &["inject=memfd_create:error=ENOSYS"]].concat(),
            "`path`",
        ),
        (
            &[&strace[..], &["inject=memfd_create:error=EPERM"]].concat(),
            "`path`",
        ),
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
fn files_in_memory_work_on_kernels_before_linux_6_3() {
    let inject = [
        "-e",
        "trace=memfd_create",
        "-e",
        "inject=memfd_create:error=EINVAL:when=1",
    ];
    let wrapper = or_skip!(skip::traced(&inject, "an old kernel"));
    delivered_through("", &wrapper)
        .launched_silently()
        .printed("key-4c7a1e\n");
}

#[test]
fn a_file_in_memory_is_refused_if_the_user_is_not_allowed_to_set_its_owner() {
    let nobody = or_skip!(skip::as_nobody());
    delivered_through(", owner: root", &nobody)
        .refused(78)
        .says(["F (app.yaml:2", "owner"]);
}
