//! The start of a sandbox's run, and what must be true of its files when it is dropped.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use super::{SHOW_ENVIRONMENT, Sandbox, program};
use crate::support::aws::Aws;
use crate::support::outcome::Outcome;
use crate::support::running::Running;
use crate::support::watch;

/// A run that takes longer is killed.
const LIMIT: Duration = Duration::from_secs(600);

/// The file that [`Sandbox::spawn_copy`] makes.
const COPY: &str = "secrets-exec-copy";

impl Sandbox {
    #[track_caller]
    pub fn run(&self) -> Outcome {
        self.spawn().wait()
    }

    /// Runs, and asserts that the launch is refused with this status and a message with these
    /// texts, before any request to the fake.
    #[track_caller]
    pub fn refused(&self, aws: &Aws, status: i32, words: &[&str]) -> Outcome {
        let run = self.run();
        run.refused(status, words.iter().copied());
        assert!(aws.calls().is_empty(), "{:?} before {run}", aws.calls());
        run
    }

    #[track_caller]
    pub fn spawn(&self) -> Running {
        self.start(&self.line(Some(program().as_os_str())))
    }

    /// Starts a copy of the program that every user can execute.
    #[track_caller]
    pub fn spawn_copy(&self) -> Running {
        let copy = self.path(COPY);
        copy_elsewhere(&program(), &copy);
        self.start(&self.line(Some(copy.as_os_str())))
    }

    /// Runs the command without the program, for comparison.
    #[track_caller]
    pub fn control(&self) -> Outcome {
        self.start(&self.line(None)).wait()
    }

    /// The command line: the wrapper, the program and its options, and the command. Without a
    /// program, only the wrapper and the command.
    fn line(&self, program: Option<&OsStr>) -> Vec<OsString> {
        let mut line = self.wrapper.clone();
        if let Some(program) = program {
            line.push(program.to_owned());
            line.extend(self.options.iter().cloned());
            if self.separator {
                line.push("--".into());
            }
        }
        line.extend(self.command.iter().cloned());
        line
    }

    /// The file of `--local`, if there is one.
    fn local_file(&self) -> Option<&OsString> {
        let option = self.options.iter().position(|option| option == "--local");
        let given = option.and_then(|at| self.options.get(at + 1));
        given.or_else(|| self.environment.get(OsStr::new("SECRETS_EXEC_LOCAL")))
    }

    fn start(&self, line: &[OsString]) -> Running {
        let mut command = Command::new(&line[0]);
        command
            .args(&line[1..])
            .env_clear()
            .envs(&self.environment)
            .current_dir(self.path(""))
            .stdin(match self.stdin {
                Some(_) => Stdio::piped(),
                None => Stdio::null(),
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let local = self.local_file().map(|name| self.path(name));
        if let Some(path) = local.filter(|path| path.is_file()) {
            watch::local_file(&String::from_utf8_lossy(&fs::read(path).unwrap()));
        }
        let mut expectations = self.expectations.clone();
        expectations.prints_values |= self.command == SHOW_ENVIRONMENT;
        Running::start(command, self.stdin.clone(), LIMIT, expectations)
    }
}

/// Asserts that no file contains a value, except for the files that the test itself names.
impl Drop for Sandbox {
    fn drop(&mut self) {
        if thread::panicking() {
            return;
        }
        let words = [&self.wrapper, &self.options, &self.command]
            .into_iter()
            .flatten()
            .chain(self.environment.values());
        let mut named = String::from_utf8_lossy(&self.written).into_owned() + " " + COPY;
        words.for_each(|word| named.extend([" ", &word.to_string_lossy()]));
        let named: HashSet<&str> = named
            .split(|c: char| !c.is_alphanumeric() && !"._-".contains(c))
            .collect();
        let is_named = |name: &str| named.contains(name);
        let leaked = watch::leaked(&self.expectations.test, self.directory.path(), &is_named);
        let case = &self.expectations.case;
        assert_eq!(leaked, None, "{case}: a value in a file that no test names");
    }
}

/// Copies an executable file in a child process. If this process had a file descriptor that is open
/// for writing, another test could fork at that moment, its child would inherit the descriptor, and
/// execve(2) would fail with ETXTBSY.
pub fn copy_elsewhere(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg(from).arg(to).status();
    assert!(copied.unwrap().success());
}
