//! Polls: a thread that resolves the plan anew whenever it is asked to, so that a file that hangs does not delay a signal. A thread that
//! is blocked at the deadline gives way to another.

use std::io::{self, PipeReader, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};

use super::comparison::{ChangedSecret, Compared, Comparison, Unseen};
use super::mailbox::{Mailbox, PollError, Snapshot};
use super::polling::{PollSettings, Polling};
use crate::exec;
use crate::model::resolved::Resolved;
use crate::report::{Failure, Report};
use crate::system::os_error;
use crate::time::deadline::Deadline;
use crate::time::progress::Status;
use crate::time::watchdog::{Callbacks, Watchdog};

/// Reads all values again, one poll at a time.
pub struct Poller {
    comparison: Comparison,
    settings: PollSettings,
    worker: Option<Worker>,
    /// Threads that were blocked at the deadline of their poll. They end with it.
    blocked: Vec<JoinHandle<()>>,
    /// The number of the last request.
    last: u64,
    mailbox: Arc<Mailbox>,
    /// Has one byte while there is a result.
    pipe: PipeReader,
    watchdog: Option<Watchdog>,
    unseen: Unseen,
}

/// The thread of polls. It ends when it is dropped, after its poll.
struct Worker {
    requests: Sender<u64>,
    deadline: Deadline,
    thread: JoinHandle<()>,
}

/// The part of the stack that a thread takes itself: its first frames and thread-local variables.
const THREAD: usize = 64 * 1024;

/// The most threads that may be blocked. Polls wait for the last one beyond that.
const MOST_BLOCKED: usize = 8;

/// The result of a poll.
#[derive(Debug)]
pub enum Polled {
    Changed(Candidate),
    /// Other values than the command's, the same as the last ones that were `Changed`.
    Kept,
    Unchanged,
    Failed(Report),
}

/// Values that differ from the command's.
#[derive(Debug)]
pub struct Candidate {
    /// The secrets that differ from those of the command.
    pub changed: Vec<ChangedSecret>,
    /// Those of them that this poll has found.
    pub found: Vec<ChangedSecret>,
    pub resolved: Resolved,
}

impl Poller {
    /// Creates no thread before the first request.
    ///
    /// # Errors
    /// When there is no descriptor for a pipe.
    pub fn start(settings: PollSettings, comparison: Comparison) -> io::Result<Self> {
        let (mailbox, pipe) = Mailbox::new()?;
        Ok(Self {
            comparison,
            settings,
            worker: None,
            blocked: Vec::new(),
            last: 0,
            mailbox: Arc::new(mailbox),
            pipe,
            watchdog: None,
            unseen: Unseen::default(),
        })
    }

    /// Starts a poll. A poll in flight is cancelled.
    pub fn request(&mut self) {
        self.cancel();
        self.last += 1;
        let number = self.last;
        self.mailbox.open(number);
        if let Err(error) = self.start_poll(number) {
            self.mailbox.put(number, Err(PollError::Failed(Failure::Runtime(os_error::no_thread(&error)).into())));
        }
    }

    /// Drops the poll in flight, or its result.
    pub fn cancel(&mut self) {
        if self.mailbox.close(self.last).is_some() {
            self.clear();
        }
        self.end_watchdog();
    }

    /// A descriptor that is readable while there is a result.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }

    /// Takes the result, if there is one, and compares its values with the command's.
    pub fn take(&mut self) -> Option<Polled> {
        let result = self.mailbox.take()?;
        self.clear();
        self.end_watchdog();
        Some(match result {
            Err(PollError::Failed(report)) => Polled::Failed(report),
            Err(PollError::Overdue(status)) => {
                self.leave_blocked();
                Polled::Failed(Failure::PollOverdue(status).into())
            }
            Ok(Snapshot { resolved, fetched }) => {
                let polled = self.comparison.fingerprint(&resolved, &fetched);
                self.unseen = self.comparison.unseen(&polled);
                match self.comparison.compare(polled) {
                    Compared::Changed { all, new } => {
                        self.unseen.secrets.retain(|secret| !new.iter().any(|found| found.is_of(secret)));
                        Polled::Changed(Candidate { changed: all, found: new, resolved })
                    }
                    Compared::Kept => Polled::Kept,
                    Compared::Unchanged => Polled::Unchanged,
                }
            }
        })
    }

    /// Takes the values that the last poll found changed, but that a running command cannot see; once for each version. Their secrets
    /// are without those of [`Candidate::found`].
    pub fn take_unseen(&mut self) -> Unseen {
        std::mem::take(&mut self.unseen)
    }

    /// Takes the last values that were `Changed` for those of the command.
    pub fn adopt(&mut self) {
        self.comparison.adopt();
    }

    /// Forgets the last values that were `Changed`.
    pub fn discard(&mut self) {
        self.comparison.discard();
    }

    /// Empties the pipe, whose byte is there or about to be.
    fn clear(&mut self) {
        let _ = self.pipe.read_exact(&mut [0]);
    }

    fn end_watchdog(&mut self) {
        if let Some(watchdog) = self.watchdog.take() {
            watchdog.end();
        }
    }

    /// Starts the thread if there is none, and a poll on it.
    ///
    /// # Errors
    /// When that thread or the watchdog's cannot be started.
    fn start_poll(&mut self, number: u64) -> io::Result<()> {
        let worker = match self.worker.take() {
            Some(worker) => worker,
            None => self.spawn()?,
        };
        worker.deadline.restart();
        self.watchdog = Some(self.watch(&worker.deadline, number)?);
        // The thread catches panics. If it ended nevertheless, the watchdog fails this poll, and the next one has another thread.
        let sent = worker.requests.send(number);
        self.worker = sent.is_ok().then_some(worker);
        Ok(())
    }

    fn spawn(&self) -> io::Result<Worker> {
        let (requests, receiver) = channel();
        let (settings, deadline, mailbox) =
            (self.settings.clone(), self.settings.deadline(), Arc::clone(&self.mailbox));
        let of_thread = deadline.clone();
        let run = move || {
            let mut polling = Polling::new(settings, of_thread, mailbox);
            receiver.iter().for_each(|number| polling.poll(number));
        };
        let stack = usize::try_from(exec::STACK).unwrap_or(usize::MAX).saturating_add(THREAD);
        let thread = thread::Builder::new().stack_size(stack).spawn(run)?;
        Ok(Worker { requests, deadline, thread })
    }

    /// Lets the next poll have another thread, with a backend that reads AWS's files anew.
    fn leave_blocked(&mut self) {
        self.blocked.retain(|thread| !thread.is_finished());
        if self.blocked.len() < MOST_BLOCKED {
            self.blocked.extend(self.worker.take().map(|worker| worker.thread));
        }
    }

    /// Fails the poll at the deadline if the thread is blocked: by a file, a template, or a poll before it that still is.
    fn watch(&self, deadline: &Deadline, number: u64) -> io::Result<Watchdog> {
        let mailbox = Arc::clone(&self.mailbox);
        let overdue = move |status: &Status| mailbox.put(number, Err(PollError::Overdue(status.clone())));
        Watchdog::start(deadline.clone(), Callbacks { tick: Box::new(|_| {}), overdue: Box::new(overdue) })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::time::Duration;

    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

    use super::super::comparison::Scope;
    use super::*;
    use crate::commands::prepare::BackendConfig;
    use crate::model::answer::Fetched;
    use crate::model::entry::{Entry, EntrySource, OnMissing, Origin, Target, Transform};
    use crate::model::env_name::EnvName;
    use crate::model::inherited::Inherited;
    use crate::model::plan::{Layer, Plan};
    use crate::model::reference::Reference;
    use crate::time::progress::Observer;

    fn plan() -> Plan {
        let entry = Entry {
            target: Target::Env(EnvName::parse("A").unwrap()),
            source: EntrySource::Reference(Reference::parse("db").unwrap()),
            transform: Transform::default(),
            on_missing: OnMissing::Fail,
            origin: Origin::Argument("--env"),
        };
        let layer = Layer { entries: vec![entry], ..Layer::default() };
        Plan::new(vec![layer], &Inherited::default(), None).unwrap()
    }

    /// A poller of `--local`, for a command that has no values.
    fn poller(path: PathBuf, timeout: Duration, check: Arc<super::super::polling::Check>) -> Poller {
        let settings = PollSettings {
            backend: BackendConfig::Local { path, is_announced: false },
            cache: None,
            is_quiet: false,
            plan: Arc::new(plan()),
            timeout,
            observer: Observer::default(),
            check,
        };
        let comparison = Comparison::new(Scope::All, &Resolved::default(), &Fetched::default()).unwrap();
        Poller::start(settings, comparison).unwrap()
    }

    fn directory(test: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("poller-{}-{test}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        path
    }

    fn written(directory: &Path, text: &str) -> PathBuf {
        let path = directory.join("local.json");
        fs::write(&path, text).unwrap();
        path
    }

    fn ended(poller: &mut Poller) -> Polled {
        let limit = PollTimeout::from(60_000_u16);
        assert_eq!(poll(&mut [PollFd::new(poller.descriptor(), PollFlags::POLLIN)], limit), Ok(1));
        let result = poller.take().unwrap();
        assert_eq!(poll(&mut [PollFd::new(poller.descriptor(), PollFlags::POLLIN)], PollTimeout::ZERO), Ok(0));
        result
    }

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_local_file_is_read_again_by_each_poll() {
        let directory = directory("again");
        let path = written(&directory, r#"{"db": "one"}"#);
        let mut poller = poller(path, MINUTE, Arc::new(|_| Vec::new()));
        poller.request();
        assert!(matches!(ended(&mut poller), Polled::Changed(_)));
        poller.request();
        assert!(matches!(ended(&mut poller), Polled::Kept));
        poller.adopt();
        poller.request();
        assert!(matches!(ended(&mut poller), Polled::Unchanged));
        written(&directory, r#"{"db": "two"}"#);
        poller.request();
        assert!(matches!(ended(&mut poller), Polled::Changed(_)));
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_required_value_that_is_absent_is_a_failed_poll_and_the_next_one_may_succeed() {
        let directory = directory("absent");
        let mut poller = poller(written(&directory, r#"{"other": "x"}"#), MINUTE, Arc::new(|_| Vec::new()));
        poller.request();
        assert!(matches!(ended(&mut poller), Polled::Failed(_)));
        written(&directory, r#"{"db": "one"}"#);
        poller.request();
        assert!(matches!(ended(&mut poller), Polled::Changed(_)));
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_panic_is_a_failed_poll_and_the_next_one_may_succeed() {
        let directory = directory("panic");
        let path = written(&directory, r#"{"db": "one"}"#);
        let check = |resolved: &Resolved| match resolved.variables[0].value.expose() {
            b"one" => panic!("of the test"),
            _ => Vec::new(),
        };
        let mut poller = poller(path, MINUTE, Arc::new(check));
        poller.request();
        let Polled::Failed(report) = ended(&mut poller) else { panic!("no failure") };
        assert_eq!(report.render().exit_status, crate::report::BUG);
        written(&directory, r#"{"db": "two"}"#);
        poller.request();
        assert!(matches!(ended(&mut poller), Polled::Changed(_)));
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_file_that_hangs_fails_its_poll_and_those_after_it_until_it_is_replaced() {
        let directory = directory("hang");
        let pipe = directory.join("local.json");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let mut poller = poller(pipe, Duration::from_millis(50), Arc::new(|_| Vec::new()));
        for _ in 0..2 {
            poller.request();
            assert!(matches!(ended(&mut poller), Polled::Failed(_)));
        }
        // Both threads still wait for a writer.
        poller.settings.timeout = MINUTE;
        fs::rename(directory.join("local.json"), directory.join("pipe")).unwrap();
        written(&directory, r#"{"db": "one"}"#);
        poller.request();
        assert!(matches!(ended(&mut poller), Polled::Changed(_)));
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn the_threads_that_hang_are_limited() {
        let directory = directory("limited");
        let pipe = directory.join("local.json");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let mut poller = poller(pipe, Duration::from_millis(10), Arc::new(|_| Vec::new()));
        for _ in 0..MOST_BLOCKED + 2 {
            poller.request();
            assert!(matches!(ended(&mut poller), Polled::Failed(_)));
        }
        assert_eq!(poller.blocked.len(), MOST_BLOCKED);
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn the_result_of_a_cancelled_poll_is_dropped() {
        let directory = directory("cancel");
        let path = written(&directory, r#"{"db": "one"}"#);
        let mut poller = poller(path, MINUTE, Arc::new(|_| Vec::new()));
        for _ in 0..20 {
            poller.request();
            poller.cancel();
            assert!(poller.take().is_none());
        }
        poller.request();
        assert!(matches!(ended(&mut poller), Polled::Changed(_)));
        fs::remove_dir_all(directory).unwrap();
    }
}
