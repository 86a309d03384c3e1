//! Describes failed system calls. Also reads whole files.

use std::fmt::Display;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::errno::Errno;
use nix::unistd::geteuid;

use crate::model::fault::is_utf16;
use crate::model::message::{Problem, Status};

/// The errno of an error, or EIO if the error didn't come from a system call.
pub fn errno(error: &io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}

/// Describes an errno in lower case, as in `permission denied`. The text for EMFILE includes a
/// remedy, because any system call that opens a file can fail with it.
///
/// The text comes from a table in nix, because strerror(3) has different texts in glibc and musl.
pub fn errno_text(errno: Errno) -> String {
    let text = errno.desc().to_lowercase();
    if errno == Errno::EMFILE {
        return format!("{text}, so raise the limit (ulimit -n, or LimitNOFILE= in systemd)");
    }
    text
}

/// `what` begins the message, such as `the file can't be written`.
pub fn call_problem(what: &str, errno: Errno) -> Problem {
    Problem::configuration(format!("{what}: {}", errno_text(errno)))
}

pub fn no_thread_text(error: &io::Error) -> String {
    format!("no thread can be started ({})", io_error_text(error))
}

/// The error for a file that can't be read, with the help of [`path_remedy`].
pub fn unreadable(file: impl Display, error: &io::Error) -> Problem {
    unreadable_from(file, "", error)
}

/// Like [`unreadable`]. `from` follows the path, such as ` (from SECRETS_EXEC_FILE)`.
pub fn unreadable_from(file: impl Display, from: &str, error: &io::Error) -> Problem {
    let file = file.to_string();
    let path = Path::new(&file);
    let reason = match error.kind() {
        io::ErrorKind::NotFound => absence(path),
        _ => &format!("can't be read: {}", file_error_text(path, error)),
    };
    Problem::configuration(format!("the file \"{file}\"{from} {reason}"))
        .help_if_some(path_remedy(path))
}

/// The end of a message about a missing file or the missing target of a link.
pub fn absence(path: &Path) -> &'static str {
    if path.is_symlink() {
        "is a link to a file that doesn't exist"
    } else {
        "doesn't exist"
    }
}

/// The help for a common mistake in a path that can't be opened.
pub fn path_remedy(path: &Path) -> Option<&'static str> {
    if path.is_dir() {
        return Some("use a file. If Docker made the directory, create the file on the host first");
    }
    unexpanded_help(&path.to_string_lossy())
}

/// The help for a path or name that begins with a quote or with what a shell or systemd expands.
pub fn unexpanded_help(text: &str) -> Option<&'static str> {
    if !text.starts_with(['$', '~', '%', '"', '\'']) {
        return None;
    }
    Some("use it itself, without quotes: nothing expands it here")
}

/// Describes why a file can't be accessed. If access was denied, also shows the file's owner and
/// mode, and the user that secrets-exec runs as.
pub fn file_error_text(path: &Path, error: &io::Error) -> String {
    let text = io_error_text(error);
    match path.metadata() {
        Ok(file) if error.kind() == io::ErrorKind::PermissionDenied => format!(
            "{text} (the file belongs to user {} and has mode {:04o}, and secrets-exec runs as user {})",
            file.uid(),
            file.mode() & 0o7777,
            geteuid(),
        ),
        _ => text,
    }
}

/// Reads a whole file. `name` is its path or `standard input`.
pub fn read_file(name: impl Display, file: impl Read, max_mib: usize) -> Result<Vec<u8>, Problem> {
    let max_length = max_mib << 20;
    let mut bytes = Vec::new();
    let length = file
        .take(max_length as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(&name, &error))?;
    if length > max_length {
        let text = format!("{name} is larger than {max_mib} MiB, the limit for this file");
        return Err(Problem::configuration(text));
    }
    Ok(bytes)
}

/// Checks that a file is UTF-8. Messages refer to it as `file`.
pub fn utf8_text<'b>(bytes: &'b [u8], file: &str, status: Status) -> Result<&'b str, Problem> {
    let not_utf8 = |text: String| Problem::new(status, text).help("save it as UTF-8");
    if is_utf16(bytes) {
        return Err(not_utf8(format!("{file} is UTF-16")));
    }
    str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        let line = before.split(|byte| *byte == b'\n').count();
        not_utf8(format!("{file}:{line}: this line isn't UTF-8 text"))
    })
}

/// Describes an I/O error: `permission denied`, or `error 524` for an errno without a text.
pub fn io_error_text(error: &io::Error) -> String {
    let Some(code) = error.raw_os_error() else {
        return error.to_string();
    };
    match Errno::from_raw(code) {
        Errno::UnknownErrno => format!("error {code}"),
        errno => errno_text(errno),
    }
}

#[cfg(test)]
mod tests {
    use nix::libc;

    use super::*;

    #[test]
    fn an_error_shows_its_number_only_if_there_is_no_text_for_it() {
        // glibc: "Too many levels of symbolic links", musl: "Symbolic link loop".
        assert_eq!(
            io_error_text(&io::Error::from_raw_os_error(libc::ELOOP)),
            errno_text(Errno::ELOOP)
        );
        assert_eq!(
            io_error_text(&io::Error::from_raw_os_error(524)),
            "error 524"
        );
        let error = io::Error::new(
            io::ErrorKind::InvalidData,
            "stream did not contain valid UTF-8",
        );
        assert_eq!(
            (io_error_text(&error), errno(&error)),
            (error.to_string(), Errno::EIO)
        );
    }
}
