//! Standard error and standard output. No other module prints.
//!
//! Every thread may call these functions. Two mutexes protect the state that they share.
//!
//! A reader that stalls must not keep this process from reacting to a termination signal. So while
//! the main thread waits for a write, another thread does the writing (see [`interruptibly`]). Some
//! lines aren't written at all if the write would block: the last line of a process that a signal
//! ends, the lines of a process that stays for a rotation ([`print_text_unless_stalled`]), and the
//! progress line.

use std::io::{self, ErrorKind, IsTerminal};
use std::os::fd::AsFd;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use super::check_findings::TableScreen;
use super::record::{self, Label, Record, Screen};
use crate::model::env_variables::Inherited;
use crate::model::options::{LogFormat, Options};
use crate::model::problem::Problem;
use crate::system::os_error;
use crate::system::signals::{ERASE_LINE, PIPE_BUF, columns, is_writable, may_write, write_all};
use crate::system::waiting::interruptibly;

/// The settings for messages. Output that isn't a terminal never has colours or a progress line.
#[derive(Clone, Copy)]
struct PrintMode {
    format: LogFormat,
    /// False if NO_COLOR is set (no-color.org) or TERM is `dumb`.
    has_colours: bool,
    /// False if TERM is `dumb`, because such a terminal can't erase a line.
    has_progress_line: bool,
    /// False with `--quiet`.
    has_notices: bool,
    /// True with `--verbose`. JSON always has details.
    has_details: bool,
}

/// The settings that all threads share. This mutex is never locked during a write.
static MODE: Mutex<PrintMode> = Mutex::new(PrintMode {
    format: LogFormat::Text,
    has_colours: false,
    has_progress_line: true,
    has_notices: true,
    has_details: false,
});

/// True while the progress line is on the terminal. This mutex is locked during every write to
/// standard error.
static HAS_PROGRESS: Mutex<bool> = Mutex::new(false);

/// Applies the variables that concern messages: TERM, NO_COLOR and SECRETS_EXEC_LOG_FORMAT. An
/// error in the arguments is printed in the format of the variable, because `--log-format` is one
/// of the arguments.
pub fn use_variables(inherited: &Inherited) {
    let is_dumb = inherited.get("TERM").is_some_and(|term| term == "dumb");
    let format = inherited.get("SECRETS_EXEC_LOG_FORMAT");
    let mut mode = locked(&MODE);
    mode.has_progress_line = !is_dumb;
    mode.has_colours = !is_dumb && inherited.non_empty("NO_COLOR").is_none();
    if format.is_some_and(|format| format == "json") {
        mode.format = LogFormat::Json;
    }
}

/// Applies the options that concern messages, from now on.
pub fn use_options(options: &Options) {
    let mut mode = locked(&MODE);
    mode.format = options.log_format;
    mode.has_notices = !options.quiet;
    mode.has_details = options.verbose;
}

/// Prints records to standard error, even with `--quiet`. A failed write is ignored. Waits while
/// the reader doesn't read.
pub fn print_always(records: impl IntoIterator<Item = Record>) {
    print_text(&lines(records));
}

/// Prints records to standard error like [`print_always`], but leaves out those that `--quiet`
/// hides, and those that only `--verbose` shows.
pub fn print_unless_hidden(records: impl IntoIterator<Item = Record>) {
    print_text(&visible_lines(records));
}

/// Prints text to standard error as is, and erases the progress line first. Waits while the reader
/// doesn't read, but a termination signal then ends this process. A failed write is ignored. An
/// empty text leaves the progress line alone.
pub fn print_text(text: &str) {
    if !text.is_empty() {
        interruptibly(|| write_error(text.as_bytes()));
    }
}

/// Prints a record to standard error like [`print_unless_hidden`], unless the reader is stalled.
/// The record is then lost, because nothing must delay the end of this process, and a note must not
/// delay a launch.
pub fn print_unless_stalled(record: Record) {
    print_text_unless_stalled(&visible_lines([record]), 0);
}

/// Prints lines to standard error as they are, until the reader is stalled. The first bytes of
/// `text` are the rest of an earlier line. Returns the rest of a line that was cut, because it is
/// longer than PIPE_BUF, and the lines that weren't printed.
///
/// Standard error isn't made non-blocking, because the command shares it. If another process fills
/// a pipe between poll(2) and write(2), this process has to wait for the reader.
pub fn print_text_unless_stalled(text: &str, mut rest_of_line: usize) -> (&str, &str) {
    let mut rest = text;
    while !rest.is_empty() && is_writable(io::stderr().as_fd()) {
        let line = rest.find('\n').map_or(rest.len(), |end| end + 1);
        // A pipe that is writable has room for this many bytes.
        let printed = rest.floor_char_boundary(PIPE_BUF.min(line));
        write_error(&rest.as_bytes()[..printed]);
        rest = &rest[printed..];
        rest_of_line = line - printed;
    }
    rest.split_at(rest_of_line)
}

/// Returns the lines that [`print_always`] prints.
fn lines(records: impl IntoIterator<Item = Record>) -> String {
    let mode = *locked(&MODE);
    match mode.format {
        LogFormat::Text => record::lines(&Vec::from_iter(records), mode.screen()),
        LogFormat::Json => record::objects(records)
            .into_iter()
            .map(|object| format!("{}\n", Value::Object(object)))
            .collect(),
    }
}

/// Returns the lines that [`print_unless_hidden`] prints.
pub fn visible_lines(records: impl IntoIterator<Item = Record>) -> String {
    let mode = *locked(&MODE);
    let has_details = mode.has_details || mode.format == LogFormat::Json;
    lines(records.into_iter().filter(|record| match record.label {
        Label::Error | Label::Summary => true,
        Label::Warning | Label::Note | Label::Help => {
            mode.has_notices && (has_details || !record.is_detail)
        }
    }))
}

/// True if standard error is a terminal that can show a progress line: the format is text, and the
/// terminal can erase a line.
pub fn has_progress_line() -> bool {
    let mode = *locked(&MODE);
    mode.format == LogFormat::Text && mode.has_progress_line && io::stderr().is_terminal()
}

/// Shows the text on the terminal, until anything else is printed. Text that doesn't fit on one
/// line is cut off. Shows nothing with `--quiet`, or if the write would block.
pub fn show_progress(text: &str) {
    let mode = *locked(&MODE);
    if mode.has_notices && may_write(io::stderr()) {
        let line = record::progress_line(text, columns(io::stderr()), mode.has_colours);
        let mut has_progress = locked(&HAS_PROGRESS);
        write_over(&mut has_progress, line.as_bytes());
        *has_progress = true;
    }
}

/// Erases the progress line.
pub fn erase_progress() {
    write_error(b"");
}

/// Writes text to standard error, instead of the progress line if there is one.
fn write_error(text: &[u8]) {
    write_over(&mut locked(&HAS_PROGRESS), text);
}

/// Erases the progress line if there is one, and writes text. A failed write is ignored.
fn write_over(has_progress: &mut bool, text: &[u8]) {
    let erasure = if *has_progress { ERASE_LINE } else { "" };
    *has_progress = false;
    let _ = write_all(io::stderr().as_fd(), &[erasure.as_bytes(), text].concat());
}

impl PrintMode {
    /// Returns how records are laid out on standard error: for a terminal, or for a log.
    fn screen(self) -> Screen {
        let Self { has_colours, .. } = self;
        match io::stderr().is_terminal() {
            true => Screen::Terminal { has_colours },
            false => Screen::Log,
        }
    }
}

/// Locks a mutex, even if a thread has panicked while it held the lock.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns how tables are shown on standard output, or `None` if it isn't a terminal.
pub fn table_screen() -> Option<TableScreen> {
    let has_colours = locked(&MODE).has_colours;
    is_output_terminal().then(|| TableScreen {
        columns: columns(io::stdout()),
        has_colours,
    })
}

/// True if standard output is a terminal.
pub fn is_output_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Prints text to standard output. The reader may close the pipe early, as `head` does, which isn't
/// an error.
///
/// # Errors
/// Any other reason why the text can't be written.
pub fn output(text: impl AsRef<[u8]>) -> Result<(), Problem> {
    match write_output(text.as_ref()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(not_written),
    }
}

/// Prints text to standard output that is useless unless its reader gets all of it, such as a
/// value.
///
/// # Errors
/// The reason why the text can't be written as a whole, for example because the reader has closed
/// the pipe.
pub fn output_whole(text: impl AsRef<[u8]>) -> Result<(), Problem> {
    write_output(text.as_ref()).map_err(not_written)
}

/// Writes text to standard output, and waits while the reader doesn't read. A termination signal
/// ends this process during the write.
///
/// # Errors
/// The error of the kernel.
fn write_output(text: &[u8]) -> io::Result<()> {
    interruptibly(|| write_all(io::stdout().as_fd(), text))
}

/// Returns the problem of a failed write to standard output.
fn not_written(error: io::Error) -> Problem {
    let why = os_error::io_error_text(&error);
    Problem::configuration(format!("writing to standard output failed: {why}"))
}
