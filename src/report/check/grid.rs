//! A table as text: its columns are aligned, and on a terminal its cells wrap, so that no line is longer than the terminal is wide.

use crate::model::quoting::escaped;
use crate::report::terminal::{Medium, columns};

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

/// Between two columns.
const GAP: &str = "  ";

/// A column is not narrowed further, even if the table is wider than the terminal.
const NARROWEST: usize = 10;

/// The blanks before a cell that has a line of its own.
const OWN_LINE_INDENT: usize = 2;

impl Cell {
    /// A text without meaning; `-` if it is empty.
    pub fn plain(text: impl AsRef<str>) -> Self {
        Self::toned(text, Tone::Plain)
    }

    pub fn toned(text: impl AsRef<str>, tone: Tone) -> Self {
        let text = escaped(text.as_ref());
        Self { text: if text.is_empty() { "-".to_owned() } else { text }, tone, indent: 0 }
    }

    /// True if the cell says nothing.
    pub fn is_empty(&self) -> bool {
        matches!(self.text.as_str(), "" | "-")
    }

    #[must_use]
    pub fn indented(self, indent: usize) -> Self {
        Self { indent, ..self }
    }

    /// An empty cell. The cell above it belongs to this row as well.
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

/// Returns the lines of a table, each with a line feed. Each row has a cell for each heading.
///
/// In the column `long`, which has the longest texts (references, ARNs), no cell wraps: one that does not fit has lines of its own,
/// below the other cells of its row. The column itself goes if no cell fits.
pub fn layout(headings: &[&str], long: usize, rows: Vec<Vec<Cell>>, medium: Medium) -> String {
    let headings = headings.iter().map(|heading| Cell::toned(heading, Tone::Heading)).collect();
    let mut rows: Vec<Vec<Cell>> = std::iter::once(headings).chain(rows).collect();
    let mut own_lines: Vec<Option<Cell>> = vec![None; rows.len()];
    let mut widths = natural_widths(&rows);
    if let Some(limit) = medium.width.filter(|limit| total(&widths) > *limit) {
        let others = total(&widths) - widths.get(long).copied().unwrap_or_default();
        own_lines = take_long(&mut rows, long, limit.saturating_sub(others));
        widths = natural_widths(&rows);
        narrow(&mut widths, limit);
    }
    let lines = |(row, own_line): (Vec<Cell>, Option<Cell>)| match own_line {
        Some(own_line) => stacked(row, own_line, &widths, medium),
        None => layout_row(&row, &widths, medium),
    };
    rows.into_iter().zip(own_lines).map(lines).collect()
}

/// Takes each cell out of the column `long` that is wider than `width`, or the whole column if only its heading fits or nothing at all.
fn take_long(rows: &mut [Vec<Cell>], long: usize, width: usize) -> Vec<Option<Cell>> {
    let fits = |row: &Vec<Cell>| row.get(long).is_some_and(|cell| cell.width() <= width);
    let is_column = rows.first().is_some_and(fits) && rows.iter().skip(1).any(fits);
    let take = |row: &mut Vec<Cell>| match is_column {
        true if fits(row) => None,
        true => row.get_mut(long).map(|cell| std::mem::replace(cell, Cell::below())),
        false => (long < row.len()).then(|| row.remove(long)),
    };
    rows.iter_mut().map(take).collect()
}

/// Returns the width of each column's longest cell.
fn natural_widths(rows: &[Vec<Cell>]) -> Vec<usize> {
    let count = rows.first().map_or(0, Vec::len);
    let widest = |column| rows.iter().filter_map(|row| row.get(column)).map(Cell::width).max().unwrap_or_default();
    (0..count).map(widest).collect()
}

/// The width of a table.
fn total(widths: &[usize]) -> usize {
    widths.iter().sum::<usize>() + GAP.len() * widths.len().saturating_sub(1)
}

/// Narrows the widest columns until all fit into `limit`.
fn narrow(widths: &mut [usize], limit: usize) {
    while total(widths) > limit {
        match widths.iter_mut().max() {
            Some(widest) if *widest > NARROWEST => *widest -= 1,
            Some(_) | None => break,
        }
    }
}

/// Returns the lines of a row and of its long cell. A first cell that is wider than its column has a line of its own as well; in a
/// row without a first cell, the long cell takes its place.
fn stacked(row: Vec<Cell>, long: Cell, widths: &[usize], medium: Medium) -> String {
    let mut cells = row.into_iter();
    let first = cells.next().unwrap_or_else(Cell::below);
    let indented = Cell { indent: long.indent + OWN_LINE_INDENT, ..long };
    let (first, below) = if first.text.is_empty() { (indented, None) } else { (first, Some(indented)) };
    let is_wide = widths.first().is_some_and(|width| first.width() > *width);
    let (above, first) = if is_wide { (Some(first), Cell::below()) } else { (None, first) };
    let own_line = |cell: Option<Cell>| {
        let widths = [medium.width.unwrap_or(usize::MAX)];
        cell.map(|cell| layout_row(&[cell], &widths, medium)).unwrap_or_default()
    };
    let row: Vec<Cell> = std::iter::once(first).chain(cells).collect();
    own_line(above) + &layout_row(&row, widths, medium) + &own_line(below)
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

    const HEADINGS: [&str; 6] = ["VARIABLE", "REFERENCE", "VERSION", "STAGES", "AGE", "STATUS"];

    fn terminal(width: usize) -> Medium {
        Medium { width: Some(width), is_coloured: false }
    }

    #[test]
    fn columns_are_aligned_and_lines_have_no_blanks_at_their_end() {
        let rows = vec![row(&["A", "prod/db:key", "ok"]), row(&["LONGER", "", "ok"])];
        let text = layout(&["NAME", "REFERENCE", "STATUS"], 1, rows, PLAIN);
        assert_eq!(text, "NAME    REFERENCE    STATUS\nA       prod/db:key  ok\nLONGER  -            ok\n");
    }

    const ARN: &str = "arn:aws:secretsmanager:us-east-1:123456789012:secret:production/database/postgresql-AbCdEf";

    #[test]
    fn a_reference_that_does_not_fit_its_column_has_lines_of_its_own() {
        let rows = vec![
            row(&["DATABASE_PASSWORD", ARN, "c0c0", "A", "12d", "ok"]),
            row(&["API_KEY", "prod/api:key", "b0b0", "A", "3d", "no such key"]),
            vec![Cell::below(), Cell::plain("x").indented(2)],
            vec![Cell::below(), Cell::plain(ARN).indented(2), Cell::plain("a0a0")],
        ];
        assert_eq!(
            layout(&HEADINGS, 1, rows, terminal(80)),
            "VARIABLE           REFERENCE     VERSION  STAGES  AGE  STATUS\n\
             DATABASE_PASSWORD                c0c0     A       12d  ok\n\
             \x20 arn:aws:secretsmanager:us-east-1:123456789012:secret:production/database/\n\
             \x20 postgresql-AbCdEf\n\
             API_KEY            prod/api:key  b0b0     A       3d   no such key\n\
             \x20                    x\n\
             \x20   arn:aws:secretsmanager:us-east-1:123456789012:secret:production/database/\n\
             \x20   postgresql-AbCdEf\n\
             \x20                                a0a0\n"
        );
    }

    #[test]
    fn a_column_in_which_nothing_fits_goes() {
        let of_template =
            vec![Cell::below(), Cell::plain("prod/api:key").indented(2), Cell::plain("b0"), Cell::plain("ok")];
        let rows = vec![row(&["DATABASE_PASSWORD", ARN, "c0", "ok"]), of_template];
        assert_eq!(
            layout(&["VARIABLE", "REFERENCE", "VERSION", "STATUS"], 1, rows, terminal(47)),
            "VARIABLE           VERSION  STATUS\n  REFERENCE\n\
             DATABASE_PASSWORD  c0       ok\n\
             \x20 arn:aws:secretsmanager:us-east-1:\n\
             \x20 123456789012:secret:production/database/\n\
             \x20 postgresql-AbCdEf\n\
             \x20   prod/api:key   b0       ok\n"
        );
    }

    #[test]
    fn a_first_cell_that_is_too_wide_has_a_line_of_its_own() {
        let id = "arn:aws:secretsmanager:us-east-1:123456789012:secret:production/db-AbCdEf";
        let key = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";
        let text = layout(&["SECRET", "ROTATION", "KMS KEY"], 2, vec![row(&[id, "off", key])], terminal(80));
        let widest = 80 - "ROTATION".len() - GAP.len();
        let name = format!("SECRET{}ROTATION\n  KMS KEY\n", " ".repeat(widest + GAP.len() - "SECRET".len()));
        assert_eq!(text, format!("{name}{id}\n{}off\n  {key}\n", " ".repeat(widest + GAP.len())));
    }

    #[test]
    fn a_table_fits_the_width_and_loses_no_character() {
        let id = "arn:aws:secretsmanager:us-east-1:123456789012:secret:production/database/postgresql-AbCdEf:password";
        let name = "A_VARIABLE_WITH_A_NAME_THAT_IS_AS_LONG_AS_SOME_PEOPLE_MAKE_THEM";
        let rows = vec![row(&[name, id, "c0c0c0c0", "AWSCURRENT,blue", "12d", "not a JSON object"])];
        for width in [62, 80, 100, 130, 180, 300] {
            let text = layout(&HEADINGS, 1, rows.clone(), terminal(width));
            assert!(text.lines().all(|line| columns(line) <= width), "{width}:\n{text}");
            let mut found: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
            let cells = rows.iter().flatten().flat_map(|cell| cell.text.chars());
            let mut expected: Vec<char> = HEADINGS.iter().flat_map(|heading| heading.chars()).chain(cells).collect();
            expected.retain(|c| !c.is_whitespace());
            found.sort_unstable();
            expected.sort_unstable();
            assert_eq!(found, expected, "{width}:\n{text}");
        }
        for width in 0..62 {
            assert!(layout(&HEADINGS, 1, rows.clone(), terminal(width)).contains("STATUS"), "{width}");
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
