//! A table as text, with aligned columns.

use crate::model::quoting::escaped;

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
}

/// The blanks between two columns.
const GAP: usize = 2;

impl Cell {
    /// A text without meaning; `-` if it is empty.
    pub fn plain(text: impl AsRef<str>) -> Self {
        Self::toned(text, Tone::Plain)
    }

    pub fn toned(text: impl AsRef<str>, tone: Tone) -> Self {
        let text = escaped(text.as_ref());
        Self { text: if text.is_empty() { "-".to_owned() } else { text }, tone }
    }

    fn width(&self) -> usize {
        self.text.chars().count()
    }
}

/// Returns the lines of a table, each with a line feed. Each row has a cell for each heading.
pub fn layout(headings: &[&str], rows: Vec<Vec<Cell>>, is_coloured: bool) -> String {
    let headings = headings.iter().map(|heading| Cell::toned(heading, Tone::Heading)).collect();
    let rows: Vec<Vec<Cell>> = std::iter::once(headings).chain(rows).collect();
    let widest = |column| rows.iter().filter_map(|row| row.get(column)).map(Cell::width).max().unwrap_or_default();
    let widths: Vec<usize> = (0..rows.first().map_or(0, Vec::len)).map(widest).collect();
    rows.iter().map(|row| layout_row(row, &widths, is_coloured)).collect()
}

fn layout_row(row: &[Cell], widths: &[usize], is_coloured: bool) -> String {
    let mut line = String::new();
    // Blanks at the end of a line are not written.
    let mut blanks = 0;
    for (cell, width) in row.iter().zip(widths) {
        line.extend(std::iter::repeat_n(' ', blanks));
        line.push_str(&coloured(&cell.text, cell.tone, is_coloured));
        blanks = width.saturating_sub(cell.width()) + GAP;
    }
    line + "\n"
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

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: &[&str]) -> Vec<Cell> {
        cells.iter().map(Cell::plain).collect()
    }

    #[test]
    fn columns_are_aligned_and_lines_have_no_blanks_at_their_end() {
        let rows = vec![row(&["A", "prod/db:key", "ok"]), row(&["LONGER", "", "ok"])];
        let text = layout(&["NAME", "REFERENCE", "STATUS"], rows, false);
        assert_eq!(text, "NAME    REFERENCE    STATUS\nA       prod/db:key  ok\nLONGER  -            ok\n");
    }

    #[test]
    fn colours_do_not_count_as_columns() {
        let rows = vec![vec![Cell::toned("ok", Tone::Good), Cell::plain("x")], row(&["longer", "y"])];
        let text = layout(&["A", "B"], rows, true);
        assert!(text.contains("\x1b[32mok\x1b[0m      x\n") && text.contains("longer  y\n"), "{text:?}");
    }

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(layout(&["A"], vec![row(&["a\x1b[31m\nb"])], false), "A\na\\u{1b}[31m\\nb\n");
    }
}
