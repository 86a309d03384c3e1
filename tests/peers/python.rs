//! [`Script`] runs a script of this folder, for Python or for Node, and exchanges lines of JSON
//! with it. Those for Python run in the venv of `make test`.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

use crate::support::skip::skipped;

/// A running script. It ends when its standard input ends, and so with this process, even if that
/// is killed.
pub(super) struct Script {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Script {
    /// Starts `tests/peers/SCRIPT` with the given interpreter, without the caller's environment.
    pub(super) fn start(interpreter: &Path, script: &str, arguments: &[&str]) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers");
        let mut child = Command::new(interpreter)
            .arg(folder.join(script))
            .args(arguments)
            .env_clear()
            .envs([
                ("HOME", "/nonexistent"),
                ("PATH", "/usr/local/bin:/usr/bin:/bin"),
                ("PYTHONDONTWRITEBYTECODE", "1"),
                ("PYTHONWARNINGS", "ignore"),
                ("TZ", "UTC"),
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{} {script}: {error}", interpreter.display()));
        let stdin = child.stdin.take().expect("standard input is a pipe");
        let stdout = BufReader::new(child.stdout.take().expect("standard output is a pipe"));
        Self {
            child,
            stdin,
            stdout,
        }
    }

    /// The next line that the script prints.
    pub(super) fn read_line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("UTF-8");
        assert!(line.ends_with('\n'), "the script ended; see standard error");
        line
    }

    /// Sends one line to the script, and returns its answer.
    pub(super) fn ask(&mut self, line: &Value) -> Value {
        writeln!(self.stdin, "{line}").expect("the script reads its standard input");
        serde_json::from_str(&self.read_line()).expect("the script answers JSON")
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        // Both calls fail only if the script has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The interpreter of the venv. If there isn't one, reports the calling test as skipped and returns
/// `None`.
pub fn interpreter() -> Option<PathBuf> {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join(".venv/bin/python");
    if python.exists() {
        return Some(python);
    }
    skipped("moto and boto3 aren't in .venv: `make test` installs them");
    None
}
