//! Messages about a wait: for a long resolution on the terminal and to the service manager, for any wait by a signal.

use std::ffi::OsString;
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::inherited::Inherited;
use crate::model::options::Options;
use crate::model::quoting::escaped;
use crate::report::{self, terminal};
use crate::system::connection;
use crate::system::notify::NotifySocket;
use crate::system::termination;
use crate::time::deadline::Deadline;
use crate::time::progress::{Observer, Status};
use crate::time::watchdog::Callbacks;

/// The messages about one resolution. Dropping the value ends them: a signal leaves no line any more, and the progress line is erased.
pub struct LongWait {
    messages: Arc<Mutex<Messages>>,
}

struct Messages {
    /// True if a progress line is wanted, on a terminal.
    has_line: bool,
    /// NOTIFY_SOCKET
    name: Option<OsString>,
    /// Open once something was sent.
    socket: Option<NotifySocket>,
}

impl LongWait {
    /// Prepares the line that a signal leaves. `-q` hides the progress line, and so does a terminal that cannot erase it.
    pub fn new(options: &Options, inherited: &Inherited) -> Self {
        set_signal_line(&Status::default());
        let can_erase = inherited.get("TERM").is_none_or(|term| term != "dumb");
        let has_line = !options.quiet && can_erase;
        let name = inherited.filled("NOTIFY_SOCKET").map(OsString::from);
        Self { messages: Arc::new(Mutex::new(Messages { has_line, name, socket: None })) }
    }

    /// The observer of the progress; with `-vv` it prints each event.
    pub fn observer(options: &Options) -> Observer {
        let trace = options.trace.then_some((|event| terminal::print_lines([report::trace(event)])) as fn(&_));
        Observer { changed: set_signal_line, trace }
    }

    /// The functions of the watchdog.
    pub fn callbacks(&self) -> Callbacks {
        let messages = Arc::clone(&self.messages);
        let tick = move |deadline: &Deadline| messages.lock().unwrap_or_else(PoisonError::into_inner).update(deadline);
        Callbacks { tick: Box::new(tick), overdue: Box::new(overdue) }
    }
}

/// Runs `action`, which waits for `what` before the resolution. A signal meanwhile leaves a line that says so.
pub fn awaiting<T>(what: &str, action: impl FnOnce() -> T) -> T {
    set_signal_line(&Status { awaited: vec![what.to_owned()], ..Status::default() });
    let result = action();
    termination::silence();
    result
}

impl Drop for LongWait {
    fn drop(&mut self) {
        termination::silence();
        terminal::erase_progress();
        // Clear the status that named what was awaited.
        if let Some(socket) = &self.messages.lock().unwrap_or_else(PoisonError::into_inner).socket {
            socket.send("STATUS=");
        }
    }
}

impl Messages {
    fn update(&mut self, deadline: &Deadline) {
        let left = deadline.left();
        if left.is_zero() {
            return;
        }
        let status = deadline.progress().status();
        if self.has_line && terminal::is_watched() && !deadline.is_paused() {
            terminal::show_progress(&report::progress(&status, left));
        }
        if let Some(socket) = self.socket() {
            let text = escaped(&report::waiting(&status, left));
            let left = deadline.longest_left().as_micros();
            socket.send(&format!("STATUS={text}\nEXTEND_TIMEOUT_USEC={left}"));
        }
    }

    fn socket(&mut self) -> Option<&NotifySocket> {
        if self.socket.is_none() {
            self.socket = NotifySocket::open(self.name.as_ref()?);
        }
        self.socket.as_ref()
    }
}

fn set_signal_line(status: &Status) {
    termination::set_line(&terminal::layout_signal(&report::interrupted(status)));
}

fn overdue(status: &Status) {
    terminal::print_lines(report::overdue(status).map(|line| line.with("status", report::TEMPORARY)));
    connection::refuse();
    std::process::exit(report::TEMPORARY.into());
}
