//! Standard error and standard output: the only place that prints.
//!
//! All functions share one [`Printer`], and every thread may call them. A reader that stalls must not keep this process from reacting to a
//! termination signal. So while the main thread waits for a write, another thread writes (see [`interruptibly`]). The last line of a process
//! that a signal ends ([`print_unless_stalled`]) and the progress line aren't written at all if the write would block.

use std::io::{self, ErrorKind, IsTerminal};
use std::os::fd::AsFd;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use super::layout::{self, Screen};
use super::record::{Label, Record};
use crate::model::inherited::Inherited;
use crate::model::options::{LogFormat, Options};
use crate::model::problem::Problem;
use crate::system::os_error;
use crate::system::terminal::{ERASE_LINE, columns, is_writable, may_write, write_all};
use crate::system::waiting::interruptibly;

struct Printer {
    /// Never locked while anything is written.
    mode: Mutex<PrintMode>,
    /// True while a line that is to be erased is on the terminal. Locked while anything is written to standard error.
    has_progress: Mutex<bool>,
}

/// The way in which messages are printed. Output other than a terminal never has colours or a progress line.
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

static PRINTER: Printer = Printer {
    mode: Mutex::new(PrintMode {
        format: LogFormat::Text,
        has_colours: false,
        has_progress_line: true,
        has_notices: true,
        has_details: false,
    }),
    has_progress: Mutex::new(false),
};

/// Sets what variables say about messages. An error in the arguments, which `--log-format` is one of, has the format of the variable.
pub fn use_variables(inherited: &Inherited) {
    let is_dumb = inherited.get("TERM").is_some_and(|term| term == "dumb");
    let format = inherited.get("SECRETS_EXEC_LOG_FORMAT");
    let mut mode = locked(&PRINTER.mode);
    mode.has_progress_line = !is_dumb;
    mode.has_colours = !is_dumb && inherited.filled("NO_COLOR").is_none();
    if format.is_some_and(|format| format == "json") {
        mode.format = LogFormat::Json;
    }
}

/// Sets what options say about messages, from here on.
pub fn use_options(options: &Options) {
    let mut mode = locked(&PRINTER.mode);
    mode.format = options.log_format;
    mode.has_notices = !options.quiet;
    mode.has_details = options.verbose;
}

/// Prints records on standard error. A failing write is ignored.
pub fn print(records: impl IntoIterator<Item = Record>) {
    print_text(&lines(records));
}

/// Prints records on standard error as [`print`] does, without those that `--quiet` hides and without details that only `--verbose` shows.
pub fn print_notices(records: impl IntoIterator<Item = Record>) {
    print_text(&notice_lines(records));
}

/// Prints a text on standard error as it is. A failing write is ignored.
pub fn print_text(text: &str) {
    if !text.is_empty() {
        interruptibly(|| write_error(text));
    }
}

/// Prints a record on standard error as [`print_notices`] does, unless its reader is stalled: nothing must delay the end of this process, and
/// a note must not delay a launch.
pub fn print_unless_stalled(record: Record) {
    if is_writable(io::stderr().as_fd()) {
        write_error(&notice_lines([record]));
    }
}

/// Returns the lines that [`print`] prints.
fn lines(records: impl IntoIterator<Item = Record>) -> String {
    let mode = *locked(&PRINTER.mode);
    match mode.format {
        LogFormat::Text => layout::lines(&Vec::from_iter(records), mode.screen()),
        LogFormat::Json => layout::objects(records)
            .into_iter()
            .map(|object| format!("{}\n", Value::Object(object)))
            .collect(),
    }
}

/// Returns the lines that [`print_notices`] prints.
pub fn notice_lines(records: impl IntoIterator<Item = Record>) -> String {
    let mode = *locked(&PRINTER.mode);
    let has_details = mode.has_details || mode.format == LogFormat::Json;
    lines(records.into_iter().filter(|record| match record.label {
        Label::Error | Label::Summary => true,
        Label::Warning | Label::Note | Label::Help => {
            mode.has_notices && (has_details || !record.is_detail)
        }
    }))
}

/// True if standard error is a terminal that can show a progress line. It isn't with JSON, and if it can't erase the line.
pub fn has_progress_line() -> bool {
    let mode = *locked(&PRINTER.mode);
    mode.format == LogFormat::Text && mode.has_progress_line && io::stderr().is_terminal()
}

/// Shows the beginning of a text on the terminal until anything else is printed. Shows nothing with `--quiet`, or if the write would block.
pub fn show_progress(text: &str) {
    let mode = *locked(&PRINTER.mode);
    if mode.has_notices && may_write(io::stderr()) {
        let mut has_progress = locked(&PRINTER.has_progress);
        write_over(
            &mut has_progress,
            &layout::progress_line(text, columns(io::stderr()), mode.has_colours),
        );
        *has_progress = true;
    }
}

/// Erases the progress line.
pub fn erase_progress() {
    write_error("");
}

/// Replaces the progress line, if there is one, and writes a text to standard error.
fn write_error(text: &str) {
    write_over(&mut locked(&PRINTER.has_progress), text);
}

/// Erases the progress line if there is one, and writes a text. A failing write is ignored.
fn write_over(has_progress: &mut bool, text: &str) {
    let erasure = if *has_progress { ERASE_LINE } else { "" };
    *has_progress = false;
    let _ = write_all(io::stderr().as_fd(), format!("{erasure}{text}").as_bytes());
}

impl PrintMode {
    fn screen(self) -> Screen {
        if io::stderr().is_terminal() {
            Screen::Terminal {
                has_colours: self.has_colours,
            }
        } else {
            Screen::Log
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// True if standard output is a terminal.
pub fn is_output_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Prints a text on standard output. Its reader may need only the beginning (`| head`).
///
/// # Errors
/// The error of the kernel, except that of a pipe whose reader has ended.
pub fn output(text: impl AsRef<[u8]>) -> Result<(), Problem> {
    match write_output(text.as_ref()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(not_written),
    }
}

/// Prints a text on standard output that is of no use unless its reader gets all of it.
///
/// # Errors
/// The error of the kernel.
pub fn output_whole(text: impl AsRef<[u8]>) -> Result<(), Problem> {
    write_output(text.as_ref()).map_err(not_written)
}

fn write_output(text: &[u8]) -> io::Result<()> {
    interruptibly(|| write_all(io::stdout().as_fd(), text))
}

fn not_written(error: io::Error) -> Problem {
    Problem::configuration(format!(
        "writing to standard output failed: {}",
        os_error::text(&error)
    ))
}
