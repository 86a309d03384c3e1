//! A wrapper that gives a run a terminal as its standard error.

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

/// The wrapper, for `Sandbox::through`. A terminal of 0 columns does not know its width.
pub fn terminal(columns: u16) -> [String; 4] {
    ["python3".to_owned(), "-c".to_owned(), SCRIPT.to_owned(), columns.to_string()]
}
