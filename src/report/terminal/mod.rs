//! Standard error and standard output: the only place that prints.

pub mod background;
mod json;
mod wrap;

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::SystemTime;

use terminal_size::{Width, terminal_size_of};

use super::line::{Label, Line};
use crate::model::inherited::Inherited;
use crate::model::options::{LogFormat, Options};
use crate::model::quoting::escaped;
use crate::system::output::check_output;
use crate::system::terminal::may_write;
use crate::system::termination::{ELAPSED, ERASE_LINE, SIGNAL, set_progress};
pub use wrap::columns;
use wrap::{columns_of, wrap};

const PREFIX: &str = "secrets-exec: ";

/// True if a terminal wants colours; unset until [`choose_colours`].
static WANTS_COLOURS: OnceLock<bool> = OnceLock::new();

/// True if each line is a JSON object.
static IS_JSON: AtomicBool = AtomicBool::new(false);

/// The state of the progress line. Held while something is printed.
static PROGRESS: Mutex<ProgressLine> = Mutex::new(ProgressLine::Absent);

#[derive(Clone, Copy, PartialEq, Eq)]
enum ProgressLine {
    Absent,
    /// It stands on the terminal.
    Shown,
    /// A question stands on the terminal.
    Paused,
}

/// The width of a terminal that does not say its own.
const DEFAULT_WIDTH: usize = 80;

/// Turns off colours if NO_COLOR is set (no-color.org) or TERM is `dumb`. Other output than a terminal never has colours.
pub fn choose_colours(inherited: &Inherited) {
    let is_dumb = inherited.get("TERM").is_some_and(|term| term == "dumb");
    let _ = WANTS_COLOURS.set(!is_dumb && inherited.filled("NO_COLOR").is_none());
}

/// Prints lines about supervision: with `--quiet` errors alone, and details only with `--verbose` or as JSON.
pub fn print_notices(lines: impl IntoIterator<Item = Line>, options: &Options) {
    let has_details = options.verbose || is_json();
    print_lines(lines.into_iter().filter(|line| is_shown(line, has_details, options.quiet)));
}

fn is_shown(line: &Line, has_details: bool, is_quiet: bool) -> bool {
    match line.label {
        Label::Error => true,
        Label::Warning | Label::Note | Label::Help => !is_quiet && (has_details || !line.is_detail),
    }
}

/// Sets the format of all lines from here on.
pub fn choose_format(format: LogFormat) {
    IS_JSON.store(format == LogFormat::Json, Ordering::Relaxed);
}

fn is_json() -> bool {
    IS_JSON.load(Ordering::Relaxed)
}

/// Prints lines on standard error, each after `secrets-exec: ` and its label, or as JSON. A failing write is ignored.
///
/// On a terminal the label is coloured, and lines wrap at the terminal's width. The progress line is erased.
pub fn print_lines<L: Into<Line>>(lines: impl IntoIterator<Item = L>) {
    let lines = lines.into_iter().map(Into::into);
    let text: String = if is_json() {
        json::objects(lines.collect(), SystemTime::now())
    } else {
        let (is_coloured, width) = (is_coloured(), width());
        lines.map(|line| layout(&line, is_coloured, width)).collect()
    };
    let mut progress = lock_progress();
    let next = if *progress == ProgressLine::Paused { ProgressLine::Paused } else { ProgressLine::Absent };
    replace_progress(&mut progress, &text, next);
}

/// Shows a line on the terminal, cut at its width, until anything else is printed; none beside JSON. Not for TERM=dumb, which cannot erase it.
pub fn show_progress(line: &Line) {
    let mut progress = lock_progress();
    if !is_json() && *progress != ProgressLine::Paused && may_write(io::stderr()) {
        let text = layout_progress(line, is_coloured(), width().unwrap_or(DEFAULT_WIDTH));
        replace_progress(&mut progress, &text, ProgressLine::Shown);
    }
}

/// Erases the progress line.
pub fn erase_progress() {
    replace_progress(&mut lock_progress(), "", ProgressLine::Absent);
}

/// Erases the progress line, and shows none until `is_paused` is false: the terminal is in use by a question.
pub fn pause_progress(is_paused: bool) {
    let next = if is_paused { ProgressLine::Paused } else { ProgressLine::Absent };
    replace_progress(&mut lock_progress(), "", next);
}

fn lock_progress() -> MutexGuard<'static, ProgressLine> {
    PROGRESS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn replace_progress(progress: &mut ProgressLine, text: &str, next: ProgressLine) {
    let erasure = if *progress == ProgressLine::Shown { ERASE_LINE } else { "" };
    // Before writing: a signal meanwhile erases a line too many, which does no harm.
    if next == ProgressLine::Shown {
        set_progress(true);
    }
    background::print(format!("{erasure}{text}"));
    set_progress(next == ProgressLine::Shown);
    *progress = next;
}

/// The columns between the two parts of [`layout_signal`], for `SIGTERM after 9999.9s`.
const SIGNAL_COLUMNS: usize = 21;

/// Returns the line that a signal leaves, wrapped for the terminal. `rest` follows the signal's name and the time.
pub fn layout_signal(rest: &str) -> String {
    if is_json() {
        return json::signal_object(rest);
    }
    let rest = wrap_after(&escaped(rest), width(), prefix_columns(Label::Error) + SIGNAL_COLUMNS);
    format!("{}{SIGNAL} after {ELAPSED}{rest}", prefix(Label::Error, is_coloured()))
}

fn is_coloured() -> bool {
    is_watched() && WANTS_COLOURS.get().is_some_and(|wants| *wants)
}

/// The width of the terminal on standard error, if that is one and says it.
fn width() -> Option<usize> {
    terminal_size_of(io::stderr()).map(|(Width(columns), _)| usize::from(columns))
}

/// Returns `secrets-exec: ` and the label, with a blank after it.
fn prefix(label: Label, is_coloured: bool) -> String {
    let name = label.name();
    if is_coloured { format!("{PREFIX}\x1b[1;{}m{name}:\x1b[0m ", colour(label)) } else { format!("{PREFIX}{name}: ") }
}

/// The columns of [`prefix`].
fn prefix_columns(label: Label) -> usize {
    PREFIX.len() + label.name().len() + 2
}

/// Returns the line with its prefix, cut so that it leaves the last column of the terminal free.
fn layout_progress(line: &Line, is_coloured: bool, width: usize) -> String {
    let room = width.saturating_sub(prefix_columns(line.label) + 1);
    prefix(line.label, is_coloured) + &cut(escaped(&line.text), room)
}

/// Cuts a text that is wider than `room` columns; `…` is its end then.
fn cut(text: String, room: usize) -> String {
    if columns(&text) <= room {
        return text;
    }
    let Some(mut room) = room.checked_sub(1) else { return String::new() };
    let fits = |c: &char| {
        let left = room.checked_sub(columns_of(*c));
        room = left.unwrap_or_default();
        left.is_some()
    };
    text.chars().take_while(fits).chain(['…']).collect()
}

/// Returns the line with its prefix, its label and a line feed.
fn layout(line: &Line, is_coloured: bool, width: Option<usize>) -> String {
    let text = wrap_after(&escaped(&line.text), width, prefix_columns(line.label));
    format!("{}{text}\n", prefix(line.label, is_coloured))
}

/// Wraps a text that begins after `start` columns, if there is a width.
fn wrap_after(text: &str, width: Option<usize>, start: usize) -> String {
    width.map_or_else(|| text.to_owned(), |width| wrap(text, width, start, (PREFIX.len() + 2).min(width / 4)))
}

/// The number of the colour in SGR (ECMA-48).
fn colour(label: Label) -> u8 {
    match label {
        Label::Error => 31,
        Label::Warning => 33,
        Label::Note => 32,
        Label::Help => 36,
    }
}

/// True if standard error is a terminal.
pub fn is_watched() -> bool {
    io::stderr().is_terminal()
}

/// The medium of a text on standard output.
#[derive(Clone, Copy, Debug)]
pub struct Medium {
    /// The width of the terminal; `None` for a file or a pipe, whose lines may have any length.
    pub width: Option<usize>,
    pub is_coloured: bool,
}

pub fn output_medium() -> Medium {
    if !is_output_terminal() {
        return Medium { width: None, is_coloured: false };
    }
    let width = terminal_size_of(io::stdout()).map(|(Width(columns), _)| usize::from(columns));
    let width = width.filter(|width| *width > 0).unwrap_or(DEFAULT_WIDTH);
    Medium { width: Some(width), is_coloured: WANTS_COLOURS.get().is_some_and(|wants| *wants) }
}

/// True if standard output is a terminal.
pub fn is_output_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Prints a text on standard output, of which a reader may need only the beginning (`| head`).
///
/// # Errors
/// The error of the kernel, except that of a pipe whose reader has ended.
pub fn print(text: impl AsRef<[u8]>) -> io::Result<()> {
    match print_whole(text) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// Prints a text on standard output, of which a part is of no use.
///
/// # Errors
/// The error of the kernel.
pub fn print_whole(text: impl AsRef<[u8]>) -> io::Result<()> {
    let mut stdout = io::stdout();
    check_output(&stdout)?;
    stdout.write_all(text.as_ref()).and_then(|()| stdout.flush())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_its_label_and_wraps_at_a_width_only() {
        let line = Line::help("one two three four");
        assert_eq!(layout(&line, false, None), "secrets-exec: help: one two three four\n");
        assert_eq!(layout(&line, false, Some(30)), "secrets-exec: help: one two\n       three four\n");
    }

    #[test]
    fn a_detail_is_shown_with_verbose_and_quiet_leaves_errors() {
        let lines = [Line::error("one"), Line::warning("two"), Line::note("three"), Line::note("four").detail()];
        let shown = |has_details, is_quiet| {
            let shown = lines.iter().filter(|line| is_shown(line, has_details, is_quiet));
            shown.map(|line| line.text.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(shown(false, false), ["one", "two", "three"]);
        assert_eq!(shown(true, false), ["one", "two", "three", "four"]);
        assert_eq!(shown(true, true), ["one"]);
    }

    #[test]
    fn only_the_label_is_coloured() {
        assert_eq!(layout(&Line::error("one"), true, None), "secrets-exec: \x1b[1;31merror:\x1b[0m one\n");
    }

    #[test]
    fn a_progress_line_is_cut_before_the_last_column() {
        let line = Line::note("one two");
        assert_eq!(layout_progress(&line, false, 28), "secrets-exec: note: one two");
        assert_eq!(layout_progress(&line, false, 27), "secrets-exec: note: one t…");
        assert_eq!(layout_progress(&line, true, 24), "secrets-exec: \x1b[1;32mnote:\x1b[0m on…");
        assert_eq!(layout_progress(&Line::note("日本"), false, 24), "secrets-exec: note: 日…");
        assert_eq!(layout_progress(&Line::note("\n"), false, 80), "secrets-exec: note: \\n");
        assert_eq!(layout_progress(&line, false, 9), "secrets-exec: note: ");
    }

    #[test]
    fn a_line_that_is_printed_does_not_end_a_pause() {
        pause_progress(true);
        print_lines([] as [Line; 0]);
        assert!(*lock_progress() == ProgressLine::Paused);
        pause_progress(false);
    }
}
