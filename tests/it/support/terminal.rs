//! Runs on a terminal: as the only job of an interactive shell, as the leader of its session, or with a terminal as one descriptor alone.

use super::outcome::Outcome;
use super::sandbox::Sandbox;
use super::skip;

/// A Python script that runs a job on a terminal without echo, types a text whenever the terminal shows another, and prints what was shown.
/// Its first argument is `shell`, an interactive shell whose job stops and is continued in the foreground; `session`, in which the job leads
/// the session of the terminal, as in a container; or such as `2x80`, a terminal of 80 columns as the job's descriptor 2 alone.
const SCRIPT: &str = r"
import os, pty, signal, sys, termios, time
leads, shown, typed = sys.argv[1], sys.argv[2].encode(), sys.argv[3].encode().decode('unicode_escape').encode()
inherited = [os.dup(number) for number in range(3)]
leader, master = pty.fork()
if leader == 0:
    modes = termios.tcgetattr(0)
    modes[3] &= ~termios.ECHO
    termios.tcsetattr(0, termios.TCSANOW, modes)
    if 'x' in leads:
        termios.tcsetwinsize(0, (24, int(leads[2:])))
        for number in {0, 1, 2} - {int(leads[0])}:
            os.dup2(inherited[number], number)
    if leads != 'shell':
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
os.write(int(leads[0]) if 'x' in leads else 1, said.replace(b'\r\n', b'\n'))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(leader, 0)[1]))
";

/// A run that leads the session of a terminal, as [`at_a_terminal`].
pub fn leading_a_session(
    sandbox: Sandbox,
    wrapper: &[&str],
    shown: &str,
    typed: &str,
) -> Option<Sandbox> {
    through("session", sandbox, wrapper, shown, typed)
}

/// The wrapper of [`leading_a_session`].
pub fn session<'a>(shown: &'a str, typed: &'a str) -> [&'a str; 6] {
    ["python3", "-c", SCRIPT, "session", shown, typed]
}

/// A run on that terminal, on which `typed` is typed once `shown` is shown; both may be several texts, separated by bars. `wrapper` starts
/// the program, without colours. `None` where there are no terminals.
pub fn at_a_terminal(
    sandbox: Sandbox,
    wrapper: &[&str],
    shown: &str,
    typed: &str,
) -> Option<Sandbox> {
    through("shell", sandbox, wrapper, shown, typed)
}

fn through(
    leader: &str,
    sandbox: Sandbox,
    wrapper: &[&str],
    shown: &str,
    typed: &str,
) -> Option<Sandbox> {
    if !skip::can(&["python3", "-c", "import pty, termios"], "a terminal") {
        return None;
    }
    Some(
        sandbox.env("NO_COLOR", "1").through(
            [
                &["python3", "-c", SCRIPT, leader, shown, typed][..],
                wrapper,
            ]
            .concat(),
        ),
    )
}

/// The wrapper that gives a run a terminal of so many columns as its standard error, whose text becomes that of the run.
pub fn terminal(columns: u16) -> [String; 6] {
    ["python3", "-c", SCRIPT, &format!("2x{columns}"), "", ""].map(str::to_owned)
}

/// The wrapper that gives a run a terminal as its standard output.
pub fn output_terminal() -> [&'static str; 6] {
    ["python3", "-c", SCRIPT, "1x80", "", ""]
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
    let erased = parts
        .iter()
        .rev()
        .skip(1)
        .rev()
        .filter_map(|part| part.split('\n').next_back());
    erased.map(str::to_owned).collect()
}

/// The lines that are left at the end.
pub fn left(run: &Outcome) -> Vec<String> {
    let shown = run.stderr();
    let lines = shown
        .lines()
        .map(|line| line.rsplit(ERASE).next().unwrap_or_default().to_owned());
    lines.filter(|line| !line.is_empty()).collect()
}
