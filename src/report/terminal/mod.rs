//! Standard error and standard output: the only place that prints.

mod json;

use std::io::{self, ErrorKind, IsTerminal};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

use serde_json::{Map, Value};

use super::record::{Label, Record, Rendered};
use crate::model::inherited::Inherited;
use crate::model::options::{LogFormat, Options};
use crate::model::problem::Problem;
use crate::model::quoting::escaped;
use crate::system::os_error;
use crate::system::terminal::{ERASE_LINE, is_writable, may_write, write_all};
use crate::system::waiting::interruptibly;

const PREFIX: &str = "secrets-exec: ";

/// True if a terminal wants colours; unset until [`choose_colours`].
static WANTS_COLOURS: OnceLock<bool> = OnceLock::new();

/// True if the terminal cannot erase a line.
static IS_DUMB: AtomicBool = AtomicBool::new(false);

/// True if each line is a JSON object.
static IS_JSON: AtomicBool = AtomicBool::new(false);

/// True while a line that is to be erased stands on the terminal. Locked while anything is printed.
static HAS_PROGRESS: Mutex<bool> = Mutex::new(false);

/// The most characters of a progress line: it must not reach the last column of a terminal with 80 columns.
const PROGRESS_LENGTH: usize = 79;

/// Turns off colours if NO_COLOR is set (no-color.org) or TERM is `dumb`. Other output than a terminal never has colours.
pub fn choose_colours(inherited: &Inherited) {
    let is_dumb = inherited.get("TERM").is_some_and(|term| term == "dumb");
    IS_DUMB.store(is_dumb, Ordering::Relaxed);
    let _ = WANTS_COLOURS.set(!is_dumb && inherited.filled("NO_COLOR").is_none());
}

/// Prints records that are no failure: with `--quiet` errors alone, and details only with `--verbose` or as JSON.
pub fn print_notices(records: impl IntoIterator<Item = Record>, options: &Options) {
    print_records(shown(records, options));
}

/// Returns the records that [`print_notices`] prints.
pub fn shown(
    records: impl IntoIterator<Item = Record>,
    options: &Options,
) -> impl Iterator<Item = Record> {
    let has_details = options.verbose || is_json();
    let is_quiet = options.quiet;
    records
        .into_iter()
        .filter(move |record| match record.label {
            Label::Error => true,
            Label::Warning | Label::Note | Label::Help => {
                !is_quiet && (has_details || !record.is_detail)
            }
        })
}

/// Sets the format of all lines from here on.
pub fn choose_format(format: LogFormat) {
    IS_JSON.store(format == LogFormat::Json, Ordering::Relaxed);
}

fn is_json() -> bool {
    IS_JSON.load(Ordering::Relaxed)
}

/// Prints records on standard error, each line after `secrets-exec: ` and its label, or as JSON. A failing write is ignored. On a terminal
/// the label is coloured. The progress line is erased. A termination signal ends this process even while the reader stalls.
pub fn print_records(records: impl IntoIterator<Item = Record>) {
    let text = text(records);
    if !text.is_empty() {
        interruptibly(|| replace_progress(&text, false));
    }
}

/// Words a report and prints it as [`print_records`] does. Returns the exit status, which its records have in JSON.
pub fn print_rendered(render: impl Fn() -> Rendered + Sync) -> u8 {
    interruptibly(|| {
        let rendered = render();
        let exit_status = rendered.exit_status;
        print_records(
            rendered
                .records()
                .map(|record| record.with("status", exit_status)),
        );
        exit_status
    })
}

/// Prints a record unless its reader is stalled, which must not delay the end of this process.
pub fn print_without_blocking(record: Record) {
    if is_writable(io::stderr().as_fd()) {
        replace_progress(&text([record]), false);
    }
}

/// Returns the text of records as they are printed.
pub fn text(records: impl IntoIterator<Item = Record>) -> String {
    if is_json() {
        return objects(records)
            .into_iter()
            .map(|object| format!("{}\n", Value::Object(object)))
            .collect();
    }
    layout(&Vec::from_iter(records), is_coloured())
}

/// Returns records as `--log-format json` prints them.
pub fn objects(records: impl IntoIterator<Item = Record>) -> Vec<Map<String, Value>> {
    let now = SystemTime::now();
    records
        .into_iter()
        .map(|record| json::object(record, now))
        .collect()
}

/// Returns a line for each message, entry, note and remedy. What the next record repeats is left to it: a note, or
/// a remedy of the next record with remedies.
fn layout(records: &[Record], is_coloured: bool) -> String {
    // For each record the first remedy after it.
    let mut following = vec![None; records.len()];
    for at in (1..records.len()).rev() {
        following[at - 1] = records[at].help.first().or(following[at]);
    }

    let mut lines = String::new();
    for (at, record) in records.iter().enumerate() {
        let mut add = |label, text: &str| lines += &(line(label, text, is_coloured) + "\n");
        add(record.label, &record.message);
        for entry in &record.entries {
            add(record.label, &format!("  {entry}"));
        }
        let next = records.get(at + 1);
        for note in record
            .notes
            .iter()
            .filter(|note| !next.is_some_and(|next| next.notes.contains(note)))
        {
            add(Label::Note, note);
        }
        for help in record
            .help
            .iter()
            .filter(|help| Some(*help) != following[at])
        {
            add(Label::Help, help);
        }
    }
    lines
}

/// Shows the beginning of a line on the terminal until anything else is printed; none beside JSON, nor where it could not be erased.
pub fn show_progress(text: &str) {
    if is_watched() && !is_json() && !IS_DUMB.load(Ordering::Relaxed) && may_write(io::stderr()) {
        let room = PROGRESS_LENGTH - prefix(Label::Note, false).len();
        replace_progress(
            &line(Label::Note, &format!("{text:.room$}"), is_coloured()),
            true,
        );
    }
}

/// Erases the progress line.
pub fn erase_progress() {
    replace_progress("", false);
}

/// Prints a text in the place of the progress line, if there is one.
fn replace_progress(text: &str, is_progress: bool) {
    let mut has_progress = HAS_PROGRESS.lock().unwrap_or_else(PoisonError::into_inner);
    let erasure = if *has_progress { ERASE_LINE } else { "" };
    *has_progress = is_progress;
    let _ = write_all(io::stderr().as_fd(), format!("{erasure}{text}").as_bytes());
}

/// Prints a text on standard error as it is. A failing write is ignored.
pub fn print_text(text: &[u8]) {
    let _ = write_all(io::stderr().as_fd(), text);
}

fn is_coloured() -> bool {
    is_watched() && WANTS_COLOURS.get().is_some_and(|wants| *wants)
}

/// Returns `secrets-exec: ` and the label, with a blank after it.
fn prefix(label: Label, is_coloured: bool) -> String {
    let name = label.name();
    if is_coloured {
        format!("{PREFIX}\x1b[1;{}m{name}:\x1b[0m ", label as u8)
    } else {
        format!("{PREFIX}{name}: ")
    }
}

/// Returns a line with its prefix, without a line feed.
fn line(label: Label, text: &str, is_coloured: bool) -> String {
    prefix(label, is_coloured) + &escaped(text)
}

/// True if standard error is a terminal.
fn is_watched() -> bool {
    io::stderr().is_terminal()
}

/// True if standard output is a terminal.
pub fn is_output_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Prints a text on standard output, of which a reader may need only the beginning (`| head`).
///
/// # Errors
/// The error of the kernel, except that of a pipe whose reader has ended.
pub fn print(text: impl AsRef<[u8]>) -> Result<(), Problem> {
    match write_output(text.as_ref()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(not_written),
    }
}

/// Prints a text on standard output, of which a part is of no use.
///
/// # Errors
/// The error of the kernel.
pub fn print_whole(text: impl AsRef<[u8]>) -> Result<(), Problem> {
    write_output(text.as_ref()).map_err(not_written)
}

/// Writes to standard output, as [`print_records`] does to standard error.
fn write_output(text: &[u8]) -> io::Result<()> {
    interruptibly(|| write_all(io::stdout().as_fd(), text))
}

fn not_written(error: io::Error) -> Problem {
    Problem::configuration(format!(
        "standard output cannot be written: {}",
        os_error::text(&error)
    ))
}
