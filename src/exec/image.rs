//! The arguments of execve(2). They are complete before a fork, after which a process with threads may allocate nothing
//! (signal-safety(7)).

#![allow(unsafe_code, reason = "nix's execve allocates the arrays of pointers")]

use std::ffi::{CString, c_char};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::marker::PhantomData;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;
use std::{iter, ptr};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::libc;
use nix::unistd::{Pid, getpid};

use super::lookup::Program;
use super::process::with_inherited_sigpipe;
use crate::model::command_line::CommandLine;
use crate::model::environment::Environment;

/// A program with its arguments and environment.
pub struct Image<'a> {
    program: &'a Program,
    /// The path that execve gets: the program's, or that of the shell for a script.
    path: CString,
    arguments: Vec<CString>,
    /// Pointers to `arguments`, and a null pointer.
    argv: Vec<*const c_char>,
    /// Pointers to the strings of the environment or of `ids`, and a null pointer.
    envp: Vec<*const c_char>,
    ids: Vec<ProcessId>,
    /// Those that lose FD_CLOEXEC.
    descriptors: Vec<BorrowedFd<'a>>,
    environment: PhantomData<&'a Environment>,
}

/// Variables by which a service manager names the process that it means (sd_listen_fds(3), sd_watchdog_enabled(3)).
const PROCESS_IDS: [&str; 2] = ["LISTEN_PID", "WATCHDOG_PID"];

/// Variables with the inode number of that process's pidfd, which are optional.
const PROCESS_INODES: [&[u8]; 2] = [b"LISTEN_PIDFDID=", b"WATCHDOG_PIDFDID="];

/// The longest process id: 2^31 - 1.
const DIGITS: usize = 10;

/// A variable with a process id: `NAME=`, the digits, and a NUL.
struct ProcessId {
    bytes: Box<[u8]>,
    /// The length of `NAME=`.
    prefix: usize,
}

impl<'a> Image<'a> {
    pub fn new(program: &'a Program, command: &CommandLine, environment: &'a Environment) -> Self {
        // Arguments of this process have no NUL.
        let arguments = command.arguments().filter_map(|argument| CString::new(argument.as_bytes()).ok()).collect();
        let envp = environment.strings().iter().map(|string| string.as_ptr()).chain(iter::once(ptr::null())).collect();
        Self::of(program, program.0.clone(), arguments, envp)
    }

    fn of(program: &'a Program, path: CString, arguments: Vec<CString>, envp: Vec<*const c_char>) -> Self {
        // The strings stay where they are when the vector moves.
        let argv = arguments.iter().map(|argument| argument.as_ptr()).chain(iter::once(ptr::null())).collect();
        Self {
            program,
            path,
            arguments,
            argv,
            envp,
            ids: Vec::new(),
            descriptors: Vec::new(),
            environment: PhantomData,
        }
    }

    /// Returns the image that runs a script without a `#!` line by /bin/sh, as shells and glibc's execvp do; musl's does not. `None` for
    /// another file.
    pub fn through_shell(self) -> Option<Self> {
        if !is_script(self.program) {
            return None;
        }
        // A path with a leading `-` gets `./`, so that sh does not take it for an option.
        let path = self.program.0.to_bytes();
        let script = if path.starts_with(b"-") { [b"./", path].concat() } else { path.to_owned() };
        let shell = [c"/bin/sh".to_owned()].into_iter().chain(CString::new(script));
        let arguments = shell.chain(self.arguments.into_iter().skip(1)).collect();
        let image = Self::of(self.program, c"/bin/sh".to_owned(), arguments, self.envp);
        Some(Self { ids: self.ids, descriptors: self.descriptors, ..image })
    }

    /// Makes the variables that name this process as the service manager's name the process that executes the image.
    pub fn rename_process(mut self, environment: &'a Environment) -> Self {
        let own = getpid().to_string();
        let strings = environment.strings().iter().map(|string| string.as_bytes());
        let names_inode = |string: &[u8]| PROCESS_INODES.iter().any(|name| string.starts_with(name));
        let mut envp = Vec::with_capacity(self.envp.len());
        for (string, pointer) in strings.zip(&self.envp) {
            if let Some(name) = PROCESS_IDS.iter().find(|name| string == format!("{name}={own}").as_bytes()) {
                let id = ProcessId::new(name);
                // A box stays where it is when the vector grows.
                envp.push(id.bytes.as_ptr().cast());
                self.ids.push(id);
            } else if !names_inode(string) {
                envp.push(*pointer);
            }
        }
        envp.push(ptr::null());
        Self { envp, ..self }
    }

    /// Clears FD_CLOEXEC of these descriptors in the process that executes the image.
    pub fn inheriting(self, descriptors: Vec<BorrowedFd<'a>>) -> Self {
        Self { descriptors, ..self }
    }

    /// Replaces this process, and returns only on an error. Async-signal-safe.
    pub fn execute(&mut self) -> Errno {
        for descriptor in &self.descriptors {
            let _ = fcntl(descriptor, FcntlArg::F_SETFD(FdFlag::empty()));
        }
        for id in &mut self.ids {
            id.write(getpid());
        }
        with_inherited_sigpipe(|| {
            // SAFETY: both arrays end with a null pointer, and `self` and the environment own the strings that they point to.
            unsafe { libc::execve(self.path.as_ptr(), self.argv.as_ptr(), self.envp.as_ptr()) };
            Errno::last()
        })
    }
}

impl ProcessId {
    fn new(name: &str) -> Self {
        let prefix = name.len() + 1;
        let mut bytes = format!("{name}=").into_bytes();
        bytes.resize(prefix + DIGITS + 1, 0);
        Self { bytes: bytes.into(), prefix }
    }

    /// Writes the decimal digits and the NUL, without an allocation.
    fn write(&mut self, process: Pid) {
        let mut digits = [0; DIGITS];
        let mut count = 0;
        let mut rest = process.as_raw().unsigned_abs();
        for digit in &mut digits {
            // A digit is less than ten.
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
            count += 1;
            if rest == 0 {
                break;
            }
        }
        let number = digits.iter().take(count).rev().copied().chain(iter::once(0));
        for (to, from) in self.bytes.iter_mut().skip(self.prefix).zip(number) {
            *to = from;
        }
    }
}

/// True for a file whose first line has no NUL, as a script's; the header of a program for another machine has some.
fn is_script(program: &Program) -> bool {
    /// The limit for the length of the first line, so that a large program is not read to its end.
    const LONGEST: u64 = 1024 * 1024;
    let mut line = Vec::new();
    let file = File::open(program.as_path()).map(|file| BufReader::new(file.take(LONGEST)));
    file.and_then(|mut file| file.read_until(b'\n', &mut line)).is_ok() && !line.contains(&0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_id_is_written_in_decimal_with_a_nul() {
        for (process, expected) in
            [(7, "LISTEN_PID=7\0"), (4_194_304, "LISTEN_PID=4194304\0"), (i32::MAX, "LISTEN_PID=2147483647\0")]
        {
            let mut id = ProcessId::new("LISTEN_PID");
            id.write(Pid::from_raw(process));
            assert!(id.bytes.starts_with(expected.as_bytes()), "{:?}", id.bytes);
        }
    }
}
