//! The connection on Linux: a static, since a signal handler and the watchdog must be able to refuse it.

#![allow(
    unsafe_code,
    reason = "descriptors by number: standard input, output and error, and one that a signal handler uses"
)]

use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicI32, AtomicU8, Ordering};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl, open};
use nix::libc::{STDERR_FILENO, STDIN_FILENO, STDOUT_FILENO};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, Shutdown, SockType, UnixAddr, getpeername, getsockopt, send, shutdown, sockopt};
use nix::sys::stat::{Mode, fstat};
use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_gettime};
use nix::unistd::{dup2_stderr, dup2_stdin, dup2_stdout, geteuid, pipe};

use super::client::{AnswerError, NoConnection, Peer};

/// The states of the connection.
const ABSENT: u8 = 0;
const OPEN: u8 = 1;
/// A part of the value may have been sent.
const ANSWERING: u8 = 2;
const ANSWERED: u8 = 3;
/// A part of the padding may have been sent.
const REFUSING: u8 = 4;
const REFUSED: u8 = 5;

static STATE: AtomicU8 = AtomicU8::new(ABSENT);

/// The connection's descriptor, close-on-exec; never closed.
static DESCRIPTOR: AtomicI32 = AtomicI32::new(-1);

/// The time for a client that does not read: for the value, and again for a refusal.
const PATIENCE: Duration = Duration::from_secs(20);

/// The same in a signal handler.
const PATIENCE_OF_SIGNAL: Duration = Duration::from_secs(5);

/// The length of a refusal: a byte more than a credential may have.
const REFUSAL_LENGTH: usize = 1024 * 1024 + 1;

static PADDING: [u8; 65_536] = [0; 65_536];

/// Takes the connection from standard input, if that is one. Standard output and error are redirected if they are the connection as well,
/// which is systemd's default: what is printed there would become the credential.
///
/// Must be called before anything is printed.
///
/// # Errors
/// When a descriptor cannot be replaced: the connection is refused, and nothing may be printed.
pub fn take() -> Result<(), Errno> {
    // SAFETY: Rust's runtime has opened descriptors 0 to 2 before `main`, and nothing closes them.
    let [input, output, error] =
        [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO].map(|number| unsafe { BorrowedFd::borrow_raw(number) });
    if !is_connection(input) {
        return Ok(());
    }
    let number = fcntl(input, FcntlArg::F_DUPFD_CLOEXEC(STDERR_FILENO + 1));
    DESCRIPTOR.store(*number.as_ref().unwrap_or(&STDIN_FILENO), Ordering::SeqCst);
    STATE.store(OPEN, Ordering::SeqCst);
    let redirected = number.and_then(|_| redirect([input, output, error]));
    if redirected.is_err() {
        refuse();
    }
    redirected
}

fn is_connection(input: BorrowedFd<'_>) -> bool {
    getsockopt(&input, sockopt::SockType) == Ok(SockType::Stream) && getpeername::<UnixAddr>(input.as_raw_fd()).is_ok()
}

/// Replaces standard input, and those of output and error that are the same socket.
fn redirect([input, output, error]: [BorrowedFd<'_>; 3]) -> Result<(), Errno> {
    let socket = fstat(input)?;
    let is_socket = |other: BorrowedFd<'_>| {
        fstat(other).is_ok_and(|other| (other.st_dev, other.st_ino) == (socket.st_dev, socket.st_ino))
    };
    let nothing = nothing()?;
    if is_socket(output) {
        dup2_stdout(&nothing)?;
    }
    if is_socket(error) {
        match journal() {
            Some(journal) => dup2_stderr(journal)?,
            None => dup2_stderr(&nothing)?,
        }
    }
    dup2_stdin(&nothing)
}

/// /dev/null, or where there is none a pipe without a reader.
fn nothing() -> Result<OwnedFd, Errno> {
    let null = open("/dev/null", OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty());
    null.or_else(|_| pipe().map(|(_, writer)| writer))
}

/// Returns a stream of systemd-journald for lines of text, as for `StandardError=journal`. The header has the identifier, the unit (which
/// journald knows by itself), the priority, and whether to parse priorities and to forward to syslog, the kernel's log and the console.
fn journal() -> Option<UnixStream> {
    let mut journal = UnixStream::connect("/run/systemd/journal/stdout").ok()?;
    journal.write_all(b"secrets-exec\n\n6\n0\n0\n0\n0\n").ok()?;
    shutdown(journal.as_raw_fd(), Shutdown::Read).ok()?;
    Some(journal)
}

/// Returns the client of the connection that [`take`] has taken.
///
/// # Errors
/// When there was none.
pub fn peer() -> Result<Peer, NoConnection> {
    let Some(connection) = connection() else {
        // SAFETY: as in `take`.
        let input = unsafe { BorrowedFd::borrow_raw(STDIN_FILENO) };
        return Err(match getsockopt(&input, sockopt::AcceptConn) {
            Ok(true) => NoConnection::Listening,
            Ok(false) | Err(_) => NoConnection::Other,
        });
    };
    let user = getsockopt(&connection, sockopt::PeerCredentials).map_err(|_| NoConnection::Other)?.uid();
    let address = getpeername::<UnixAddr>(connection.as_raw_fd()).map_err(|_| NoConnection::Other)?;
    let address = address.as_abstract().unwrap_or_default().to_vec();
    Ok(Peer { address, is_trusted: user == 0 || user == geteuid().as_raw(), user })
}

/// The connection, whose descriptor is never closed.
fn connection() -> Option<BorrowedFd<'static>> {
    if STATE.load(Ordering::SeqCst) == ABSENT {
        return None;
    }
    // SAFETY: `take` stored an open descriptor before it set the state, and nothing closes it.
    Some(unsafe { BorrowedFd::borrow_raw(DESCRIPTOR.load(Ordering::SeqCst)) })
}

/// Sends the whole value and ends the stream.
///
/// # Errors
/// When the value was not sent as a whole: the connection is still to be refused.
pub fn answer(value: &[u8]) -> Result<(), AnswerError> {
    let Some(connection) = connection() else { return Err(AnswerError::Ending) };
    step(OPEN, ANSWERING)?;
    let end = now() + PATIENCE;
    let mut rest = value;
    while !rest.is_empty() {
        let sent = send_some(connection, rest, end)?;
        rest = rest.get(sent..).unwrap_or_default();
    }
    step(ANSWERING, ANSWERED)?;
    // systemd itself may hold the connection open until the unit of this process ends.
    shutdown(connection.as_raw_fd(), Shutdown::Write).map_err(AnswerError::Other)
}

/// Takes a step towards the answer, unless a refusal has begun.
fn step(from: u8, to: u8) -> Result<(), AnswerError> {
    STATE.compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst).map(drop).map_err(|_| AnswerError::Ending)
}

/// Fails the client unless it has the whole value. To be called before the process ends.
pub fn refuse() {
    refuse_within(PATIENCE);
}

/// Does the same in a signal handler: async-signal-safe, and with less time for the client.
pub fn refuse_by_signal() {
    refuse_within(PATIENCE_OF_SIGNAL);
}

/// Several threads may send a refusal at the same time: any of them suffices, also after a part of the value.
fn refuse_within(patience: Duration) {
    let Some(connection) = connection() else { return };
    let next = |state| if matches!(state, ANSWERED | REFUSED) { None } else { Some(REFUSING) };
    if STATE.fetch_update(Ordering::SeqCst, Ordering::SeqCst, next).is_err() {
        return;
    }
    let end = now() + patience;
    let mut left = REFUSAL_LENGTH;
    while left > 0 {
        let Ok(sent) = send_some(connection, PADDING.get(..left).unwrap_or(&PADDING), end) else { break };
        left = left.saturating_sub(sent);
    }
    STATE.store(REFUSED, Ordering::SeqCst);
    let _ = shutdown(connection.as_raw_fd(), Shutdown::Write);
}

/// Waits until the client hangs up, without the answer, and returns true if the connection is still open then.
pub fn await_hang_up() -> bool {
    let Some(connection) = connection() else { return false };
    // POLLHUP needs no flag.
    let mut files = [PollFd::new(connection, PollFlags::empty())];
    while poll(&mut files, PollTimeout::NONE) == Err(Errno::EINTR) {}
    STATE.load(Ordering::SeqCst) == OPEN
}

/// Sends what the client has room for, and returns the number of bytes. Async-signal-safe.
fn send_some(connection: BorrowedFd<'_>, bytes: &[u8], end: Duration) -> Result<usize, AnswerError> {
    loop {
        match send(connection.as_raw_fd(), bytes, MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL) {
            Ok(sent) => return Ok(sent),
            Err(Errno::EAGAIN) => await_room(connection, end)?,
            Err(Errno::EINTR) => {}
            Err(Errno::EPIPE | Errno::ECONNRESET) => return Err(AnswerError::Closed),
            Err(errno) => return Err(AnswerError::Other(errno)),
        }
    }
}

fn await_room(connection: BorrowedFd<'_>, end: Duration) -> Result<(), AnswerError> {
    let left = end.saturating_sub(now());
    if left.is_zero() {
        return Err(AnswerError::TimedOut);
    }
    let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
    // The caller tries again whatever the result.
    let _ = poll(&mut [PollFd::new(connection.as_fd(), PollFlags::POLLOUT)], timeout);
    Ok(())
}

/// The monotonic clock. Async-signal-safe.
fn now() -> Duration {
    clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(Duration::ZERO, |time: TimeSpec| time.into())
}
