//! Polls: a thread that resolves the plan anew whenever it is asked to, so that a file that hangs does not delay a signal.

use std::io::{self, PipeReader, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use super::comparison::{ChangedSecret, Compared, Comparison};
use super::mailbox::{Mailbox, Snapshot};
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
    deadline: Deadline,
    requests: Option<Sender<u64>>,
    /// The number of the last request.
    last: u64,
    mailbox: Arc<Mailbox>,
    /// Has one byte while there is a result.
    pipe: PipeReader,
    watchdog: Option<Watchdog>,
    unseen: Vec<String>,
}

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
    pub changed: Vec<ChangedSecret>,
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
            deadline: settings.deadline(),
            settings,
            requests: None,
            last: 0,
            mailbox: Arc::new(mailbox),
            pipe,
            watchdog: None,
            unseen: Vec::new(),
        })
    }

    /// Starts a poll. A poll in flight is cancelled.
    pub fn request(&mut self) {
        self.cancel();
        self.last += 1;
        let number = self.last;
        self.deadline.restart();
        self.mailbox.expect(number);
        match self.start_thread() {
            Ok(requests) if requests.send(number).is_ok() => self.watchdog = Some(self.watch(number)),
            Ok(_) => self.mailbox.put(number, Err(Failure::PollPanicked.into())),
            Err(error) => self.mailbox.put(number, Err(Failure::Runtime(os_error::text(&error)).into())),
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
        let result = self.mailbox.close(self.last)?;
        self.clear();
        self.end_watchdog();
        Some(match result {
            Err(report) => Polled::Failed(report),
            Ok(Snapshot { resolved, fetched }) => {
                let polled = self.comparison.fingerprint(&resolved, &fetched);
                self.unseen = self.comparison.unseen(&polled);
                match self.comparison.compare(polled) {
                    Compared::Changed(changed) => Polled::Changed(Candidate { changed, resolved }),
                    Compared::Kept => Polled::Kept,
                    Compared::Unchanged => Polled::Unchanged,
                }
            }
        })
    }

    /// Takes the labels of values that the last poll found changed, but that a running command cannot see; once for each version.
    pub fn take_unseen(&mut self) -> Vec<String> {
        std::mem::take(&mut self.unseen)
    }

    /// The last values that were `Changed` are those of the command now.
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

    /// Starts the thread, or tries to again.
    fn start_thread(&mut self) -> io::Result<&Sender<u64>> {
        let requests = match self.requests.take() {
            Some(requests) => requests,
            None => self.spawn()?,
        };
        Ok(self.requests.insert(requests))
    }

    fn spawn(&self) -> io::Result<Sender<u64>> {
        let (sender, receiver) = channel();
        let (settings, deadline, mailbox) =
            (self.settings.clone(), self.deadline.clone(), Arc::clone(&self.mailbox));
        let run = move || {
            let mut polling = Polling::new(settings, deadline, mailbox);
            receiver.iter().for_each(|number| polling.poll(number));
        };
        let stack = usize::try_from(exec::STACK).unwrap_or(usize::MAX);
        thread::Builder::new().stack_size(stack).spawn(run)?;
        Ok(sender)
    }

    /// Fails the poll at the deadline if the thread is blocked: by a file, a template, or a poll before it that still is.
    fn watch(&self, number: u64) -> Watchdog {
        let mailbox = Arc::clone(&self.mailbox);
        let overdue = move |status: &Status| mailbox.put(number, Err(Failure::PollOverdue(status.clone()).into()));
        Watchdog::start(self.deadline.clone(), Callbacks { tick: Box::new(|_| {}), overdue: Box::new(overdue) })
    }
}
