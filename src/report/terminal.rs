//! Prints to standard output and standard error. No other file does.
//!
//! Every thread can print. A reader that stalls must not keep this process from reacting to a
//! termination signal. So if the main thread prints, a second thread does the writing, and the main
//! thread waits for that thread and for signals (see [`interruptibly`]). The progress line is
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

/// The settings that decide how messages are printed. Colours and the progress line only appear on
/// a terminal, whatever the settings are.
#[derive(Clone, Copy)]
struct PrintMode {
    format: LogFormat,
    /// True if a terminal gets colours. False if NO_COLOR is set (no-color.org) or TERM is `dumb`.
    has_colours: bool,
    /// True if a terminal gets a progress line. False if TERM is `dumb`, because such a terminal
    /// can't erase the line again.
    has_progress_line: bool,
    /// Notes are hidden together with the progress line.
    quiet: Quiet,
    /// True with `--verbose`: messages marked as details are printed, too. JSON output always
    /// includes them.
    has_details: bool,
    /// True for a subcommand, whose messages may go to a pager that waits for its user. A launch
    /// gives up: a log that nobody reads must not keep the program down.
    waits_for_reader: bool,
}

/// The current settings, which all threads share. This mutex is never locked during a write, since
/// a write may block.
static MODE: Mutex<PrintMode> = Mutex::new(PrintMode {
    format: LogFormat::Text,
    has_colours: false,
    has_progress_line: true,
    quiet: Quiet::Nothing,
    has_details: false,
    waits_for_reader: false,
});

/// True if nobody read the last text for [`TIME_OF_READER`]. Later texts then don't wait again.
static HAS_STALLED: AtomicBool = AtomicBool::new(false);

/// True while the progress line is on the terminal. This mutex is locked during every write to
/// standard error.
static HAS_PROGRESS: Mutex<bool> = Mutex::new(false);

/// The maximum time that this process waits for a slow reader of standard error: in all while files
/// have temporary names, and without any progress in a launch or within a line.
const TIME_OF_READER: Duration = Duration::from_secs(1);

/// The interval at which this process checks for a termination signal while it waits for the reader
/// of standard error.
const CHECK_INTERVAL: Duration = Duration::from_millis(10);

/// Applies the settings that are needed to report an error in the arguments: the variables TERM,
/// NO_COLOR and SECRETS_EXEC_LOG_FORMAT, and `format`, the value of `--log-format`.
pub fn use_early_settings(format: Option<&str>, inherited: &Inherited) {
    let is_dumb = inherited.get("TERM").is_some_and(|term| term == "dumb");
    let mut mode = locked(&MODE);
    mode.has_progress_line = !is_dumb;
    mode.has_colours = !is_dumb && inherited.non_empty("NO_COLOR").is_none();
    if format.or_else(|| inherited.get("SECRETS_EXEC_LOG_FORMAT")?.to_str()) == Some("json") {
        mode.format = LogFormat::Json;
    }
}

/// Applies the options that decide which messages are printed, and how.
pub fn use_options(options: &Options) {
    let mut mode = locked(&MODE);
    mode.format = options.log_format;
    mode.quiet = options.quiet;
    mode.has_details = options.verbose;
}

/// Applies the level of `--quiet`. The other settings stay as they are.
pub fn use_quiet(quiet: Quiet) {
    locked(&MODE).quiet = quiet;
}

/// Makes this process wait for the reader of standard error, however slow it is.
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
    /// For messages while files have temporary names, because these names must not stay for long.
    Brief,
    /// Only to complete a line that has already begun. For messages that must not delay a launch or
    /// the end of this process.
    None,
}

/// Prints records to standard error, replacing the progress line. Leaves out records that `--quiet`
/// hides or that need `--verbose`, but never an error.
pub fn print(patience: Patience, records: impl IntoIterator<Item = Record>) {
    print_text(patience, &visible_lines(records));
}

/// Prints a help text to standard error. On a terminal, its headings are bold.
pub fn print_help(text: &str) {
    let shown = shown_help(text, io::stderr().is_terminal());
    print_text(Patience::Usual, &shown);
}

/// Prints a help text to standard output. On a terminal, its headings are bold.
pub fn output_help(text: &str) -> Result<(), Problem> {
    output(shown_help(text, is_output_terminal()))
}

/// Makes the headings of a help text bold if it goes to a terminal with colours. Otherwise, returns
/// the text unchanged.
fn shown_help(text: &str, is_on_terminal: bool) -> String {
    if is_on_terminal && locked(&MODE).has_colours {
        with_bold_headings(text)
    } else {
        text.to_owned()
    }
}

/// Makes the headings of a help text bold: a line such as `Options:`, or the beginning of a line
/// such as `Usage: secrets-exec …`. A heading begins with a capital letter and ends with the line's
/// first colon.
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

/// Prints lines to standard error as they are. Ignores a failed write.
///
/// If a line can't begin in time, or can't be completed within [`TIME_OF_READER`], drops the rest
/// and returns false. Does the same if a termination signal arrives during the wait.
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
    let first_limit = match patience {
        Patience::Usual | Patience::Brief if !HAS_STALLED.load(Ordering::Relaxed) => TIME_OF_READER,
        Patience::Usual | Patience::Brief | Patience::None => Duration::ZERO,
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

/// Waits until standard error can be written to without blocking, and then returns true. Returns
/// false at `end`, or when a termination signal arrives.
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

/// Lays out records as lines, without the records that [`print()`] leaves out.
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
    // Don't ask the kernel whether standard error is a terminal if there's nothing to print.
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

/// Shows the text as the progress line, which stays on the terminal until something else is
/// printed.
///
/// A long text is cut off with `…`, so the line never wraps. Shows nothing with `--quiet`, or if
/// the write would block. Where a progress line isn't possible, such as in a log, prints the text
/// as a note instead, but only if `is_logged` is true.
pub fn show_progress(text: &str, is_logged: bool) {
    let mode = *locked(&MODE);
    let is_possible =
        mode.format == LogFormat::Text && mode.has_progress_line && io::stderr().is_terminal();
    if is_logged && !is_possible {
        print(Patience::None, [Record::note(text).event("waiting")]);
    }
    if is_possible && mode.quiet == Quiet::Nothing && may_write(io::stderr()) {
        let has_colours = mode.has_colours;
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
    // Every write erases the progress line first.
    write_error(b"");
}

fn write_error(text: &[u8]) {
    write_over(&mut locked(&HAS_PROGRESS), text);
}

/// Erases the progress line if there is one, and writes text to standard error. Ignores a failed
/// write.
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

/// The width and colours of the terminal on which a table is printed.
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

/// Prints text to standard output. If the reader closes the pipe early, as `head` does, that isn't
/// an error.
pub fn output(text: impl AsRef<[u8]>) -> Result<(), Problem> {
    match write_output(text.as_ref()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(not_written),
    }
}

/// Prints text to standard output that is useless unless it is complete, such as a secret's value.
pub fn output_whole(text: impl AsRef<[u8]>) -> Result<(), Problem> {
    write_output(text.as_ref()).map_err(not_written)
}

/// Writes text to standard output. If the reader stalls, waits for it, but a termination signal
/// still ends this process.
fn write_output(text: &[u8]) -> io::Result<()> {
    interruptibly(|| write_all(io::stdout().as_fd(), text))
}

fn not_written(error: io::Error) -> Problem {
    let why = os_error::io_error_text(&error);
    Problem::configuration(format!("writing to standard output failed: {why}"))
}
