//! Parses YAML, of which JSON is a part, into a syntax tree: each node with its position, each scalar as it was written.
//!
//! The files are not deserialized by serde, which stops at the first error. A tree allows all errors to be reported at
//! once, with their lines. `syntax_error` has the errors.

mod syntax_error;

pub use syntax_error::{Position, SyntaxError};

use std::collections::BTreeMap;

use granit_parser::{Event, Parser, ScalarStyle, ScanError, Span, Tag};

use crate::model::quoting::is_quotable;
use syntax_error::{error, parser_error, position};

/// The help for a file that [is a task definition](Node::is_task_definition).
pub const TASK_DEFINITION_HELP: &str =
    "docs/migrating.md shows the jq command that turns it into a declaration";

/// A value, with the position of its first character.
#[derive(Clone, Debug)]
pub struct Node {
    pub position: Position,
    pub kind: Kind,
}

#[derive(Clone, Debug)]
pub enum Kind {
    /// A scalar in quotes, or a block scalar.
    Text(String),
    /// A plain scalar, as it was written. Its type depends on what its reader expects.
    Plain(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the order of the file, with unique keys.
    Table(Vec<(Key, Node)>),
}

#[derive(Clone, Debug)]
pub struct Key {
    pub position: Position,
    pub text: String,
}

impl Node {
    /// Returns the characters of a scalar; `None` for null, a list and a table.
    pub fn text(&self) -> Option<&str> {
        let (Kind::Text(text) | Kind::Plain(text)) = &self.kind else {
            return None;
        };
        (!self.is_null()).then_some(text)
    }

    /// Returns the boolean that a plain scalar is in the core schema (YAML 1.2.2, 10.3.2).
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

    /// True for a plain scalar that is a number in JSON.
    pub fn is_number(&self) -> bool {
        matches!(&self.kind, Kind::Plain(text) if serde_json::from_str::<serde_json::Number>(text).is_ok())
    }

    /// Returns the value of a key; `None` if this is no table, or has no such key.
    pub fn get(&self, name: &str) -> Option<&Self> {
        let Kind::Table(entries) = &self.kind else {
            return None;
        };
        entries
            .iter()
            .find(|(key, _)| key.text == name)
            .map(|(_, value)| value)
    }

    /// True for a plain scalar that is null in the core schema (YAML 1.2.2, 10.3.2).
    pub fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Plain(text) if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// True for an ECS task definition, as `aws ecs register-task-definition` takes it or as `aws ecs describe-task-definition`
    /// prints it.
    pub fn is_task_definition(&self) -> bool {
        let definition = self.get("taskDefinition").unwrap_or(self);
        definition.get("containerDefinitions").is_some()
    }

    /// Returns the name of the node's type for messages.
    pub fn description(&self) -> &'static str {
        match &self.kind {
            Kind::Plain(_) if self.is_null() => "empty",
            Kind::Text(_) | Kind::Plain(_) => "text",
            Kind::List(_) => "a list",
            Kind::Table(_) => "a mapping",
        }
    }
}

/// The maximum number of nodes that are copied for anchors and aliases, against an alias bomb ("billion laughs").
const MAX_COPIED_NODES: usize = 100_000;

/// The maximum nesting of lists and mappings, against a stack overflow.
const MAX_DEPTH: usize = 64;

/// Parses a whole file, with or without a byte order mark. A file without content, or a null, is an empty mapping.
///
/// Returns no tree for a syntax error. Of duplicate keys the tree has the first, and each other one is an error.
pub fn parse(text: &str) -> (Option<Node>, Vec<SyntaxError>) {
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
        Err(error) => (None, vec![error]),
    }
}

struct YamlBuilder<'t, I> {
    text: &'t str,
    events: I,
    /// The nodes with an anchor, by the parser's number of it.
    anchors: BTreeMap<usize, Node>,
    /// The number of nodes that were copied so far.
    copied_nodes: usize,
    duplicates: Vec<SyntaxError>,
}

impl<'t, I: Iterator<Item = Result<(Event<'t>, Span), ScanError>>> YamlBuilder<'t, I> {
    fn document(&mut self) -> Result<Node, SyntaxError> {
        let mut document = None;
        loop {
            let (event, position) = self.next()?;
            match event {
                Event::StreamEnd => break,
                Event::DocumentStart(..) if document.is_some() => {
                    return Err(error(
                        position,
                        "a second YAML document starts here, but a file can have only one",
                    ));
                }
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
                event => document = Some(self.node(event, position, 0)?),
            }
        }
        let empty = Node {
            position: Position { line: 1, column: 1 },
            kind: Kind::Table(Vec::new()),
        };
        // A document without content is a null.
        Ok(document.filter(|node| !node.is_null()).unwrap_or(empty))
    }

    fn next(&mut self) -> Result<(Event<'t>, Position), SyntaxError> {
        match self.events.next() {
            Some(Ok((event, span))) => Ok((event, position(span.start.line(), span.start.col()))),
            Some(Err(scan)) => Err(parser_error(&scan, self.text)),
            None => Ok((Event::StreamEnd, position(1, 0))),
        }
    }

    fn node(
        &mut self,
        event: Event<'t>,
        position: Position,
        depth: usize,
    ) -> Result<Node, SyntaxError> {
        if depth > MAX_DEPTH {
            return Err(error(
                position,
                "lists and mappings are nested more than 64 levels deep",
            ));
        }
        let (kind, anchor) = match event {
            Event::Scalar(text, ScalarStyle::Plain, 1.., None) if matches!(&*text, "" | "~") => {
                let error = error(position, "a value that starts with \"&\" needs quotes");
                return Err(error.help("put the whole value in quotes"));
            }
            Event::Scalar(text, style, anchor, tag) => (
                scalar(text.into_owned(), style, tag.as_deref(), position)?,
                anchor,
            ),
            Event::SequenceStart(_, anchor, None) => (self.list(depth)?, anchor),
            Event::MappingStart(_, anchor, None) => (self.table(depth)?, anchor),
            Event::SequenceStart(..) | Event::MappingStart(..) => {
                return Err(unknown_tag(position));
            }
            Event::Alias(id) => {
                let Some(node) = self.anchors.get(&id) else {
                    return Err(error(
                        position,
                        "this YAML alias is used inside of its own anchor",
                    ));
                };
                let kind = copy(node, &mut self.copied_nodes, position)?.kind;
                return Ok(Node { position, kind });
            }
            _ => return Err(error(position, "a value is missing here")),
        };
        let node = Node { position, kind };
        if anchor != 0 {
            self.anchors
                .insert(anchor, copy(&node, &mut self.copied_nodes, position)?);
        }
        Ok(node)
    }

    fn list(&mut self, depth: usize) -> Result<Kind, SyntaxError> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Kind::List(items)),
                (event, position) => items.push(self.node(event, position, depth + 1)?),
            }
        }
    }

    /// Reads a mapping, of whose equal keys the first counts.
    fn table(&mut self, depth: usize) -> Result<Kind, SyntaxError> {
        let (mut entries, mut lines) = (Vec::new(), BTreeMap::new());
        loop {
            let Node { position, kind } = match self.next()? {
                (Event::MappingEnd, _) => return Ok(Kind::Table(entries)),
                (event, position) => self.node(event, position, depth + 1)?,
            };
            let text = match kind {
                Kind::Plain(text) if text == "<<" => {
                    return Err(error(
                        position,
                        "YAML merge keys (\"<<\") are not supported",
                    ));
                }
                Kind::Text(text) | Kind::Plain(text) => text,
                Kind::Table(_) => {
                    return Err(
                        error(position, "a value that starts with \"{{\" needs quotes")
                            .help("write { template: \"{{ … }}\" }"),
                    );
                }
                Kind::List(_) => return Err(error(position, "a key must be text, not a list")),
            };
            let (event, begin) = self.next()?;
            let value = self.node(event, begin, depth + 1)?;
            match lines.get(&text) {
                Some(first) => {
                    // A key that may be a value is not quoted.
                    let may_quote = !value.is_null() && is_quotable(&text);
                    let which = if may_quote {
                        format!("the key {text:?}")
                    } else {
                        "this key".to_owned()
                    };
                    self.duplicates.push(error(
                        position,
                        format!("{which} is already on line {first}"),
                    ));
                }
                None => {
                    lines.insert(text.clone(), position.line);
                    entries.push((Key { position, text }, value));
                }
            }
        }
    }
}

fn scalar(
    text: String,
    style: ScalarStyle,
    tag: Option<&Tag>,
    position: Position,
) -> Result<Kind, SyntaxError> {
    match (tag, style) {
        (None, ScalarStyle::Plain) => Ok(Kind::Plain(text)),
        (Some(tag), _) if !tag.is_yaml_core_schema_tag("str") => Err(unknown_tag(position)),
        (_, _) => Ok(Kind::Text(text)),
    }
}

/// Copies a node, unless too many nodes are copied by that.
fn copy(node: &Node, copied_nodes: &mut usize, position: Position) -> Result<Node, SyntaxError> {
    *copied_nodes += size(node);
    if *copied_nodes > MAX_COPIED_NODES {
        return Err(error(
            position,
            "the YAML anchors and aliases expand to more than 100,000 values",
        ));
    }
    Ok(node.clone())
}

fn unknown_tag(position: Position) -> SyntaxError {
    let text = "a value that starts with \"!\" needs quotes, because YAML reads it as a tag";
    error(position, text).help("put the whole value in quotes")
}

fn size(node: &Node) -> usize {
    match &node.kind {
        // A text counts as one node for each 64 bytes, so that aliases of a long one are limited too.
        Kind::Text(text) | Kind::Plain(text) => 1 + text.len() / 64,
        Kind::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Kind::Table(entries) => 1 + entries.iter().map(|(_, node)| size(node)).sum::<usize>(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tree of a text without errors.
    fn tree(text: &str) -> Node {
        let (node, errors) = parse(text);
        assert_eq!(errors, [], "{text:?}");
        node.unwrap()
    }

    fn values(text: &str) -> Vec<String> {
        let Kind::Table(entries) = tree(text).kind else {
            return Vec::new();
        };
        entries
            .iter()
            .map(|(_, value)| value.text().unwrap_or("-").to_owned())
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
        assert!(parse(r#"{"a": "\ud83d"}"#).0.is_none());
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
            parse(&format!(r#"{{"{}":"b"}}"#, "k".repeat(1025)))
                .0
                .is_none()
        );
    }

    #[test]
    fn a_merge_key_is_an_error_unless_it_is_quoted() {
        assert!(parse("a: &a {b: c}\n<<: *a").0.is_none());
        assert_eq!(values("'<<': one"), ["one"]);
    }

    #[test]
    fn a_text_without_content_is_an_empty_table() {
        for text in [
            "",
            "# nothing\n",
            "---\n# nothing\n",
            "null\n",
            "~",
            "\u{feff}",
        ] {
            let node = tree(text);
            assert!(
                matches!(&node.kind, Kind::Table(entries) if entries.is_empty()),
                "{text:?}: {node:?}"
            );
        }
    }
}
