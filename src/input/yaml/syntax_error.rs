//! The errors of YAML's syntax. The parser's message for a frequent mistake, such as a colon in a
//! value, would only make sense to someone who knows the grammar of YAML. So these mistakes have
//! messages and remedies of our own.
//!
//! A line of the file may contain a secret, so a message shows at most one character of it.

use granit_parser::{ErrorKind, ScanError};

use crate::model::env_variables::is_name;

/// A position in a file. Lines, and columns in characters, are counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    pub line: usize,
    pub column: usize,
}

/// A mistake in the syntax of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    pub position: Position,
    /// The message, without the position.
    pub message: String,
    /// The remedy.
    pub help: Option<&'static str>,
}

impl SyntaxError {
    /// Adds the remedy.
    pub fn help(mut self, help: &'static str) -> Self {
        self.help = Some(help);
        self
    }
}

/// Returns an error without a remedy.
pub fn error(position: Position, message: impl Into<String>) -> SyntaxError {
    SyntaxError {
        position,
        message: message.into(),
        help: None,
    }
}

/// Converts a position of the parser, which counts lines from 1 and columns from 0.
pub fn position(line: usize, column: usize) -> Position {
    Position {
        line,
        column: column + 1,
    }
}

pub const QUOTES: &str = "put the whole value in quotes";

/// Converts the parser's error in `text`. The error gets our own message and a remedy if its cause
/// is one of the frequent mistakes.
pub fn parser_error(scan: &ScanError, text: &str) -> SyntaxError {
    let marker = scan.marker();
    let position = position(marker.line(), marker.col());
    let mut lines_above = text.lines().take(position.line).collect::<Vec<_>>();
    let line = lines_above.pop().unwrap_or_default();
    let before: String = line.chars().take(position.column - 1).collect();
    let after = &line[before.len()..];
    let is_after_value = before.contains(": ");

    let (message, help) = match scan.kind() {
        ErrorKind::TabInBlockIndentation
        | ErrorKind::TabNotAllowed
        | ErrorKind::TabInIndentation
        | ErrorKind::TabAtBlockScalarStart
        | ErrorKind::TabInPlainScalar => return tab_error(position.line, text),
        // `@home`
        ErrorKind::UnexpectedCharacter { .. }
        | ErrorKind::UnknownAnchor
        | ErrorKind::MissingAnchorOrAliasName
        | ErrorKind::InvalidBlockScalarHeader => {
            let character: String = after.chars().take(1).collect();
            let message = format!("a value that starts with \"{character}\" needs quotes");
            return error(position, message).help(QUOTES);
        }
        // `DB_HOST: prod/db: host`
        ErrorKind::MappingValueNotAllowed
        | ErrorKind::SimpleKeyExpected
        | ErrorKind::ExpectedFlowMappingSeparator
        | ErrorKind::ExpectedFlowSequenceSeparator
            if is_after_value && after.starts_with(':') =>
        {
            (
                "a value that ends with a colon, or contains a colon and a space, needs quotes",
                "if the value is a reference, remove the space after the colon, or the colons at the end; otherwise, put the whole value in quotes",
            )
        }
        // `{ from: prod/db:$.hosts[0] }`
        ErrorKind::ExpectedFlowMappingSeparator | ErrorKind::ExpectedFlowSequenceSeparator
            if after.starts_with(['[', '{']) =>
        {
            (
                "inside { … } or [ … ], a value that contains \"[\" or \"{\" needs quotes",
                "put the whole value in quotes, as in from: \"prod/db:$.hosts[0]\"",
            )
        }
        // `{ from: "prod/db:host" default: x }`
        ErrorKind::InvalidTrailingDoubleQuotedScalar
        | ErrorKind::InvalidTrailingSingleQuotedScalar => (
            "there is text after the closing quote",
            "put the whole value in quotes; inside { … }, write a comma before the next name",
        ),
        ErrorKind::InvalidQuotedScalarIndent => (
            "a quote that begins above this line is not closed",
            "close the quote, or, if the value has several lines, indent all of them",
        ),
        // `"^\d+$"`
        ErrorKind::UnknownQuotedScalarEscape => (
            "in double quotes, a backslash begins an escape such as \"\\n\", and this one does not exist",
            "write two backslashes instead of one or, in YAML, put the value in single quotes",
        ),
        ErrorKind::MappingValueNotAllowed
        | ErrorKind::SimpleKeyExpected
        | ErrorKind::ExpectedBlockMappingKey
        | ErrorKind::ExpectedBlockSequenceEntry
        | ErrorKind::ExpectedDocumentStart
            if !is_after_value =>
        {
            return name_error(position, line, &lines_above);
        }
        _ => return error(position, scan.info()),
    };
    error(position, message).help(help)
}

/// Returns the error for a line where the parser expected a name: the colon of this name, or of the
/// one above, is missing, or the indentation is wrong.
fn name_error(position: Position, line: &str, lines_above: &[&str]) -> SyntaxError {
    let above = lines_above.iter().rfind(|line| !line.trim().is_empty());
    let (here, there) = (column(line), above.map_or(1, |line| column(line)));
    // `env` above an entry
    if above.is_some_and(|line| is_name(line.trim())) {
        return error(position, "the line above has only a name, without a colon")
            .help("write a colon after it, as in env:");
    }
    if here == there {
        let message =
            "the name on this line, or on the line above, is not followed by a colon and a space";
        return error(position, message).help("write it as in DB_PASSWORD: prod/db:password");
    }
    let message = format!(
        "this line starts at column {here}, but the line above it starts at column {there}"
    );
    error(position, message).help("indent all entries of a section by the same number of spaces")
}

/// Returns the error for a tab in the indentation. The parser may notice the tab in an earlier
/// line, so this names the first line from there on that is indented with one.
fn tab_error(noticed_line: usize, text: &str) -> SyntaxError {
    let mut from_here = (noticed_line..).zip(text.lines().skip(noticed_line - 1));
    let is_tabbed = |line: &str| line.trim_start_matches(' ').starts_with('\t');
    let tabbed = from_here.find(|(_, line)| is_tabbed(line));
    let line = tabbed.map_or(noticed_line, |(number, _)| number);
    error(
        Position { line, column: 1 },
        "this line is indented with a tab, which YAML doesn't allow",
    )
    .help("indent all lines with spaces")
}

/// Returns the column in which the content of a line starts. The hyphen of an item is not part of
/// it.
fn column(line: &str) -> usize {
    1 + line.len() - line.trim_start_matches([' ', '-']).len()
}
