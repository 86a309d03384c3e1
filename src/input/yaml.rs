//! Parses YAML into a syntax tree, in which each node has its position. Each scalar stays text: the
//! code that reads it decides whether it is a number or a boolean. JSON files are parsed in the
//! same way, because JSON is valid YAML.
//!
//! serde would stop at the first error. With a tree, the readers of declarations can report all
//! errors together.
//!
//! The parser's messages only make sense to experts in the grammar of YAML, so frequent mistakes,
//! such as a colon in a value, get our own messages and help. A line of the file may contain a
//! secret, so a message shows at most one character or the tag of a value. Its help shows only
//! names, references and templates.

use std::collections::BTreeMap;

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, Span};

use crate::model::fault::{Fault, overlooked_in_line};

/// A value, with the position of its first character.
#[derive(Clone, Debug)]
pub struct Node {
    pub position: Position,
    pub kind: Kind,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// A scalar in quotes, or a block scalar.
    Text(String),
    /// A scalar without quotes, with its text unchanged.
    Plain(String),
    List(Vec<Node>),
    /// The entries are in the order of the file, and their keys are unique.
    Mapping(Vec<(Key, Node)>),
}

#[derive(Clone, Debug)]
pub struct Key {
    pub position: Position,
    pub text: String,
}

impl Node {
    pub(super) fn scalar_text(&self) -> Option<&str> {
        let (Kind::Text(text) | Kind::Plain(text)) = &self.kind else {
            return None;
        };
        if self.is_null() {
            return None;
        }
        Some(text)
    }

    /// The value of a boolean without quotes (YAML 1.2.2, section 10.3.2).
    pub fn boolean(&self) -> Option<bool> {
        let Kind::Plain(text) = &self.kind else {
            return None;
        };
        match text.as_str() {
            "true" | "True" | "TRUE" => Some(true),
            "false" | "False" | "FALSE" => Some(false),
            _ => None,
        }
    }

    /// True for a scalar without quotes that would be a number in JSON.
    pub fn is_number(&self) -> bool {
        matches!(&self.kind, Kind::Plain(text) if serde_json::from_str::<serde_json::Number>(text).is_ok())
    }

    /// The entries of a mapping.
    pub fn entries(&self) -> Option<&[(Key, Self)]> {
        let Kind::Mapping(entries) = &self.kind else {
            return None;
        };
        Some(entries)
    }

    /// The value of the key `name` in a mapping.
    pub fn value_of(&self, name: &str) -> Option<&Self> {
        let (_, value) = self.entries()?.iter().find(|(key, _)| key.text == name)?;
        Some(value)
    }

    /// True for `null`, `~` or an empty value, without quotes (YAML 1.2.2, section 10.3.2).
    pub fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Plain(text) if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// The type in messages. Every scalar is `a string`, even a number.
    pub(super) fn type_name(&self) -> &'static str {
        match &self.kind {
            Kind::Text(_) | Kind::Plain(_) => "a string",
            Kind::List(_) => "a list",
            Kind::Mapping(_) => "a mapping",
        }
    }
}

/// Limits the nodes that are copied for YAML's anchors and aliases. Otherwise, a small file could
/// expand to a huge tree ("billion laughs").
const MAX_COPIED_NODES: usize = 100_000;

/// Keeps the recursion of the builder from overflowing the stack.
const MAX_DEPTH: usize = 64;

/// Parses a whole file. An empty file becomes a null. If the syntax is wrong, there is no tree, and
/// the syntax error is the only error. If a key is repeated within a mapping, the tree has only its
/// first value, and each repetition is an error.
pub(super) fn parse_yaml(text: &str) -> (Option<Node>, Vec<FaultAt>) {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut builder = YamlBuilder {
        text,
        events: Parser::new_from_str(text),
        anchors: BTreeMap::new(),
        copied_nodes: 0,
        duplicates: Vec::new(),
    };
    match builder.document() {
        Ok(node) => (Some(node), builder.duplicates),
        Err(fault) => (None, vec![fault]),
    }
}

struct YamlBuilder<'t, I> {
    /// The whole text, for messages about syntax errors.
    text: &'t str,
    events: I,
    /// A copy of each node with an anchor, by the parser's number for the anchor.
    anchors: BTreeMap<usize, Node>,
    copied_nodes: usize,
    duplicates: Vec<FaultAt>,
}

impl<'t, I: Iterator<Item = Result<(Event<'t>, Span), ScanError>>> YamlBuilder<'t, I> {
    fn document(&mut self) -> Result<Node, FaultAt> {
        let mut document = None;
        loop {
            let (event, position) = self.next_event()?;
            match event {
                Event::StreamEnd => break,
                Event::DocumentStart(..) if document.is_some() => {
                    let text = "a second YAML document starts here, but a file can have only one";
                    return Err(position.fault(text));
                }
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
                event => document = Some(self.node(event, position, 0)?),
            }
        }

        Ok(document.unwrap_or_else(|| Node {
            position: position(1, 0),
            kind: Kind::Plain(String::new()),
        }))
    }

    fn next_event(&mut self) -> Result<(Event<'t>, Position), FaultAt> {
        match self.events.next() {
            Some(Ok((event, span))) => Ok((event, position(span.start.line(), span.start.col()))),
            Some(Err(scan)) => Err(parser_error(&scan, self.text)),
            None => Ok((Event::StreamEnd, position(1, 0))),
        }
    }

    /// Reads the node that starts with `event`, and everything below it.
    fn node(
        &mut self,
        event: Event<'t>,
        position: Position,
        depth: usize,
    ) -> Result<Node, FaultAt> {
        if depth > MAX_DEPTH {
            let text = "lists and mappings are nested more than 64 levels deep";
            return Err(position.fault(text));
        }

        let (kind, anchor) = match event {
            // YAML reads a value such as `&w0rd` as an anchor without a node, for which the parser
            // returns the scalar `~`. Anchors are numbered from 1.
            Event::Scalar(text, ScalarStyle::Plain, 1.., None) if &*text == "~" => {
                return Err(position.fault(needs_quotes("&")));
            }
            Event::Scalar(text, ScalarStyle::Plain, anchor, None) => {
                (Kind::Plain(text.into_owned()), anchor)
            }
            Event::Scalar(text, _, anchor, None) => (Kind::Text(text.into_owned()), anchor),
            Event::SequenceStart(_, anchor, None) => (self.list(depth)?, anchor),
            Event::MappingStart(_, anchor, None) => (self.mapping(depth)?, anchor),
            // The remaining nodes have a tag. A tag without a value may be a password that begins
            // with `!`.
            Event::Scalar(text, ..) if text.is_empty() => {
                return Err(position.fault(Fault::new(TAG).help(QUOTES)));
            }
            Event::Scalar(..) | Event::SequenceStart(..) | Event::MappingStart(..) => {
                return Err(position.fault(Fault::new(TAG).help(TAG_HELP)));
            }
            Event::Alias(id) => {
                // A node is stored only when it is complete, so an alias inside the node doesn't
                // find it.
                let text = "this YAML alias is used inside its own anchor";
                let anchored = self.anchors.get(&id);
                let node = anchored.ok_or_else(|| position.fault(text))?;
                let copied = copy(node, &mut self.copied_nodes, position)?;
                // Messages are about the alias, not about its anchor.
                return Ok(Node { position, ..copied });
            }
            // The other events end a sequence, a mapping or the document.
            _ => return Err(position.fault("a value is missing here")),
        };

        let node = Node { position, kind };
        // A node without an anchor has the number 0.
        if anchor != 0 {
            let copied = copy(&node, &mut self.copied_nodes, position)?;
            self.anchors.insert(anchor, copied);
        }
        Ok(node)
    }

    fn list(&mut self, depth: usize) -> Result<Kind, FaultAt> {
        let mut items = Vec::new();
        loop {
            match self.next_event()? {
                (Event::SequenceEnd, _) => return Ok(Kind::List(items)),
                (event, position) => items.push(self.node(event, position, depth + 1)?),
            }
        }
    }

    /// Keeps the first value of a repeated key, and adds each repetition to `duplicates`.
    fn mapping(&mut self, depth: usize) -> Result<Kind, FaultAt> {
        let mut entries = Vec::new();
        let mut first_lines = BTreeMap::new();
        loop {
            let key = match self.next_event()? {
                (Event::MappingEnd, _) => return Ok(Kind::Mapping(entries)),
                (event, position) => key(self.node(event, position, depth + 1)?)?,
            };
            let (event, position) = self.next_event()?;
            let value = self.node(event, position, depth + 1)?;

            match first_lines.get(&key.text) {
                Some(first) => {
                    let text = format!("this key appears twice (first on line {first}): keep one");
                    self.duplicates.push(key.position.fault(text));
                }
                None => {
                    first_lines.insert(key.text.clone(), key.position.line);
                    entries.push((key, value));
                }
            }
        }
    }
}

fn key(Node { position, kind }: Node) -> Result<Key, FaultAt> {
    match kind {
        Kind::Plain(text) if text == "<<" => {
            Err(position.fault("YAML merge keys (\"<<\") aren't supported"))
        }
        Kind::Text(text) | Kind::Plain(text) => Ok(Key { position, text }),
        // The key is probably a template such as `{{ db.user }}`, or a variable of another tool.
        // YAML reads both as a mapping whose key is a mapping.
        Kind::Mapping(_) => Err(position.fault(
            needs_quotes("{{").help("an inherited variable in a reference is written ${NAME}. If it is a template, write NAME: { template: \"{{ … }}\" }"),
        )),
        Kind::List(_) => Err(position.fault("a key must be text, not a list")),
    }
}

fn copy(node: &Node, copied_nodes: &mut usize, position: Position) -> Result<Node, FaultAt> {
    *copied_nodes += size(node);
    if *copied_nodes > MAX_COPIED_NODES {
        let text = "the YAML anchors and aliases expand to more than 100,000 values";
        return Err(position.fault(text));
    }
    Ok(node.clone())
}

/// The size that [`MAX_COPIED_NODES`] limits: the number of nodes, plus one for every 64 bytes of a
/// string.
fn size(node: &Node) -> usize {
    match &node.kind {
        // If only nodes were counted, a long string or key could be copied 100,000 times.
        Kind::Text(text) | Kind::Plain(text) => 1 + text.len() / 64,
        Kind::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Kind::Mapping(entries) => {
            1 + entries
                .iter()
                .map(|(key, value)| key.text.len() / 64 + size(value))
                .sum::<usize>()
        }
    }
}

/// A position in a file, counted from 1. Columns are counted in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    pub line: usize,
    pub column: usize,
}

/// A mistake and its position.
#[derive(Debug, PartialEq)]
pub(super) struct FaultAt {
    pub position: Position,
    pub fault: Fault,
}

impl Position {
    /// A mistake at this position.
    pub fn fault(self, fault: impl Into<Fault>) -> FaultAt {
        FaultAt {
            position: self,
            fault: fault.into(),
        }
    }
}

/// The parser counts lines from 1 and columns from 0.
fn position(line: usize, column_from_0: usize) -> Position {
    let column = column_from_0 + 1;
    Position { line, column }
}

const QUOTES: &str = "put the whole value in quotes";

/// The mistake in an unquoted value that starts with something special, such as `@` or `{{`.
pub(super) fn needs_quotes(start: &str) -> Fault {
    let text = format!("a value that starts with \"{start}\" needs quotes");
    Fault::new(text).help(
        "a reference is only SECRET:KEY. For any other value, put the whole value in quotes. If it is a template, write NAME: { template: \"{{ … }}\" }",
    )
}

const TAG: &str = "a value that starts with \"!\" needs quotes, because YAML reads it as a tag";

const TAG_HELP: &str = "remove the tag, and write SECRET:KEY or, in a file for --local, the value";

fn parser_error(scan: &ScanError, text: &str) -> FaultAt {
    let position = position(scan.marker().line(), scan.marker().col());
    overlooked_error(text, position.line)
        .unwrap_or_else(|| position.fault(parser_fault(scan, text, position)))
}

/// Finds the likely cause of a syntax error near `line`: a character that only looks like a space.
/// The search goes from the line before `line` to two lines after it, because the parser reports a
/// tab on an earlier line, and some other characters on the next one.
fn overlooked_error(text: &str, line: usize) -> Option<FaultAt> {
    let first = line.saturating_sub(1).max(1);
    let searched = first..first + 4;
    for (number, content) in (1..).zip(text.lines()) {
        if searched.contains(&number)
            && let Some(fault) = overlooked_in_line(content)
        {
            return Some(position(number, 0).fault(fault.about("this line")));
        }
    }
    None
}

fn parser_fault(scan: &ScanError, text: &str, position: Position) -> Fault {
    use ErrorKind::*;

    let line = text.lines().nth(position.line - 1).unwrap_or_default();
    let before: String = line.chars().take(position.column - 1).collect();
    let is_in_value = before.contains(": ");
    let (message, help) = match scan.kind() {
        // The value starts with a character that is special in YAML, as in `@home` and `*.txt`.
        UnexpectedCharacter { .. }
        | UnknownAnchor
        | MissingAnchorOrAliasName
        | InvalidBlockScalarHeader => {
            let character: String = line[before.len()..].chars().take(1).collect();
            return needs_quotes(&character);
        }
        ExpectedFlowMappingSeparator | ExpectedFlowSequenceSeparator => (
            "a comma or a closing bracket is missing, or a value in the brackets needs quotes",
            "put a comma between the entries in { … } or [ … ], and close the bracket. Put a value with \"[\", \"{\", or a colon and a space, in quotes",
        ),
        // As in `DB_HOST: prod/db: host`.
        MappingValueNotAllowed | SimpleKeyExpected if is_in_value => (
            "a value that ends with a colon, or contains a colon and a space, needs quotes",
            "put the value in quotes, or each name on a line of its own. In a reference, remove the space after the colon",
        ),
        MappingValueNotAllowed
        | SimpleKeyExpected
        | ExpectedBlockMappingKey
        | ExpectedBlockSequenceEntry
        | ExpectedDocumentStart
            if !is_in_value =>
        {
            (
                "a colon is missing on this line or above it, or the indentation differs",
                "put a colon and a space between each name and its value, and indent all entries of a section by the same number of spaces",
            )
        }
        _ => (
            &*scan.info(),
            "put a value that begins with a special character, or has quotes, a backslash or \" #\", in single quotes. Close each quote and bracket, and put commas between the entries in brackets",
        ),
    };
    Fault::new(message).help(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(text: &str) -> Node {
        let (node, errors) = parse_yaml(text);
        assert_eq!(errors, [], "{text:?}");
        node.unwrap()
    }

    fn values(text: &str) -> Vec<String> {
        let Kind::Mapping(entries) = tree(text).kind else {
            return Vec::new();
        };
        entries
            .iter()
            .map(|(_, value)| value.scalar_text().unwrap_or("-").to_owned())
            .collect()
    }

    #[test]
    fn an_escape_of_json_is_its_character() {
        for (escape, expected) in [
            (r"\ud83d\ude00", "😀"),
            (r"\u00e9\u0041", "éA"),
            (r"\/\b\f\n\r\t", "/\u{8}\u{c}\n\r\t"),
            (r#"\"\\"#, r#""\"#),
            (r"\u0000\u007f", "\0\u{7f}"),
        ] {
            assert_eq!(
                values(&format!(r#"{{"a":"{escape}"}}"#)),
                [expected],
                "{escape}"
            );
        }
        assert!(parse_yaml(r#"{"a": "\ud83d"}"#).0.is_none());
    }

    #[test]
    fn a_long_line_is_read_unless_a_key_is_longer_than_yaml_allows() {
        let long = "x".repeat(100_000);
        assert_eq!(
            values(&format!(r#"{{"a":{{"b":"{long}","c":[]}},"d":"{long}"}}"#)),
            ["-", &long]
        );
        assert_eq!(values(&format!(r#"{{"{}":"b"}}"#, "k".repeat(1000))), ["b"]);
        assert!(
            parse_yaml(&format!(r#"{{"{}":"b"}}"#, "k".repeat(1025)))
                .0
                .is_none()
        );
    }

    #[test]
    fn a_merge_key_is_an_error_unless_it_is_quoted() {
        assert!(parse_yaml("a: &a {b: c}\n<<: *a").0.is_none());
        assert_eq!(values("'<<': one"), ["one"]);
    }

    #[test]
    fn a_text_without_content_is_a_null() {
        for text in [
            "",
            "# nothing\n",
            "---\n# nothing\n",
            "null\n",
            "~",
            "\u{feff}",
        ] {
            let node = tree(text);
            assert!(node.is_null(), "{text:?}: {node:?}");
        }
    }
}
