//! Records, and the only functions that print.
//!
//! A record is laid out as one JSON object, or as one or more lines of text. All its text is
//! escaped here, so that a name from AWS or a file can't move the cursor or change the direction of
//! writing.
//!
//! Every thread can print. A reader that stalls must not keep this process from reacting to a
//! termination signal. So if the main thread prints, a second thread does the writing, and the main
//! thread waits for it and for signals (see [`interruptibly`]). The progress line, and the lines of
//! the functions with `unless_stalled` in their names, aren't written if the write would block.

use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind, IsTerminal};
use std::os::fd::AsFd;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use serde_json::{Value, json};

use crate::model::environment::Inherited;
use crate::model::options::{LogFormat, Options};
use crate::model::problem::Problem;
use crate::model::shown::{printed, shortened};
use crate::system::lifecycle::interruptibly;
use crate::system::os_error;
use crate::system::streams::{ERASE_LINE, PIPE_BUF, columns, is_writable, may_write, write_all};

/// The label of a record, or of a line below its headline.
///
/// The number of a variant is its colour in SGR (ECMA-48).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Label {
    Error = 31,
    Warning = 33,
    #[default]
    Note = 34,
    Help = 36,
    /// The last line of a report about several errors. Text output shows it without a label.
    Summary = 0,
}

impl Label {
    /// The word for this label. JSON has the word as the default `event` and, except for notes, as
    /// the `level`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error | Self::Summary => "error",
            Self::Warning => "warning",
            Self::Note => "note",
            Self::Help => "help",
        }
    }
}

/// An error, a warning or a note. No part of it contains the value of a secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Record {
    pub label: Label,
    pub message: String,
    pub event: &'static str,
    /// The members that only the JSON object has.
    pub json_members: Vec<(&'static str, Value)>,
    /// The variables, files or systemd credentials that the record is about.
    pub entries: Vec<String>,
    /// True if text output lists only the first entries.
    pub is_abridged: bool,
    pub notes: Vec<String>,
    pub aws_says: Option<String>,
    pub help: Option<String>,
    /// True if text output shows the record only with `--verbose`.
    pub is_detail: bool,
}

impl Record {
    pub fn error(message: impl Into<String>) -> Self {
        Self::new(Label::Error, message)
    }

    pub fn warning(message: impl Into<String>) -> Self {
        Self::new(Label::Warning, message)
    }

    pub fn note(message: impl Into<String>) -> Self {
        Self::new(Label::Note, message)
    }

    pub(super) fn new(label: Label, message: impl Into<String>) -> Self {
        Self {
            label,
            message: message.into(),
            event: label.name(),
            ..Self::default()
        }
    }

    pub fn event(mut self, event: &'static str) -> Self {
        self.event = event;
        self
    }

    /// Adds a member to the JSON object.
    pub fn with(self, name: &'static str, value: impl Into<Value>) -> Self {
        self.with_some(name, Some(value))
    }

    /// Adds a member to the JSON object if there is a value.
    pub fn with_some(mut self, name: &'static str, value: Option<impl Into<Value>>) -> Self {
        self.json_members
            .extend(value.map(|value| (name, value.into())));
        self
    }

    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub fn detail(mut self) -> Self {
        self.is_detail = true;
        self
    }
}

/// A number and its noun, in the singular or plural: `1 value is missing` or `2 values are
/// missing`.
pub fn counted(count: usize, one: &str, several: &str) -> String {
    let noun = if count == 1 { one } else { several };
    format!("{count} {noun}")
}

/// The largest number of names in a line of text, and of entries below an abridged record.
const MOST_NAMES: usize = 5;

/// Lists at most [`MOST_NAMES`] names: `A, B and C`, or `A, B, C, D, E and 2 more`.
pub fn some_of(names: &[String]) -> String {
    let (shown, others) = names.split_at(names.len().min(MOST_NAMES));
    match (shown, others) {
        ([] | [_], _) => shown.concat(),
        ([first @ .., last], []) => format!("{} and {last}", first.join(", ")),
        (_, others) => format!("{} and {} more", shown.join(", "), others.len()),
    }
}

/// A duration in one unit, rounded down: `45s`, `3m`, `36h`, `12d` or `4y`.
pub fn age(seconds: u64) -> String {
    const HOUR: u64 = 60 * 60;
    const DAY: u64 = 24 * HOUR;
    const TWO_DAYS: u64 = 2 * DAY;
    const YEAR: u64 = 365 * DAY;
    const TWO_YEARS: u64 = 2 * YEAR;
    let (length, unit) = match seconds {
        0..60 => (1, "s"),
        60..HOUR => (60, "m"),
        HOUR..TWO_DAYS => (HOUR, "h"),
        TWO_DAYS..TWO_YEARS => (DAY, "d"),
        TWO_YEARS.. => (YEAR, "y"),
    };
    format!("{}{unit}", seconds / length)
}

const PREFIX: &str = "secrets-exec: ";

/// The place where the lines of records are shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Screen {
    /// A file, a pipe or a log collector. Every line has the prefix, so that logs can be filtered.
    Log,
    /// A terminal. Only the first line of a record has the prefix, and a blank line separates
    /// errors.
    Terminal { has_colours: bool },
}

/// Lays out records in lines. Below the headline of a record, the other lines are indented: the
/// entries, the notes, AWS's message, and the help unless an earlier record has the same help.
pub fn record_lines(records: &[Record], screen: Screen) -> String {
    let mut lines = String::new();
    for (at, record) in records.iter().enumerate() {
        let is_error = matches!(record.label, Label::Error | Label::Summary);
        if at > 0 && is_error && screen != Screen::Log {
            lines += "\n";
        }
        lines += &(headline(record.label, &record.message, screen) + "\n");

        let prefix = if screen == Screen::Log { PREFIX } else { "" };
        let mut add = |start: &str, text: &str| {
            lines += &format!("{prefix}  {start}{}\n", printed(text));
        };

        let count = record.entries.len();
        let listed = if record.is_abridged {
            MOST_NAMES
        } else {
            count
        };
        for entry in record.entries.iter().take(listed) {
            add("for ", entry);
        }
        if count > listed {
            add("and ", &format!("{} more", count - listed));
        }

        for note in &record.notes {
            add(&shown_label(Label::Note, screen), note);
        }
        if let Some(text) = &record.aws_says {
            add("AWS says: ", text);
        }
        let is_shown_above = records[..at].iter().any(|above| above.help == record.help);
        if !is_shown_above && let Some(help) = &record.help {
            add(&shown_label(Label::Help, screen), help);
        }
    }
    lines
}

/// The first line of a record with its prefix and label, but without a line feed.
fn headline(label: Label, text: &str, screen: Screen) -> String {
    let mut shown = printed(text);
    if let (Label::Error, Screen::Terminal { has_colours: true }) = (label, screen) {
        shown = with_bold_names(&shown);
    }
    format!("{PREFIX}{}{shown}", shown_label(label, screen))
}

fn with_bold_names(text: &str) -> String {
    let mut parts: Vec<String> = text.split('"').map(str::to_owned).collect();
    // Every second part, beginning with the second, is between quotation marks.
    for name in parts.iter_mut().skip(1).step_by(2) {
        *name = format!("\x1b[1m{name}\x1b[0m");
    }
    parts.join("\"")
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

pub(super) fn red(text: &str) -> String {
    format!("\x1b[{}m{text}\x1b[0m", Label::Error as u8)
}

/// A label as the screen shows it, with a colon and a space: `error: `.
fn shown_label(label: Label, screen: Screen) -> String {
    let name = label.name();
    match (label, screen) {
        (Label::Summary, _) => String::new(),
        (_, Screen::Terminal { has_colours: true }) => {
            format!("\x1b[1;{}m{name}:\x1b[0m ", label as u8)
        }
        (_, Screen::Terminal { has_colours: false } | Screen::Log) => format!("{name}: "),
    }
}

/// The JSON object of each record, with the current time.
pub fn objects(records: impl IntoIterator<Item = Record>) -> Vec<Value> {
    let now = SystemTime::now();
    records
        .into_iter()
        .map(|record| record_object(record, now))
        .collect()
}

fn record_object(record: Record, now: SystemTime) -> Value {
    // Log collectors filter by these levels. They recognize `info`, but not `note`.
    let level = match record.label {
        Label::Error | Label::Summary | Label::Warning => record.label.name(),
        Label::Note | Label::Help => "info",
    };

    let mut object = json!({
        "time": humantime::format_rfc3339_millis(now).to_string(),
        // The command may write JSON to the same stream, so `logger` tells our objects from its
        // own.
        "logger": "secrets-exec",
        "level": level,
        "event": record.event,
        "message": record.message,
    });
    for (name, value) in record.json_members {
        object[name] = value;
    }

    // AWS's message becomes the last note.
    let aws_says = record.aws_says.map(|text| format!("AWS says: {text}"));
    for (name, texts) in [
        ("entries", record.entries),
        ("notes", record.notes.into_iter().chain(aws_says).collect()),
        ("help", Vec::from_iter(record.help)),
    ] {
        if !texts.is_empty() {
            object[name] = texts.into();
        }
    }
    escaped_value(object)
}

/// Escapes the texts in a JSON value, except the names of members, which are our own. A version id
/// or a path may contain characters that change what a terminal shows.
pub(super) fn escaped_value(value: Value) -> Value {
    match value {
        Value::String(text) => printed(&text).into(),
        Value::Array(items) => items.into_iter().map(escaped_value).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| (name, escaped_value(value)))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value,
    }
}

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

/// Applies the variables that concern messages: TERM, NO_COLOR and SECRETS_EXEC_LOG_FORMAT. Also
/// looks for `--log-format` in the arguments, because an error may be found before the arguments
/// are parsed.
pub fn use_early_settings(arguments: &[OsString], inherited: &Inherited) {
    let is_dumb = inherited.get("TERM").is_some_and(|term| term == "dumb");
    // `--log-format json` becomes `--log-format=json`.
    let own_words = arguments
        .split(|word| word == "--")
        .next()
        .unwrap_or_default()
        .join(OsStr::new("="));
    let own_text = own_words.to_string_lossy();
    let format = own_text
        .split_once("--log-format=")
        .map(|(_, rest)| rest)
        .or_else(|| inherited.get("SECRETS_EXEC_LOG_FORMAT")?.to_str())
        .unwrap_or_default();
    let mut mode = locked(&MODE);
    mode.has_progress_line = !is_dumb;
    mode.has_colours = !is_dumb && inherited.non_empty("NO_COLOR").is_none();
    if format.split('=').next() == Some("json") {
        mode.format = LogFormat::Json;
    }
}

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

/// Prints records to standard error as [`print_text`] does, even with `--quiet`.
pub fn print_always(records: impl IntoIterator<Item = Record>) {
    print_text(&lines(records));
}

/// Prints records to standard error like [`print_always`], but hides notices with `--quiet`, and
/// details in text output without `--verbose`.
pub fn print_unless_hidden(records: impl IntoIterator<Item = Record>) {
    let mut records = records.into_iter().peekable();
    // The check saves time: without a record, the kernel isn't asked whether standard error is a
    // terminal.
    if records.peek().is_some() {
        print_text(&visible_lines(records));
    }
}

/// Erases the progress line, and prints text to standard error as it is. Waits while the reader
/// isn't reading, but a termination signal ends this process. A failed write is ignored.
pub fn print_text(text: &str) {
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

fn shown_help(text: &str, is_on_terminal: bool) -> String {
    if is_on_terminal && locked(&MODE).has_colours {
        with_bold_headings(text)
    } else {
        text.to_owned()
    }
}

/// Prints a record to standard error like [`print_unless_hidden`]. If the reader is stalled, the
/// record is lost, because nothing may delay the end of this process, and a note must not delay a
/// launch.
pub fn print_unless_stalled(record: Record) {
    let rest_of_line = 0;
    print_text_unless_stalled(&visible_lines([record]), rest_of_line);
}

/// Prints lines to standard error as they are, until the reader is stalled. The first
/// `rest_of_line` bytes of `text` are the rest of an earlier line. Returns what wasn't printed: the
/// rest of a line that was cut, because it is longer than PIPE_BUF, and the lines after it.
///
/// Standard error isn't made non-blocking, because the command shares it. If another process fills
/// a pipe between poll(2) and write(2), this process has to wait for the reader.
pub fn print_text_unless_stalled(text: &str, mut rest_of_line: usize) -> (&str, &str) {
    let mut rest = text;
    while !rest.is_empty() && is_writable(io::stderr().as_fd()) {
        let line_length = rest.find('\n').map_or(rest.len(), |end| end + 1);
        // Write at most PIPE_BUF bytes, because a writable pipe has room for them.
        let printed = rest.floor_char_boundary(PIPE_BUF.min(line_length));
        write_error(&rest.as_bytes()[..printed]);
        rest = &rest[printed..];
        rest_of_line = line_length - printed;
    }
    rest.split_at(rest_of_line)
}

/// The lines that [`print_always`] prints.
fn lines(records: impl IntoIterator<Item = Record>) -> String {
    let mode = *locked(&MODE);
    match mode.format {
        LogFormat::Text => {
            let screen = if io::stderr().is_terminal() {
                Screen::Terminal {
                    has_colours: mode.has_colours,
                }
            } else {
                Screen::Log
            };
            record_lines(&Vec::from_iter(records), screen)
        }
        LogFormat::Json => objects(records)
            .into_iter()
            .map(|object| format!("{object}\n"))
            .collect(),
    }
}

/// The lines that [`print_unless_hidden`] prints.
pub fn visible_lines(records: impl IntoIterator<Item = Record>) -> String {
    let mode = *locked(&MODE);
    let has_details = mode.has_details || mode.format == LogFormat::Json;
    lines(records.into_iter().filter(|record| match record.label {
        Label::Error | Label::Summary => true,
        Label::Warning => mode.quiet < 2,
        Label::Note | Label::Help => mode.quiet == 0 && (has_details || !record.is_detail),
    }))
}

/// Shows the text as the progress line, which stays on the terminal until anything else is printed.
/// Text that doesn't fit on one line ends with `…` before the last column, so that the line never
/// wraps. Shows nothing with `--quiet`, or if the write would block. Returns false if the format
/// isn't text, or if standard error isn't a terminal that can erase a line.
pub fn show_progress(text: &str) -> bool {
    let mode = *locked(&MODE);
    let is_possible =
        mode.format == LogFormat::Text && mode.has_progress_line && io::stderr().is_terminal();
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
    is_possible
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

/// Locks a mutex, even if a thread has panicked while it held the lock.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Clone, Copy)]
pub struct TableScreen {
    pub columns: usize,
    pub(super) has_colours: bool,
}

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

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_line_about_many_variables_names_the_first_and_counts_the_others() {
        assert_eq!(
            some_of(&texts(&["A", "B", "C", "D", "E", "F", "G"])),
            "A, B, C, D, E and 2 more"
        );
        assert_eq!(
            some_of(&texts(&["A", "B", "C", "D", "E"])),
            "A, B, C, D and E"
        );
    }

    #[test]
    fn an_age_has_one_unit() {
        let (hour, day) = (3600, 86_400);
        for (seconds, expected) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (3599, "59m"),
            (hour, "1h"),
            (2 * day - 1, "47h"),
            (2 * day, "2d"),
            (730 * day - 1, "729d"),
            (730 * day, "2y"),
        ] {
            assert_eq!(age(seconds), expected);
        }
    }
}
