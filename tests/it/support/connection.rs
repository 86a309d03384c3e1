//! The two ends of the connection that systemd makes for `LoadCredential=` (systemd.exec(5)).

#![allow(unsafe_code, reason = "the user of one thread is changed")]

use std::io::Read;
use std::net::Shutdown;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use nix::libc;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, bind, connect, socket};

/// The end of the connection that the program gets.
pub struct Connection {
    socket: OwnedFd,
    /// True if the connection is also standard output and standard error, which is systemd's
    /// default.
    is_all: bool,
}

/// The end of the connection that systemd keeps.
pub struct Client(UnixStream);

/// The maximum length of a credential.
pub const MAX_LENGTH: usize = 1024 * 1024;

impl Connection {
    /// Makes the connection the standard input of a command, and perhaps also its standard output
    /// and standard error.
    pub fn prepare(self, command: &mut Command) {
        if self.is_all {
            command.stdout(Stdio::from(self.socket.try_clone().unwrap()));
            command.stderr(Stdio::from(self.socket.try_clone().unwrap()));
        }
        command.stdin(Stdio::from(self.socket));
    }

    /// Makes the connection standard output and standard error, too.
    pub fn everywhere(self) -> Self {
        Self {
            is_all: true,
            ..self
        }
    }

    /// A listening socket, as a socket unit without `Accept=yes` passes it.
    pub fn listening() -> Self {
        Self {
            socket: listen().0.into(),
            is_all: false,
        }
    }
}

/// Connects as systemd does to load a credential of a unit. Returns systemd's end and the program's
/// end.
pub fn load(unit: &str, name: &str) -> (Client, Connection) {
    connect_as(Some(&format!("7346d6d71a{}/unit/{unit}/{name}", unique())))
}

/// Does the same as [`load`] as another user.
pub fn load_as(user: u32, unit: &'static str, name: &'static str) -> (Client, Connection) {
    as_user(user, move || load(unit, name))
}

/// Runs `action` as another user, on a thread that ends with it. The thread has the name of the
/// test, so that the values that it serves are watched for.
pub fn as_user<T: Send + 'static>(user: u32, action: impl FnOnce() -> T + Send + 'static) -> T {
    let act = move || {
        // SAFETY: the raw system call only changes the user of this thread, which ends below.
        let status = unsafe { libc::syscall(libc::SYS_setresuid, -1, user, -1) };
        assert_eq!(status, 0);
        action()
    };
    let name = thread::current().name().unwrap_or_default().to_owned();
    let acting = thread::Builder::new().name(name).spawn(act).unwrap();
    acting.join().unwrap()
}

/// Connects from an address, which gets a unique number as its prefix, or from no address. Only
/// some addresses name a unit and a credential.
pub fn connect_from(address: Option<&str>) -> (Client, Connection) {
    let address = address.map(|address| format!("{}{address}", unique()));
    connect_as(address.as_deref())
}

/// Connects from exactly this abstract address, or from no address.
fn connect_as(address: Option<&str>) -> (Client, Connection) {
    let (listener, name) = listen();
    let (family, flags) = (AddressFamily::Unix, SockFlag::SOCK_CLOEXEC);
    let client = socket(family, SockType::Stream, flags, None).unwrap();
    let at = |address: &str| UnixAddr::new_abstract(address.as_bytes()).unwrap();
    if let Some(address) = address {
        bind(client.as_raw_fd(), &at(address)).unwrap();
    }
    connect(client.as_raw_fd(), &at(&name)).unwrap();
    let (accepted, _) = listener.accept().unwrap();
    let client = UnixStream::from(client);
    client.shutdown(Shutdown::Write).unwrap();
    let limit = Some(Duration::from_secs(60));
    client.set_read_timeout(limit).unwrap();
    let connection = Connection {
        socket: accepted.into(),
        is_all: false,
    };
    (Client(client), connection)
}

/// Listens at an abstract address that no other test uses, and returns the address, too.
fn listen() -> (UnixListener, String) {
    let name = format!("secrets-exec-test-{}-{}", std::process::id(), unique());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    (UnixListener::bind_addr(&address).unwrap(), name)
}

/// A number that no other connection of this process or another one has.
fn unique() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{:x}{number:04x}", std::process::id())
}

impl Client {
    /// Reads to the end of the stream.
    pub fn read(&mut self) -> Vec<u8> {
        let mut received = Vec::new();
        self.0.read_to_end(&mut received).unwrap();
        received
    }

    /// Asserts that the credential was refused: the stream is longer than a credential may be, and
    /// has only zeros.
    pub fn assert_refused(&mut self) {
        let received = self.read();
        assert!(received.len() > MAX_LENGTH, "{} bytes", received.len());
        assert!(received.iter().all(|byte| *byte == 0), "not only zeros");
    }
}
