//! Standard error and standard output: the only place that prints.

pub mod background;
mod json;

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

use super::line::{Label, Line};
use crate::model::inherited::Inherited;
use crate::model::options::{LogFormat, Options};
use crate::model::quoting::escaped;
use crate::system::terminal::may_write;
use crate::system::termination::{self, ELAPSED, ERASE_LINE, SIGNAL};

const PREFIX: &str = "secrets-exec: ";

/// True if a terminal wants colours; unset until [`choose_colours`].
static WANTS_COLOURS: OnceLock<bool> = OnceLock::new();

/// True if each line is a JSON object.
static IS_JSON: AtomicBool = AtomicBool::new(false);

/// Serializes what is printed: between the erasure of the progress line and the text after it, no other text comes.
static PRINTING: Mutex<()> = Mutex::new(());

/// The most characters of a progress line: it must not reach the last column of a terminal with 80 columns.
const PROGRESS_LENGTH: usize = 79;

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
/// On a terminal the label is coloured. The progress line is erased.
pub fn print_lines<L: Into<Line>>(lines: impl IntoIterator<Item = L>) {
    let lines = lines.into_iter().map(Into::into);
    let text: String = if is_json() {
        json::objects(lines.collect(), SystemTime::now())
    } else {
        let is_coloured = is_coloured();
        lines.map(|line| layout(&line, is_coloured) + "\n").collect()
    };
    replace_progress(&text, false);
}

/// Shows a line of ASCII on the terminal until anything else is printed; none beside JSON.
pub fn show_progress(text: &str) {
    if !is_json() && may_write(io::stderr()) {
        let room = PROGRESS_LENGTH - prefix(Label::Note, false).len();
        replace_progress(&layout(&Line::note(format!("{text:.room$}")), is_coloured()), true);
    }
}

/// Erases the progress line.
pub fn erase_progress() {
    replace_progress("", false);
}

/// Prints a text in the place of the progress line, if there is one.
fn replace_progress(text: &str, is_progress: bool) {
    let _printing = PRINTING.lock().unwrap_or_else(PoisonError::into_inner);
    let erasure = if termination::set_progress(is_progress) { ERASE_LINE } else { "" };
    background::print(format!("{erasure}{text}"));
}

/// Returns the line that a signal leaves. `rest` follows the signal's name and the time.
pub fn layout_signal(rest: &str) -> String {
    if is_json() {
        return json::signal_object(rest);
    }
    format!("{}{SIGNAL} after {ELAPSED}{}", prefix(Label::Error, is_coloured()), escaped(rest))
}

fn is_coloured() -> bool {
    is_watched() && WANTS_COLOURS.get().is_some_and(|wants| *wants)
}

/// Returns `secrets-exec: ` and the label, with a blank after it.
fn prefix(label: Label, is_coloured: bool) -> String {
    let name = label.name();
    if is_coloured { format!("{PREFIX}\x1b[1;{}m{name}:\x1b[0m ", colour(label)) } else { format!("{PREFIX}{name}: ") }
}

/// Returns the line with its prefix, without a line feed.
fn layout(line: &Line, is_coloured: bool) -> String {
    prefix(line.label, is_coloured) + &escaped(&line.text)
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

/// True if standard output is a terminal that wants colours.
pub fn is_output_coloured() -> bool {
    is_output_terminal() && WANTS_COLOURS.get().is_some_and(|wants| *wants)
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
    stdout.write_all(text.as_ref()).and_then(|()| stdout.flush())
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(layout(&Line::error("one"), true), "secrets-exec: \x1b[1;31merror:\x1b[0m one");
    }
}
