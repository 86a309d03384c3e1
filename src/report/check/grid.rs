//! A table as text: its columns are aligned, and on a terminal its cells wrap, so that no line is longer than the terminal is wide.

use crate::report::terminal::{columns, escaped};

/// The meaning of a cell, which a terminal shows as a colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Plain,
    Heading,
    Good,
    /// Neither good nor bad: a default, for example.
    Notable,
    Bad,
}

#[derive(Clone, Debug)]
pub struct Cell {
    text: String,
    tone: Tone,
    /// The blanks before each line.
    indent: usize,
}

/// The medium of a table.
#[derive(Clone, Copy, Debug)]
pub struct Medium {
    /// `None` if lines may have any length.
    pub width: Option<usize>,
    pub is_coloured: bool,
}

/// Between two columns.
const GAP: &str = "  ";

/// A column is not narrowed further, even if the table is wider than the terminal.
const NARROWEST: usize = 10;

/// The width of the column with the longest texts (references, ARNs) below which the others are narrowed too.
const NARROW: usize = 24;

impl Cell {
    /// A text without meaning; `-` if it is empty.
    pub fn plain(text: impl AsRef<str>) -> Self {
        Self::toned(text, Tone::Plain)
    }

    pub fn toned(text: impl AsRef<str>, tone: Tone) -> Self {
        let text = escaped(text.as_ref());
        Self { text: if text.is_empty() { "-".to_owned() } else { text }, tone, indent: 0 }
    }

    #[must_use]
    pub fn indented(self, indent: usize) -> Self {
        Self { indent, ..self }
    }

    /// Nothing, below a cell that counts for this row too.
    pub fn below() -> Self {
        Self { text: String::new(), tone: Tone::Plain, indent: 0 }
    }

    /// The lines of the text in a column of this width.
    fn lines(&self, width: usize) -> Vec<&str> {
        wrap(&self.text, width.saturating_sub(self.indent).max(1))
    }

    fn width(&self) -> usize {
        self.indent + columns(&self.text)
    }
}

/// Returns the lines of a table, each with a line feed. Each row has a cell for each heading. The column `long` is narrowed first.
pub fn layout(headings: &[&str], long: usize, rows: Vec<Vec<Cell>>, medium: Medium) -> String {
    let headings = headings.iter().map(|heading| Cell::toned(heading, Tone::Heading)).collect();
    let rows: Vec<Vec<Cell>> = std::iter::once(headings).chain(rows).collect();
    let widths = widths(&rows, long, medium.width);
    rows.iter().map(|row| layout_row(row, &widths, medium)).collect()
}

/// Returns the width of each column: `long`, and then the widest ones, are narrowed until all fit into `limit`.
fn widths(rows: &[Vec<Cell>], long: usize, limit: Option<usize>) -> Vec<usize> {
    let count = rows.first().map_or(0, Vec::len);
    let widest = |column| rows.iter().filter_map(|row| row.get(column)).map(Cell::width).max().unwrap_or_default();
    let mut widths: Vec<usize> = (0..count).map(widest).collect();
    let Some(limit) = limit else { return widths };
    let gaps = GAP.len() * count.saturating_sub(1);
    while widths.iter().sum::<usize>() + gaps > limit {
        match widths.get_mut(long) {
            Some(long) if *long > NARROW => *long -= 1,
            Some(_) | None => match widths.iter_mut().max() {
                Some(widest) if *widest > NARROWEST => *widest -= 1,
                Some(_) | None => break,
            },
        }
    }
    widths
}

fn layout_row(row: &[Cell], widths: &[usize], medium: Medium) -> String {
    let cells: Vec<Vec<&str>> = row.iter().zip(widths).map(|(cell, width)| cell.lines(*width)).collect();
    let height = cells.iter().map(Vec::len).max().unwrap_or_default();
    let mut text = String::new();
    for at in 0..height {
        let mut line = String::new();
        // Blanks at the end of a line are not written.
        let mut blanks = 0;
        for ((lines, cell), width) in cells.iter().zip(row).zip(widths) {
            let part = lines.get(at).copied().unwrap_or_default();
            let indent = if part.is_empty() { 0 } else { cell.indent };
            if !part.is_empty() {
                line.extend(std::iter::repeat_n(' ', std::mem::take(&mut blanks) + indent));
                line.push_str(&coloured(part, cell.tone, medium.is_coloured));
            }
            blanks += width.saturating_sub(indent + columns(part)) + GAP.len();
        }
        text.push_str(&line);
        text.push('\n');
    }
    text
}

/// Sets the colour by SGR (ECMA-48).
fn coloured(text: &str, tone: Tone, is_coloured: bool) -> String {
    let code = match tone {
        Tone::Plain => return text.to_owned(),
        Tone::Heading => "1",
        Tone::Good => "32",
        Tone::Notable => "33",
        Tone::Bad => "1;31",
    };
    if is_coloured { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}

/// Breaks a text into lines of at most `width` columns: after a blank or a separator of references, or else anywhere.
fn wrap(text: &str, width: usize) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut rest = text;
    while columns(rest) > width {
        let end = end_of_line(rest, width);
        let (line, after) = rest.split_at(end);
        lines.push(line.trim_end_matches(' '));
        rest = after.trim_start_matches(' ');
    }
    if !rest.is_empty() || lines.is_empty() {
        lines.push(rest);
    }
    lines
}

/// Returns the length in bytes of the part that stands on the first line, which is at least one character.
fn end_of_line(text: &str, width: usize) -> usize {
    let ends = text.char_indices().map(|(at, c)| (at + c.len_utf8(), c));
    let fitting: Vec<(usize, char)> = ends.take_while(|(end, _)| columns(&text[..*end]) <= width).collect();
    let is_blank_next = |end: usize| text[end..].starts_with(' ');
    let separator = |(end, c): &&(usize, char)| matches!(c, ' ' | '/' | ':' | ',' | '=') || is_blank_next(*end);
    let good = fitting.iter().rev().find(separator);
    let first = text.chars().next().map_or(0, char::len_utf8);
    // A separator near the beginning would leave most of the line empty.
    let good = good.filter(|(end, _)| columns(&text[..*end]) * 3 >= width);
    good.or(fitting.last()).map_or(first, |(end, _)| *end)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Medium = Medium { width: None, is_coloured: false };

    fn row(cells: &[&str]) -> Vec<Cell> {
        cells.iter().map(Cell::plain).collect()
    }

    #[test]
    fn columns_are_aligned_and_lines_have_no_blanks_at_their_end() {
        let rows = vec![row(&["A", "prod/db:key", "ok"]), row(&["LONGER", "", "ok"])];
        let text = layout(&["NAME", "REFERENCE", "STATUS"], 1, rows, PLAIN);
        assert_eq!(text, "NAME    REFERENCE    STATUS\nA       prod/db:key  ok\nLONGER  -            ok\n");
    }

    #[test]
    fn a_long_cell_wraps_after_a_separator() {
        assert_eq!(wrap("prod/database/postgresql:password", 26), ["prod/database/postgresql:", "password"]);
        assert_eq!(wrap("marked for deletion", 10), ["marked for", "deletion"]);
        assert_eq!(wrap("a/bcdefghijklmnop", 10), ["a/bcdefghi", "jklmnop"]);
        assert_eq!(wrap("日本語日本語", 5), ["日本", "語日", "本語"]);
        assert_eq!(wrap("日本", 1), ["日", "本"]);
    }

    #[test]
    fn no_line_is_longer_than_the_terminal_is_wide() {
        let reference =
            "arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/database/postgresql-AbCdEf:password::";
        let rows = vec![row(&["DATABASE_PASSWORD", reference, "c0c0c0c0", "AWSCURRENT", "12d", "not a JSON object"])];
        let headings = ["VARIABLE", "REFERENCE", "VERSION", "STAGES", "AGE", "STATUS"];
        for width in [70, 80, 100, 200] {
            let text = layout(&headings, 1, rows.clone(), Medium { width: Some(width), is_coloured: false });
            assert!(text.lines().all(|line| columns(line) <= width), "{width}:\n{text}");
            let joined: String = text.lines().skip(1).map(|line| line.get(19..).unwrap_or_default()).collect();
            assert!(joined.contains("postgresql-AbCdEf") || width < 80, "{text}");
        }
    }

    #[test]
    fn colours_do_not_count_as_columns() {
        let rows = vec![vec![Cell::toned("ok", Tone::Good), Cell::plain("x")], row(&["longer", "y"])];
        let text = layout(&["A", "B"], 0, rows, Medium { width: Some(80), is_coloured: true });
        assert!(text.contains("\x1b[32mok\x1b[0m      x\n") && text.contains("longer  y\n"), "{text:?}");
    }

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(layout(&["A"], 0, vec![row(&["a\x1b[31m\nb"])], PLAIN), "A\na\\u{1b}[31m\\nb\n");
    }
}
