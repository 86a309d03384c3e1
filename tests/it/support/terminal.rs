//! Runs on a terminal: as the only job of an interactive shell, as the leader of its session, or
//! with a terminal as just one of the three streams.

use super::outcome::Outcome;
use super::sandbox::Sandbox;
use super::skip;

/// A Python script that runs a job on a terminal without echo. It types something as soon as the
/// terminal shows a given text, and finally prints everything that was shown. Its first argument is
/// one of these:
///
/// - `shell`: an interactive shell, whose job stops and is continued in the foreground;
/// - `session`: the job leads the session of the terminal, as in a container;
/// - a word such as `2x80`: only descriptor 2 of the job is a terminal, with 80 columns.
const SCRIPT: &str = r"
import os, pathlib, pty, select, signal, sys, termios, time
def states(group):
    for path in pathlib.Path('/proc').glob('[0-9]*/stat'):
        try:
            state, _, own_group = path.read_text().rpartition(')')[2].split()[:3]
        except OSError:
            continue # This process has ended.
        if int(own_group) == group:
            yield state
leads, shown, typed = sys.argv[1], sys.argv[2].encode(), sys.argv[3].encode().decode('unicode_escape').encode()
inherited = [os.dup(number) for number in range(3)]
# This process keeps the slave open, because Linux can lose what is written just before the slave is
# closed for the last time.
master, slave = pty.openpty()
leader = os.fork()
if leader == 0:
    os.close(master)
    os.login_tty(slave)
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
        # A user takes longer to continue a job than its last process takes to stop.
        while set(states(job)) != {'T'}:
            time.sleep(0.01)
        os.write(1, b'[stopped]')
        os.tcsetpgrp(0, job)
        os.killpg(job, signal.SIGCONT)
    print('[signal %d]' % os.WTERMSIG(status) if os.WIFSIGNALED(status) else '[status %d]' % os.WEXITSTATUS(status))
    echo = termios.tcgetattr(0)[3] & termios.ECHO
    sys.stdout.flush()
    os._exit(1 if echo else 0)
signal.alarm(120) # A run that hangs ends with this process, because it loses its terminal.
said = b''
steps = list(zip(shown.split(b'|'), typed.split(b'|')))
exited, process = False, os.pidfd_open(leader)
while not exited:
    exited = process in select.select([master, process], [], [])[0]
    while select.select([master], [], [], 0)[0]:
        said += os.read(master, 4096)
        while steps and steps[0][0] in said:
            time.sleep(0.1)
            os.write(master, steps.pop(0)[1])
os.write(int(leads[0]) if 'x' in leads else 1, said.replace(b'\r\n', b'\n'))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(leader, 0)[1]))
";

/// The wrapper that gives a run a terminal, with the arguments of [`SCRIPT`]: who has the terminal,
/// what it shows, and what is then typed. What the terminal shows becomes the standard output of
/// the run or, with a leader such as `2x80`, its standard error.
pub fn terminal<'a>(leader: &'a str, shown: &'a str, typed: &'a str) -> [&'a str; 6] {
    ["python3", "-c", SCRIPT, leader, shown, typed]
}

/// A run as the only job of an interactive shell on a terminal. `typed` is typed as soon as the
/// terminal shows `shown`. Both can have several parts, separated by bars. `wrapper` starts the
/// program, which doesn't use colours. If this machine can't make a terminal, reports the calling
/// test as skipped and returns `None`.
pub fn at_a_terminal(
    sandbox: Sandbox,
    wrapper: &[&str],
    shown: &str,
    typed: &str,
) -> Option<Sandbox> {
    skip::can(&["python3", "-c", "import pty, termios"], "a terminal").then(|| {
        let words = [&terminal("shell", shown, typed)[..], wrapper].concat();
        sandbox.env("NO_COLOR", "1").through(words)
    })
}

/// Runs with a terminal as standard error, without colours.
pub fn on_a_terminal(sandbox: Sandbox) -> Sandbox {
    sandbox
        .env("NO_COLOR", "1")
        .through(terminal("2x80", "", ""))
}

/// The control sequence that erases a line.
const ERASE: &str = "\r\x1b[K";

/// The lines that were shown and erased again.
pub fn erased(run: &Outcome) -> Vec<String> {
    let shown = run.stderr();
    let parts = shown.rsplit_once(ERASE).map(|(erased, _)| erased);
    let parts = parts.into_iter().flat_map(|erased| erased.split(ERASE));
    let erased = parts.filter_map(|part| part.split('\n').next_back());
    erased.map(str::to_owned).collect()
}

pub fn left(run: &Outcome) -> Vec<String> {
    let shown = run.stderr();
    let lines = shown
        .lines()
        .map(|line| line.rsplit(ERASE).next().unwrap_or_default().to_owned());
    lines.filter(|line| !line.is_empty()).collect()
}
