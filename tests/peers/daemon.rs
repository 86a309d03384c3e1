//! Use [`Daemon`] to run somebody else's server on free ports, in a scratch folder of its own.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::directory::Directory;
use crate::support::skip;

/// Where servers are, which is not in every user's PATH.
const PATH: &str = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin";

/// Runs the server until its standard input ends, which only this process holds: the server cannot outlive the tests,
/// however they end.
const KEEPER: &str = r#"folder=$1; shift; "$@" & server=$!; cat; exec 2>/dev/null; kill $server; (sleep 5; kill -9 $server) & wait $server; kill $!; rm -rf "$folder""#;

/// How long a server may take to listen.
const LIMIT: Duration = Duration::from_secs(5);

/// A server that runs until this is dropped or the process ends.
pub(super) struct Daemon {
    keeper: Child,
    stdin: Option<ChildStdin>,
    directory: Directory,
    pub(super) ports: Vec<u16>,
}

/// Whether a server is installed; says what is skipped when it is not.
pub(super) fn is_installed(server: &str) -> bool {
    skip::can(
        &["env", &format!("PATH={PATH}"), "sh", "-c", "command -v \"$0\"", server],
        &format!("tests with {server}"),
    )
}

impl Daemon {
    /// Has `command` made of the folder and of so many free ports, and starts it in that folder. It counts as started
    /// when all its ports are listened on.
    ///
    /// # Panics
    /// When it does not start: its last words are on standard error.
    pub(super) fn start(ports: usize, command: impl Fn(&Path, &[u16]) -> Vec<String>) -> Self {
        // Between choosing a port and listening on it somebody else may get it: then the server ends.
        let started = (0..3).find_map(|_| Self::try_start(ports, &command));
        started.expect("the server listens")
    }

    fn try_start(ports: usize, command: impl Fn(&Path, &[u16]) -> Vec<String>) -> Option<Self> {
        let directory = Directory::new();
        let free: Vec<TcpListener> = (0..ports).map(|_| TcpListener::bind("127.0.0.1:0").expect("a port")).collect();
        let ports: Vec<u16> = free.iter().map(|port| port.local_addr().expect("it is bound").port()).collect();
        let command = command(directory.path(), &ports);
        drop(free);
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
        let daemon = Self { stdin: keeper.stdin.take(), keeper, directory, ports };
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
        // It has been told to end and can do nothing else.
        let _ = self.keeper.wait();
    }
}
