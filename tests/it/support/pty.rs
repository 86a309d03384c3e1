//! A wrapper that gives a run a terminal as its standard error, and what that shows.

use super::outcome::Outcome;
use super::sandbox::Sandbox;

/// Copies what is written to the terminal to its own standard error.
const SCRIPT: &str = "\
import fcntl, os, pty, struct, sys, termios
master, slave = pty.openpty()
fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack('HHHH', 24, int(sys.argv[1]), 0, 0))
child = os.fork()
if child == 0:
    os.dup2(slave, 2)
    os.closerange(3, 64)
    os.execvp(sys.argv[2], sys.argv[2:])
os.close(slave)
try:
    while data := os.read(master, 4096):
        os.write(2, data.replace(b'\\r\\n', b'\\n'))
except OSError:
    pass
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
";

/// The wrapper, for `Sandbox::through`.
pub fn terminal(columns: u16) -> [String; 4] {
    ["python3".to_owned(), "-c".to_owned(), SCRIPT.to_owned(), columns.to_string()]
}

/// The wrapper that gives a run a terminal of 80 columns as its standard output.
pub fn output_terminal() -> [String; 4] {
    let [python, option, script, columns] = terminal(80);
    [python, option, script.replace("dup2(slave, 2)", "dup2(slave, 1)").replace("write(2", "write(1"), columns]
}

/// Runs with a terminal, without colours, as standard error.
pub fn on_a_terminal(sandbox: Sandbox) -> Sandbox {
    sandbox.env("NO_COLOR", "1").through(terminal(80))
}

/// The control sequence that erases a line.
const ERASE: &str = "\r\x1b[K";

/// The lines that were shown and erased again.
pub fn erased(run: &Outcome) -> Vec<String> {
    let shown = run.stderr();
    let parts: Vec<&str> = shown.split(ERASE).collect();
    let erased = parts.iter().rev().skip(1).rev().filter_map(|part| part.split('\n').next_back());
    erased.map(str::to_owned).collect()
}

/// The lines that are left at the end.
pub fn left(run: &Outcome) -> Vec<String> {
    let shown = run.stderr();
    let lines = shown.lines().map(|line| line.rsplit(ERASE).next().unwrap_or_default().to_owned());
    lines.filter(|line| !line.is_empty()).collect()
}
