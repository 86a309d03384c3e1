//! Finds the command's program in PATH, as execvp(3) does, before any request is sent. Checks the
//! kernel's limits for arguments and environment, and calls execve(2), the last step of a launch.
//!
//! Most of this file explains why a program can't be started, because the kernel only reports "no
//! such file" or "exec format error".

use std::convert::Infallible;
use std::ffi::{CString, OsStr};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, FcntlArg, FdFlag, fcntl};
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
use nix::unistd::{AccessFlags, SysconfVar, execve, faccessat, sysconf};

use crate::model::environment::{CommandLine, Environment, Limits};
use crate::model::fault::overlooked;
use crate::model::message::{Problem, Status};
use crate::model::shown::shown_program;
use crate::system::lifecycle::{block_signals, restore_signals};
use crate::system::os_error::{absence, errno, errno_text, path_remedy};

/// A program that this process is allowed to execute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program(pub CString);

impl Program {
    pub fn as_path(&self) -> &Path {
        Path::new(OsStr::from_bytes(self.0.as_bytes()))
    }
}

/// The directories to search if the command gets no PATH, as in musl's execvp(3).
const DEFAULT_PATH: &str = "/usr/local/bin:/bin:/usr/bin";

/// `path_variable` is the PATH that the command will get. A name with a slash is a path, so it
/// isn't searched for.
pub fn find_program(program: &OsStr, path_variable: Option<&OsStr>) -> Result<Program, Problem> {
    let command = program.to_string_lossy();
    if let Some(found) = overlooked(&command) {
        let fault = found.about("the command");
        return Err(Problem::new(Status::NotFound, fault));
    }
    if program.as_bytes().contains(&b'/') {
        let file = Path::new(program);
        return executable_at(file).map_err(|errno| match errno {
            Errno::ENOENT => not_found_problem(&command, None),
            errno => not_executable_problem(file, errno),
        });
    }

    let search_path = path_variable.unwrap_or(OsStr::new(DEFAULT_PATH));
    let mut not_executable = None;
    for part in search_path.as_bytes().split(|byte| *byte == b':') {
        // An empty part means the working directory.
        let directory = if part.is_empty() { b"." } else { part };
        let file = Path::new(OsStr::from_bytes(directory)).join(program);
        match executable_at(&file) {
            Ok(found) => return Ok(found),
            Err(errno @ (Errno::EACCES | Errno::EISDIR)) if not_executable.is_none() => {
                not_executable = Some(not_executable_problem(&file, errno));
            }
            // Keep looking, because another directory may have the program.
            Err(_) => {}
        }
    }

    match not_executable {
        // A file with the name of a shell builtin or keyword isn't what the user meant, so don't
        // report it. For example, `.` names a directory everywhere.
        Some(problem) if !SHELL_WORDS.contains(&&*command) => Err(problem),
        _ => Err(not_found_problem(&command, Some(search_path))),
    }
}

/// Shell builtins and keywords. Most of them don't exist as programs.
const SHELL_WORDS: [&str; 18] = [
    ".", "case", "cd", "eval", "exec", "export", "for", "if", "read", "set", "source", "trap",
    "type", "ulimit", "umask", "unset", "until", "while",
];

fn not_executable_problem(file: &Path, why: Errno) -> Problem {
    let shown = shown_program(&file.to_string_lossy());
    let reason = match why {
        Errno::EISDIR => "is a directory, not a program",
        _ => &format!("can't be executed: {}", errno_text(why)),
    };
    let problem = Problem::new(Status::NotExecutable, format!("\"{shown}\" {reason}"));
    if why != Errno::EACCES {
        return problem;
    }
    problem.help("make it, and the interpreter of a script, executable (chmod 755, in a Dockerfile COPY --chmod=755), in a directory that this user can enter, on a file system without noexec")
}

/// `search_path` is `None` if the command is a path.
fn not_found_problem(command: &str, search_path: Option<&OsStr>) -> Problem {
    let shown = shown_program(command);
    let not_found = |text: String| Problem::new(Status::NotFound, text);

    let is_line = command.contains(|c: char| c.is_whitespace() || "|&;<>`*'\"=".contains(c));
    let is_option = command.starts_with('-');
    if is_line || is_option || SHELL_WORDS.contains(&command) {
        let text = if is_option {
            "the command begins with a hyphen".to_owned()
        } else {
            format!("there is no program named \"{shown}\"")
        };
        return not_found(text).help(
            "put options before `--`. Pass each word as its own argument, or start a shell: -- sh -c '…'",
        );
    }
    // Kubernetes was probably meant to replace a variable such as `$(CMD)` with a path, so don't
    // mention PATH.
    let is_unexpanded = command.starts_with('$');
    if let Some(searched) = search_path
        && !is_unexpanded
    {
        return not_found(format!("the command \"{shown}\" wasn't found in PATH"))
            .help("install the command, or use its full path (./NAME for a file in this directory)")
            .notes([format!("PATH is {}", searched.to_string_lossy())]);
    }
    let file = Path::new(command);
    let reason = absence(file);
    not_found(format!("the file \"{shown}\" {reason}")).help_if_some(path_remedy(file))
}

fn executable_at(file: &Path) -> Result<Program, Errno> {
    if fs::metadata(file).map_err(|error| errno(&error))?.is_dir() {
        return Err(Errno::EISDIR);
    }
    // Ignore other errors: old seccomp profiles don't allow faccessat2(2), and execve checks the
    // permission again.
    if faccessat(AT_FDCWD, file, AccessFlags::X_OK, AtFlags::AT_EACCESS) == Err(Errno::EACCES) {
        return Err(Errno::EACCES);
    }
    // stat(2) accepted the path, so it contains no NUL.
    CString::new(file.as_os_str().as_bytes())
        .map(Program)
        .map_err(|_| Errno::EINVAL)
}

/// Replaces this process with the program, which inherits `descriptors`, and the signal mask and
/// signal actions that this process was started with.
///
/// A termination signal that arrived while signals were held ([`block_signals`]) ends this process
/// before execve.
pub fn exec<'a>(
    program: &Program,
    command: &CommandLine,
    environment: &Environment,
    descriptors: impl Iterator<Item = BorrowedFd<'a>>,
) -> Result<Infallible, Problem> {
    for descriptor in descriptors {
        // This can't fail, because the descriptor is open.
        let _ = fcntl(descriptor, FcntlArg::F_SETFD(FdFlag::empty()));
    }
    restore_signals();
    let errno = call_execve(program, command, environment);
    block_signals();
    Err(exec_problem(program, errno))
}

/// The error for a program that exists but that execve couldn't start.
fn exec_problem(program: &Program, why: Errno) -> Problem {
    let file = program.as_path();
    let (reason, help) = match why {
        Errno::ENOENT => match interpreter(program) {
            // The Debug format shows a carriage return as `\r`.
            Some(name) => (
                format!("its interpreter {name:?} can't be found or loaded"),
                "install it, or correct the first line of the script, which must not end with a carriage return (\\r)",
            ),
            None => (
                "its dynamic loader doesn't exist".to_owned(),
                "build it for the C library of this image",
            ),
        },
        Errno::ENOEXEC => (
            errno_text(why),
            "build it for this machine's architecture (docker build --platform)",
        ),
        why => return not_executable_problem(file, why),
    };
    let text = format!("\"{}\" can't be executed: {reason}", file.display());
    Problem::new(Status::NotExecutable, text).help(help)
}

/// The interpreter of a script, such as `/bin/sh` for `#!/bin/sh -e`. Includes a trailing carriage
/// return, because the kernel also treats it as part of the path.
fn interpreter(program: &Program) -> Option<String> {
    let line = String::from_utf8(first_line(program).ok()?).ok()?;
    line.strip_prefix("#!")?
        .split([' ', '\t', '\n'])
        .find(|word| !word.is_empty())
        .map(str::to_owned)
}

/// Executes the program. Runs a script without a `#!` line with /bin/sh, as shells and glibc's
/// execvp do.
fn call_execve(program: &Program, command: &CommandLine, environment: &Environment) -> Errno {
    // The words were arguments of this process, so they contain no NUL.
    let arguments: Vec<CString> = command
        .arguments()
        .filter_map(|argument| CString::new(argument.as_bytes()).ok())
        .collect();
    let Err(errno) = execve(&program.0, &arguments, &environment.0);

    // ENOEXEC can also mean a binary for a different machine. A binary's header contains a NUL, but
    // a script's first line doesn't.
    if errno != Errno::ENOEXEC || !first_line(program).is_ok_and(|line| !line.contains(&0)) {
        return errno;
    }
    // The shell opens its first argument, so it gets the script's path instead of the command's
    // name.
    let mut words = vec![c"/bin/sh".to_owned(), program.0.clone()];
    words.extend(arguments.into_iter().skip(1));
    let Err(errno_of_shell) = execve(c"/bin/sh", &words, &environment.0);
    errno_of_shell
}

fn first_line(program: &Program) -> io::Result<Vec<u8>> {
    /// The most bytes to read, because the first line feed of a binary may be far away.
    const LONGEST: u64 = 1024 * 1024;
    let mut line = Vec::new();
    BufReader::new(File::open(program.as_path())?.take(LONGEST)).read_until(b'\n', &mut line)?;
    Ok(line)
}

/// Checks that the environment and the command, if there is one, fit into the `limit` bytes that
/// the kernel allows.
pub fn expect_fit(
    environment: &Environment,
    command: Option<(&CommandLine, &Path)>,
    limit: usize,
) -> Result<(), Problem> {
    // For each string, the kernel counts its bytes, the trailing NUL and a pointer.
    let size = |text: &[u8]| text.len() + 1 + size_of::<usize>();
    let mut length = 0;
    for string in &environment.0 {
        length += size(string.as_bytes());
    }
    if let Some((command, program)) = command {
        for argument in command.arguments() {
            length += size(argument.as_bytes());
        }
        // The kernel also copies the program's path (AT_EXECFN).
        length += program.as_os_str().len() + 1;
    }
    if length <= limit {
        return Ok(());
    }

    let longest = environment
        .0
        .iter()
        .map(|string| string.to_string_lossy())
        .max_by_key(|text| text.len())
        .unwrap_or_default();
    let name = longest.split('=').next().unwrap_or_default();
    Err(Problem::configuration(format!(
        "the variables and arguments of the command are {length} bytes long, but the kernel allows at most {limit}"
    ))
    .notes([format!("the longest variable is {name}")])
    .help("pass on fewer variables with --clean-env or --unset, or raise the stack limit (ulimit -s)"))
}

/// Linux's limits for arguments and environment (execve(2), "Limits on size of arguments and
/// environment"). On a system with lower limits, execve itself fails.
pub fn argument_limits() -> Limits {
    let page = sysconf(SysconfVar::PAGE_SIZE)
        .ok()
        .flatten()
        .and_then(|size| usize::try_from(size).ok())
        .unwrap_or(4096);
    // `soft_limit` is RLIM_INFINITY, a huge number, if there's no limit.
    let soft_limit = getrlimit(Resource::RLIMIT_STACK).map_or(RLIM_INFINITY, |(soft, _)| soft);
    let stack = usize::try_from(soft_limit).unwrap_or(usize::MAX);
    limits_on_linux(page, stack)
}

/// Both parameters are in bytes.
fn limits_on_linux(page: usize, stack: usize) -> Limits {
    Limits {
        string: 32 * page,
        total: (stack / 4).clamp(128 * 1024, 6 * 1024 * 1024),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::environment::{EnvName, Inherited};
    use crate::model::message::records;

    #[test]
    fn the_limit_of_one_variable_follows_the_page_size_and_not_the_stack() {
        for (page, stack, string, total) in [
            (4 << 10, 8 << 20, 128 << 10, 2 << 20),
            (64 << 10, 8 << 20, 2 << 20, 2 << 20),
            (64 << 10, usize::MAX, 2 << 20, 6 << 20),
            (64 << 10, 0, 2 << 20, 128 << 10),
        ] {
            let limits = limits_on_linux(page, stack);
            assert_eq!(
                (limits.string, limits.total),
                (string, total),
                "a page of {page} bytes"
            );
        }
    }

    #[test]
    fn the_error_names_the_first_of_several_files_that_cannot_be_executed() {
        let error = |path: &str| find_program("passwd".as_ref(), Some(path.as_ref())).unwrap_err();
        assert!(
            error("/etc:/etc/../etc")
                .text()
                .starts_with("\"/etc/passwd\" can't be executed")
        );
    }

    #[test]
    fn the_error_about_a_too_large_environment_names_the_longest_variable() {
        let name = EnvName::parse("A").unwrap();
        let environment = Environment::new(
            &Inherited::default(),
            [(&name, [b'x'; 90].as_slice())].into_iter(),
        );
        let command = CommandLine::new(vec!["app".into()]).unwrap();
        let check =
            |total| expect_fit(&environment, Some((&command, Path::new("/bin/app"))), total);
        let needed =
            "A=".len() + 90 + 1 + "app".len() + 1 + 2 * size_of::<usize>() + "/bin/app".len() + 1;
        assert_eq!(check(needed), Ok(()));
        let error = check(needed - 1).unwrap_err();
        assert!(
            records([&error])[0]
                .parts()
                .notes
                .contains(&"the longest variable is A".to_owned())
        );
    }
}
