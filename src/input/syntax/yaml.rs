//! YAML events to the common tree.

use std::collections::BTreeMap;

use granit_parser::{Event, Parser, ScalarStyle, ScanError, Span, Tag};

use super::syntax_error::{MAX_DEPTH, SyntaxError, duplicates};
use crate::model::tree::{Key, Kind, Mark, Node};

/// How many nodes aliases may unfold to: far beyond any real file, far below what hurts.
const MAX_NODES: usize = 100_000;

pub fn parse(text: &str) -> Result<Node, Vec<SyntaxError>> {
    let mut builder =
        Builder { events: Parser::new_from_str(text), anchors: BTreeMap::new(), nodes: 0, duplicates: Vec::new() };
    let node = builder.document().map_err(|error| vec![error])?;
    if builder.duplicates.is_empty() { Ok(node) } else { Err(builder.duplicates) }
}

struct Builder<I> {
    events: I,
    anchors: BTreeMap<usize, Node>,
    nodes: usize,
    duplicates: Vec<SyntaxError>,
}

impl<'t, I: Iterator<Item = Result<(Event<'t>, Span), ScanError>>> Builder<I> {
    fn document(&mut self) -> Result<Node, SyntaxError> {
        let mut document = None;
        loop {
            let (event, mark) = self.next()?;
            match event {
                Event::StreamEnd => break,
                Event::DocumentStart(..) if document.is_some() => {
                    return Err(error(mark, "a second document; there can be only one"));
                }
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
                event => document = Some(self.node(event, mark, 0)?),
            }
        }
        let empty = Node { mark: Mark { line: 1, column: 1 }, kind: Kind::Table(Vec::new()) };
        // A document of nothing but its marker is a null.
        Ok(document.filter(|node| !node.is_null()).unwrap_or(empty))
    }

    fn next(&mut self) -> Result<(Event<'t>, Mark), SyntaxError> {
        match self.events.next() {
            Some(Ok((event, span))) => Ok((event, mark(span.start.line(), span.start.col()))),
            Some(Err(scan)) => Err(error(mark(scan.marker().line(), scan.marker().col()), scan.info())),
            None => Ok((Event::StreamEnd, mark(1, 0))),
        }
    }

    fn node(&mut self, event: Event<'t>, mark: Mark, depth: usize) -> Result<Node, SyntaxError> {
        if depth > MAX_DEPTH {
            return Err(error(mark, "nested too deeply"));
        }
        let (kind, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                (scalar(text.into_owned(), style, tag.as_deref(), mark)?, anchor)
            }
            Event::SequenceStart(_, anchor, tag) => {
                untagged(tag.as_deref(), "seq", mark)?;
                (self.list(depth)?, anchor)
            }
            Event::MappingStart(_, anchor, tag) => {
                untagged(tag.as_deref(), "map", mark)?;
                (self.table(depth)?, anchor)
            }
            Event::Alias(id) => {
                let Some(node) = self.anchors.get(&id).cloned() else {
                    return Err(error(mark, "an alias of something that contains it"));
                };
                self.count(size(&node), mark)?;
                return Ok(Node { mark, kind: node.kind });
            }
            _ => return Err(error(mark, "not a value")),
        };
        self.count(1, mark)?;
        let node = Node { mark, kind };
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn count(&mut self, nodes: usize, mark: Mark) -> Result<(), SyntaxError> {
        self.nodes += nodes;
        if self.nodes > MAX_NODES { Err(error(mark, "more values than a file may unfold to")) } else { Ok(()) }
    }

    fn list(&mut self, depth: usize) -> Result<Kind, SyntaxError> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Kind::List(items)),
                (event, mark) => items.push(self.node(event, mark, depth + 1)?),
            }
        }
    }

    fn table(&mut self, depth: usize) -> Result<Kind, SyntaxError> {
        let mut entries = Vec::new();
        loop {
            let key = match self.next()? {
                (Event::MappingEnd, _) => break,
                (event, mark) => self.node(event, mark, depth + 1)?,
            };
            let text = match key.kind {
                Kind::Plain(text) if text == "<<" => {
                    return Err(error(key.mark, "a merge key, which is not supported"));
                }
                Kind::Text(text) | Kind::Plain(text) => text,
                Kind::Typed(_) | Kind::List(_) | Kind::Table(_) => {
                    return Err(error(key.mark, "a key that is not a scalar"));
                }
            };
            let (event, mark) = self.next()?;
            entries.push((Key { mark: key.mark, text }, self.node(event, mark, depth + 1)?));
        }
        self.duplicates.extend(duplicates(&entries));
        Ok(Kind::Table(entries))
    }
}

fn scalar(text: String, style: ScalarStyle, tag: Option<&Tag>, mark: Mark) -> Result<Kind, SyntaxError> {
    if tag.is_some() {
        untagged(tag, "str", mark)?;
        return Ok(Kind::Text(text));
    }
    Ok(match style {
        ScalarStyle::Plain => Kind::Plain(text),
        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted | ScalarStyle::Literal | ScalarStyle::Folded => {
            Kind::Text(text)
        }
    })
}

/// A tag may say what a node is anyway; it may not change it.
fn untagged(tag: Option<&Tag>, natural: &str, mark: Mark) -> Result<(), SyntaxError> {
    match tag {
        Some(tag) if !tag.is_yaml_core_schema_tag(natural) => Err(error(mark, "a YAML tag, which is not supported")),
        _ => Ok(()),
    }
}

fn size(node: &Node) -> usize {
    match &node.kind {
        Kind::Typed(_) => 1,
        // A long text unfolds as many of a common length would.
        Kind::Text(text) | Kind::Plain(text) => 1 + text.len() / 64,
        Kind::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Kind::Table(entries) => 1 + entries.iter().map(|(_, node)| size(node)).sum::<usize>(),
    }
}

/// The parser counts lines from 1 and columns from 0.
fn mark(line: usize, column: usize) -> Mark {
    Mark { line, column: column + 1 }
}

fn error(mark: Mark, message: impl Into<String>) -> SyntaxError {
    SyntaxError { mark: Some(mark), message: message.into() }
}
