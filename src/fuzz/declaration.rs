//! Declarations in three formats: each error has its place, and one tree is the same in all three.

use std::path::Path;

use super::support::{CANARY, SECRET, hold_no_value, plan, resolve_all, tells_no_value, told};
use crate::input::declaration;
use crate::input::syntax::Format;
use crate::model::tree::{Kind, Node, Typed};
use crate::report::Failure;

/// `data` is a declaration, read in each format.
pub fn declaration(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for name in ["a.yaml", "a.toml", "a.json"] {
        read(name, text);
    }
    if let Ok(tree) = Format::Json.parse(text) {
        agree(&tree);
    }
}

/// Reads a declaration to its end: with every secret of it known, down to the values.
fn read(name: &str, text: &str) {
    let (declaration, errors) = declaration::read(Path::new(name), text, None);
    // A carriage return ends a line in YAML.
    let lines = text.split(['\n', '\r']).count();
    for error in errors {
        let line = error.position.map(|position| position.line);
        assert!(line.is_some_and(|line| (1..=lines + 1).contains(&line)), "line {line:?} of {lines}: {error:?}");
        assert!(!told(&Failure::Declaration(error)).is_empty());
    }
    if text.contains(CANARY) {
        return;
    }
    match plan(declaration.layer) {
        Err(errors) => errors.into_iter().map(Failure::Plan).for_each(|error| tells_no_value(&error)),
        Ok(plan) => {
            hold_no_value(resolve_all(&plan, SECRET.as_bytes()).errors);
        }
    }
}

/// A tree of tables, lists and texts is written in the other formats and read again.
fn agree(tree: &Node) {
    let (Some(written), Some(json), Some(toml)) = (shape(tree), in_line(tree, ':'), table(tree)) else { return };
    for (format, text) in [(Format::Json, &json), (Format::Yaml, &json), (Format::Toml, &toml)] {
        let read = format.parse(text);
        let shape = read.as_ref().ok().and_then(shape);
        assert_eq!(shape.as_ref(), Some(&written), "{format:?} reads {text:?} as {read:?}");
    }
}

/// What a tree is, without its places; `None` of one that not every format can hold, or not as text.
fn shape(node: &Node) -> Option<String> {
    Some(match &node.kind {
        Kind::Text(text) => format!("{text:?}"),
        Kind::Typed(Typed::Bool(value)) => value.to_string(),
        Kind::Plain(_) => node.boolean()?.to_string(),
        Kind::Typed(_) => return None,
        Kind::List(items) => format!("{:?}", items.iter().map(shape).collect::<Option<Vec<_>>>()?),
        Kind::Table(entries) => {
            let entries = entries.iter().map(|(key, value)| Some((key.text.clone(), shape(value)?)));
            format!("table {:?}", entries.collect::<Option<Vec<_>>>()?)
        }
    })
}

/// JSON with `:` between a key and its value; with `=` TOML's inline tables, whose strings are JSON's.
fn in_line(node: &Node, between: char) -> Option<String> {
    Some(match &node.kind {
        Kind::Text(text) => quoted(text),
        Kind::Typed(Typed::Bool(value)) => value.to_string(),
        Kind::Typed(_) | Kind::Plain(_) => return None,
        Kind::List(items) => {
            let items: Option<Vec<_>> = items.iter().map(|item| in_line(item, between)).collect();
            format!("[{}]", items?.join(", "))
        }
        Kind::Table(entries) => {
            let entry = |(key, value): &(crate::model::tree::Key, Node)| {
                Some(format!("{} {between} {}", quoted(&key.text), in_line(value, between)?))
            };
            format!("{{{}}}", entries.iter().map(entry).collect::<Option<Vec<_>>>()?.join(", "))
        }
    })
}

/// A string that all three read alike: what is not ASCII, or no graphic character, is escaped.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\u{20}'..='\u{7e}' => quoted.push(c),
            _ if u32::from(c) < 0x10000 => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
            // JSON would want two, which the others refuse.
            _ => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// A TOML document is a table without braces.
fn table(node: &Node) -> Option<String> {
    let Kind::Table(entries) = &node.kind else { return None };
    let lines = entries.iter().map(|(key, value)| Some(format!("{} = {}\n", quoted(&key.text), in_line(value, '=')?)));
    lines.collect()
}
