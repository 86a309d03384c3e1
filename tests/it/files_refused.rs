//! Files in memory where the system refuses them (seccomp, an old kernel, a limit): the error says how to avoid them,
//! and flags that an old kernel does not know are left out.

use crate::support::aws::Aws;
use crate::support::aws::secret::Secret;
use crate::support::outcome::Outcome;
use crate::support::sandbox::Sandbox;
use crate::support::skip;

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

fn served() -> Aws {
    Aws::start().secret("prod/tls", Secret::json(r#"{"key":"the key"}"#))
}

fn with_file(aws: &Aws, wrapper: &[&str]) -> Outcome {
    let sandbox = Sandbox::new().aws(aws).declaration("files:\n  - { from: \"prod/tls:key\", env: F }\n");
    sandbox.script("cat \"$F\"").through(wrapper).run()
}

/// Injects an error into every call of memfd_create, or into the calls that `which` selects, by strace.
fn injected(error: &str) -> Option<[String; 6]> {
    let line = ["strace", "-o", "/dev/null", "-e", "trace=memfd_create", "-e"].map(str::to_owned);
    let wrapper: Vec<&str> = line.iter().map(String::as_str).collect();
    let inject = format!("inject=memfd_create:error={error}");
    let trial = [&wrapper[..], &[&inject, "true"]].concat();
    skip::can(&trial, "a kernel that refuses memfd_create").then_some(line)
}

fn under(error: &str) -> Option<Outcome> {
    let line = injected(error)?;
    let inject = format!("inject=memfd_create:error={error}");
    let wrapper: Vec<&str> = line.iter().map(String::as_str).chain([inject.as_str()]).collect();
    Some(with_file(&served(), &wrapper))
}

#[test]
fn a_seccomp_profile_that_forbids_memfd_is_told_with_the_way_out() {
    let wrapper = ["python3", "-c", SECCOMP];
    if !skip::can(&[&wrapper[..], &["true"]].concat(), "a seccomp profile") {
        return;
    }
    let run = with_file(&served(), &wrapper);
    run.refused(78).says(["F", "secrets-exec.yaml:2", "seccomp", "`path`"]);
}

#[test]
fn a_kernel_without_memfd_is_told_with_the_way_out() {
    for error in ["ENOSYS", "EPERM"] {
        let Some(run) = under(error) else { return };
        run.refused(78).says(["F", "secrets-exec.yaml:2", "`path`"]);
    }
}

#[test]
fn a_flag_that_the_kernel_does_not_know_is_done_without() {
    let Some(run) = under("EINVAL:when=1") else { return };
    run.launched_silently().printed("the key");
}

#[test]
fn a_limit_that_leaves_no_descriptor_is_told_with_the_way_out() {
    for limit in ["64", "100"] {
        let script = format!("ulimit -n {limit}; exec \"$@\"");
        let run = with_file(&served(), &["/bin/sh", "-c", &script, "sh"]);
        run.refused(78).says(["F", "secrets-exec.yaml:2", limit, "`path`"]);
    }
}

#[test]
fn an_owner_that_may_not_be_set_is_told() {
    let other_user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    if !skip::can(&[&other_user[..], &["true"]].concat(), "a run as another user") {
        return;
    }
    let aws = served();
    let declaration = "files:\n  - { from: \"prod/tls:key\", env: F, owner: root }\n";
    let sandbox = Sandbox::new().aws(&aws).args(["-f", "app.yaml"]).file("app.yaml", declaration);
    let run = sandbox.through(other_user).spawn_copy().wait();
    run.refused(78).says(["F", "app.yaml:2", "owner"]);
}

#[test]
fn an_owner_that_does_not_exist_is_told_by_name() {
    let aws = served();
    for (owner, name) in [("no-such-user", "no-such-user"), ("\"0:no-such-group\"", "no-such-group")] {
        let declaration = format!("files:\n  - {{ from: \"prod/tls:key\", env: F, owner: {owner} }}\n");
        Sandbox::new().aws(&aws).declaration(&declaration).run().refused(78).says(["F", "secrets-exec.yaml:2", name]);
    }
}

#[test]
fn a_mode_that_is_none_is_told_with_its_line_before_anything_is_read() {
    let aws = served();
    for mode in ["rw", "\"0888\"", "\"u+r\"", "\"10000\"", "\"\""] {
        let declaration = format!("files:\n  - {{ from: \"prod/tls:key\", env: F, mode: {mode} }}\n");
        Sandbox::new().aws(&aws).declaration(&declaration).run().refused(78).says(["secrets-exec.yaml:2", "mode"]);
    }
    assert!(aws.calls().is_empty());
}
