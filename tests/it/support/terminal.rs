//! Runs on a terminal, as the only job of an interactive shell.

use super::sandbox::Sandbox;
use super::skip;

/// A Python script that runs an interactive shell with one job on a terminal without echo, types a text whenever the terminal shows
/// another, and prints the output. A job that stops is reported, and continued in the foreground. With the first argument `session` the
/// job leads the session of the terminal, as in a container: no shell could continue it.
const SCRIPT: &str = r"
import os, pty, signal, sys, termios, time
shown, typed = sys.argv[2].encode(), sys.argv[3].encode().decode('unicode_escape').encode()
leader, master = pty.fork()
if leader == 0:
    modes = termios.tcgetattr(0)
    modes[3] &= ~termios.ECHO
    termios.tcsetattr(0, termios.TCSANOW, modes)
    if sys.argv[1] == 'session':
        os.execvp(sys.argv[4], sys.argv[4:])
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    job = os.fork()
    if job == 0:
        os.setpgid(0, 0)
        os.tcsetpgrp(0, os.getpid())
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)
        os.execvp(sys.argv[4], sys.argv[4:])
    try:
        os.setpgid(job, job)
    except PermissionError:
        pass # It has done so itself, and is another program by now.
    while True:
        _, status = os.waitpid(job, os.WUNTRACED)
        os.tcsetpgrp(0, os.getpgrp())
        if not os.WIFSTOPPED(status):
            break
        os.write(1, b'[stopped]')
        os.tcsetpgrp(0, job)
        os.killpg(job, signal.SIGCONT)
    print('[signal %d]' % os.WTERMSIG(status) if os.WIFSIGNALED(status) else '[status %d]' % os.WEXITSTATUS(status))
    echo = termios.tcgetattr(0)[3] & termios.ECHO
    sys.stdout.flush()
    os._exit(1 if echo else 0)
said = b''
steps = list(zip(shown.split(b'|'), typed.split(b'|')))
try:
    while data := os.read(master, 4096):
        said += data
        while steps and steps[0][0] in said:
            time.sleep(0.1)
            os.write(master, steps.pop(0)[1])
except OSError:
    pass
os.write(1, said.replace(b'\r\n', b'\n'))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(leader, 0)[1]))
";

/// A run that leads the session of a terminal, as [`at_a_terminal`].
pub fn leading_a_session(sandbox: Sandbox, wrapper: &[&str], shown: &str, typed: &str) -> Option<Sandbox> {
    through("session", sandbox, wrapper, shown, typed)
}

/// The wrapper of [`leading_a_session`].
pub fn session<'a>(shown: &'a str, typed: &'a str) -> [&'a str; 6] {
    ["python3", "-c", SCRIPT, "session", shown, typed]
}

/// A run on that terminal, on which `typed` is typed once `shown` is shown; both may be several texts, separated by bars. `wrapper` starts
/// the program, without colours. `None` where there are no terminals.
pub fn at_a_terminal(sandbox: Sandbox, wrapper: &[&str], shown: &str, typed: &str) -> Option<Sandbox> {
    through("shell", sandbox, wrapper, shown, typed)
}

fn through(leader: &str, sandbox: Sandbox, wrapper: &[&str], shown: &str, typed: &str) -> Option<Sandbox> {
    if !skip::can(&["python3", "-c", "import pty, termios"], "a terminal") {
        return None;
    }
    Some(sandbox.env("NO_COLOR", "1").through([&["python3", "-c", SCRIPT, leader, shown, typed][..], wrapper].concat()))
}
