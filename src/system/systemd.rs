//! systemd's sockets: the one that NOTIFY_SOCKET names (sd_notify(3)), and the connection of
//! `LoadCredential=` (systemd.exec(5)).
//!
//! An empty credential must never be sent instead of a missing value. systemd treats a connection
//! that is closed without data as an empty credential and starts the unit. systemd refuses more
//! than 1 MiB. So a connection always ends in one of two ways, even if a held signal ends this
//! process (see `lifecycle`):
//!
//! ```text
//! answer   the whole value, then the end of the stream
//! refuse   padding of more than 1 MiB, possibly after a part of the value: systemd refuses all of it, and the unit fails
//! ```
//!
//! If the client, which is systemd, doesn't read, we wait until it hangs up. If we ended the stream
//! earlier, the client would use what it has received as the credential.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
#[cfg(target_os = "linux")]
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixStream};
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::socket::{Shutdown, SockType, UnixAddr, getpeername, getsockopt, shutdown, sockopt};
use nix::sys::stat::{FileStat, Mode, fstat};
use nix::unistd::{dup2_stderr, dup2_stdin, dup2_stdout, geteuid};

use crate::model::entry::{MAX_CREDENTIAL_LENGTH, SystemdCredential};
use crate::model::environment::Inherited;
use crate::model::problem::{Problem, Status};
use crate::system::os_error::{self, errno_text};
use crate::system::streams::write_all;

/// The service manager's socket, which NOTIFY_SOCKET names. It receives datagrams with assignments,
/// one on each line.
pub struct Notifier(Option<SocketAddr>);

impl Notifier {
    /// Finds the socket that NOTIFY_SOCKET names. Ignores the variable unless it is an absolute
    /// path, or `@` followed by an abstract name (unix(7)).
    pub fn new(inherited: &Inherited) -> Self {
        let name = inherited.non_empty("NOTIFY_SOCKET");
        Self(name.and_then(socket_address))
    }

    /// Sends assignments without blocking. Ignores a failure, because notifications are optional.
    pub fn send(&self, assignments: &str) {
        if let (Some(address), Ok(socket)) = (&self.0, UnixDatagram::unbound()) {
            let _ = socket.set_nonblocking(true);
            let _ = socket.send_to_addr(assignments.as_bytes(), address);
        }
    }
}

fn socket_address(name: &OsStr) -> Option<SocketAddr> {
    match name.as_bytes() {
        #[cfg(target_os = "linux")]
        [b'@', abstract_name @ ..] => SocketAddr::from_abstract_name(abstract_name).ok(),
        [b'/', ..] => SocketAddr::from_pathname(Path::new(name)).ok(),
        _ => None,
    }
}

/// The connection on which systemd reads a credential, for `LoadCredential=` with a socket.
pub struct CredentialConnection {
    /// The socket has FD_CLOEXEC and is never closed. poll(2) on this socket reports when the
    /// client hangs up.
    pub socket: OwnedFd,
    /// True once the whole value was sent.
    is_answered: AtomicBool,
}

pub static CONNECTION: OnceLock<CredentialConnection> = OnceLock::new();

const SETUP_HELP: &str = "let systemd start it, with a socket unit that has Accept=yes and a unit that has LoadCredential=NAME:SOCKET (systemd.exec(5))";

/// True if standard input is a connection of systemd's `LoadCredential=`. If `is_expected` is true,
/// because the subcommand is `credential`, any other Unix stream connection is also accepted:
/// [`CredentialConnection::request`] reports what is wrong with its address.
pub fn has_connection(is_expected: bool) -> bool {
    let input = io::stdin();
    cfg!(target_os = "linux")
        && getsockopt(&input, sockopt::SockType) == Ok(SockType::Stream)
        && getpeername::<UnixAddr>(input.as_raw_fd())
            .is_ok_and(|address| is_expected || credential_named_by(&address).is_some())
}

/// Moves the connection from standard input to [`CONNECTION`]. Termination signals have to be held
/// by now, so that the connection is refused before a signal ends this process.
///
/// If standard output or error is the same connection, which is systemd's default, it is
/// redirected, because everything printed there would become the credential. So this function has
/// to be called before anything is printed.
///
/// # Errors
/// If a descriptor can't be replaced. The connection is refused, and the caller must not print
/// anything.
pub fn take_connection() -> Result<(), Errno> {
    let input = io::stdin();
    // Standard input is replaced last. So after an error, it is still the connection.
    let socket =
        redirect_standard_streams(input.as_fd()).inspect_err(|_| send_refusal(input.as_fd()))?;
    let _ = CONNECTION.set(CredentialConnection {
        socket,
        is_answered: AtomicBool::new(false),
    });
    Ok(())
}

impl CredentialConnection {
    /// The unit and the credential that the client's address names.
    ///
    /// # Errors
    /// If the client can't be identified, is neither root nor the effective user, or has an address
    /// that doesn't name a credential.
    pub fn request(&self) -> Result<SystemdCredential, Problem> {
        let failed = |_: Errno| no_connection_problem();
        #[cfg(target_os = "linux")]
        let user = getsockopt(&self.socket, sockopt::PeerCredentials)
            .map_err(failed)?
            .uid();
        // Never used, because only Linux has systemd.
        #[cfg(not(target_os = "linux"))]
        let user = geteuid().as_raw();
        let address = getpeername::<UnixAddr>(self.socket.as_raw_fd()).map_err(failed)?;

        if user != 0 && user != geteuid().as_raw() {
            let text = format!(
                "user {user} asked for a credential, but only root and the user of this process may get one"
            );
            return Err(Problem::new(Status::Denied, text));
        }
        credential_named_by(&address).ok_or_else(|| {
            let text =
                "standard input is a connection, but not one of LoadCredential=: its address doesn't name a unit and a credential";
            Problem::usage(text).help(SETUP_HELP)
        })
    }

    /// Sends the whole value and ends the stream. Waits while the client isn't reading.
    ///
    /// # Errors
    /// If the value was not sent completely, so that the connection has to be refused, or if the
    /// end of the stream was not sent.
    pub fn answer(&self, value: &[u8]) -> Result<(), Problem> {
        write_all(self.socket.as_fd(), value)
            .map_err(|error| not_sent_problem(os_error::errno(&error)))?;
        self.is_answered.store(true, Ordering::SeqCst);

        // systemd can keep its own descriptor open until the unit of this process ends, so closing
        // ours wouldn't end the stream.
        shutdown(self.socket.as_raw_fd(), Shutdown::Write).map_err(not_sent_problem)
    }

    /// Refuses the connection, so that the unit fails, unless the whole value was sent.
    ///
    /// Several threads can send a refusal at the same time. One refusal is enough, even after a
    /// part of the value.
    pub fn refuse(&self) {
        if !self.is_answered.load(Ordering::SeqCst) {
            send_refusal(self.socket.as_fd());
        }
    }
}

#[cfg(target_os = "linux")]
fn credential_named_by(address: &UnixAddr) -> Option<SystemdCredential> {
    SystemdCredential::from_address(address.as_abstract().unwrap_or_default())
}

/// Always `None`, because only Linux has abstract addresses.
#[cfg(not(target_os = "linux"))]
fn credential_named_by(_: &UnixAddr) -> Option<SystemdCredential> {
    None
}

pub fn no_connection_problem() -> Problem {
    if cfg!(not(target_os = "linux")) {
        return Problem::usage("the subcommand `credential` needs systemd, which only Linux has");
    }
    match getsockopt(&io::stdin(), sockopt::AcceptConn) {
        Ok(true) => Problem::usage("standard input is a listening socket, not a connection")
            .help("set Accept=yes in the socket unit, and name its service as a template: secrets-exec@.service"),
        Ok(false) | Err(_) => {
            Problem::usage("standard input isn't a connection of systemd's LoadCredential=").help(SETUP_HELP)
        }
    }
}

/// Replaces standard input, which is systemd's socket, with /dev/null, and returns a copy of the
/// socket. If standard output is the same socket, replaces it with /dev/null, too. If standard
/// error is the same socket, replaces it with a connection to journald or, if journald can't be
/// reached, with /dev/null.
fn redirect_standard_streams(input: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    let id = |stat: FileStat| (stat.st_dev, stat.st_ino);
    let socket_id = fstat(input).map(id)?;
    let null_device = open("/dev/null", OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty())?;
    let socket = input
        .try_clone_to_owned()
        .map_err(|error| os_error::errno(&error))?;

    if fstat(io::stdout()).map(id) == Ok(socket_id) {
        dup2_stdout(&null_device)?;
    }
    if fstat(io::stderr()).map(id) == Ok(socket_id) {
        match connect_to_journal() {
            Some(journal) => dup2_stderr(journal)?,
            None => dup2_stderr(&null_device)?,
        }
    }
    dup2_stdin(&null_device)?;
    Ok(socket)
}

/// Connects to systemd-journald for lines of text, as systemd does for `StandardError=journal`.
///
/// The header has the identifier, the unit (empty, because journald finds it out), the priority,
/// and whether to parse priorities and to forward the lines to syslog, to the kernel's log and to
/// the console.
fn connect_to_journal() -> Option<UnixStream> {
    let mut journal = UnixStream::connect("/run/systemd/journal/stdout").ok()?;
    journal.write_all(b"secrets-exec\n\n6\n0\n0\n0\n0\n").ok()?;
    shutdown(journal.as_raw_fd(), Shutdown::Read).ok()?;
    Some(journal)
}

/// Refuses the connection: sends more bytes than a credential can have, and ends the stream, so
/// that systemd rejects all of them.
fn send_refusal(connection: BorrowedFd<'_>) {
    let padding = vec![0; MAX_CREDENTIAL_LENGTH + 1];
    if write_all(connection, &padding).is_ok() {
        let _ = shutdown(connection.as_raw_fd(), Shutdown::Write);
    }
}

/// The problem for a value that could not be sent. If the client has closed the connection, the
/// kernel reports EPIPE, because SIGPIPE is ignored while termination signals are held.
fn not_sent_problem(errno: Errno) -> Problem {
    Problem::temporary(match errno {
        Errno::EPIPE | Errno::ECONNRESET => {
            "the client closed the connection before the value was sent".to_owned()
        }
        errno => format!("the value can't be sent: {}", errno_text(errno)),
    })
}
