//! Descriptions of system call errors, which are the same with every C library.

use std::io;

use nix::errno::Errno;

/// Returns the errno of an I/O error, or EIO for an error that no system call reported.
pub fn errno(error: &io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}

/// Returns the description of an errno, in lower case.
///
/// It comes from a table of nix: the texts of strerror(3) differ between glibc and musl.
pub fn describe(errno: Errno) -> String {
    errno.desc().to_lowercase()
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
