//! Runs work on a second thread, the worker, while the main thread waits for the result.
//!
//! The worker can hang in a file or a computation, so the main thread reacts to everything else:
//!
//! ```text
//! main thread  ─ poll(2) ─┬─ the worker is done        → return the result
//!                         ├─ a termination signal      → print what is awaited, end by the signal
//!                         ├─ the connection was closed → end: nobody wants the result any more
//!                         ├─ 2 s, then every second    → progress line, STATUS= for systemd
//!                         └─ deadline + 0.5 s          → end with 75: the worker is stuck
//! ```
//!
//! The connection is a pipe to the waiting parent, which only a trial of `--on-rotation` has
//! ([`Messenger::watched_connection`]).

use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use std::{panic, thread};

use tokio::time::Instant;

use crate::model::message::Problem;
use crate::model::options::Options;
use crate::model::shown::{printed, shown};
use crate::report::layout::counted;
use crate::report::{
    self, Record, Report,
    terminal::{self, Patience},
};
use crate::system::lifecycle::{
    asks_on_terminal, block_signals, end, end_by_signal, kill_program, while_working,
};
use crate::system::os_error;
use crate::system::systemd::Notifier;
use crate::time::{Deadline, Waiting};

/// The time that the worker has after the deadline to report which values are missing.
const OVERTIME: Duration = Duration::from_millis(500);

/// The time before the first message about a long wait.
const QUIET_TIME: Duration = Duration::from_secs(2);

/// The time between two messages about a long wait.
const TICK: Duration = Duration::from_secs(1);

/// Sends messages about the worker's progress to standard error and to the service manager. With
/// `--on-rotation`, a trial sends some of them to its parent process instead.
pub(super) trait Messenger {
    /// False for a poll, which runs in the background. It prints no progress, no notices, and no
    /// error when a termination signal ends it.
    fn shows_progress(&self) -> bool {
        true
    }

    /// Sends assignments such as `STATUS=…` to the service manager (sd_notify(3)).
    fn notify(&self, assignments: &str);

    /// Reports the failures that end this process, and returns the exit status.
    fn fail(&self, failures: &Report) -> u8 {
        failures.print()
    }

    /// A pipe to the process that is waiting for the result. This process ends when the other end
    /// is closed.
    fn watched_connection(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

impl Messenger for Notifier {
    fn notify(&self, assignments: &str) {
        self.send(assignments);
    }
}

/// Runs `work` on a second thread and waits for its result. The timeout starts now.
///
/// - The notices of `work` are printed or, if it failed, added to its report. A poll drops them.
/// - From here on, termination signals are held ([`block_signals`]), and the main thread ends this
///   process when one arrives.
/// - This process also ends, with status 75, when the other end of
///   [`Messenger::watched_connection`] closes, or if the worker doesn't react to the deadline.
pub(super) fn run<T: Send>(
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
            kill_program();
            if messenger.shows_progress() {
                let notices = deadline.progress.notices();
                terminal::print(Patience::None, notices.into_iter().chain([error]));
            }
            end_by_signal(signal)
        },
    );

    if watch.messages_sent > 0 {
        terminal::erase_progress();
        // An empty status clears the service manager's status line.
        messenger.notify("STATUS=");
    }
    if messenger.shows_progress() {
        let notices = deadline.progress.notices();
        if let Ok(Err(report)) = &mut result {
            report.notices.extend(notices);
        } else {
            terminal::print(Patience::Usual, notices);
        }
    }
    // The outer error means that the thread couldn't be started.
    result.map_err(|error| Problem::nothing_resolved(&os_error::no_thread_text(&error)))?
}

/// Applies the options about messages and time limits. The timeout still counts from when
/// `deadline` was created.
///
/// A mistake in any input is reported in the format that the other inputs ask for, so the options
/// take effect as soon as they are known:
///
/// 1. before the arguments are parsed: the format (`terminal::use_early_settings`)
/// 2. before a declaration is read: those of the command line and of variables ([`run`])
/// 3. before the plan is made: those of declarations, too (`prepare`)
pub(super) fn apply_options(options: &Options, deadline: &Deadline) {
    terminal::use_options(options);
    deadline.set_options(options, |event| {
        terminal::print(Patience::Usual, [Record::note(event).event("trace")]);
    });
}

/// Runs `action` in an async runtime on this thread.
pub fn block_on<T>(action: impl Future<Output = Result<T, Report>>) -> Result<T, Report> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Problem::nothing_resolved(&os_error::io_error_text(&error)))?;
    let result = runtime.block_on(action);
    // Dropping the runtime would wait for its threads, and one may hang in a DNS lookup.
    runtime.shutdown_background();
    result
}

/// The main thread's schedule while the worker runs.
struct Watch {
    deadline: Deadline,
    next_message: Instant,
    messages_sent: usize,
    /// When the main thread noticed that the deadline had passed. [`OVERTIME`] starts at this time,
    /// because the process may have been stopped (SIGSTOP) at the deadline itself. `None` again
    /// once the deadline was moved ([`Deadline::restart_after`]).
    overdue_since: Option<Instant>,
}

impl Watch {
    /// Ends this process after [`OVERTIME`], and sends a message if one is due. Returns how long to
    /// wait before the next call.
    fn tick(&mut self, messenger: &dyn Messenger) -> Duration {
        let now = Instant::now();
        let Some(deadline) = self.deadline.end() else {
            // The deadline is suspended while the user is asked for something, such as an MFA code.
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
            kill_program();
            end(messenger.fail(&report));
        }

        if self.next_message <= now {
            self.send_messages(messenger);
            self.messages_sent += 1;
            self.next_message = now + TICK;
        }
        let limit = end_of_overtime.unwrap_or(deadline);
        limit.min(self.next_message).saturating_duration_since(now)
    }

    /// Reports what this process is waiting for, and how much time is left: until the deadline or,
    /// with `--wait`, to start another try.
    ///
    /// - The service manager gets a status line. It also gets the longest time that the launch can
    ///   still take, so that it extends its own time limit (EXTEND_TIMEOUT_USEC in sd_notify(3)).
    /// - A terminal gets a progress line.
    /// - A log gets a single note, after three seconds, with the second message.
    fn send_messages(&self, messenger: &dyn Messenger) {
        let left = self.deadline.longest_left();
        if left.is_zero() {
            return;
        }
        let waiting = self.deadline.progress.waiting();
        let shown_left = self.deadline.wait_left().unwrap_or(left);
        let text = printed(&waiting_text(&waiting, shown_left));
        if messenger.shows_progress() && !asks_on_terminal() {
            if terminal::can_show_progress() {
                terminal::show_progress(&text);
            } else if self.messages_sent == 1 {
                let note = Record::note(text.as_str()).event("waiting");
                terminal::print(Patience::None, [note]);
            }
        }
        let micros = left.as_micros();
        messenger.notify(&format!("STATUS={text}\nEXTEND_TIMEOUT_USEC={micros}"));
    }
}

/// The text about a long wait. What matters comes first, because a terminal may cut off the end.
fn waiting_text(status: &Waiting, left: Duration) -> String {
    let awaited = awaited_text(status);
    let left = humantime::format_duration(Duration::from_secs(left.as_secs_f64().ceil() as u64));
    match &status.reason {
        Some(why) => format!("waiting {left} more: {why} ({awaited})"),
        None => format!("waiting up to {left} for {awaited}"),
    }
}

/// What the launch is waiting for, such as `secret prod/a in us-east-1 and 2 others`.
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

/// Requests stop at the deadline, so the worker must be reading a file or computing something.
fn overdue_problem(status: &Waiting) -> Problem {
    let mut text = "timed out".to_owned();
    if status.awaited.is_some() {
        text += &format!(" while waiting for {}", awaited_text(status));
    }
    text += ": a file can't be read, or a JSONPath takes too long";
    let help = "look for a file system that hangs, or a pipe that nobody writes to";
    Problem::temporary(text).help(help)
}

/// Makes a panic on any thread end the process with status 70, without unwinding or a core file.
/// The message leaves out the panic's own text, which may contain a secret.
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

/// Ends this process with the given status, or prints the report and ends with its status.
pub fn finish(result: Result<u8, Report>) -> ! {
    match result {
        Ok(status) => end(status),
        Err(report) => {
            kill_program();
            end(report.print())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::deliver::testing::Directory;
    use crate::model::environment::Inherited;
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
        let _ = run::<()>(&options, &Notifier::new(&inherited), work);
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
