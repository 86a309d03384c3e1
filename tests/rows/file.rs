//! The grammar of a file of rows. CONTRIBUTING.md ("Your first row") has what most rows need. These
//! rows use the rest:
//!
//! ```text
//! user = prod/db:user
//!
//! given a database:
//!     secret prod/db: {"user":"app-4c7a1e","host":"db-4c7a1e"}
//!
//! a reference to a key is read | -e DB_USER=$user | DB_USER=app-4c7a1e | given: a database
//!
//! a secret is read although AWS answers {answer} | -e DB_USER=$user | DB_USER=app-4c7a1e
//!     given: a database
//!     fails GetSecretValue: 2 times {answer}
//!     requests: prod/db and prod/db and prod/db
//!     | answer      |
//!     | throttled   |
//!     | unavailable |
//! ```
//!
//! - **Columns** follow the first line, on the same line after ` | ` or indented below it. Each
//!   column is written as `NAME: VALUE`, or as `NAME:` with the lines of its value below, indented
//!   once more.
//! - **A line** has about 120 columns, except in a table. Put a longer launch or result into
//!   `launch:` or `seen:`. These two, `before`, `through`, `requests`, `says` and `never` continue
//!   on lines indented once more.
//! - **The launch** can begin with variables (`AWS_REGION=eu-west-1 check -e …`). If the user
//!   types nothing, because the declaration has everything, the launch is `no options`.
//! - **What is seen** can also be `A=x and no B`, `prints nothing`, or `exits with signal 15`.
//! - **A message** is an error, a warning or a note, with the indented lines below it. The notes
//!   that `-v` prints are messages, too.
//! - **`given`** names fixtures. A fixture is a list of columns with a name, which is defined once,
//!   above the rows. If the row has a column with the same name, the row's own column wins. What is
//!   expected belongs in the row itself, never in a fixture.
//! - **A table** below a row makes one test of each line: use it for cases that differ only in
//!   data. `{answer}` stands for the cell in the column `answer`, and the row must use every
//!   column. The name has the differing parts in braces, and is found by its fixed part.
//! - **A word** is a text that is defined above the rows, as `WORD = TEXT`, and used as `$WORD`.
//!   Some words, such as `$role`, exist in every file (`words_of_all_files` in
//!   `tests/it/support/rows.rs`). A word that isn't defined fails the row. `$$` is a dollar sign.
//!   It is only needed before a lowercase letter or another `$`.
//!
//! The grammar is complete: it gets no new columns or words. Whatever a row can't say belongs in a
//! test in Rust.

use std::collections::HashMap;

/// A name and a value: a word of the file, or a column of a row.
pub type Column = (String, String);

/// The number of a line, and what is wrong with the line.
pub type Mistake = (usize, String);

/// A launch, and what is expected of it.
#[derive(Clone, Default)]
pub struct Row {
    /// The number of the line on which the row begins.
    pub number: usize,
    pub name: String,
    pub launch: String,
    pub seen: String,
    /// The columns of the fixtures that the row names.
    pub given: Vec<Column>,
    /// The columns that the row itself has.
    pub own: Vec<Column>,
}

/// What the indented lines below a line belong to.
enum Above {
    Nothing,
    Fixture(String),
    /// A row with its table. The first line of the table has names, and each other line has a cell
    /// for each name.
    Row(Row, Vec<Vec<String>>),
}

/// Returns the words that a file defines, and its rows. If a row has a table, the row is returned
/// once for each line of the table.
///
/// # Errors
/// All mistakes in the file, in the order of its lines.
pub fn read(text: &str) -> Result<(Vec<Column>, Vec<Row>), Vec<Mistake>> {
    let mut mistakes = Vec::new();
    let mut words = Vec::new();
    let mut fixtures: HashMap<String, Vec<Column>> = HashMap::new();
    let mut results = Vec::new();
    let mut above = Above::Nothing;

    for (number, line) in (1..).zip(text.lines()) {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(indented) = line.strip_prefix("    ") {
            let columns = match &mut above {
                Above::Row(_, table) if indented.starts_with("| ") => {
                    table.push(cells(indented));
                    continue;
                }
                Above::Row(row, _) => &mut row.own,
                Above::Fixture(name) => fixtures.entry(name.clone()).or_default(),
                Above::Nothing => {
                    let text = "no row is above this column: write the row's name, launch and result on a line without indentation";
                    mistakes.push((number, text.to_owned()));
                    continue;
                }
            };
            match (indented.strip_prefix("    "), columns.last_mut()) {
                (Some(more), Some((name, value))) => append(name, value, more),
                _ => match column(indented) {
                    Ok(column) => columns.push(column),
                    Err(text) => mistakes.push((number, text)),
                },
            }
            continue;
        }

        results.push(finished(above, &fixtures));
        above = Above::Nothing;
        if let Some(name) = line
            .strip_prefix("given ")
            .and_then(|name| name.strip_suffix(':'))
        {
            if fixtures.insert(name.to_owned(), Vec::new()).is_some() {
                let text = format!("{name:?} is already given above: choose another name");
                mistakes.push((number, text));
            }
            above = Above::Fixture(name.to_owned());
        } else if let Some((word, value)) = line
            .split_once(" = ")
            .filter(|(word, _)| !word.contains(' '))
        {
            if words.iter().any(|(earlier, _)| earlier == word) {
                let text = format!("${word} is already defined above: choose another word");
                mistakes.push((number, text));
            }
            words.push((word.to_owned(), value.to_owned()));
        } else {
            let mut columns = line.split(" | ").map(str::to_owned);
            let mut row = Row {
                number,
                name: columns.next().unwrap_or_default(),
                ..Row::default()
            };
            for name in ["launch", "seen"] {
                row.own
                    .extend(columns.next().map(|text| (name.to_owned(), text)));
            }
            for text in columns {
                match column(&text) {
                    Ok(column) => row.own.push(column),
                    Err(text) => mistakes.push((number, text)),
                }
            }
            above = Above::Row(row, Vec::new());
        }
    }
    results.push(finished(above, &fixtures));

    let mut rows = Vec::new();
    for result in results {
        match result {
            Ok(finished) => rows.extend(finished),
            Err(mistake) => mistakes.push(mistake),
        }
    }
    if mistakes.is_empty() {
        return Ok((words, rows));
    }
    mistakes.sort();
    Err(mistakes)
}

/// Parses a column that is written as `NAME: VALUE`, or as `NAME:` with the lines of its value
/// below.
fn column(text: &str) -> Result<Column, String> {
    let column = text.split_once(": ");
    let column = column.or_else(|| Some((text.strip_suffix(':')?, "")));
    let (name, value) = column.ok_or_else(|| {
        format!(
            "{text:?} isn't a column: write `NAME: VALUE`, or indent the line by eight spaces if it \
             continues a value. If ` | ` is part of a launch or a result, write these as columns, \
             `launch: …` and `seen: …`"
        )
    })?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Returns the cells of a line of a table.
fn cells(line: &str) -> Vec<String> {
    let cells = line.trim_end().trim_matches('|').split(" | ");
    cells.map(|cell| cell.trim().to_owned()).collect()
}

/// Adds a line to the value of a column: to a list as an item, to a command as words, and to a text
/// as a line.
fn append(name: &str, value: &mut String, line: &str) {
    let separator = match name {
        "launch" | "before" | "through" => " ",
        "requests" => " and ",
        "says" | "never" => " … ",
        "seen" if value.starts_with("exits with ") => " … ",
        "seen" if !value.starts_with("prints") => " and ",
        _ => {
            if value == "prints" {
                value.push(' ');
            }
            *value += &format!("{line}\n");
            return;
        }
    };
    if !value.is_empty() {
        *value += separator;
    }
    *value += line;
}

/// Removes a column, and returns its value.
fn take(columns: &mut Vec<Column>, name: &str) -> Option<String> {
    let at = columns.iter().position(|(column, _)| column == name)?;
    Some(columns.remove(at).1)
}

/// Returns the rows that a line and its indented lines make. A fixture doesn't make any.
fn finished(above: Above, fixtures: &HashMap<String, Vec<Column>>) -> Result<Vec<Row>, Mistake> {
    let Above::Row(row, table) = above else {
        return Ok(Vec::new());
    };
    let number = row.number;
    let rows = match table.split_first() {
        None => Ok(vec![row]),
        Some((header, lines)) => filled(&row, header, lines),
    };
    let complete = |row| complete(row, fixtures);
    let rows = rows.and_then(|rows| rows.into_iter().map(complete).collect());
    rows.map_err(|text| (number, text))
}

/// Returns the row once for each line of its table, with the cells of the line in their places.
fn filled(row: &Row, header: &[String], lines: &[Vec<String>]) -> Result<Vec<Row>, String> {
    if lines.is_empty() {
        return Err("the table has no test: write a line of cells below its names".to_owned());
    }
    for name in header {
        let place = format!("{{{name}}}");
        let mut texts = row.own.iter().flat_map(|(name, value)| [name, value]);
        if !row.name.contains(&place) && !texts.any(|text| text.contains(&place)) {
            return Err(format!(
                "the row doesn't use {place}: write it into the name or a column"
            ));
        }
    }
    let rows = lines.iter().map(|cells| {
        let (expected, seen) = (header.len(), cells.len());
        if seen != expected {
            return Err(format!(
                "the line of the table with {cells:?} has {seen} cells: write {expected}, with ` | ` between them"
            ));
        }
        let filled = |text: &String| {
            let cells = header.iter().zip(cells);
            cells.fold(text.clone(), |text, (name, cell)| {
                text.replace(&format!("{{{name}}}"), cell)
            })
        };
        let mut row = row.clone();
        row.name = filled(&row.name);
        for (name, value) in &mut row.own {
            (*name, *value) = (filled(name), filled(value));
        }
        Ok(row)
    });
    rows.collect()
}

/// The mistake of a row without the column `launch` or `seen`.
fn missing(column: &str) -> String {
    format!("the row has no {column:?}: write `NAME | LAUNCH | SEEN`, or a column `{column}: …`")
}

/// Adds the columns of the fixtures that a row names, and moves the launch and what is seen into
/// their fields.
fn complete(mut row: Row, fixtures: &HashMap<String, Vec<Column>>) -> Result<Row, String> {
    if row.name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err("the name of a test can't begin with a digit: begin with a word".to_owned());
    }
    for (at, (name, _)) in row.own.iter().enumerate() {
        if row.own[..at].iter().any(|(earlier, _)| earlier == name) {
            return Err(format!(
                "the column {name:?} is there twice: write one with both values"
            ));
        }
    }
    let given = take(&mut row.own, "given");
    for name in given.iter().flat_map(|names| names.split(" and ")) {
        let fixture = fixtures.get(name);
        let fixture = fixture.ok_or_else(|| {
            format!(
                "{name:?} isn't given: write `given {name}:` above the row, with columns below it"
            )
        })?;
        row.given.extend(fixture.iter().cloned());
    }
    row.launch = take(&mut row.own, "launch").ok_or_else(|| missing("launch"))?;
    row.seen = take(&mut row.own, "seen").ok_or_else(|| missing("seen"))?;
    Ok(row)
}
