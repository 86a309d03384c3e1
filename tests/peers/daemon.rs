//! [`Daemon`] runs a third-party server on free ports, in a temporary folder.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::{TcpListener, TcpStream};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::support::directory::Directory;
use crate::support::record::await_fact;
use crate::support::skip;

/// A PATH with the directories in which servers are installed.
const PATH: &str = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin";

/// A shell script that stops the server when standard input ends. Only the process of the tests
/// holds the other end of that pipe, so the server ends with the tests even if they are killed.
const KEEPER: &str = r#"folder=$1; shift; "$@" & server=$!; cat; exec 2>/dev/null; kill $server; (sleep 5; kill -9 $server) & wait $server; kill $!; rm -rf "$folder""#;

/// A server. It ends when this is dropped, or when the process of the tests ends.
pub(super) struct Daemon {
    keeper: Child,
    stdin: Option<ChildStdin>,
    directory: Directory,
    pub(super) ports: Vec<u16>,
    _reserved: Vec<Port>,
}

/// Returns whether a server is installed. If not, reports the calling test as skipped.
pub(super) fn is_installed(server: &str) -> bool {
    let path = format!("PATH={PATH}");
    let found = ["env", &path, "sh", "-c", "command -v \"$0\"", server];
    skip::can(&found, &format!("tests with {server}"))
}

/// A port of 127.0.0.1 that no other test gets until this is dropped, not even in another run of
/// the tests.
pub(super) struct Port {
    pub(super) number: u16,
    /// The abstract socket that reserves the port: only one process can have a socket with this
    /// name.
    _reservation: UnixDatagram,
}

impl Port {
    /// Returns `None` if a test has reserved this port, or if something else listens on it.
    fn reserve(number: u16) -> Option<Self> {
        let name = format!("secrets-exec-test-port-{number}");
        let address = SocketAddr::from_abstract_name(name).expect("a name without NUL");
        let reservation = UnixDatagram::bind_addr(&address).ok()?;
        TcpListener::bind(("127.0.0.1", number)).ok()?;
        Some(Self {
            number,
            _reservation: reservation,
        })
    }
}

/// Reserves ports. The kernel doesn't choose any of them for other listeners or connections of the
/// tests, because they are below its range (`net.ipv4.ip_local_port_range`, from 32768).
pub(super) fn reserve_ports(count: usize) -> Vec<Port> {
    // The first candidate is random, so that two runs of the tests at the same time seldom try the
    // same ports.
    static NEXT: LazyLock<AtomicU64> =
        LazyLock::new(|| AtomicU64::new(RandomState::new().build_hasher().finish()));
    let candidates = std::iter::repeat_with(|| {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        10_000 + u16::try_from(number % 20_000).expect("below 20,000")
    });
    candidates.filter_map(Port::reserve).take(count).collect()
}

impl Daemon {
    /// Starts the command that `command` makes from the folder and from `ports` ports, and waits
    /// until it listens on all of them.
    ///
    /// # Panics
    /// If the server doesn't start. Its standard error is that of the test.
    pub(super) fn start(ports: usize, command: impl Fn(&Path, &[u16]) -> Vec<String>) -> Self {
        let directory = Directory::new();
        let reserved = reserve_ports(ports);
        let ports: Vec<u16> = reserved.iter().map(|port| port.number).collect();
        let command = command(directory.path(), &ports);
        let mut keeper = Command::new("/bin/sh")
            .args(["-c", KEEPER, "sh"])
            .arg(directory.path())
            .args(command)
            .env_clear()
            .env("PATH", PATH)
            .current_dir(directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("a shell");
        let daemon = Self {
            stdin: keeper.stdin.take(),
            keeper,
            directory,
            ports,
            _reserved: reserved,
        };
        daemon.await_listening();
        daemon
    }

    /// Waits until the server listens on all of its ports. It can't be another server that listens
    /// there, because the ports are reserved.
    fn await_listening(&self) {
        for port in &self.ports {
            await_fact(&format!("a server on port {port}"), || {
                TcpStream::connect(("127.0.0.1", *port)).is_ok()
            });
        }
    }

    pub(super) fn directory(&self) -> &Path {
        self.directory.path()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.stdin.take());
        // The script's standard input has ended, so the script ends too.
        let _ = self.keeper.wait();
    }
}
