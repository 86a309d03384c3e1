//! Network namespaces, in which a test sets up its own links, routes and filters without disturbing
//! other tests; a relay, and a proxy.

#![allow(unsafe_code, reason = "unshare(2) has no safe call here")]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::panic::resume_unwind;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;

use nix::libc;

use crate::support::sandbox::Sandbox;
use crate::support::wire::{Step, Wire, with_head};
use crate::support::{skip, watch};

/// Loopback, and a link `near` whose other end drops every packet. 192.0.2.9 and 2001:db8::9 are on
/// that side.
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

/// An IPv4 address to which all packets are lost.
pub const SILENT: &str = "192.0.2.9";
/// An IPv6 address to which all packets are lost.
pub const SILENT_V6: &str = "2001:db8::9";

/// Runs a test, its servers and its launches in a network namespace with [`LINKS`]. If no namespace
/// can be made here, reports the test as skipped.
pub fn alone(test: impl FnOnce() + Send) {
    let trial = ["unshare", "--net", "sh", "-c", LINKS];
    if !skip::can(&trial, "a network of a test's own") {
        return;
    }
    let inside = || {
        // SAFETY: it changes only this thread, which ends with the test.
        assert_eq!(unsafe { libc::unshare(libc::CLONE_NEWNET) }, 0);
        sh(LINKS);
        test();
    };
    // A namespace belongs to a thread. The threads and processes that the thread starts inherit it.
    thread::scope(|scope| {
        let named = thread::Builder::new().name(watch::test());
        named
            .spawn_scoped(scope, inside)
            .unwrap()
            .join()
            .unwrap_or_else(|panic| resume_unwind(panic))
    });
}

/// Runs a shell command in the namespace of this thread, and asserts that it succeeds.
pub fn sh(line: &str) {
    assert!(can_sh(line), "{line}");
}

/// Returns whether a shell command succeeds in the namespace of this thread. Not every kernel has
/// every filter.
pub fn can_sh(line: &str) -> bool {
    let line = format!("PATH=\"$PATH:/usr/sbin:/sbin\"; {line}");
    Command::new("/bin/sh")
        .args(["-c", &line])
        .status()
        .unwrap()
        .success()
}

/// Bind-mounts files of the test over files of `/etc`, for one launch.
pub fn with_files(sandbox: Sandbox, files: &[(&str, &str)]) -> Sandbox {
    let (mut sandbox, mut line) = (sandbox, String::new());
    for (name, content) in files {
        sandbox = sandbox.file(name, content);
        line += &format!("mount --bind {name} /etc/{name} && ");
    }
    line += "exec \"$@\"";
    sandbox.through(["unshare", "--mount", "/bin/sh", "-c", &line, "sh"])
}

/// Returns whether a file of `/etc` can be replaced for one process. If not, reports the test as
/// skipped.
pub fn can_replace(name: &str) -> bool {
    let line = format!("mount --bind /dev/null /etc/{name}");
    let what = format!("another /etc/{name}");
    skip::can(&["unshare", "--mount", "sh", "-c", &line], &what)
}

/// An address on which nothing listens. A relay that leads there closes its connections.
pub const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1);

/// An address that can lead to one server after another, so that the server at an endpoint can be
/// replaced.
pub struct Relay {
    wire: Wire,
    target: Arc<Mutex<SocketAddr>>,
}

impl Relay {
    /// Listens at an IP address of this machine.
    pub fn start(ip: &str, target: SocketAddr) -> Self {
        let target = Arc::new(Mutex::new(target));
        Self {
            wire: Wire::start(ip, None, vec![vec![Step::Join(Arc::clone(&target))]]),
            target,
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.wire.address()
    }

    pub fn connections(&self) -> usize {
        self.wire.connections()
    }

    /// Sends all later connections to this address.
    pub fn leads_to(&self, target: SocketAddr) {
        *self.target.lock().unwrap() = target;
    }
}

/// An HTTP proxy that records its requests and connects every tunnel to the same server.
pub struct Proxy(Wire);

impl Proxy {
    /// Starts a proxy whose tunnels all lead to this server.
    pub fn before(server: SocketAddr) -> Self {
        let opened = Step::Send(with_head(&["HTTP/1.1 200 OK"], ""));
        Self(Wire::plain(vec![vec![
            Step::Head,
            opened,
            Step::Join(Arc::new(Mutex::new(server))),
        ]]))
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.0.address())
    }

    /// The request lines without the HTTP version, such as `CONNECT host:443`.
    pub fn request_lines(&self) -> Vec<String> {
        let line = |head: String| head.split(" HTTP/1.1").next().unwrap().to_owned();
        self.0.heads().into_iter().map(line).collect()
    }
}
