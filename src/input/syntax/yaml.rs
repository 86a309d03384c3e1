//! Parses YAML into the syntax tree.

use std::collections::{BTreeMap, BTreeSet};

use granit_parser::{Event, Parser, ScalarStyle, ScanError, Span, Tag};

use super::syntax_error::{MAX_DEPTH, SyntaxError, TABLE_AS_KEY, TOO_DEEP, duplicate_keys};
use crate::model::tree::{Key, Kind, Node, Position, boolean, is_null};

/// The maximum number of nodes, aliases expanded, against an alias bomb ("billion laughs").
const MAX_NODES: usize = 100_000;

/// Parses a text whose tables may have duplicate keys: the first entry stays, each other one is an error.
pub fn parse(text: &str) -> Result<(Node, Vec<SyntaxError>), Vec<SyntaxError>> {
    let mut builder =
        YamlBuilder { events: Parser::new_from_str(text), anchors: BTreeMap::new(), nodes: 0, duplicates: Vec::new() };
    let node = builder.document().map_err(|error| vec![error])?;
    Ok((node, builder.duplicates))
}

struct YamlBuilder<I> {
    events: I,
    /// The nodes with an anchor, by the parser's number of it.
    anchors: BTreeMap<usize, Node>,
    /// The number of nodes so far, aliases expanded.
    nodes: usize,
    duplicates: Vec<SyntaxError>,
}

impl<'t, I: Iterator<Item = Result<(Event<'t>, Span), ScanError>>> YamlBuilder<I> {
    fn document(&mut self) -> Result<Node, SyntaxError> {
        let mut document = None;
        loop {
            let (event, position) = self.next()?;
            match event {
                Event::StreamEnd => break,
                Event::DocumentStart(..) if document.is_some() => {
                    return Err(error(position, "a second YAML document; a file can hold only one"));
                }
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
                event => document = Some(self.node(event, position, 0)?),
            }
        }
        let empty = Node { position: Position { line: 1, column: 1 }, kind: Kind::Table(Vec::new()) };
        // A document without content is a null.
        Ok(document.filter(|node| !node.is_null()).unwrap_or(empty))
    }

    fn next(&mut self) -> Result<(Event<'t>, Position), SyntaxError> {
        match self.events.next() {
            Some(Ok((event, span))) => Ok((event, position(span.start.line(), span.start.col()))),
            Some(Err(scan)) => Err(error(position(scan.marker().line(), scan.marker().col()), scan.info())),
            None => Ok((Event::StreamEnd, position(1, 0))),
        }
    }

    fn node(&mut self, event: Event<'t>, position: Position, depth: usize) -> Result<Node, SyntaxError> {
        if depth > MAX_DEPTH {
            return Err(error(position, TOO_DEEP));
        }
        let (kind, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                (scalar(text.into_owned(), style, tag.as_deref(), position)?, anchor)
            }
            Event::SequenceStart(_, anchor, tag) => {
                check_tag(tag.as_deref(), "seq", position)?;
                (self.list(depth)?, anchor)
            }
            Event::MappingStart(_, anchor, tag) => {
                check_tag(tag.as_deref(), "map", position)?;
                (self.table(depth)?, anchor)
            }
            Event::Alias(id) => {
                let Some(node) = self.anchors.get(&id).cloned() else {
                    return Err(error(position, "a YAML alias of a node that contains it"));
                };
                self.count(size(&node), position)?;
                return Ok(Node { position, kind: node.kind });
            }
            _ => return Err(error(position, "expected a value")),
        };
        self.count(1, position)?;
        let node = Node { position, kind };
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn count(&mut self, nodes: usize, position: Position) -> Result<(), SyntaxError> {
        self.nodes += nodes;
        if self.nodes > MAX_NODES {
            Err(error(position, "more than 100,000 values, with YAML aliases expanded"))
        } else {
            Ok(())
        }
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

    fn table(&mut self, depth: usize) -> Result<Kind, SyntaxError> {
        let mut entries = Vec::new();
        loop {
            let key = match self.next()? {
                (Event::MappingEnd, _) => break,
                (event, position) => self.node(event, position, depth + 1)?,
            };
            let text = match key.kind {
                Kind::Plain(text) if text == "<<" => {
                    return Err(error(key.position, "YAML merge keys (<<) are not supported"));
                }
                Kind::Text(text) | Kind::Plain(text) => text,
                Kind::Table(_) => return Err(error(key.position, TABLE_AS_KEY)),
                Kind::Typed(_) | Kind::List(_) => {
                    return Err(error(key.position, "a key must be a scalar"));
                }
            };
            let (event, position) = self.next()?;
            entries.push((Key { position: key.position, text }, self.node(event, position, depth + 1)?));
        }
        let duplicates = duplicate_keys(&entries);
        if !duplicates.is_empty() {
            let mut seen = BTreeSet::new();
            entries.retain(|(key, _)| seen.insert(key.text.clone()));
        }
        self.duplicates.extend(duplicates);
        Ok(Kind::Table(entries))
    }
}

fn scalar(text: String, style: ScalarStyle, tag: Option<&Tag>, position: Position) -> Result<Kind, SyntaxError> {
    if let Some(tag) = tag {
        return tagged(text, tag, position);
    }
    Ok(match style {
        ScalarStyle::Plain => Kind::Plain(text),
        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted | ScalarStyle::Literal | ScalarStyle::Folded => {
            Kind::Text(text)
        }
    })
}

/// A scalar with a tag: text for `!!str`; a plain scalar for the other tags of the core schema (YAML 1.2.2, 10.3.2), in quotes or
/// not, if its characters are of that type.
fn tagged(text: String, tag: &Tag, position: Position) -> Result<Kind, SyntaxError> {
    let is = |suffix| tag.is_yaml_core_schema_tag(suffix);
    if is("str") {
        return Ok(Kind::Text(text));
    }
    let of_type = if is("null") {
        is_null(&text)
    } else if is("bool") {
        boolean(&text).is_some()
    } else if is("int") {
        is_integer(&text)
    } else if is("float") {
        is_float(&text)
    } else {
        return Err(error(position, UNKNOWN_TAG));
    };
    if of_type {
        Ok(Kind::Plain(text))
    } else {
        Err(error(position, "the value is not of the type that its YAML tag names"))
    }
}

fn is_integer(text: &str) -> bool {
    let is_all = |digits: &str, radix| !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
    match (text.strip_prefix("0x"), text.strip_prefix("0o")) {
        (Some(digits), _) => is_all(digits, 16),
        (_, Some(digits)) => is_all(digits, 8),
        (None, None) => is_all(text.strip_prefix(['-', '+']).unwrap_or(text), 10),
    }
}

/// True for a float but infinity and "not a number", which no JSON can hold.
fn is_float(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte)) && text.parse::<f64>().is_ok()
}

const UNKNOWN_TAG: &str = "this YAML tag is not supported";

/// Checks that a tag is absent, or the core schema's tag of the node's own type.
fn check_tag(tag: Option<&Tag>, own: &str, position: Position) -> Result<(), SyntaxError> {
    match tag {
        Some(tag) if !tag.is_yaml_core_schema_tag(own) => Err(error(position, UNKNOWN_TAG)),
        _ => Ok(()),
    }
}

fn size(node: &Node) -> usize {
    match &node.kind {
        Kind::Typed(_) => 1,
        // A text counts as one node for each 64 bytes, so that aliases of a long one are limited too.
        Kind::Text(text) | Kind::Plain(text) => 1 + text.len() / 64,
        Kind::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Kind::Table(entries) => 1 + entries.iter().map(|(_, node)| size(node)).sum::<usize>(),
    }
}

/// Converts a position of the parser, which counts lines from 1 and columns from 0.
fn position(line: usize, column: usize) -> Position {
    Position { line, column: column + 1 }
}

fn error(position: Position, message: impl Into<String>) -> SyntaxError {
    SyntaxError { position: Some(position), message: message.into() }
}
