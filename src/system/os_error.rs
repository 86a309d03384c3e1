//! Descriptions of system call errors, which are the same with every C library.

use std::fmt::Display;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::errno::Errno;
use nix::unistd::geteuid;

use crate::model::problem::Problem;

/// Returns the errno of an I/O error, or EIO for an error that no system call reported.
pub fn errno(error: &io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}

/// Returns the description of an errno, in lower case.
///
/// It comes from a table of nix: the texts of strerror(3) differ between glibc and musl.
pub fn describe(errno: Errno) -> String {
    let text = errno.desc().to_lowercase();
    if errno == Errno::EMFILE {
        return format!("{text}, so raise the limit (ulimit -n, or LimitNOFILE= in systemd)");
    }
    text
}

/// Returns the problem of a system call that failed.
pub fn failed(what: &str, errno: Errno) -> Problem {
    Problem::configuration(format!("{what}: {}", describe(errno)))
}

/// Returns the message about a thread that could not be started.
pub fn no_thread(error: &io::Error) -> String {
    format!("no thread can be started ({})", text(error))
}

/// Returns the problem of a file that cannot be read.
pub fn unreadable(file: impl Display, error: &io::Error) -> Problem {
    let file = file.to_string();
    Problem::configuration(match error.kind() {
        io::ErrorKind::NotFound => format!("the file \"{file}\" does not exist"),
        io::ErrorKind::IsADirectory => format!("\"{file}\" is a directory, not a file"),
        _ => {
            let why = text_of_file(Path::new(&file), error);
            format!("the file \"{file}\" can't be read: {why}")
        }
    })
}

/// Returns the description of an error with a file; that of a denied access has this process's user and the file's owner and mode.
pub fn text_of_file(path: &Path, error: &io::Error) -> String {
    let text = text(error);
    match path.metadata() {
        Ok(file) if error.kind() == io::ErrorKind::PermissionDenied => {
            let (uid, owner, mode) = (geteuid(), file.uid(), file.mode() & 0o7777);
            format!(
                "{text} (the file belongs to user {owner} and has mode {mode:04o}, and secrets-exec runs as user {uid})"
            )
        }
        Ok(_) | Err(_) => text,
    }
}

/// Reads the text of the file with this name.
///
/// # Errors
/// When it cannot be read, has more than `mebibytes`, or is not UTF-8.
pub fn read_text(name: impl Display, file: impl Read, mebibytes: usize) -> Result<String, Problem> {
    let (mut bytes, most) = (Vec::new(), mebibytes << 20);
    let read = file.take(most as u64 + 1).read_to_end(&mut bytes);
    if read.map_err(|error| unreadable(&name, &error))? > most {
        return Err(Problem::configuration(format!(
            "{name} is larger than {mebibytes} MiB"
        )));
    }
    String::from_utf8(bytes)
        .map_err(|_| Problem::configuration(format!("{name} is not UTF-8 text")))
}

/// Returns the description of an I/O error's errno, or the error's own text if no system call reported it.
pub fn text(error: &io::Error) -> String {
    let Some(code) = error.raw_os_error() else {
        return error.to_string();
    };
    match Errno::from_raw(code) {
        Errno::UnknownErrno => format!("error {code}"),
        errno => describe(errno),
    }
}

#[cfg(test)]
mod tests {
    use nix::libc;

    use super::*;

    #[test]
    fn an_errno_has_one_text_and_its_number_only_if_nix_does_not_know_it() {
        // glibc: "Too many levels of symbolic links", musl: "Symbolic link loop".
        assert_eq!(
            text(&io::Error::from_raw_os_error(libc::ELOOP)),
            describe(Errno::ELOOP)
        );
        assert_eq!(text(&io::Error::from_raw_os_error(524)), "error 524");
        let error = io::Error::new(
            io::ErrorKind::InvalidData,
            "stream did not contain valid UTF-8",
        );
        assert_eq!(
            (text(&error), errno(&error)),
            (error.to_string(), Errno::EIO)
        );
    }
}
