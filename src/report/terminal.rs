//! Standard error and standard output: the only place that prints.

use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;

use terminal_size::{Width, terminal_size_of};

use super::line::{Label, Line};
use crate::model::inherited::Inherited;

const PREFIX: &str = "secrets-exec: ";

/// True if a terminal wants colours; unset until [`choose_colours`].
static WANTS_COLOURS: OnceLock<bool> = OnceLock::new();

/// Turns off colours if NO_COLOR is set (no-color.org) or TERM is `dumb`. Other output than a terminal never has colours.
pub fn choose_colours(inherited: &Inherited) {
    let is_dumb = inherited.get("TERM").is_some_and(|term| term == "dumb");
    let _ = WANTS_COLOURS.set(!is_dumb && inherited.filled("NO_COLOR").is_none());
}

/// Prints lines on standard error, each after `secrets-exec: ` and its label. A failing write is ignored.
///
/// On a terminal the label is coloured, and lines wrap at the terminal's width.
pub fn print_lines<L: Into<Line>>(lines: impl IntoIterator<Item = L>) {
    let stderr = io::stderr();
    let is_coloured = stderr.is_terminal() && WANTS_COLOURS.get().is_some_and(|wants| *wants);
    let width = terminal_size_of(&stderr).map(|(Width(columns), _)| usize::from(columns));
    let text: String = lines.into_iter().map(|line| layout(&line.into(), is_coloured, width)).collect();
    let _ = (&stderr).write_all(text.as_bytes());
}

/// Returns the line with its prefix, its label and a line feed.
fn layout(line: &Line, is_coloured: bool, width: Option<usize>) -> String {
    let name = line.label.name();
    let label = if is_coloured { format!("\x1b[1;{}m{name}:\x1b[0m", colour(line.label)) } else { format!("{name}:") };
    let text = escaped(&line.text);
    let text = match width {
        Some(width) => wrap(&text, width, PREFIX.len() + name.len() + 2, (PREFIX.len() + 2).min(width / 4)),
        None => text,
    };
    format!("{PREFIX}{label} {text}\n")
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

/// Escapes control characters, and those that change the direction of text or have no width: a name, a path or a server's
/// message can neither end the line nor disguise it.
fn escaped(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    line.chars().for_each(|c| match c {
        // Quotes and backslashes, which `escape_debug` would escape, are harmless.
        '\'' | '"' | '\\' => text.push(c),
        // Letters that are rendered as nothing: some of Default_Ignorable_Code_Point, and the blank Braille
        // pattern.
        '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}' => {
            text.extend(c.escape_unicode());
        }
        c => text.extend(c.escape_debug()),
    });
    text
}

/// Breaks `text` at blanks into lines of at most `width` columns. The first begins after `start` columns, the others with `indent`
/// blanks.
///
/// A word that is longer than a line is not broken, so that it can be copied; the terminal folds it.
fn wrap(text: &str, width: usize, start: usize, indent: usize) -> String {
    let leading = text.len() - text.trim_start_matches(' ').len();
    let mut wrapped = text[..leading].to_owned();
    let mut column = start + leading;
    let mut is_first = true;
    for word in text[leading..].split(' ') {
        let length = columns(word);
        if is_first {
            is_first = false;
        } else if column + 1 + length > width {
            wrapped.push('\n');
            wrapped.extend(std::iter::repeat_n(' ', indent));
            column = indent;
        } else {
            wrapped.push(' ');
            column += 1;
        }
        wrapped.push_str(word);
        column += length;
    }
    wrapped
}

fn columns(text: &str) -> usize {
    text.chars().map(|c| if is_wide(c) { 2 } else { 1 }).sum()
}

/// True for the blocks whose characters are two columns wide (East Asian Width, UAX #11), and for emoji.
fn is_wide(c: char) -> bool {
    matches!(
        c,
        '\u{1100}'..='\u{115f}'
            | '\u{2e80}'..='\u{a4cf}'
            | '\u{ac00}'..='\u{d7a3}'
            | '\u{f900}'..='\u{faff}'
            | '\u{fe30}'..='\u{fe6f}'
            | '\u{ff00}'..='\u{ff60}'
            | '\u{ffe0}'..='\u{ffe6}'
            | '\u{1f300}'..='\u{1faff}'
            | '\u{20000}'..='\u{3fffd}'
    )
}

/// True if standard error is a terminal.
pub fn is_watched() -> bool {
    io::stderr().is_terminal()
}

/// Prints a text on standard output.
///
/// # Errors
/// The error of the kernel, except that of a pipe whose reader has read enough (`| head`).
pub fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
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
    fn only_the_label_is_coloured() {
        assert_eq!(layout(&Line::error("one"), true, None), "secrets-exec: \x1b[1;31merror:\x1b[0m one\n");
    }

    #[test]
    fn a_text_that_fits_stays_on_one_line() {
        assert_eq!(wrap("one two", 10, 3, 2), "one two");
        assert_eq!(wrap("", 10, 3, 2), "");
    }

    #[test]
    fn a_text_breaks_at_the_last_blank_that_fits_and_is_indented() {
        assert_eq!(wrap("one two", 9, 3, 2), "one\n  two");
        assert_eq!(wrap("one two three four", 10, 0, 2), "one two\n  three\n  four");
    }

    #[test]
    fn a_word_longer_than_the_line_is_not_broken() {
        assert_eq!(wrap("a arn:aws:secretsmanager b", 10, 0, 2), "a\n  arn:aws:secretsmanager\n  b");
        assert_eq!(wrap("arn:aws:secretsmanager", 5, 0, 2), "arn:aws:secretsmanager");
        assert_eq!(wrap("a b", 0, 0, 1), "a\n b");
    }

    #[test]
    fn blanks_at_the_start_and_in_between_are_kept() {
        assert_eq!(wrap("  one  two", 20, 0, 2), "  one  two");
    }

    #[test]
    fn wide_characters_take_two_columns() {
        assert_eq!(wrap("日本 日本", 8, 0, 1), "日本\n 日本");
        assert_eq!(wrap("日本 日本", 9, 0, 1), "日本 日本");
    }

    proptest::proptest! {
        #[test]
        fn nothing_but_blanks_is_lost_and_no_line_with_several_words_is_too_long(text in "[a-c日 ]{0,60}", width in 0_usize..30) {
            let wrapped = wrap(&text, width, 5, 3);
            proptest::prop_assert!(wrapped.split_whitespace().eq(text.split_whitespace()));
            for line in wrapped.lines().skip(1).filter(|line| line.split_whitespace().count() > 1) {
                proptest::prop_assert!(columns(line) <= width, "{line:?}");
            }
        }
    }
}
