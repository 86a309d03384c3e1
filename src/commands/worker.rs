//! The worker, which reads the declarations and the values, and what the main thread does while it waits. A signal, the deadline or the
//! other end of a pipe ends the process. During a long wait the terminal and the service manager get messages about what is awaited.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use tokio::time::Instant;

use crate::model::options::Options;
use crate::model::problem::{Problem, Status};
use crate::model::quoting::escaped;
use crate::report::{self, Record, Report, terminal};
use crate::system::ending::{End, asks_on_terminal, end};
use crate::system::systemd::Notifier;
use crate::system::waiting::{WaitEvent, while_working};
use crate::system::{os_error, signals, systemd};
use crate::time::Deadline;

/// The time that the worker has after the deadline to report what is missing. If it doesn't, a file or a computation is blocking it.
const OVERTIME: Duration = Duration::from_millis(500);

/// The time before a wait is long.
const LONG: Duration = Duration::from_secs(2);

/// The interval of messages about a long wait.
const TICK: Duration = Duration::from_secs(1);

/// The receiver of reports about a resolution: the service manager and standard error of this process, or the parent of a rotation.
pub trait Reporter {
    /// True if warnings are printed, and the terminal shows what a long wait is for.
    fn shows_progress(&self) -> bool {
        true
    }

    /// Sends assignments to the service manager (sd_notify(3)).
    fn notify(&self, assignments: &str);

    /// Prints the failures that end this process, and returns its exit status.
    fn fail(&self, failures: &Report) -> u8 {
        failures.print()
    }

    /// Prints the error of a termination signal that ends this process.
    fn interrupted(&self, record: Record) {
        terminal::print_unless_stalled(record);
    }

    /// A pipe or connection whose other end ends this process when it closes.
    fn other_end(&self) -> Option<BorrowedFd<'_>>;
}

/// This process reports to the service manager and on standard error, and its other end is the connection of a credential.
impl Reporter for Notifier {
    fn notify(&self, assignments: &str) {
        self.send(assignments);
    }

    fn other_end(&self) -> Option<BorrowedFd<'_>> {
        systemd::taken().map(AsFd::as_fd)
    }
}

/// Does `work` on a thread of its own, within the deadline of `options`, and prints its warnings. Termination signals are held from here on.
///
/// # Errors
/// The errors of `work`, or when no thread can be created.
pub fn run<T: Send>(
    options: &Options,
    reporter: &impl Reporter,
    work: impl FnOnce(&Deadline) -> Result<T, Report> + Send,
) -> Result<T, Report> {
    let deadline = Deadline::new(options.timeout);
    apply(options, &deadline);
    let mut watch = Watch::new(deadline.clone());
    signals::hold();

    let react = |event| match event {
        WaitEvent::Sleep => Some(watch.look(reporter)),
        WaitEvent::Signal(signal) => {
            let waiting = deadline.progress().waiting();
            let line = report::interrupted(signal.as_str(), deadline.elapsed(), &waiting);
            end(End::Signal(signal), || reporter.interrupted(line))
        }
        WaitEvent::OtherEndClosed => end(End::Status(Status::Temporary as u8), print_lost_client),
    };
    let result = while_working(|| work(&deadline), reporter.other_end(), react);

    if watch.messages > 0 {
        terminal::erase_progress();
        reporter.notify("STATUS=");
    }
    if reporter.shows_progress() {
        let warnings = deadline.progress().warnings().into_iter();
        terminal::print_notices(warnings.map(Record::warning));
    }
    result.map_err(|error| Problem::nothing_resolved(&os_error::no_thread(&error)))?
}

/// Applies the options about the format of lines, and about the time and the messages of a wait.
pub fn apply(options: &Options, deadline: &Deadline) {
    terminal::use_options(options);
    deadline.set_options(options, |event| {
        terminal::print([report::trace(event)]);
    });
}

/// Runs `action` in an async runtime. Only this function has a runtime.
///
/// # Errors
/// The errors of `action`, or when no runtime can be created.
pub fn block_on<T>(action: impl Future<Output = Result<T, Report>>) -> Result<T, Report> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Problem::nothing_resolved(&os_error::text(&error)))?;
    let result = runtime.block_on(action);
    // Dropping the runtime would wait for its blocking threads.
    runtime.shutdown_background();
    result
}

/// The main thread's watch over the time of the work.
struct Watch {
    deadline: Deadline,
    /// The time of the next message about a long wait.
    next_message: Instant,
    /// The number of messages about a long wait so far.
    messages: usize,
    /// The first look after the deadline, from which [`OVERTIME`] is counted. The process may have been stopped at the deadline itself.
    overdue_since: Option<Instant>,
}

impl Watch {
    fn new(deadline: Deadline) -> Self {
        Self {
            deadline,
            next_message: Instant::now() + LONG,
            messages: 0,
            overdue_since: None,
        }
    }

    /// Ends this process if the worker is overdue, sends the messages about a long wait, and returns the time until the next look.
    fn look(&mut self, reporter: &impl Reporter) -> Duration {
        let now = Instant::now();
        let Some(deadline) = self.deadline.end() else {
            // A question to the user, after which the wait begins.
            self.next_message = now + LONG;
            return TICK;
        };

        self.overdue_since = if now < deadline {
            None
        } else {
            self.overdue_since.or(Some(now))
        };
        let limit = self
            .overdue_since
            .map_or(deadline, |since| since + OVERTIME);
        if limit <= now {
            let report = Report::from(report::overdue(&self.deadline.progress().waiting()));
            end(End::Status(report.exit_status()), || reporter.fail(&report));
        }

        if self.next_message <= now {
            self.send_messages(reporter);
            self.messages += 1;
            self.next_message = now + TICK;
        }
        limit.min(self.next_message).saturating_duration_since(now)
    }

    /// Says to the terminal and the service manager what is awaited, and for how long at most. Without a terminal, the second message is also a
    /// note, so that a log says it once.
    fn send_messages(&self, reporter: &impl Reporter) {
        let left = self.deadline.longest_left();
        if left.is_zero() {
            return;
        }
        let text = escaped(&report::waiting(&self.deadline.progress().waiting(), left));
        if reporter.shows_progress() && !asks_on_terminal() {
            if terminal::has_progress_line() {
                terminal::show_progress(&text);
            } else if self.messages == 1 {
                terminal::print_unless_stalled(Record::note(&text).event("waiting"));
            }
        }
        reporter.notify(&format!(
            "STATUS={text}\nEXTEND_TIMEOUT_USEC={}",
            left.as_micros()
        ));
    }
}

/// Prints that systemd has given up its request for a credential. A launch whose gate is closed prints nothing.
fn print_lost_client() {
    if let Some(request) = systemd::taken().and_then(|connection| connection.request().ok()) {
        let text =
            format!("the client of {request} closed the connection before the value was sent");
        Report::from(Problem::temporary(text)).print();
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::deliver::testing::Directory;
    use crate::model::inherited::Inherited;
    use crate::model::options::TypedOptions;

    const CANARY: &str = "cAnArY-7f3a9c51";

    fn end_by_a_panic(thread: &str) {
        crate::install_panic_hook();
        if thread == "main" {
            panic!("{CANARY}");
        }
        let inherited = Inherited::new(std::iter::empty());
        let options = TypedOptions::default().resolve(&inherited).0;
        let work = |_: &Deadline| match thread {
            "task" => block_on(async { tokio::spawn(async { panic!("{CANARY}") }).await.unwrap() }),
            _ => panic!("{CANARY}"),
        };
        let _ = run::<()>(&options, &Notifier::new(&inherited), work);
    }

    #[test]
    fn a_panic_on_any_thread_ends_the_process_and_shows_its_place_alone() {
        let test = "commands::worker::tests::a_panic_on_any_thread_ends_the_process_and_shows_its_place_alone";
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
