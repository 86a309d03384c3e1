//! Prints to standard output and standard error. No other file does.
//!
//! A reader that stalls must not keep this process from reacting to a termination signal. So if the
//! main thread prints, a second thread does the writing ([`interruptibly`]). The progress line is
//! dropped if the write would block. For any other message, the caller says how long to wait
//! ([`Patience`]).

use std::io::{self, ErrorKind, IsTerminal};
use std::os::fd::AsFd;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::layout::{PREFIX, Screen, headline, objects, record_lines};
use crate::model::environment::Inherited;
use crate::model::message::{Label, Problem, Record};
use crate::model::options::{LogFormat, Options, Quiet};
use crate::model::shown::shortened;
use crate::system::lifecycle::{held_signal, interruptibly, locked};
use crate::system::os_error;
use crate::system::streams::{
    ERASE_LINE, PIPE_BUF, ROOM_OF_TERMINAL, columns, may_write, wait_until_writable, write_all,
};

/// How messages are printed. Colours and the progress line only appear on a terminal, whatever
/// these settings are.
#[derive(Clone, Copy)]
struct PrintMode {
    format: LogFormat,
    /// False if NO_COLOR is set (no-color.org) or TERM is `dumb`.
    has_colours: bool,
    /// False if TERM is `dumb`, because such a terminal can't erase the line again.
    has_progress_line: bool,
    /// Hides the progress line together with notes.
    quiet: Quiet,
    /// True with `--verbose`, which also prints details. JSON output always includes them.
    has_details: bool,
    /// True for a subcommand, whose messages may go to a pager. A launch stops waiting after a
    /// while, because a log that nobody reads must not keep the program from starting.
    waits_for_reader: bool,
}

/// Never locked during a write, since a write may block.
static MODE: Mutex<PrintMode> = Mutex::new(PrintMode {
    format: LogFormat::Text,
    has_colours: false,
    has_progress_line: true,
    quiet: Quiet::Nothing,
    has_details: false,
    waits_for_reader: false,
});

/// True if nobody read the last text for [`TIME_OF_READER`]. Later texts then don't wait.
static HAS_STALLED: AtomicBool = AtomicBool::new(false);

/// True while the progress line is on the terminal. Locked during every write to standard error.
static HAS_PROGRESS: Mutex<bool> = Mutex::new(false);

/// The longest wait for a slow reader of standard error. In a launch ([`Patience::Usual`]), the
/// time starts again whenever the reader has read something.
const TIME_OF_READER: Duration = Duration::from_secs(1);

/// How often a wait for the reader checks for a termination signal.
const CHECK_INTERVAL: Duration = Duration::from_millis(10);

/// Applies the settings that are needed to report an error in the arguments. `format` is the value
/// of `--log-format`.
pub fn use_early_settings(format: Option<&str>, inherited: &Inherited) {
    let is_dumb = inherited.get("TERM").is_some_and(|term| term == "dumb");
    let mut mode = locked(&MODE);
    mode.has_progress_line = !is_dumb;
    mode.has_colours = !is_dumb && inherited.non_empty("NO_COLOR").is_none();
    if format.or_else(|| inherited.get("SECRETS_EXEC_LOG_FORMAT")?.to_str()) == Some("json") {
        mode.format = LogFormat::Json;
    }
}

/// Applies the options about messages.
pub fn use_options(options: &Options) {
    let mut mode = locked(&MODE);
    mode.format = options.log_format;
    mode.quiet = options.quiet;
    mode.has_details = options.verbose;
}

/// Applies only the level of `--quiet`.
pub fn use_quiet(quiet: Quiet) {
    locked(&MODE).quiet = quiet;
}

/// From now on, waits for the reader of standard error, however slow it is.
pub fn wait_for_reader() {
    locked(&MODE).waits_for_reader = true;
}

/// How long to wait for a reader of standard error that stalls.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// Until the text is written or, in a launch, until nothing was read for [`TIME_OF_READER`]. A
    /// termination signal still ends this process.
    Usual,
    /// For [`TIME_OF_READER`], or until a termination signal arrives, even in the middle of a line.
    /// Used while files have temporary names, because such files must not stay for long.
    Brief,
    /// Only to complete a line that has begun. Used for messages that must not delay a launch or
    /// the end of this process.
    None,
}

/// Prints records to standard error. Leaves out what `--quiet` hides or what needs `--verbose`, but
/// never an error.
pub fn print(patience: Patience, records: impl IntoIterator<Item = Record>) {
    print_text(patience, &visible_lines(records));
}

/// Prints a help text to standard error.
pub fn print_help(text: &str) {
    let shown = shown_help(text, io::stderr().is_terminal());
    print_text(Patience::Usual, &shown);
}

/// Prints a help text to standard output.
pub fn output_help(text: &str) -> Result<(), Problem> {
    output(shown_help(text, is_output_terminal()))
}

fn shown_help(text: &str, is_on_terminal: bool) -> String {
    if is_on_terminal && locked(&MODE).has_colours {
        with_bold_headings(text)
    } else {
        text.to_owned()
    }
}

/// A heading is a line such as `Options:`, or the beginning of one such as `Usage: secrets-exec …`.
fn with_bold_headings(help: &str) -> String {
    let mut shown = String::new();
    for line in help.split_inclusive('\n') {
        let (heading, rest) = line.split_once(':').unwrap_or(("", line));
        let is_heading = heading.starts_with(|c: char| c.is_ascii_uppercase())
            && heading
                .chars()
                .all(|c| c.is_ascii_alphabetic() || " ()-".contains(c));
        shown += &if is_heading {
            format!("\x1b[1m{heading}:\x1b[0m{rest}")
        } else {
            line.to_owned()
        };
    }
    shown
}

/// Prints lines to standard error as they are, and ignores a failed write. If the reader is too
/// slow, or if a termination signal arrives during the wait, drops the rest and returns false.
///
/// Standard error stays in blocking mode, because the command shares it. So if another process
/// fills a pipe between poll(2) and write(2), this process has to wait for the reader.
pub fn print_text(patience: Patience, text: &str) -> bool {
    if text.is_empty() {
        return true;
    }
    if patience == Patience::Usual && locked(&MODE).waits_for_reader {
        interruptibly(|| write_error(text.as_bytes()));
        return true;
    }
    let first_limit = if patience == Patience::None || HAS_STALLED.load(Ordering::Relaxed) {
        Duration::ZERO
    } else {
        TIME_OF_READER
    };
    let mut begun = Instant::now();
    let room = if io::stderr().is_terminal() {
        ROOM_OF_TERMINAL
    } else {
        PIPE_BUF
    };
    for line in text.split_inclusive('\n') {
        let mut limit = first_limit;
        for part in line.as_bytes().chunks(room) {
            if !becomes_writable(begun + limit) {
                HAS_STALLED.store(true, Ordering::Relaxed);
                return false;
            }
            write_error(part);
            HAS_STALLED.store(false, Ordering::Relaxed);
            limit = TIME_OF_READER;
            if patience == Patience::Usual {
                begun = Instant::now();
            }
        }
    }
    true
}

/// Waits until standard error has room. False if that takes until `end`, or if a termination signal
/// arrives.
fn becomes_writable(end: Instant) -> bool {
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if wait_until_writable(io::stderr().as_fd(), left.min(CHECK_INTERVAL)) {
            return true;
        }
        if left.is_zero() || held_signal().is_some() {
            return false;
        }
    }
}

/// The lines that [`print()`] prints.
pub fn visible_lines(records: impl IntoIterator<Item = Record>) -> String {
    let mode = *locked(&MODE);
    let has_details = mode.has_details || mode.format == LogFormat::Json;
    let mut visible = Vec::from_iter(records);
    visible.retain(|record| {
        let record = record.parts();
        match record.label {
            Label::Error | Label::Summary => true,
            Label::Warning => mode.quiet < Quiet::Warnings || record.ignores_quiet,
            Label::Note | Label::Help | Label::Row => {
                mode.quiet == Quiet::Nothing && (has_details || !record.is_detail)
            }
        }
    });
    // This saves asking the kernel whether standard error is a terminal.
    if visible.is_empty() {
        return String::new();
    }

    match mode.format {
        LogFormat::Text => {
            let screen = if io::stderr().is_terminal() {
                Screen::Terminal {
                    has_colours: mode.has_colours,
                }
            } else {
                Screen::Log
            };
            record_lines(&visible, screen)
        }
        LogFormat::Json => objects(visible.into_iter().filter(Record::is_in_json))
            .into_iter()
            .map(|object| format!("{object}\n"))
            .collect(),
    }
}

/// False for JSON, a log, or a terminal that can't erase a line.
pub fn can_show_progress() -> bool {
    let mode = *locked(&MODE);
    mode.format == LogFormat::Text && mode.has_progress_line && io::stderr().is_terminal()
}

/// Shows the text as the progress line, cut off so that it never wraps. Shows nothing with
/// `--quiet`, or if the write would block.
pub fn show_progress(text: &str) {
    let PrintMode {
        quiet, has_colours, ..
    } = *locked(&MODE);
    if quiet == Quiet::Nothing && may_write(io::stderr()) {
        // `…` needs one column, and the last column stays empty.
        let room = columns(io::stderr()).saturating_sub(PREFIX.len() + "note: ".len() + 2);
        let shown = shortened(text.to_owned(), room);
        let line = headline(Label::Note, &shown, Screen::Terminal { has_colours });
        let mut has_progress = locked(&HAS_PROGRESS);
        write_over(&mut has_progress, line.as_bytes());
        *has_progress = true;
    }
}

pub fn erase_progress() {
    // Every write erases the progress line first, so an empty one is enough.
    write_error(b"");
}

fn write_error(text: &[u8]) {
    write_over(&mut locked(&HAS_PROGRESS), text);
}

fn write_over(has_progress: &mut bool, text: &[u8]) {
    let erasure = if *has_progress { ERASE_LINE } else { "" };
    *has_progress = false;
    let _ = write_all(io::stderr().as_fd(), &[erasure.as_bytes(), text].concat());
}

#[derive(Clone, Copy)]
pub struct TableScreen {
    pub(super) columns: usize,
    pub(super) has_colours: bool,
}

/// The width and colours of standard output's terminal.
pub fn table_screen() -> Option<TableScreen> {
    if !is_output_terminal() {
        return None;
    }
    Some(TableScreen {
        columns: columns(io::stdout()),
        has_colours: locked(&MODE).has_colours,
    })
}

pub fn is_output_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Prints text to standard output. A reader that closes the pipe early, as `head` does, isn't an
/// error.
pub fn output(text: impl AsRef<[u8]>) -> Result<(), Problem> {
    match write_output(text.as_ref()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(not_written),
    }
}

/// Prints text that is useless unless it is complete, such as a secret's value.
pub fn output_whole(text: impl AsRef<[u8]>) -> Result<(), Problem> {
    write_output(text.as_ref()).map_err(not_written)
}

/// Waits for a reader that stalls, but a termination signal still ends this process.
fn write_output(text: &[u8]) -> io::Result<()> {
    interruptibly(|| write_all(io::stdout().as_fd(), text))
}

fn not_written(error: io::Error) -> Problem {
    let why = os_error::io_error_text(&error);
    Problem::configuration(format!("writing to standard output failed: {why}"))
}
