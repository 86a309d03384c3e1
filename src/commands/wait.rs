//! The wait for a thread that works: a signal or the deadline ends it, and a long wait is told to the terminal and the service manager.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::thread;
use std::time::Duration;

use tokio::time::Instant;

use crate::backend::aws::{asks_on_terminal, kill_process};
use crate::model::inherited::Inherited;
use crate::model::options::Options;
use crate::model::problem::{Problem, Status};
use crate::model::quoting::escaped;
use crate::report::{self, Record, Rendered, Report, terminal};
use crate::system::connection;
use crate::system::notify::Notifier;
use crate::system::wait_for;
use crate::system::{os_error, signals};
use crate::time::deadline::Deadline;
use crate::time::progress::Waiting;

/// The stack of a working thread, of which only what it uses takes memory; as much as Linux gives the main thread.
///
/// MiniJinja recurses for each operator: a template of 16 KiB takes 6 MB, and without optimization 15 MB.
const STACK: usize = if cfg!(debug_assertions) { 32 } else { 8 } * 1024 * 1024;

/// The time after the deadline in which the worker reports what it lacks; then a file or a computation blocks it.
const GRACE: Duration = Duration::from_millis(500);

/// The time before a wait is long.
const LONG: Duration = Duration::from_secs(2);

/// The interval between two messages about a long wait.
const TICK: Duration = Duration::from_secs(1);

/// The receiver of reports about a resolution: the service manager and standard error of this process, or the parent of a rotation.
pub trait Surroundings {
    /// Sends assignments to the service manager (sd_notify(3)).
    fn notify(&self, assignments: &str);

    /// Prints the failures that end this process, and returns its exit status.
    fn fail(&self, failures: Rendered) -> u8;

    /// Prints the error of a termination signal that ends this process.
    fn interrupted(&self, record: Record) {
        terminal::print_without_blocking(record);
    }

    /// A pipe or connection whose other end ends this process when it closes.
    fn other_end(&self) -> Option<BorrowedFd<'_>>;
}

/// The service manager and standard error of this process.
#[derive(Default)]
pub struct ThisProcess(Notifier);

impl ThisProcess {
    pub fn new(inherited: &Inherited) -> Self {
        Self(Notifier::new(inherited))
    }
}

impl Surroundings for ThisProcess {
    fn notify(&self, assignments: &str) {
        self.0.send(assignments);
    }

    fn fail(&self, failures: Rendered) -> u8 {
        terminal::print_rendered(failures)
    }

    /// The connection of a credential.
    fn other_end(&self) -> Option<BorrowedFd<'_>> {
        connection::descriptor()
    }
}

/// Runs `action` in an async runtime on a thread of its own, within the deadline of `options`. No other function has a runtime.
///
/// # Errors
/// Those of `action`, or when no runtime or thread can be created.
pub fn run<T: Send>(
    options: &Options,
    surroundings: &impl Surroundings,
    action: impl AsyncFnOnce(Deadline) -> Result<T, Report> + Send,
) -> Result<T, Report> {
    let trace = options.trace.then_some((|event| terminal::print_records([report::trace(event)])) as fn(&_));
    let deadline = Deadline::new(options.timeout).traced_by(trace);
    let of_action = deadline.clone();
    let work = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Problem::nothing_resolved(&os_error::text(&error)))?;
        let result = runtime.block_on(action(of_action));
        // Dropping the runtime would wait for its blocking threads.
        runtime.shutdown_background();
        result
    };
    let begun = Instant::now();
    let mut next_tick = begun + LONG;
    let (mut is_long, mut overdue) = (false, None);
    let pass = || {
        let now = Instant::now();
        let Some(end) = deadline.end() else {
            // A question to the user, after which the wait begins.
            next_tick = now + LONG;
            return Some(TICK);
        };
        // Counted from the first look after the deadline: this process may have been stopped meanwhile.
        overdue = overdue.filter(|_| end <= now).or((end <= now).then_some(now));
        let end = overdue.map_or(end, |since| since + GRACE);
        if end <= now {
            end_overdue(surroundings, &deadline.progress().waiting());
        }
        if next_tick <= now {
            // A try of `--wait` may begin until its end.
            let wait = options.wait.and_then(|wait| wait.checked_sub(begun.elapsed()));
            let left = wait.map_or(deadline.left(), |wait| wait.saturating_add(options.timeout));
            tell(surroundings, &deadline.progress().waiting(), left, !options.quiet);
            is_long = true;
            next_tick = now + TICK;
        }
        Some(end.min(next_tick).saturating_duration_since(now))
    };
    let result = wait_for_thread(surroundings, work, pass, || deadline.progress().waiting());
    if is_long {
        terminal::erase_progress();
        surroundings.notify("STATUS=");
    }
    result?
}

/// Tells what a long wait awaits, for `left` at most.
fn tell(surroundings: &impl Surroundings, status: &Waiting, left: Duration, has_progress_line: bool) {
    if left.is_zero() {
        return;
    }
    if has_progress_line && !asks_on_terminal() {
        terminal::show_progress(&report::progress(status, left));
    }
    let text = escaped(&report::waiting(status, left));
    surroundings.notify(&format!("STATUS={text}\nEXTEND_TIMEOUT_USEC={}", left.as_micros()));
}

/// Runs `work`, which may read a pipe, on a thread of its own. `awaited` names what it waits for.
///
/// # Errors
/// When no thread can be created.
pub fn run_unlimited<T: Send>(awaited: &str, work: impl FnOnce() -> T + Send) -> Result<T, Report> {
    let status = || Waiting { awaited: vec![awaited.to_owned()], ..Waiting::default() };
    wait_for_thread(&ThisProcess::default(), work, || None, status)
}

/// Waits for a thread that does `work`. Termination signals are held from here on: one that comes ends this process.
///
/// `pass` is called before each sleep, of which it returns the limit.
fn wait_for_thread<T: Send>(
    surroundings: &impl Surroundings,
    work: impl FnOnce() -> T + Send,
    mut pass: impl FnMut() -> Option<Duration>,
    status: impl Fn() -> Waiting,
) -> Result<T, Report> {
    let no_thread = |error: io::Error| Problem::nothing_resolved(&os_error::no_thread(&error));
    let begun = Instant::now();
    signals::hold();
    let signals = signals::descriptor().map_err(|errno| no_thread(errno.into()))?;
    let (done, end) = io::pipe().map_err(no_thread)?;
    thread::scope(|scope| {
        let work = move || {
            let result = work();
            drop(end);
            result
        };
        let worker = thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work).map_err(no_thread)?;
        loop {
            let limit = pass();
            let awaited = [done.as_fd()].into_iter().chain(signals.iter().map(AsFd::as_fd));
            let woken = wait_for(awaited, surroundings.other_end(), limit);
            if let Some(signal) = signals::held() {
                kill_process();
                surroundings.interrupted(report::interrupted(signal.as_str(), begun.elapsed(), &status()));
                connection::refuse();
                signals::end_by(signal);
            }
            if woken.readable.first() == Some(&true) {
                // An error is a panic, whose hook has already ended the process.
                return worker.join().map_err(|_| Problem::nothing_resolved("a thread ended").into());
            }
            if woken.is_closed {
                end_alone();
            }
        }
    })
}

fn end_overdue(surroundings: &impl Surroundings, status: &Waiting) -> ! {
    kill_process();
    surroundings.fail(Report::from(report::overdue(status)).render());
    signals::exit(Status::Temporary as i32)
}

/// Ends this process when the parent of a rotation has closed the gate, or systemd given up its request for a credential.
fn end_alone() -> ! {
    kill_process();
    if let Ok(request) = connection::request() {
        let text = format!("{request}: the client closed the connection before the value was sent");
        terminal::print_rendered(Report::from(Problem::temporary(text)).render());
    }
    signals::exit(Status::Temporary as i32)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::deliver::testing::Directory;
    use crate::model::options::TypedOptions;

    const CANARY: &str = "cAnArY-7f3a9c51";

    fn end_by_a_panic(thread: &str) {
        crate::end_by_panics();
        if thread == "main" {
            panic!("{CANARY}");
        }
        let inherited = Inherited::new(std::iter::empty());
        let options = TypedOptions::default().resolve(&inherited).0;
        let action = async |_| match thread {
            "task" => tokio::spawn(async { panic!("{CANARY}") }).await.unwrap(),
            _ => panic!("{CANARY}"),
        };
        let _ = run::<()>(&options, &ThisProcess::new(&inherited), action);
    }

    #[test]
    fn a_panic_on_any_thread_ends_the_process_and_shows_its_place_alone() {
        let test = "commands::wait::tests::a_panic_on_any_thread_ends_the_process_and_shows_its_place_alone";
        if let Ok(thread) = std::env::var("SECRETS_EXEC_TEST_THREAD") {
            return end_by_a_panic(&thread);
        }
        for thread in ["main", "worker", "task"] {
            let directory = Directory::new();
            let line = "ulimit -c \"$(ulimit -H -c)\"; exec \"$0\" --exact \"$1\" --nocapture";
            let mut child = Command::new("sh");
            child.args(["-c", line]).arg(std::env::current_exe().unwrap()).arg(test);
            child.env("SECRETS_EXEC_TEST_THREAD", thread).current_dir(directory.path(""));
            let output = child.output().unwrap();
            assert_eq!(output.status.code(), Some(70), "{thread}: {output:?}");
            let said = String::from_utf8_lossy(&output.stderr);
            let start = concat!("secrets-exec: error: this is a bug in secrets-exec ", env!("CARGO_PKG_VERSION"));
            assert!(said.starts_with(&format!("{start} at {}:", file!())) && said.lines().count() == 1, "{output:?}");
            assert!(!format!("{output:?}").contains(CANARY), "{output:?}");
            assert_eq!(directory.names(), [""; 0], "{thread}: a core");
        }
    }
}
