//! Reads a .env file as python-dotenv 1.2 does without interpolation: its grammar is the file `parser.py` of that package, which a
//! test of this repository runs against this one.
//!
//! dotenvy and other crates cannot be used: they expand `$`, and read escapes and comments otherwise.

use crate::model::secret_value::SecretValue;

/// A statement of a .env file.
#[derive(Debug)]
pub struct Statement {
    /// The line that it begins on, counted from 1.
    pub line: usize,
    /// `None` for a statement that python-dotenv passes over with a warning.
    pub binding: Option<DotenvBinding>,
    /// True if Node.js (`--env-file`) or npm's dotenv reads another value: they know no escape but `\n` (dotenv `\r`, too), take backticks for
    /// quotes, and end a value without quotes at `#`.
    pub differs_in_node: bool,
}

/// A name, which may be any text, and its value; `None` for a name alone.
pub type DotenvBinding = (String, Option<SecretValue>);

/// Returns the statements in order. `text` has line feeds alone at the ends of its lines.
pub fn statements(text: &str) -> Vec<Statement> {
    let rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = DotenvReader {
        rest,
        line: 1,
        differs_in_node: false,
    };
    let mut statements = Vec::new();
    while !reader.rest.is_empty() {
        reader.skip(is_space);
        let line = reader.line;
        reader.differs_in_node = false;
        match reader.statement() {
            Ok(Some((name, value))) => {
                let binding = Some((name, value.map(SecretValue::new)));
                statements.push(Statement {
                    line,
                    binding,
                    differs_in_node: reader.differs_in_node,
                });
            }
            Ok(None) => {}
            Err(Illegal) => {
                statements.push(Statement {
                    line,
                    binding: None,
                    differs_in_node: false,
                });
                reader.skip(|c| c != '\n');
                reader.take('\n');
            }
        }
    }
    statements
}

/// A statement that is illegal from the reader's position on.
struct Illegal;

/// A position in the text.
struct DotenvReader<'t> {
    rest: &'t str,
    /// Counted from 1.
    line: usize,
    /// That of the statement.
    differs_in_node: bool,
}

impl<'t> DotenvReader<'t> {
    /// Reads a name with its value; `None` before a comment or the end.
    fn statement(&mut self) -> Result<Option<(String, Option<String>)>, Illegal> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        self.export();
        let name = self.name()?;
        self.skip(is_blank);
        let value = if self.take('=') {
            Some(self.value_after_equals()?)
        } else {
            None
        };
        self.comment();
        self.skip(is_blank);
        if !self.rest.is_empty() && !self.take('\n') {
            return Err(Illegal);
        }
        Ok(name.map(|name| (name, value)))
    }

    /// Passes over `export` and the blanks after it.
    fn export(&mut self) {
        if let Some(rest) = self.rest.strip_prefix("export")
            && rest.starts_with(is_blank)
        {
            self.advance(rest.trim_start_matches(is_blank));
        }
    }

    /// Reads a name; `None` at a comment. A name in quotes may have any other characters.
    fn name(&mut self) -> Result<Option<String>, Illegal> {
        if self.rest.starts_with('#') {
            return Ok(None);
        }
        let (name, rest) = match self.rest.strip_prefix('\'') {
            Some(quoted) => quoted.split_once('\'').ok_or(Illegal)?,
            None => self
                .rest
                .split_at(end_of(self.rest, |c| c == '=' || c == '#' || is_space(c))),
        };
        if name.is_empty() {
            return Err(Illegal);
        }
        self.advance(rest);
        Ok(Some(name.to_owned()))
    }

    fn value_after_equals(&mut self) -> Result<String, Illegal> {
        let before = self.rest.len();
        self.skip(is_blank);
        // After a blank, `#` begins a comment; right after the equals sign, it belongs to the value.
        let has_blank = self.rest.len() < before;
        match self.rest.chars().next() {
            None | Some('\n') => Ok(String::new()),
            Some('#') if has_blank => Ok(String::new()),
            Some(quote @ ('\'' | '"')) => self.quoted(quote).ok_or(Illegal),
            Some(_) => Ok(self.unquoted()),
        }
    }

    /// Reads a value in quotes, which may have several lines. An unknown escape is left as it is.
    fn quoted(&mut self, quote: char) -> Option<String> {
        let mut value = String::new();
        let mut chars = self.rest.strip_prefix(quote)?.chars();
        loop {
            match chars.next()? {
                '\\' => {
                    let escaped = chars.next()?;
                    match unescaped(escaped, quote) {
                        Some(c) => {
                            self.differs_in_node |= escaped != 'n';
                            value.push(c);
                        }
                        None => value.extend(['\\', escaped]),
                    }
                }
                c if c == quote => break,
                c => value.push(c),
            }
        }
        self.advance(chars.as_str());
        Some(value)
    }

    /// Reads the rest of the line, without a comment after a blank and without blanks at its end.
    fn unquoted(&mut self) -> String {
        let (line, rest) = self.rest.split_at(end_of(self.rest, |c| c == '\n'));
        self.advance(rest);
        let comment = line
            .match_indices('#')
            .find(|(at, _)| line[..*at].ends_with(is_space));
        let end = comment.map_or(line.len(), |(at, _)| at);
        let value = line[..end].trim_end_matches(is_space);
        let is_in_backticks = value
            .strip_prefix('`')
            .is_some_and(|rest| rest.contains('`'));
        self.differs_in_node = is_in_backticks || value.contains('#');
        value.to_owned()
    }

    fn comment(&mut self) {
        let rest = self.rest.trim_start_matches(is_blank);
        if rest.starts_with('#') {
            self.advance(&rest[end_of(rest, |c| c == '\n')..]);
        }
    }

    fn skip(&mut self, is_skipped: impl Fn(char) -> bool) {
        self.advance(self.rest.trim_start_matches(is_skipped));
    }

    fn take(&mut self, c: char) -> bool {
        let rest = self.rest.strip_prefix(c);
        self.advance(rest.unwrap_or(self.rest));
        rest.is_some()
    }

    /// Moves to `rest`, an end of the text.
    fn advance(&mut self, rest: &'t str) {
        let passed = &self.rest[..self.rest.len() - rest.len()];
        self.line += passed.bytes().filter(|byte| *byte == b'\n').count();
        self.rest = rest;
    }
}

/// The position of the first such character, or the end.
fn end_of(text: &str, is_end: impl Fn(char) -> bool) -> usize {
    text.find(is_end).unwrap_or(text.len())
}

/// Returns the character that a backslash before `c` stands for.
fn unescaped(c: char, quote: char) -> Option<char> {
    match (c, quote) {
        ('\\' | '\'', _) => Some(c),
        ('"', '"') => Some('"'),
        ('a', '"') => Some('\x07'),
        ('b', '"') => Some('\x08'),
        ('f', '"') => Some('\x0c'),
        ('n', '"') => Some('\n'),
        ('r', '"') => Some('\r'),
        ('t', '"') => Some('\t'),
        ('v', '"') => Some('\x0b'),
        (_, _) => None,
    }
}

/// True for a space of Python's regular expressions: those of Unicode and the four separators of ASCII.
fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
}

/// True for a space within a line.
fn is_blank(c: char) -> bool {
    is_space(c) && c != '\n' && c != '\r'
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic_and_no_line_is_beyond_the_last(text in "(?s)[ab=#'\"\\\\\\n \u{a0}\u{1c}\u{feff}$.]{0,40}") {
            let last = 1 + text.matches('\n').count();
            prop_assert!(statements(&text).iter().all(|statement| statement.line <= last));
        }
    }
}
