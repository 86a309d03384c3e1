//! Descriptions of system call errors, which are the same with every C library.

use std::io;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::stat::Mode;

/// Returns the errno of an I/O error, or EIO for an error that no system call reported.
pub fn errno(error: &io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}

/// Returns the description of an errno, in lower case, and for a limit that was reached how to raise it.
///
/// It comes from a table of nix: the texts of strerror(3) differ between glibc and musl.
pub fn describe(errno: Errno) -> String {
    let text = errno.desc().to_lowercase();
    match errno {
        Errno::EMFILE => {
            let limit =
                getrlimit(Resource::RLIMIT_NOFILE).map_or_else(|_| String::new(), |(soft, _)| format!(" is {soft}"));
            format!("{text}: the limit RLIMIT_NOFILE{limit}; raise it (ulimit -n, systemd's LimitNOFILE=)")
        }
        Errno::ENFILE => format!("{text}: the limit of the whole system is reached (fs.file-max)"),
        // nix has the name that System V gave it.
        Errno::EBADF => "bad file descriptor".to_owned(),
        _ => text,
    }
}

/// True for a limit on descriptors, which may be free again later (75).
pub fn is_limit(errno: Errno) -> bool {
    matches!(errno, Errno::EMFILE | Errno::ENFILE)
}

/// Returns the error of opening a file if a limit on descriptors is reached now, for libraries that report another error.
pub fn reached_limit() -> Option<io::Error> {
    let opened = open("/dev/null", OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty());
    opened.err().filter(|errno| is_limit(*errno)).map(io::Error::from)
}

/// Returns the message about a thread that could not be started.
pub fn no_thread(error: &io::Error) -> String {
    format!("cannot start a thread: {}", text(error))
}

/// The step at which the start of a process failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpawnError {
    /// There is no process or no descriptor to be had.
    NoProcess(Errno),
    /// execve failed.
    NotExecuted(Errno),
}

/// The error of reading a file: its text, and whether a limit on descriptors is the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadFailure {
    pub why: String,
    pub is_limit: bool,
}

impl From<&io::Error> for ReadFailure {
    fn from(error: &io::Error) -> Self {
        Self { why: text(error), is_limit: is_limit(errno(error)) }
    }
}

/// Returns the description of an I/O error's errno, or the error's own text if no system call reported it.
pub fn text(error: &io::Error) -> String {
    match error.raw_os_error().map(|code| (code, Errno::from_raw(code))) {
        None => error.to_string(),
        Some((code, Errno::UnknownErrno)) => format!("error {code}"),
        Some((_, errno)) => describe(errno),
    }
}

#[cfg(test)]
mod tests {
    use nix::libc;

    use super::*;

    #[test]
    fn an_errno_has_one_text_without_its_number() {
        assert_eq!(text(&io::Error::from_raw_os_error(libc::ENOENT)), "no such file or directory");
        // glibc: "Too many levels of symbolic links", musl: "Symbolic link loop".
        assert_eq!(text(&io::Error::from_raw_os_error(libc::ELOOP)), describe(Errno::ELOOP));
    }

    #[test]
    fn an_errno_that_nix_does_not_know_keeps_its_number() {
        assert_eq!(text(&io::Error::from_raw_os_error(524)), "error 524");
    }

    #[test]
    fn an_error_of_no_system_call_keeps_its_own_text() {
        let error = io::Error::new(io::ErrorKind::InvalidData, "stream did not contain valid UTF-8");
        assert_eq!(text(&error), "stream did not contain valid UTF-8");
        assert_eq!(errno(&error), Errno::EIO);
    }
}
