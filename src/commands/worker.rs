//! Runs work on a second thread, the worker, while the main thread waits for the result.
//!
//! The worker can hang in a file or a computation, so the main thread reacts to everything else:
//!
//! ```text
//! main thread  ─ poll(2) ─┬─ the worker is done        → return the result
//!                         ├─ a termination signal      → print what is awaited, and end by the signal
//!                         ├─ the connection was closed → end, because nobody wants the result any more
//!                         ├─ 2 s, then every second    → progress line, STATUS= for systemd
//!                         └─ deadline + 0.5 s          → end with 75: the worker should have reported what is missing
//! ```
//!
//! The connection is [`Messenger::watched_connection`].

use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use std::{panic, thread};

use tokio::time::Instant;

use crate::backend::aws::remove_empty_variables;
use crate::model::environment::Inherited;
use crate::model::options::Options;
use crate::model::problem::Problem;
use crate::model::shown::{printed, shown};
use crate::report::layout::counted;
use crate::report::{self, Record, Report, terminal};
use crate::system::lifecycle::{End, asks_on_terminal, block_signals, end, while_working};
use crate::system::os_error;
use crate::system::systemd::Notifier;
use crate::time::{Deadline, Waiting};

/// The time that the worker thread has after the deadline to report which values are missing.
const OVERTIME: Duration = Duration::from_millis(500);

/// The time that a launch waits before messages report what it is waiting for.
const QUIET_TIME: Duration = Duration::from_secs(2);

/// The time between two messages about a long wait.
const TICK: Duration = Duration::from_secs(1);

/// A sender of messages about the work of the worker thread. A trial of a rotation sends most
/// messages to its parent process. Any other process sends them to the service manager and to
/// standard error.
pub(super) trait Messenger {
    /// True if this process prints what it is waiting for, the warnings and notes about the work,
    /// and the error about a termination signal.
    fn shows_progress(&self) -> bool {
        true
    }

    /// Sends assignments to the service manager (sd_notify(3)).
    fn notify(&self, assignments: &str);

    /// Reports the failures that end this process. Returns the exit status.
    fn fail(&self, failures: &Report) -> u8 {
        failures.print()
    }

    /// The pipe or connection on which somebody waits for the result, if there is one. When its
    /// other end closes, this process ends.
    fn watched_connection(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

impl Messenger for Notifier {
    fn notify(&self, assignments: &str) {
        self.send(assignments);
    }
}

/// Removes empty variables that the AWS SDK would use, and then runs `work` ([`run_with`]).
///
/// `options` set the deadline for reading the declarations, and decide how errors in them are
/// printed. Later, `prepare` makes the options again, together with those of the declarations.
///
/// # Errors
/// If `work` fails, or if a thread can't be created.
pub(super) fn run<T: Send>(
    options: &Options,
    inherited: &Inherited,
    work: impl FnOnce(&Deadline) -> Result<T, Report> + Send,
) -> Result<T, Report> {
    // Removing a variable changes the environment of the process, so it has to happen before there
    // is a second thread. The condition only saves time.
    if inherited.iter().any(|(_, value)| value.is_empty()) {
        remove_empty_variables(inherited);
    }
    run_with(options, &Notifier::new(inherited), work)
}

/// Applies `options`, runs `work` on its own thread, and waits for the result. The deadline of
/// `work` begins now. Sends messages about a long wait. Except in a poll, also prints the warnings
/// and notes that `work` has added to the deadline's progress or, after a failure, adds them to the
/// report.
///
/// From here on, termination signals are held ([`block_signals`]), and the main thread ends this
/// process when one arrives. This process also ends, with status 75, when the other end of
/// [`Messenger::watched_connection`] closes, or if the worker doesn't react to the deadline.
pub(super) fn run_with<T: Send>(
    options: &Options,
    messenger: &dyn Messenger,
    work: impl FnOnce(&Deadline) -> Result<T, Report> + Send,
) -> Result<T, Report> {
    let deadline = Deadline::new(options.timeout);
    apply_options(options, &deadline);
    let mut watch = Watch {
        deadline: deadline.clone(),
        next_message: Instant::now() + QUIET_TIME,
        messages_sent: 0,
        overdue_since: None,
    };
    block_signals();

    let mut result = while_working(
        || work(&deadline),
        messenger.watched_connection(),
        || Some(watch.tick(messenger)),
        |signal| {
            let waiting = deadline.progress.waiting();
            let elapsed = deadline.elapsed();
            let error = interruption_error(signal.as_str(), elapsed, &waiting);
            end(End::Signal(signal), || {
                if messenger.shows_progress() {
                    let notices = deadline.progress.notices();
                    terminal::print_unless_stalled(notices.into_iter().chain([error]));
                }
            })
        },
    );

    if watch.messages_sent > 0 {
        terminal::erase_progress();
        // An empty status removes the status line of the service manager.
        messenger.notify("STATUS=");
    }
    if messenger.shows_progress() {
        let notices = deadline.progress.notices();
        // After a failure, they follow the notices of the report, which is printed later.
        if let Ok(Err(report)) = &mut result {
            report.notices.extend(notices);
        } else {
            terminal::print(notices);
        }
    }
    // The outer error says why the worker couldn't be started. The inner result is that of `work`.
    result.map_err(|error| Problem::nothing_resolved(&os_error::no_thread_text(&error)))?
}

/// Applies the options for messages and the deadline (`--timeout` and `--wait`). The timeout still
/// counts from the creation of the deadline. With `-vv`, events are printed from now on.
pub(super) fn apply_options(options: &Options, deadline: &Deadline) {
    terminal::use_options(options);
    deadline.set_options(options, |event| {
        terminal::print([Record::note(event).event("trace")]);
    });
}

/// Runs `action` in an async runtime on this thread and waits for its result.
///
/// # Errors
/// If `action` fails, or if a runtime can't be created.
pub fn block_on<T>(action: impl Future<Output = Result<T, Report>>) -> Result<T, Report> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Problem::nothing_resolved(&os_error::io_error_text(&error)))?;
    let result = runtime.block_on(action);
    // Dropping the runtime would wait for its threads, and one of them may be in a DNS lookup that
    // never ends.
    runtime.shutdown_background();
    result
}

/// The main thread's schedule while the worker works: when to send a message, and when to end this
/// process.
struct Watch {
    deadline: Deadline,
    next_message: Instant,
    messages_sent: usize,
    /// The time at which the main thread first noticed that the deadline had passed. `None` before
    /// that, and after [`Deadline::restart_after`]. [`OVERTIME`] starts here, because the process
    /// may have been stopped (SIGSTOP) at the deadline itself.
    overdue_since: Option<Instant>,
}

impl Watch {
    /// Ends this process if [`OVERTIME`] is over, and sends the message about a long wait if one is
    /// due. Returns the time until this function must be called again.
    fn tick(&mut self, messenger: &dyn Messenger) -> Duration {
        let now = Instant::now();
        let Some(deadline) = self.deadline.end() else {
            // There is no deadline while the user is asked for something, such as an MFA code. The
            // quiet time begins again after the answer.
            self.next_message = now + QUIET_TIME;
            return TICK;
        };

        if now < deadline {
            self.overdue_since = None;
        } else {
            self.overdue_since.get_or_insert(now);
        }
        let end_of_overtime = self.overdue_since.map(|since| since + OVERTIME);
        if end_of_overtime.is_some_and(|end| end <= now) {
            let mut report = Report::from(overdue_problem(&self.deadline.progress.waiting()));
            report.notices = self.deadline.progress.notices();
            let how = End::Status(report.exit_status());
            end(how, || messenger.fail(&report));
        }

        if self.next_message <= now {
            self.send_messages(messenger);
            self.messages_sent += 1;
            self.next_message = now + TICK;
        }
        let limit = end_of_overtime.unwrap_or(deadline);
        limit.min(self.next_message).saturating_duration_since(now)
    }

    /// Reports what this process is waiting for, and the time left: that of `--wait` or, without it
    /// and when it is up, that of the try.
    ///
    /// The service manager gets the text as its status line, and extends its own time limit by the
    /// longest time left (EXTEND_TIMEOUT_USEC in sd_notify(3)), in which a last try can end. A
    /// terminal gets the progress line. A log gets only one note about the whole wait, together with
    /// the second message, which is sent after three seconds.
    fn send_messages(&self, messenger: &dyn Messenger) {
        let left = self.deadline.longest_left();
        if left.is_zero() {
            return;
        }
        let waiting = self.deadline.progress.waiting();
        let shown_left = self.deadline.wait_left().unwrap_or(left);
        let text = printed(&waiting_text(&waiting, shown_left));
        if messenger.shows_progress() && !asks_on_terminal() {
            let is_second = self.messages_sent == 1;
            terminal::show_progress(&text, is_second);
        }
        let micros = left.as_micros();
        messenger.notify(&format!("STATUS={text}\nEXTEND_TIMEOUT_USEC={micros}"));
    }
}

/// The text about a long wait, for the log, the terminal and the service manager: how long it can
/// still take, the last error, and what is awaited. A terminal may cut off the end.
fn waiting_text(status: &Waiting, left: Duration) -> String {
    let awaited = awaited_text(status);
    let left = humantime::format_duration(Duration::from_secs(left.as_secs_f64().ceil() as u64));
    match &status.reason {
        Some(why) => format!("waiting {left} more: {why} ({awaited})"),
        None => format!("waiting up to {left} for {awaited}"),
    }
}

/// Names what the process is waiting for: `secret prod/a in us-east-1 and 2 others`.
fn awaited_text(status: &Waiting) -> String {
    match (&status.awaited, status.others) {
        (None, _) => "a file or a template".to_owned(),
        (Some(first), 0) => shown(first),
        (Some(first), others) => {
            let others = counted(others, "other", "others");
            format!("{} and {others}", shown(first))
        }
    }
}

/// The error about a termination signal that ends this process.
fn interruption_error(signal: &'static str, after: Duration, status: &Waiting) -> Record {
    let seconds = after.as_secs_f64();
    let awaited = awaited_text(status);
    let mut text = format!(
        "{signal} ended secrets-exec after {seconds:.1}s, while it was waiting for {awaited}"
    );
    if let Some(why) = &status.reason {
        text += &format!("; the last error was: {why}");
    }
    Record::error(text).event("signal").with("signal", signal)
}

/// The problem for a worker that doesn't return after the deadline, because it waits for a file or
/// a computation.
fn overdue_problem(status: &Waiting) -> Problem {
    let mut text = "timed out".to_owned();
    if status.awaited.is_some() {
        text += &format!(" while waiting for {}", awaited_text(status));
    }
    text += ": a file can't be read, or a JSONPath takes too long";
    let help = "look for a file system that hangs, or a pipe that nobody writes to";
    Problem::temporary(text).help(help)
}

/// Makes a panic on any thread end the process with status 70, without unwinding and without a core
/// file. The message names the line of the source, but not the payload of the panic, which may
/// contain a value.
pub fn install_panic_hook() {
    static IS_FIRST: AtomicBool = AtomicBool::new(true);
    panic::set_hook(Box::new(|panic| {
        if !IS_FIRST.swap(false, Ordering::SeqCst) {
            // Another thread is already ending the process.
            thread::park();
        }
        let notices = vec![report::bug_error(panic)];
        finish(Err(Report {
            notices,
            ..Report::default()
        }))
    }));
}

/// Ends this process: with the given status, or with the status of the report, after printing the
/// report.
pub fn finish(result: Result<u8, Report>) -> ! {
    match result {
        Ok(status) => end(End::Status(status), || ()),
        Err(report) => end(End::Status(report.exit_status()), || report.print()),
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::deliver::testing::Directory;
    use crate::model::options::TypedOptions;

    const CANARY: &str = "cAnArY-7f3a9c51";

    fn end_by_a_panic(thread: &str) {
        install_panic_hook();
        if thread == "main" {
            panic!("{CANARY}");
        }
        let inherited = Inherited::new(std::iter::empty());
        let options = TypedOptions::default().to_options(&inherited);
        let work = |_: &Deadline| match thread {
            "task" => block_on(async { tokio::spawn(async { panic!("{CANARY}") }).await.unwrap() }),
            _ => panic!("{CANARY}"),
        };
        let _ = run_with::<()>(&options, &Notifier::new(&inherited), work);
    }

    #[test]
    fn a_panic_on_any_thread_ends_the_process_and_shows_where_it_happened_but_no_value() {
        let test = "commands::worker::tests::a_panic_on_any_thread_ends_the_process_and_shows_where_it_happened_but_no_value";
        if let Ok(thread) = std::env::var("SECRETS_EXEC_TEST_THREAD") {
            return end_by_a_panic(&thread);
        }
        for thread in ["main", "worker", "task"] {
            let directory = Directory::new();
            let line = "ulimit -c \"$(ulimit -H -c)\"; exec \"$0\" --exact \"$1\" --nocapture";
            let mut child = Command::new("sh");
            child
                .args(["-c", line])
                .arg(std::env::current_exe().unwrap())
                .arg(test);
            child
                .env("SECRETS_EXEC_TEST_THREAD", thread)
                .current_dir(directory.path(""));
            let output = child.output().unwrap();
            assert_eq!(output.status.code(), Some(70), "{thread}: {output:?}");
            let said = String::from_utf8_lossy(&output.stderr);
            let start = concat!(
                "secrets-exec: error: this is a bug in secrets-exec ",
                env!("CARGO_PKG_VERSION")
            );
            assert!(
                said.starts_with(&format!("{start} at {}:", file!())) && said.lines().count() == 1,
                "{output:?}"
            );
            assert!(!format!("{output:?}").contains(CANARY), "{output:?}");
            assert_eq!(directory.names(), [""; 0], "{thread}: a core");
        }
    }
}
