//! Lookup of the command in its own PATH, as execvp(3) does it.

use std::ffi::{CString, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags};
use nix::unistd::{AccessFlags, faccessat};

use crate::system::os_error::errno;

/// The path of a file whose mode allows this process to execute it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program(pub CString);

impl Program {
    pub fn as_path(&self) -> &Path {
        Path::new(OsStr::from_bytes(self.0.as_bytes()))
    }
}

/// The reason why there is no program to execute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProgramError {
    /// There is no such file.
    NotFound {
        /// The PATH that was searched; `None` for a command with a slash.
        path: Option<String>,
    },
    /// The file exists and cannot be executed.
    NotExecutable { file: PathBuf, why: Errno },
}

/// The search path if PATH is not set, as in musl's execvp(3).
const DEFAULT_PATH: &str = "/usr/local/bin:/bin:/usr/bin";

/// Finds `program` in `path`, the command's PATH. A name with a slash is a path itself.
///
/// # Errors
/// When no file has the name, or none of them can be executed; the error has the first one.
pub fn find(program: &OsStr, path: Option<&OsStr>) -> Result<Program, ProgramError> {
    if program.as_bytes().contains(&b'/') {
        return match examine(Path::new(program)) {
            Ok(program) => Ok(program),
            Err(Errno::ENOENT) => Err(ProgramError::NotFound { path: None }),
            Err(errno) => Err(ProgramError::NotExecutable { file: program.into(), why: errno }),
        };
    }
    let path = path.unwrap_or(OsStr::new(DEFAULT_PATH));
    let not_found = || ProgramError::NotFound { path: Some(path.to_string_lossy().into_owned()) };
    if program.is_empty() {
        return Err(not_found());
    }
    let mut refused = None;
    for directory in path.as_bytes().split(|byte| *byte == b':') {
        // An empty element means the working directory.
        let directory = if directory.is_empty() { OsStr::new(".") } else { OsStr::from_bytes(directory) };
        let file = Path::new(directory).join(program);
        match examine(&file) {
            Ok(program) => return Ok(program),
            Err(errno @ (Errno::EACCES | Errno::EISDIR)) if refused.is_none() => {
                refused = Some(ProgramError::NotExecutable { file, why: errno });
            }
            Err(_) => {}
        }
    }
    Err(refused.unwrap_or_else(not_found))
}

fn examine(file: &Path) -> Result<Program, Errno> {
    let metadata = std::fs::metadata(file).map_err(|error| errno(&error))?;
    if metadata.is_dir() {
        return Err(Errno::EISDIR);
    }
    // Only EACCES counts: old seccomp profiles refuse faccessat2(2) itself with another errno, and execve checks again.
    if faccessat(AT_FDCWD, file, AccessFlags::X_OK, AtFlags::AT_EACCESS) == Err(Errno::EACCES) {
        return Err(Errno::EACCES);
    }
    // No path with a NUL passes stat(2).
    CString::new(file.as_os_str().as_bytes()).map(Program).map_err(|_| Errno::EINVAL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_searched_for_in_the_path_alone() {
        assert_eq!(find("sh".as_ref(), Some("/nonexistent:/bin".as_ref())).unwrap().as_path(), Path::new("/bin/sh"));
        assert!(find("sh".as_ref(), None).is_ok());
        assert!(
            matches!(find("sh".as_ref(), Some("/etc".as_ref())), Err(ProgramError::NotFound { path: Some(path) }) if path == "/etc")
        );
        assert!(matches!(find("".as_ref(), None), Err(ProgramError::NotFound { .. })));
    }

    #[test]
    fn a_file_that_cannot_be_executed_is_distinct_from_a_missing_one() {
        assert!(matches!(find("passwd".as_ref(), Some("/etc".as_ref())), Err(ProgramError::NotExecutable { .. })));
        assert!(matches!(find("/etc".as_ref(), None), Err(ProgramError::NotExecutable { why: Errno::EISDIR, .. })));
        assert!(matches!(find("/etc/passwd/x".as_ref(), None), Err(ProgramError::NotExecutable { .. })));
        assert!(matches!(find("./nothing".as_ref(), None), Err(ProgramError::NotFound { path: None })));
    }

    #[test]
    fn the_error_has_the_first_of_several_files_that_cannot_be_executed() {
        let Err(ProgramError::NotExecutable { file, .. }) = find("passwd".as_ref(), Some("/etc:/etc/../etc".as_ref()))
        else {
            panic!("/etc/passwd can be executed")
        };
        assert_eq!(file, Path::new("/etc/passwd"));
    }

    #[test]
    fn a_later_executable_wins_over_an_earlier_file_that_is_none() {
        let found = find("sh".as_ref(), Some("/etc:/bin".as_ref()));
        assert!(found.is_ok());
    }
}
