//! The only functions that print.
//!
//! Every thread can print. A reader that stalls must not keep this process from reacting to a
//! termination signal. So if the main thread prints, a second thread does the writing, and the main
//! thread waits for it and for signals (see [`interruptibly`]). The progress line, and the lines of
//! [`print_unless_stalled`], aren't written if the write would block. While files have temporary
//! names, lines wait for at most a second.

use std::io::{self, ErrorKind, IsTerminal};
use std::os::fd::AsFd;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::layout::{PREFIX, Screen, headline, objects, record_lines};
use crate::model::environment::Inherited;
use crate::model::options::{LogFormat, Options};
use crate::model::problem::Problem;
use crate::model::record::{Label, Record};
use crate::model::shown::shortened;
use crate::system::lifecycle::{held_signal, interruptibly, locked};
use crate::system::os_error;
use crate::system::streams::{
    ERASE_LINE, PIPE_BUF, ROOM_OF_TERMINAL, columns, may_write, wait_until_writable, write_all,
};

/// The settings for messages. Output that isn't a terminal never has colours or a progress line.
#[derive(Clone, Copy)]
struct PrintMode {
    format: LogFormat,
    /// False if NO_COLOR is set (no-color.org) or TERM is `dumb`.
    has_colours: bool,
    /// False if TERM is `dumb`, because such a terminal can't erase a line.
    has_progress_line: bool,
    /// The level of `--quiet`. 1 hides notes and the progress line, and 2 also hides warnings.
    quiet: u8,
    /// True with `--verbose`. JSON always has details.
    has_details: bool,
}

/// The settings that all threads share. This mutex is never locked during a write, which may block.
static MODE: Mutex<PrintMode> = Mutex::new(PrintMode {
    format: LogFormat::Text,
    has_colours: false,
    has_progress_line: true,
    quiet: 0,
    has_details: false,
});

/// True while the progress line is on the terminal. This mutex is locked during every write to
/// standard error.
static HAS_PROGRESS: Mutex<bool> = Mutex::new(false);

/// The longest time for which files keep their temporary names, or for which a line is continued,
/// while the reader of standard error is slow or isn't reading.
const TIME_OF_READER: Duration = Duration::from_secs(1);

/// The interval at which this process looks for a signal while it waits for the reader.
const CHECK_INTERVAL: Duration = Duration::from_millis(10);

/// Applies the settings for messages before the arguments are parsed, because parsing may fail: the
/// variables TERM, NO_COLOR and SECRETS_EXEC_LOG_FORMAT, and `format`, the value of `--log-format`.
pub fn use_early_settings(format: Option<&str>, inherited: &Inherited) {
    let is_dumb = inherited.get("TERM").is_some_and(|term| term == "dumb");
    let mut mode = locked(&MODE);
    mode.has_progress_line = !is_dumb;
    mode.has_colours = !is_dumb && inherited.non_empty("NO_COLOR").is_none();
    if format.or_else(|| inherited.get("SECRETS_EXEC_LOG_FORMAT")?.to_str()) == Some("json") {
        mode.format = LogFormat::Json;
    }
}

/// Applies the options that decide what is printed, and how.
pub fn use_options(options: &Options) {
    let mut mode = locked(&MODE);
    mode.format = options.log_format;
    mode.quiet = options.quiet;
    mode.has_details = options.verbose;
}

/// Applies the level of `--quiet`.
pub fn use_quiet(level: u8) {
    locked(&MODE).quiet = level;
}

/// Erases the progress line, and prints records to standard error, unless `--quiet` hides them or
/// only `--verbose` shows them. Errors are always printed. Waits while the reader isn't reading, but
/// a termination signal ends this process. A failed write is ignored.
pub fn print(records: impl IntoIterator<Item = Record>) {
    print_text(&visible_lines(records));
}

/// Prints records like [`print`], but takes at most [`TIME_OF_READER`] in all, and waits no longer
/// after a termination signal has arrived. Then the rest is lost, even that of a line, because
/// temporary files wait for the end of this call.
pub fn print_briefly(records: impl IntoIterator<Item = Record>) {
    print_lines(TIME_OF_READER, &visible_lines(records));
}

/// Prints records like [`print`], but only as long as the reader isn't stalled. The rest is lost,
/// because nothing may delay the end of this process, and a note must not delay a launch.
pub fn print_unless_stalled(records: impl IntoIterator<Item = Record>) {
    print_text_unless_stalled(&visible_lines(records));
}

fn print_text(text: &str) {
    if !text.is_empty() {
        interruptibly(|| write_error(text.as_bytes()));
    }
}

/// Prints a help text to standard error. On a terminal, its headings are bold.
pub fn print_help(text: &str) {
    print_text(&shown_help(text, io::stderr().is_terminal()));
}

/// Prints a help text to standard output. On a terminal, its headings are bold.
///
/// # Errors
/// If the text can't be written, except if the reader has closed the pipe.
pub fn output_help(text: &str) -> Result<(), Problem> {
    output(shown_help(text, is_output_terminal()))
}

/// The help text, with bold headings on a terminal that has colours.
fn shown_help(text: &str, is_on_terminal: bool) -> String {
    if is_on_terminal && locked(&MODE).has_colours {
        with_bold_headings(text)
    } else {
        text.to_owned()
    }
}

/// Makes the headings of a help text bold: a line such as `Options:`, and the beginning of a line
/// such as `Usage: secrets-exec …`. A heading begins with a capital letter, and ends with the first
/// colon of its line.
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

/// Prints lines to standard error as they are, until one can't be begun without waiting for the
/// reader. Returns false if lines are left. For a line that has begun, waits for the reader for at
/// most [`TIME_OF_READER`].
pub fn print_text_unless_stalled(text: &str) -> bool {
    print_lines(Duration::ZERO, text)
}

/// Prints lines to standard error as they are, until one can't be begun within `patience`, or can't
/// be continued within [`TIME_OF_READER`]. Returns false if lines are left.
///
/// Standard error isn't made non-blocking, because the command shares it. If another process fills
/// a pipe between poll(2) and write(2), this process has to wait for the reader.
fn print_lines(patience: Duration, text: &str) -> bool {
    let begun = Instant::now();
    let room = if io::stderr().is_terminal() {
        ROOM_OF_TERMINAL
    } else {
        PIPE_BUF
    };
    for line in text.split_inclusive('\n') {
        let mut limit = patience;
        for part in line.as_bytes().chunks(room) {
            if !becomes_writable(begun + limit) {
                return false;
            }
            write_error(part);
            limit = TIME_OF_READER;
        }
    }
    true
}

/// Waits until a write to standard error would not block. Returns false at `end`, or once a
/// termination signal has arrived.
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

/// The lines that [`print`] prints.
pub fn visible_lines(records: impl IntoIterator<Item = Record>) -> String {
    let mode = *locked(&MODE);
    let has_details = mode.has_details || mode.format == LogFormat::Json;
    let mut visible = Vec::from_iter(records);
    visible.retain(|record| {
        let record = record.parts();
        match record.label {
            Label::Error | Label::Summary => true,
            Label::Warning => mode.quiet < 2 || record.ignores_quiet,
            Label::Note | Label::Help | Label::Row => {
                mode.quiet == 0 && (has_details || !record.is_detail)
            }
        }
    });
    // This saves time, because the kernel isn't asked whether standard error is a terminal.
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

/// Shows the text as the progress line, which stays on the terminal until anything else is printed.
/// Text that doesn't fit on one line ends with `…` before the last column, so that the line never
/// wraps. Shows nothing with `--quiet`, or if the write would block.
///
/// If the format isn't text, or if standard error isn't a terminal that can erase a line, prints
/// the text as a note instead, but only if `is_logged` is true.
pub fn show_progress(text: &str, is_logged: bool) {
    let mode = *locked(&MODE);
    let is_possible =
        mode.format == LogFormat::Text && mode.has_progress_line && io::stderr().is_terminal();
    if is_logged && !is_possible {
        print_unless_stalled([Record::note(text).event("waiting")]);
    }
    if is_possible && mode.quiet == 0 && may_write(io::stderr()) {
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

/// Erases the progress line if there is one, and writes text. A failed write is ignored.
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

/// The terminal on which a table is printed. `None` if standard output isn't a terminal.
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

/// Prints text to standard output. The reader can close the pipe early, as `head` does, which isn't
/// an error.
///
/// # Errors
/// If the text can't be written for any other reason.
pub fn output(text: impl AsRef<[u8]>) -> Result<(), Problem> {
    match write_output(text.as_ref()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(not_written),
    }
}

/// Prints a text that is useless if it isn't complete, such as a value, to standard output.
///
/// # Errors
/// If the text can't be written as a whole, for example because the reader has closed the pipe.
pub fn output_whole(text: impl AsRef<[u8]>) -> Result<(), Problem> {
    write_output(text.as_ref()).map_err(not_written)
}

/// Writes text to standard output. Waits while the reader isn't reading, but a termination signal
/// ends this process.
fn write_output(text: &[u8]) -> io::Result<()> {
    interruptibly(|| write_all(io::stdout().as_fd(), text))
}

fn not_written(error: io::Error) -> Problem {
    let why = os_error::io_error_text(&error);
    Problem::configuration(format!("writing to standard output failed: {why}"))
}
