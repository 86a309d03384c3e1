//! Network namespaces: a test sets up its own links, routes and filters, and disturbs no other test.

#![allow(unsafe_code, reason = "unshare(2) has no safe call here")]

use std::panic::resume_unwind;
use std::process::Command;
use std::thread;

use nix::libc;

use crate::support::sandbox::Sandbox;
use crate::support::{skip, watch};

/// Loopback, and a link `near` whose other end drops every packet; 192.0.2.9 and 2001:db8::9 are on that side.
const LINKS: &str = "\
    export PATH=\"$PATH:/usr/sbin:/sbin\" && set -e
    ip link set lo up
    ip link add near type veth peer name far
    ip addr add 192.0.2.1/24 dev near
    ip -6 addr add 2001:db8::1/64 dev near nodad
    ip link set near up
    ip link set far up
    ip neigh add 192.0.2.9 lladdr 02:00:00:00:00:09 dev near nud permanent
    ip -6 neigh add 2001:db8::9 lladdr 02:00:00:00:00:09 dev near nud permanent";

/// An IPv4 address whose packets are dropped without an answer.
pub const SILENT: &str = "192.0.2.9";
/// An IPv6 address whose packets are dropped without an answer.
pub const SILENT_V6: &str = "2001:db8::9";

/// Runs a test, its servers and its launches in a network namespace with [`LINKS`]; reports the test as skipped where
/// none can be made.
pub fn alone(test: impl FnOnce() + Send) {
    if !skip::can(&["unshare", "--net", "sh", "-c", LINKS], "a network of a test's own") {
        return;
    }
    let inside = || {
        // SAFETY: it changes this thread only, which ends with the test.
        assert_eq!(unsafe { libc::unshare(libc::CLONE_NEWNET) }, 0);
        sh(LINKS);
        test();
    };
    // A namespace belongs to a thread, and is inherited by the threads and processes that it starts.
    thread::scope(|scope| {
        let named = thread::Builder::new().name(watch::test());
        named.spawn_scoped(scope, inside).unwrap().join().unwrap_or_else(|panic| resume_unwind(panic))
    });
}

/// Runs a shell command, which must succeed, in the namespace of this thread.
pub fn sh(line: &str) {
    assert!(can_sh(line), "{line}");
}

/// Returns whether a shell command succeeds in the namespace of this thread: not every kernel has every filter.
pub fn can_sh(line: &str) -> bool {
    let line = format!("PATH=\"$PATH:/usr/sbin:/sbin\"; {line}");
    Command::new("/bin/sh").args(["-c", &line]).status().unwrap().success()
}

/// Bind-mounts files of the test over files of `/etc`, for one launch.
pub fn with_files(sandbox: Sandbox, files: &[(&str, &str)]) -> Sandbox {
    let mut line = String::new();
    let mut sandbox = sandbox;
    for (name, content) in files {
        sandbox = sandbox.file(name, content);
        line += &format!("mount --bind {} /etc/{name} && ", sandbox.path(name).display());
    }
    line += "exec \"$@\"";
    sandbox.through(["unshare", "--mount", "/bin/sh", "-c", &line, "sh"])
}

/// Returns whether a file of `/etc` can be replaced for one process; reports the test as skipped when not.
pub fn can_replace(name: &str) -> bool {
    let line = format!("mount --bind /dev/null /etc/{name}");
    skip::can(&["unshare", "--mount", "sh", "-c", &line], &format!("another /etc/{name}"))
}
