//! Errors of syntax: those of the parser, in words of our own for the mistakes that people make most.
//!
//! A line of a file may hold a value, so no message shows it. A message may show a key of ours before the place, and a reference after `from`.

use granit_parser::{ErrorKind, ScanError};

use crate::model::reference::Reference;

/// A position in a file. Lines, and columns in characters, are counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    pub line: usize,
    pub column: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    pub position: Position,
    /// The message, without the position.
    pub message: String,
    pub help: Option<String>,
}

impl SyntaxError {
    /// Adds the remedy.
    pub fn help(self, help: impl Into<String>) -> Self {
        Self {
            help: Some(help.into()),
            ..self
        }
    }
}

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

/// Returns the error of the parser in a text, with a remedy if its cause is a frequent one.
pub fn parser_error(scan: &ScanError, text: &str) -> SyntaxError {
    let marker = scan.marker();
    let place = Place::new(text, position(marker.line(), marker.col()));
    let found = match scan.kind() {
        ErrorKind::TabInBlockIndentation
        | ErrorKind::TabNotAllowed
        | ErrorKind::TabInIndentation
        | ErrorKind::TabAtBlockScalarStart
        | ErrorKind::TabInPlainScalar => place.tab(),
        ErrorKind::UnexpectedCharacter { .. }
        | ErrorKind::UnknownAnchor
        | ErrorKind::MissingAnchorOrAliasName
        | ErrorKind::InvalidBlockScalarHeader => place.start_of_value(),
        ErrorKind::MappingValueNotAllowed | ErrorKind::SimpleKeyExpected => place
            .colon()
            .or_else(|| place.indentation())
            .or_else(|| Some(place.missing_colon())),
        ErrorKind::ExpectedFlowMappingSeparator | ErrorKind::ExpectedFlowSequenceSeparator => {
            let missing = "a comma or a closing bracket is missing before this";
            place
                .colon()
                .or_else(|| place.bracket())
                .or_else(|| Some(error(place.position, missing)))
        }
        ErrorKind::ExpectedBlockMappingKey
        | ErrorKind::ExpectedBlockSequenceEntry
        | ErrorKind::ExpectedDocumentStart => place.indentation(),
        _ => None,
    };
    found.unwrap_or_else(|| error(place.position, scan.info()))
}

/// The place of an error.
struct Place<'t> {
    lines: Vec<&'t str>,
    position: Position,
    /// The parts of the line before the place and from there on.
    before: &'t str,
    after: &'t str,
}

impl<'t> Place<'t> {
    fn new(text: &'t str, position: Position) -> Self {
        let lines: Vec<&str> = text.lines().collect();
        let line = lines.get(position.line - 1).copied().unwrap_or_default();
        let at = line.char_indices().nth(position.column - 1);
        let (before, after) = line.split_at(at.map_or(line.len(), |(at, _)| at));
        Self {
            lines,
            position,
            before,
            after,
        }
    }

    /// Returns the error of the first line from here on that is indented with a tab.
    fn tab(&self) -> Option<SyntaxError> {
        let mut lines = self.lines.iter().enumerate().skip(self.position.line - 1);
        let (at, line) = lines.find(|(_, line)| line.trim_start_matches(' ').starts_with('\t'))?;
        let text = "this line is indented with a tab, which YAML does not allow";
        let column = line.find('\t')? + 1;
        let line = at + 1;
        Some(error(Position { line, column }, text).help("indent all lines with spaces"))
    }

    /// Returns the error of a value whose first character has a meaning in YAML.
    fn start_of_value(&self) -> Option<SyntaxError> {
        let character = self.after.chars().next()?;
        let text = format!("a value that starts with \"{character}\" needs quotes");
        Some(error(self.position, text).help(self.quotes()))
    }

    /// Returns the error of a colon within a value.
    fn colon(&self) -> Option<SyntaxError> {
        let after = self.after.strip_prefix(':')?.trim_start();
        if !self.before.contains(": ") {
            return None;
        }
        let is_end = after.is_empty() || after.starts_with(['#', ',', '}', ']']);
        let is_text = self.before.contains("value: ") || self.before.contains("template: ");
        let (text, help) = match is_end {
            true => (
                "a value that ends with a colon needs quotes",
                "leave out the colons at its end, or ",
            ),
            false => (
                "a value that contains a colon and a space needs quotes",
                "leave out the space if this is a reference, or ",
            ),
        };
        let help = if is_text { "" } else { help };
        let help = format!("{help}{}", self.quotes());
        Some(error(self.position, text).help(help))
    }

    /// Returns the error of an opening bracket within a value that is itself in brackets.
    fn bracket(&self) -> Option<SyntaxError> {
        let bracket = self.after.chars().next().filter(|c| "[{".contains(*c))?;
        let text = format!("inside brackets, a value that contains \"{bracket}\" needs quotes");
        let help = match self.reference() {
            Some(reference) => format!("write from: \"{reference}\""),
            None => self.quotes(),
        };
        Some(error(self.position, text).help(help))
    }

    /// Returns the reference after `from` if it has a JSONPath or a variable, as no password has.
    fn reference(&self) -> Option<&'t str> {
        let line = self.lines.get(self.position.line - 1)?;
        let (start, _) = self.before.rsplit_once("from: ")?;
        let text = line[start.len() + "from: ".len()..]
            .split([',', ' '])
            .next()?;
        let is_reference = text.contains(":$") || text.contains("${");
        (is_reference && Reference::parse(text).is_ok()).then_some(text)
    }

    /// Returns the error of a line that begins at another column than the line above, or than the first line if it is not indented. The
    /// place is in its first word.
    fn indentation(&self) -> Option<SyntaxError> {
        let here = indentation(self.lines.get(self.position.line - 1)?);
        let above = self.lines.iter().take(self.position.line - 1);
        let mut above = above
            .enumerate()
            .filter(|(_, line)| !matches!(line.trim_start().chars().next(), None | Some('#')));
        let (at, other) = if here == 0 {
            above.next()
        } else {
            above.next_back()
        }?;
        let there = indentation(other);
        if here == there || self.before.contains(": ") {
            return None;
        }
        let is_indented = |spaces| match spaces {
            0 => "is not indented".to_owned(),
            1 => "is indented by 1 space".to_owned(),
            _ => format!("is indented by {spaces} spaces"),
        };
        let (this, that) = (is_indented(here), is_indented(there));
        let text = format!("this line {this}, but line {} {that}", at + 1);
        let column = here + 1;
        let start = Position {
            column,
            ..self.position
        };
        Some(
            error(start, text).help("indent all entries of a section by the same number of spaces"),
        )
    }

    fn missing_colon(&self) -> SyntaxError {
        let text = "in this line or the one above, the name needs a colon and a space after it";
        error(self.position, text).help("write it as in DB_PASSWORD: prod/db:password")
    }

    /// Returns the advice to put quotes around the value at the place, with its key if that is one of ours.
    fn quotes(&self) -> String {
        let before = self
            .before
            .rsplit_once(": ")
            .map_or("", |(before, _)| before);
        let mut keys = ["from", "value", "template", "default"].into_iter();
        match keys.find(|key| before.ends_with(key)) {
            Some(key) => format!("put the whole value in quotes: {key}: \"…\""),
            None => "put the whole value in quotes".to_owned(),
        }
    }
}

/// Returns the number of spaces before the content of a line. The hyphen of an item is one of them.
fn indentation(line: &str) -> usize {
    line.len() - line.trim_start_matches([' ', '-']).len()
}
