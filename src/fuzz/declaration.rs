//! Declarations: each error has a line, and all formats give the same tree.

use std::path::Path;

use super::support::{CANARY, SECRET, assert_hold_no_value, assert_quotes_no_value, message, plan, resolve_all};
use crate::input::declaration;
use crate::input::syntax::Format;
use crate::model::tree::{Kind, Node, Typed};
use crate::report::Failure;

/// `data` is a declaration, which is read in each format.
pub fn declaration(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for name in ["a.yaml", "a.toml", "a.json"] {
        read(name, text);
    }
    if let Ok(tree) = Format::Json.parse(text) {
        assert_formats_agree(&tree);
    }
}

/// Reads a declaration, and resolves it with the same value for each secret.
fn read(name: &str, text: &str) {
    let (declaration, errors) = declaration::read(Path::new(name), text, None);
    // A carriage return ends a line in YAML.
    let lines = text.split(['\n', '\r']).count();
    for error in errors {
        let line = error.position.map(|position| position.line);
        assert!(line.is_some_and(|line| (1..=lines + 1).contains(&line)), "line {line:?} of {lines}: {error:?}");
        assert!(!message(&Failure::Declaration(error)).is_empty());
    }
    if text.contains(CANARY) {
        return;
    }
    match plan(declaration.layer) {
        Err(errors) => errors.into_iter().map(Failure::Plan).for_each(|error| assert_quotes_no_value(&error)),
        Ok(plan) => {
            assert_hold_no_value(resolve_all(&plan, SECRET.as_bytes()).errors);
        }
    }
}

/// Asserts that a tree of tables, lists, texts and booleans is the same after writing and reading it in each format.
fn assert_formats_agree(tree: &Node) {
    let (Some(written), Some(json), Some(toml)) = (shape(tree), in_line(tree, ':'), table(tree)) else { return };
    for (format, text) in [(Format::Json, &json), (Format::Yaml, &json), (Format::Toml, &toml)] {
        let read = format.parse(text);
        let shape = read.as_ref().ok().and_then(shape);
        assert_eq!(shape.as_ref(), Some(&written), "{format:?} reads {text:?} as {read:?}");
    }
}

/// Prints a tree without its positions; `None` for one with a scalar that is neither a text nor a boolean.
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

/// Prints a tree as JSON, with the separator `:`, or as an inline table of TOML, with `=`.
fn in_line(node: &Node, separator: char) -> Option<String> {
    Some(match &node.kind {
        Kind::Text(text) => quoted(text),
        Kind::Typed(Typed::Bool(value)) => value.to_string(),
        Kind::Typed(_) | Kind::Plain(_) => return None,
        Kind::List(items) => {
            let items: Option<Vec<_>> = items.iter().map(|item| in_line(item, separator)).collect();
            format!("[{}]", items?.join(", "))
        }
        Kind::Table(entries) => {
            let entry = |(key, value): &(crate::model::tree::Key, Node)| {
                Some(format!("{} {separator} {}", quoted(&key.text), in_line(value, separator)?))
            };
            format!("{{{}}}", entries.iter().map(entry).collect::<Option<Vec<_>>>()?.join(", "))
        }
    })
}

/// Prints a string that all three formats read alike, with characters outside printable ASCII escaped.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\u{20}'..='\u{7e}' => quoted.push(c),
            _ if u32::from(c) < 0x10000 => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
            // JSON would need two escapes (a surrogate pair), which the other formats reject.
            _ => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Prints a table as a TOML document.
fn table(node: &Node) -> Option<String> {
    let Kind::Table(entries) = &node.kind else { return None };
    let lines = entries.iter().map(|(key, value)| Some(format!("{} = {}\n", quoted(&key.text), in_line(value, '=')?)));
    lines.collect()
}
