//! Standard error on a thread of its own, with `--on-rotation`: a reader that is stalled, or a stopped terminal, holds up no signal.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::system::terminal::await_writable;

/// The most bytes that wait for the reader. Further lines are dropped.
const CAPACITY: usize = 64 * 1024;

/// The time that the end of this process waits for the reader.
const LIMIT: Duration = Duration::from_secs(1);

static QUEUE: Mutex<Queue> = Mutex::new(Queue { thread: Thread::Unwanted, texts: VecDeque::new(), bytes: 0 });

/// Notified when a text is written.
static CHANGED: Condvar = Condvar::new();

struct Queue {
    thread: Thread,
    texts: VecDeque<String>,
    /// The length of all texts, including the one that is being written.
    bytes: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Thread {
    /// Texts are written by the thread that prints them.
    Unwanted,
    /// The next text starts the thread.
    Wanted,
    /// The thread ends once all is written.
    Running,
}

/// Prints what follows by a thread, which there is only while there are lines.
pub fn begin() {
    lock().thread = Thread::Wanted;
}

/// Prints a text by the thread, or drops it when too much waits already. Without a thread it is printed at once.
pub fn print(text: String) {
    if let Err(text) = queue(text) {
        write(text.as_bytes());
    }
}

/// Returns the text if there is no thread to write it.
fn queue(text: String) -> Result<(), String> {
    let mut queue = lock();
    match queue.thread {
        Thread::Unwanted => return Err(text),
        Thread::Wanted if thread::Builder::new().spawn(write_texts).is_err() => return Err(text),
        Thread::Wanted => queue.thread = Thread::Running,
        Thread::Running => {}
    }
    if queue.bytes + text.len() <= CAPACITY {
        queue.bytes += text.len();
        queue.texts.push_back(text);
    }
    Ok(())
}

/// Waits until all is written, for a limited time.
pub fn finish() {
    let _ = CHANGED.wait_timeout_while(lock(), LIMIT, |queue| queue.bytes > 0);
}

fn write_texts() {
    let mut queue = lock();
    while let Some(text) = queue.texts.pop_front() {
        drop(queue);
        write(text.as_bytes());
        queue = lock();
        queue.bytes -= text.len();
        CHANGED.notify_all();
    }
    queue.thread = Thread::Wanted;
}

/// Writes all of a text, also to a pipe that the command made non-blocking (`O_NONBLOCK` is shared by all who have inherited it).
fn write(mut text: &[u8]) {
    let mut output = io::stderr();
    while !text.is_empty() {
        match output.write(text) {
            Ok(length) => text = &text[length..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                await_writable(output.as_fd());
            }
            Err(_) => return,
        }
    }
}

fn lock() -> MutexGuard<'static, Queue> {
    QUEUE.lock().unwrap_or_else(PoisonError::into_inner)
}
