//! Parses a .env file in the same way as python-dotenv 1.2 with interpolation turned off.
//!
//! The grammar is the one in that package's `parser.py`, and a test compares the two parsers.
//! Crates such as dotenvy can't be used, because they expand `$`, and read escapes and comments
//! differently.

use crate::model::secret_value::SecretValue;

/// A statement of a .env file.
#[derive(Debug)]
pub struct Statement {
    /// The line on which the statement begins. Lines are counted from 1.
    pub line: usize,
    /// The name and its value. It is `None` for a malformed statement, which python-dotenv skips
    /// with a warning. The other fields then mean nothing, except `line`.
    pub binding: Option<DotenvBinding>,
    /// True if Node.js (`--env-file`) or npm's dotenv reads another value. They only support the
    /// escape `\n` (dotenv also `\r`), treat backticks as quotes, and end a value without quotes at
    /// `#`.
    pub differs_in_node: bool,
    /// True if the value isn't in quotes, and its line ends with a backslash. systemd and shells
    /// append the next line to such a value.
    pub continues_elsewhere: bool,
}

/// A name and its value. The name can be any text. The value is `None` for a name without `=`.
pub type DotenvBinding = (String, Option<SecretValue>);

/// Returns the statements in the order of the file. In `text`, every line ends with a line feed.
pub fn statements(text: &str) -> Vec<Statement> {
    let rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = DotenvReader {
        rest,
        line: 1,
        differs_in_node: false,
        continues_elsewhere: false,
    };

    let mut statements = Vec::new();
    while !reader.rest.is_empty() {
        reader.skip(is_space);
        let line = reader.line;
        reader.differs_in_node = false;
        reader.continues_elsewhere = false;

        let binding = match reader.statement() {
            Ok(Some((name, value))) => Some((name, value.map(SecretValue::new))),
            Ok(None) => continue,
            Err(Malformed) => {
                reader.skip(|c| c != '\n');
                reader.take('\n');
                None
            }
        };
        statements.push(Statement {
            line,
            binding,
            differs_in_node: reader.differs_in_node,
            continues_elsewhere: reader.continues_elsewhere,
        });
    }
    statements
}

/// The error of a malformed statement.
struct Malformed;

/// A position in the text, from which the parser reads.
struct DotenvReader<'t> {
    /// The text that has not been read yet.
    rest: &'t str,
    /// The line of the position, counted from 1.
    line: usize,
    /// True if the statement that is being read has a value for which
    /// [`Statement::differs_in_node`] is true.
    differs_in_node: bool,
    /// See [`Statement::continues_elsewhere`].
    continues_elsewhere: bool,
}

impl<'t> DotenvReader<'t> {
    /// Reads a name with its value, and the rest of its line. Returns `None` for a comment, and at
    /// the end of the text.
    ///
    /// # Errors
    /// If the statement is malformed. The position is then somewhere within it.
    fn statement(&mut self) -> Result<Option<(String, Option<String>)>, Malformed> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        self.skip_export();
        let name = self.read_name()?;
        self.skip(is_blank);
        let value = if self.take('=') {
            Some(self.read_value()?)
        } else {
            None
        };
        self.skip_comment();
        self.skip(is_blank);
        if !self.rest.is_empty() && !self.take('\n') {
            return Err(Malformed);
        }
        Ok(name.map(|name| (name, value)))
    }

    /// Skips the word `export` and the spaces after it. Does nothing if the position isn't at this
    /// word, or if no space follows it.
    fn skip_export(&mut self) {
        if let Some(rest) = self.rest.strip_prefix("export")
            && rest.starts_with(is_blank)
        {
            self.advance(rest.trim_start_matches(is_blank));
        }
    }

    /// Reads a name. Returns `None` at a comment. A name in quotes can have any character except
    /// the quote.
    ///
    /// # Errors
    /// When there isn't a name, or when its quote is never closed.
    fn read_name(&mut self) -> Result<Option<String>, Malformed> {
        if self.rest.starts_with('#') {
            return Ok(None);
        }
        let (name, rest) = match self.rest.strip_prefix('\'') {
            Some(quoted) => quoted.split_once('\'').ok_or(Malformed)?,
            None => self
                .rest
                .split_at(end_of(self.rest, |c| c == '=' || c == '#' || is_space(c))),
        };
        if name.is_empty() {
            return Err(Malformed);
        }
        self.advance(rest);
        Ok(Some(name.to_owned()))
    }

    /// Reads the value after `=`.
    ///
    /// # Errors
    /// When the quote of the value is never closed.
    fn read_value(&mut self) -> Result<String, Malformed> {
        let before = self.rest.len();
        self.skip(is_blank);
        // After a space, `#` begins a comment. Right after the equals sign, it belongs to the
        // value.
        let has_blank = self.rest.len() < before;
        match self.rest.chars().next() {
            None | Some('\n') => Ok(String::new()),
            Some('#') if has_blank => Ok(String::new()),
            Some(quote @ ('\'' | '"')) => self.read_quoted(quote).ok_or(Malformed),
            Some(_) => Ok(self.read_unquoted()),
        }
    }

    /// Reads a value in quotes, which can have several lines. An unknown escape stays as it is.
    /// Notes whether Node reads another value. Returns `None` if the quote is never closed.
    fn read_quoted(&mut self, quote: char) -> Option<String> {
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

    /// Reads a value without quotes: the rest of the line, except a comment after a space and the
    /// spaces at the end. Notes whether Node, or systemd and shells, read another value.
    fn read_unquoted(&mut self) -> String {
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
        self.continues_elsewhere = line.ends_with('\\');
        value.to_owned()
    }

    /// Skips a comment, and the spaces before it.
    fn skip_comment(&mut self) {
        let rest = self.rest.trim_start_matches(is_blank);
        if rest.starts_with('#') {
            self.advance(&rest[end_of(rest, |c| c == '\n')..]);
        }
    }

    /// Skips all characters for which `is_skipped` returns true.
    fn skip(&mut self, is_skipped: impl Fn(char) -> bool) {
        self.advance(self.rest.trim_start_matches(is_skipped));
    }

    /// Skips the character `c`. Returns false if the next character is another one.
    fn take(&mut self, c: char) -> bool {
        let rest = self.rest.strip_prefix(c);
        self.advance(rest.unwrap_or(self.rest));
        rest.is_some()
    }

    /// Moves the position to the start of `rest`, which must be a suffix of the unread text.
    fn advance(&mut self, rest: &'t str) {
        let passed = &self.rest[..self.rest.len() - rest.len()];
        self.line += passed.bytes().filter(|byte| *byte == b'\n').count();
        self.rest = rest;
    }
}

/// Returns the position of the first character for which `is_end` returns true, or the length of
/// the text.
fn end_of(text: &str, is_end: impl Fn(char) -> bool) -> usize {
    text.find(is_end).unwrap_or(text.len())
}

/// Returns the character that a backslash and `c` stand for within these quotes. Returns `None` for
/// an unknown escape.
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

/// Returns true for a character that `\s` matches in Python: Unicode whitespace, and the four ASCII
/// separators U+001C to U+001F.
fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
}

/// Returns true for a space that doesn't end a line.
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
