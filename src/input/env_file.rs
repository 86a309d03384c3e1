//! Reads a .env file for `migrate`. Its variables become the JSON object of a secret, or literals
//! in a declaration. Errors and warnings never show a value.
//!
//! The parser follows `parser.py` of python-dotenv 1.2, with interpolation turned off. A test
//! compares the two. The crate `dotenvy` isn't an alternative, because it expands `$`, and reads
//! escapes and comments differently. `adotenv` 1.1.2 reads files as python-dotenv does, but leaves
//! copies of the values in memory.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::Read;
use std::path::Path;

use glob::Pattern;
use serde::Serializer;
use zeroize::Zeroizing;

use crate::input::cli::MigrateArguments;
use crate::input::inherited::is_reference;
use crate::input::text_file;
use crate::model::answer::SecretValue;
use crate::model::entry::is_aws_setting;
use crate::model::environment::{EnvName, OWN_PREFIX, matches_any};
use crate::model::message::{Problem, Record};
use crate::model::shown::shown;
use crate::system::os_error::unreadable;

/// AWS's limit for the size of a secret.
const MAX_BYTES: usize = 65_536;

/// The characters that other tools take literally only in single quotes.
const SPECIAL: [char; 6] = ['$', '#', '\\', '`', '"', '\''];

/// The variables that `migrate` moves, and the warnings about the file.
#[derive(Default)]
pub struct EnvFile {
    /// In the order of the file. Only the last occurrence of a name is included.
    pub variables: Vec<EnvVariable>,
    /// Empty with `--values` and `--for-local`, because these warnings are only printed together
    /// with the declaration.
    pub warnings: Vec<Record>,
    errors: Vec<Problem>,
    /// Variables that must not move to a secret, such as PATH, each as `NAME (FILE:LINE)`.
    left_out: Vec<String>,
}

/// A key in the secret, or a literal in the declaration.
pub struct EnvVariable {
    pub name: EnvName,
    pub value: SecretValue,
    pub is_literal: bool,
    quotes: Quotes,
    /// `FILE:LINE`
    position: String,
}

impl EnvVariable {
    /// The value as a JSON string, which is also valid YAML.
    pub fn json(&self) -> SecretValue {
        // Writing to memory doesn't fail.
        let json = Zeroizing::new(serde_json::to_string(&self.text()).unwrap_or_default());
        // An escape turns one byte into at most six. With this capacity, the text is never copied
        // while it grows.
        let mut escaped = Zeroizing::new(String::with_capacity(6 * json.len()));
        for c in json.chars() {
            match c {
                // JSON allows these characters without an escape, but YAML doesn't (YAML 1.2.2,
                // section 5.1).
                '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => {
                    escaped.push_str(&format!("\\u{:04x}", c as u32));
                }
                c => escaped.push(c),
            }
        }
        SecretValue::new(escaped.as_bytes())
    }

    /// The file is UTF-8, so the conversion doesn't change anything.
    fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.value.expose())
    }
}

/// True for a name that sounds like a secret, such as `DB_PASSWORD`. Many projects' example files
/// leave such a variable empty for the user to fill in.
fn is_to_be_filled_in(name: &EnvName) -> bool {
    let words = ["PASS", "SECRET", "TOKEN", "KEY", "CREDENTIAL"];
    let name = name.as_str().to_uppercase();
    words.iter().any(|word| name.contains(word))
}

/// True for a variable that is read before the secret, so the secret would set it too late.
/// Lowercase names don't match, because nothing reads them.
fn is_read_before_secrets(name: &EnvName) -> bool {
    let text = name.as_str();
    text == "PATH" || text.starts_with(OWN_PREFIX) || is_aws_setting(name)
}

/// True if `--literal` makes the variable a literal in the declaration.
///
/// PATH and AWS's keys must be named in full, because someone who writes `AWS_*` or `*` is only
/// thinking of harmless variables. The variables SECRETS_EXEC_* never become literals, because no
/// command gets them.
fn is_named_literal(patterns: &[Pattern], name: &EnvName) -> bool {
    let name = name.as_str();
    let needs_full_name = [
        "PATH",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
    ]
    .contains(&name);
    !name.starts_with(OWN_PREFIX)
        && patterns
            .iter()
            .any(|pattern| pattern.as_str() == name || (!needs_full_name && pattern.matches(name)))
}

/// `position` is `FILE` or `FILE:LINE`.
fn error(position: &str, what: impl Display) -> Problem {
    Problem::configuration(format!("{position}: {what}"))
}

/// Reads the variables of a .env file that `arguments` select.
///
/// An empty value becomes a literal, unless the variable's name sounds like a secret. Then the
/// variable moves to the secret, where the user still has to fill in the value.
pub fn read_env_file(arguments: &MigrateArguments) -> Result<EnvFile, Vec<Problem>> {
    let path = &arguments.file;
    let name = path.display().to_string();
    let bytes = read_bytes(path, &name).map_err(|problem| vec![problem])?;
    // The file is a positional argument, so the help has no option to show.
    let text =
        text_file::decode(&bytes, &name, "", path.to_str()).map_err(|problem| vec![problem])?;
    parse_env_file(&name, text, arguments)
}

fn read_bytes(path: &Path, name: &str) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let file = text_file::open(path, "the argument to migrate", "")?;
    let mut bytes = Zeroizing::new(Vec::new());
    let read = file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|error| unreadable(name, &error))?;
    if bytes.len() > MAX_BYTES {
        return Err(too_large(name));
    }
    Ok(bytes)
}

fn too_large(file: &str) -> Problem {
    let what = format!("the text is larger than {MAX_BYTES} bytes, the limit for a secret");
    error(file, what)
}

/// Parses the text of a .env file. `file` is its name in messages.
pub fn parse_env_file(
    file: &str,
    text: &str,
    arguments: &MigrateArguments,
) -> Result<EnvFile, Vec<Problem>> {
    // python-dotenv uses universal newlines, so `\r\n` and `\r` also end a line.
    let lines = Zeroizing::new(text.replace("\r\n", "\n").replace('\r', "\n"));
    let statements = statements(&lines);
    let unmatched = unmatched_patterns(&statements, arguments);

    let mut found = EnvFile::default();
    for statement in statements {
        let position = format!("{file}:{}", statement.line);
        found.add(statement, position, arguments);
    }
    if !unmatched.is_empty() {
        let what = format!("no name matches {}", unmatched.join(", "));
        found.errors.push(error(file, what));
    }
    if found.variables.is_empty() && found.errors.is_empty() {
        let help = "migrate moves what --only and --except select, but not PATH, SECRETS_EXEC_* or the settings of the AWS SDKs";
        let what = "this file has no variables to move";
        found.errors.push(error(file, what).help(help));
    }
    // Escapes can make the JSON larger than the file.
    if secret_json(&found.variables).expose().len() > MAX_BYTES {
        found.errors.push(too_large(file));
    }
    if !found.errors.is_empty() {
        return Err(found.errors);
    }

    found.warn(
        found.left_out.clone(),
        Record::warning("migrate leaves out what a launch reads before it reads the secret: PATH, SECRETS_EXEC_* and the settings of the AWS SDKs")
            .help("set them where secrets-exec is started. If your program needs one, use --literal NAME, or an entry of its own"),
    );
    found.warn(
        found.names_of(|variable| !variable.is_literal && is_reference(&variable.text())),
        Record::warning("migrate moves the text of a reference to the secret, where nothing resolves it")
            .help("in the declaration, write NAME: SECRET:KEY or, if your program reads the reference itself, use --literal NAME"),
    );
    found.warn(
        found.names_of(|variable| {
            let text = variable.text();
            let is_special = match variable.quotes {
                Quotes::Single => false,
                Quotes::Double => text.contains(SPECIAL),
                Quotes::None | Quotes::WithEscapes => {
                    text.contains(SPECIAL) || text.contains([';', '&'])
                }
            };
            text.contains("${") || is_special
        }),
        Record::warning("a shell, Compose, Node and others may read a value differently, because of `$`, `#`, `;`, `&`, a backslash, a backtick or a quote")
            .help("compare the value with what your program gets today. For ${NAME}, write a template"),
    );
    if arguments.values || arguments.for_local {
        found.warnings.clear();
    }
    Ok(found)
}

impl EnvFile {
    fn names_of(&self, is_meant: impl Fn(&EnvVariable) -> bool) -> Vec<String> {
        self.variables
            .iter()
            .filter(|variable| is_meant(variable))
            .map(|EnvVariable { name, position, .. }| format!("{name} ({position})"))
            .collect()
    }

    fn warn(&mut self, entries: Vec<String>, warning: Record) {
        if !entries.is_empty() {
            self.warnings.push(warning.for_entries(entries));
        }
    }

    /// Adds the variable that a statement sets, unless it is malformed, not selected or left out.
    fn add(&mut self, statement: Statement, position: String, arguments: &MigrateArguments) {
        let Some(Binding {
            name: written_name,
            value,
        }) = statement.binding
        else {
            let what = "this line isn't NAME=VALUE, or its quotes don't match";
            let help = "write NAME=VALUE, or begin a comment with #. Quote a value that contains quotes or line breaks, and put nothing after it";
            return self.errors.push(error(&position, what).help(help));
        };
        if !is_selected(&written_name, arguments) {
            return;
        }
        // As in python-dotenv, a later line replaces an earlier one with the same name, even if it
        // has no value.
        self.variables
            .retain(|variable| variable.name.as_str() != written_name);
        let Some(value) = value else {
            let what = "this line has a name but no value, so migrate leaves it out";
            let warning = Record::warning(format!("{position}: {what}"));
            return self.warnings.push(warning);
        };
        let Some(name) = EnvName::parse(&written_name) else {
            let what =
                "a name can contain only letters, digits and \"_\", and can't begin with a digit";
            let help = "correct the name, or leave it out with --except";
            return self.errors.push(error(&position, what).help(help));
        };
        let is_named = is_named_literal(&arguments.literal, &name);
        if !is_named && is_read_before_secrets(&name) {
            return self.left_out.push(format!("{name} ({position})"));
        }
        let is_empty = value.text.expose().is_empty();
        self.variables.push(EnvVariable {
            is_literal: is_named || (is_empty && !is_to_be_filled_in(&name)),
            name,
            value: value.text,
            quotes: value.quotes,
            position,
        });
    }
}

fn unmatched_patterns(statements: &[Statement], arguments: &MigrateArguments) -> Vec<String> {
    let names: Vec<&str> = statements
        .iter()
        .flat_map(|statement| &statement.binding)
        .map(|binding| binding.name.as_str())
        .collect();
    [&arguments.only, &arguments.except, &arguments.literal]
        .into_iter()
        .flatten()
        .filter(|pattern| !names.iter().any(|name| pattern.matches(name)))
        .map(|pattern| shown(pattern.as_str()))
        .collect()
}

fn is_selected(name: &str, MigrateArguments { only, except, .. }: &MigrateArguments) -> bool {
    (only.is_empty() || matches_any(only, name)) && !matches_any(except, name)
}

/// The JSON object for the secret, without the literals.
pub fn secret_json(variables: &[EnvVariable]) -> SecretValue {
    let mut text = Vec::new();
    // Writing to memory doesn't fail.
    let _ = serde_json::Serializer::new(&mut text).collect_map(
        variables
            .iter()
            .filter(|variable| !variable.is_literal)
            .map(|variable| (variable.name.as_str(), variable.text())),
    );
    SecretValue::new(text)
}

struct Statement {
    /// The first line of the statement, counted from 1.
    line: usize,
    /// `None` for a malformed statement, which is an error. python-dotenv skips it with a warning.
    binding: Option<Binding>,
}

struct Binding {
    /// The name as written, even if it isn't valid for a variable.
    name: String,
    /// `None` if the `=` is missing.
    value: Option<WrittenValue>,
}

struct WrittenValue {
    text: SecretValue,
    quotes: Quotes,
}

#[derive(Clone, Copy)]
enum Quotes {
    None,
    Single,
    Double,
    /// In quotes of either kind, with an escape, which other tools read differently.
    WithEscapes,
}

impl WrittenValue {
    fn unquoted(text: &str) -> Self {
        Self {
            text: SecretValue::new(text),
            quotes: Quotes::None,
        }
    }
}

/// Splits a text into its statements. Lines must end with `\n`, not `\r\n`.
fn statements(text: &str) -> Vec<Statement> {
    let rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = DotenvReader { rest, line: 1 };
    let mut statements = Vec::new();
    loop {
        reader.skip(is_space);
        if reader.rest.is_empty() {
            return statements;
        }
        let line = reader.line;
        if let Some(rest) = reader.rest.strip_prefix("export")
            && rest.starts_with(is_blank)
        {
            reader.advance(rest.trim_start_matches(is_blank));
        }
        if !reader.rest.starts_with('#') {
            let binding = reader.binding();
            statements.push(Statement { line, binding });
        }
        // The rest of the line is a comment, or belongs to a malformed statement.
        reader.skip(|c| c != '\n');
    }
}

struct DotenvReader<'t> {
    /// The unread text.
    rest: &'t str,
    /// The line on which `rest` begins, counted from 1.
    line: usize,
}

impl<'t> DotenvReader<'t> {
    fn binding(&mut self) -> Option<Binding> {
        let name = self.read_name()?;
        self.skip(is_blank);

        let mut value = None;
        if let Some(rest) = self.rest.strip_prefix('=') {
            self.advance(rest);
            value = Some(self.read_value()?);
        }

        self.skip(is_blank);
        if !self.rest.is_empty() && !self.rest.starts_with(['#', '\n']) {
            return None;
        }
        Some(Binding { name, value })
    }

    /// A name in single quotes can contain any character except a single quote.
    fn read_name(&mut self) -> Option<String> {
        let (name, rest) = match self.rest.strip_prefix('\'') {
            Some(quoted) => quoted.split_once('\'')?,
            None => {
                let end = self
                    .rest
                    .find(|c: char| c == '=' || c == '#' || is_space(c));
                self.rest.split_at(end.unwrap_or(self.rest.len()))
            }
        };
        self.advance(rest);
        if name.is_empty() {
            return None;
        }
        Some(name.to_owned())
    }

    fn read_value(&mut self) -> Option<WrittenValue> {
        let before = self.rest.len();
        self.skip(is_blank);
        // After a space, `#` begins a comment. Right after the equals sign, it belongs to the
        // value.
        let has_blank = self.rest.len() < before;
        match self.rest.chars().next() {
            Some('#') if has_blank => Some(WrittenValue::unquoted("")),
            Some('\'') => self.read_quoted('\'', Quotes::Single),
            Some('"') => self.read_quoted('"', Quotes::Double),
            _ => Some(self.read_unquoted()),
        }
    }

    /// The value can span several lines.
    fn read_quoted(&mut self, quote: char, mut quotes: Quotes) -> Option<WrittenValue> {
        let mut value = String::new();
        let mut chars = self.rest.strip_prefix(quote)?.chars();
        loop {
            match chars.next()? {
                '\\' => {
                    let escaped = chars.next()?;
                    match unescaped(escaped, quote) {
                        Some(c) => {
                            value.push(c);
                            quotes = Quotes::WithEscapes;
                        }
                        None => value.extend(['\\', escaped]),
                    }
                }
                c if c == quote => break,
                c => value.push(c),
            }
        }
        self.advance(chars.as_str());
        let text = SecretValue::new(value);
        Some(WrittenValue { text, quotes })
    }

    fn read_unquoted(&mut self) -> WrittenValue {
        let line = self.rest.split('\n').next().unwrap_or_default();
        self.advance(&self.rest[line.len()..]);

        let end = line
            .match_indices('#')
            .find(|(at, _)| line[..*at].ends_with(is_space))
            .map_or(line.len(), |(at, _)| at);
        WrittenValue::unquoted(line[..end].trim_end_matches(is_space))
    }

    fn skip(&mut self, is_skipped: impl Fn(char) -> bool) {
        self.advance(self.rest.trim_start_matches(is_skipped));
    }

    /// Skips the text before `rest`, which must be the end of the unread text.
    fn advance(&mut self, rest: &'t str) {
        let passed = &self.rest[..self.rest.len() - rest.len()];
        self.line += passed.bytes().filter(|byte| *byte == b'\n').count();
        self.rest = rest;
    }
}

/// The character that `c` stands for after a backslash, in a value with this kind of quotes.
fn unescaped(c: char, quote: char) -> Option<char> {
    match (c, quote) {
        ('\\' | '\'', _) | ('"', '"') => Some(c),
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

/// True for what `\s` matches in Python: Unicode whitespace, and the ASCII separators U+001C to
/// U+001F.
fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
}

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
