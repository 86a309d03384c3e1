//! [`Daemon`] runs a third-party server on free ports, in a scratch folder.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::directory::Directory;
use crate::support::skip;

/// A PATH with the directories of servers.
const PATH: &str = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin";

/// A shell script that ends the server when its standard input ends. Only this process holds the other end, so the
/// server ends with the tests even if these are killed.
const KEEPER: &str = r#"folder=$1; shift; "$@" & server=$!; cat; exec 2>/dev/null; kill $server; (sleep 5; kill -9 $server) & wait $server; kill $!; rm -rf "$folder""#;

/// The longest wait for a server to listen.
const LIMIT: Duration = Duration::from_secs(30);

/// A server, which ends when this is dropped or the process ends.
pub(super) struct Daemon {
    keeper: Child,
    stdin: Option<ChildStdin>,
    directory: Directory,
    pub(super) ports: Vec<u16>,
}

/// Returns whether a server is installed; reports the test as skipped when not.
pub(super) fn is_installed(server: &str) -> bool {
    skip::can(
        &[
            "env",
            &format!("PATH={PATH}"),
            "sh",
            "-c",
            "command -v \"$0\"",
            server,
        ],
        &format!("tests with {server}"),
    )
}

/// Ports of 127.0.0.1 on which nothing listens, and that no listener or connection of another test gets: they are below
/// the range from which the kernel chooses (`net.ipv4.ip_local_port_range`, from 32768), and each is given once.
pub(super) fn free_ports(count: usize) -> Vec<u16> {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    // Two runs at the same time begin at different ports.
    let first = std::process::id().wrapping_mul(100);
    let candidates = std::iter::repeat_with(|| {
        let number = first.wrapping_add(GIVEN.fetch_add(1, Ordering::Relaxed));
        10_000 + u16::try_from(number % 20_000).expect("below 20,000")
    });
    candidates
        .filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .take(count)
        .collect()
}

impl Daemon {
    /// Starts the command that `command` makes from the folder and from `ports` free ports, and waits until it listens
    /// on all.
    ///
    /// # Panics
    /// When it does not start; its standard error is the test's.
    pub(super) fn start(ports: usize, command: impl Fn(&Path, &[u16]) -> Vec<String>) -> Self {
        // Another process may take a port before the server listens on it; then the server ends.
        let started = (0..3).find_map(|_| Self::try_start(ports, &command));
        started.expect("the server listens")
    }

    fn try_start(ports: usize, command: impl Fn(&Path, &[u16]) -> Vec<String>) -> Option<Self> {
        let directory = Directory::new();
        let ports = free_ports(ports);
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
        };
        daemon.listens().then_some(daemon)
    }

    fn listens(&self) -> bool {
        let end = Instant::now() + LIMIT;
        let listens = |port: &u16| {
            while Instant::now() < end {
                if TcpStream::connect(("127.0.0.1", *port)).is_ok() {
                    return true;
                }
                thread::sleep(Duration::from_millis(10));
            }
            false
        };
        self.ports.iter().all(listens)
    }

    pub(super) fn directory(&self) -> &Path {
        self.directory.path()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.stdin.take());
        // The script ends, as its standard input has ended.
        let _ = self.keeper.wait();
    }
}
