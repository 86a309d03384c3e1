//! Descriptions of system call errors, which are the same with every C library.

use std::fmt::Display;
use std::io::{self, Read};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::stat::Mode;

use crate::model::problem::{Problem, Status};

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

/// Returns the problem of a system call that failed.
pub fn failed(what: &str, errno: Errno) -> Problem {
    let status = if is_limit(errno) { Status::Temporary } else { Status::Configuration };
    Problem::new(status, format!("{what}: {}", describe(errno)))
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

/// Returns the message about a process that could not be started.
pub fn no_process(error: &io::Error) -> String {
    format!("cannot start a process: {}", text(error))
}

/// The error of reading a file: its text, and whether a limit on descriptors is the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadFailure {
    pub why: String,
    pub is_limit: bool,
}

impl ReadFailure {
    /// Returns the error of the file with this name.
    pub fn problem(&self, file: impl Display) -> Problem {
        let status = if self.is_limit { Status::Temporary } else { Status::Configuration };
        Problem::new(status, format!("{file}: cannot be read: {}", self.why))
    }
}

impl From<&io::Error> for ReadFailure {
    fn from(error: &io::Error) -> Self {
        Self { why: text(error), is_limit: is_limit(errno(error)) }
    }
}

/// Reads a file to its end.
///
/// # Errors
/// When it cannot be read, or has more than `mebibytes`.
pub fn read_at_most(file: impl Read, mebibytes: usize) -> Result<Vec<u8>, ReadFailure> {
    let (mut bytes, most) = (Vec::new(), mebibytes << 20);
    match file.take(most as u64 + 1).read_to_end(&mut bytes) {
        Ok(length) if length > most => {
            Err(ReadFailure { why: format!("it has more than {mebibytes} MiB"), is_limit: false })
        }
        Ok(_) => Ok(bytes),
        Err(error) => Err((&error).into()),
    }
}

/// Reads the text of the file with this name.
///
/// # Errors
/// When it cannot be read, has more than `mebibytes`, or is not UTF-8.
pub fn read_text(name: impl Display, file: impl Read, mebibytes: usize) -> Result<String, Problem> {
    let bytes = read_at_most(file, mebibytes).map_err(|failure| failure.problem(&name))?;
    String::from_utf8(bytes).map_err(|_| Problem::configuration(format!("{name}: is not UTF-8")))
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
    fn an_errno_has_one_text_and_its_number_only_if_nix_does_not_know_it() {
        // glibc: "Too many levels of symbolic links", musl: "Symbolic link loop".
        assert_eq!(text(&io::Error::from_raw_os_error(libc::ELOOP)), describe(Errno::ELOOP));
        assert_eq!(text(&io::Error::from_raw_os_error(524)), "error 524");
        let error = io::Error::new(io::ErrorKind::InvalidData, "stream did not contain valid UTF-8");
        assert_eq!((text(&error), errno(&error)), (error.to_string(), Errno::EIO));
    }
}
