//! The hand-over of results from the thread of polls to the event loop.

use std::io::{self, PipeReader, PipeWriter, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::model::answer::Fetched;
use crate::model::resolved::Resolved;
use crate::report::Report;
use crate::time::progress::Status;

/// The values of a poll, and the documents that they are from.
pub struct Snapshot {
    pub resolved: Resolved,
    pub fetched: Fetched,
}

/// The result of a poll.
pub type PollOutcome = Result<Snapshot, PollError>;

pub enum PollError {
    Failed(Report),
    /// The thread of polls is blocked at the deadline.
    Overdue(Status),
}

/// The result of the poll that is awaited, handed from thread to thread.
pub struct Mailbox {
    state: Mutex<State>,
    pipe: PipeWriter,
    /// The number of the last poll whose result is not awaited any more.
    over: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    /// The number of the poll whose result is awaited.
    awaited: Option<u64>,
    result: Option<PollOutcome>,
}

impl Mailbox {
    /// Returns the mailbox, and the pipe that has one byte while there is a result.
    ///
    /// # Errors
    /// When no descriptor is free.
    pub fn new() -> io::Result<(Self, PipeReader)> {
        let (reader, pipe) = io::pipe()?;
        Ok((Self { state: Mutex::default(), pipe, over: watch::Sender::default() }, reader))
    }

    /// Awaits the result of a poll.
    pub fn open(&self, number: u64) {
        self.state().awaited = Some(number);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts the result of a poll, unless it is not awaited any more.
    pub fn put(&self, number: u64, result: PollOutcome) {
        let mut state = self.state();
        if state.awaited != Some(number) {
            return;
        }
        *state = State { awaited: None, result: Some(result) };
        drop(state);
        self.over.send_replace(number);
        // The reader empties the pipe before the next result.
        let _ = (&self.pipe).write_all(&[0]);
    }

    /// Returns the result, if it is there.
    pub fn take(&self) -> Option<PollOutcome> {
        self.state().result.take()
    }

    /// Awaits no result any more, and returns the one that is there. A later one of the polls up to `number` is dropped.
    pub fn close(&self, number: u64) -> Option<PollOutcome> {
        self.over.send_if_modified(|over| std::mem::replace(over, number) != number);
        std::mem::take(&mut *self.state()).result
    }

    /// Completes when the result of a poll is not awaited any more.
    pub async fn over(&self, number: u64) {
        // The sender is a field of self, so it is not closed.
        let _ = self.over.subscribe().wait_for(|over| *over >= number).await;
    }
}
