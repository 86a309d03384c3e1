//! Reads `files:`, the values that are delivered as files.

use std::path::PathBuf;

use super::entry::body;
use super::error::DeclarationProblem;
use super::reader::{DeclarationReader, Fields};
use crate::model::entry::{Entry, FileTarget, Mode, Owner, Place, Target};
use crate::model::env_name::EnvName;
use crate::model::tree::{Node, Position};

/// Returns the entries, each with its position in the declaration.
pub fn entries(reader: &mut DeclarationReader<'_>, node: &Node) -> Vec<(Position, Entry)> {
    let items = reader.list(Some("files"), node, "a list of mappings").unwrap_or_default();
    items.iter().filter_map(|item| Some((item.position, entry(reader, item)?))).collect()
}

/// The keys of every entry, and those of files.
const KEYS: [&str; 11] =
    ["from", "value", "template", "encode", "decode", "default", "optional", "path", "env", "mode", "owner"];

fn entry(reader: &mut DeclarationReader<'_>, node: &Node) -> Option<Entry> {
    let origin = reader.origin(node.position);
    let mut fields = reader.fields(Some("files"), node, &KEYS);
    let target = target(reader, &mut fields);
    // Errors of the value name the file.
    fields.subject = target.as_ref().map(|target| Target::File(target.clone()).to_string()).or(fields.subject);
    let body = body(reader, &mut fields);
    Some(body?.entry(Target::File(target?), origin))
}

const SUBJECT: Option<&str> = Some("files");

fn target(reader: &mut DeclarationReader<'_>, fields: &mut Fields<'_>) -> Option<FileTarget> {
    let path = fields.take("path");
    let env = fields.take("env");
    if path.is_none() && env.is_none() {
        reader.error(fields.position, SUBJECT, DeclarationProblem::FileWithoutTarget);
    }
    // Every key is read before an error in one of them ends the function, so that all errors are reported.
    let place = path.map_or(Some(Place::Memory), |node| place(reader, node));
    let env = env.map(|node| variable(reader, node));
    let mode = fields.take("mode").map(|node| mode(reader, node));
    let owner = fields.take("owner").map(|node| owner(reader, node));
    Some(FileTarget {
        place: place?,
        env: valid_or_absent(env)?,
        mode: mode.unwrap_or(Some(Mode::PRIVATE))?,
        owner: valid_or_absent(owner)?,
    })
}

/// Returns `Some(None)` for an absent key, and `None` for a key with an error.
fn valid_or_absent<T>(key: Option<Option<T>>) -> Option<Option<T>> {
    key.map_or(Some(None), |value| value.map(Some))
}

fn place(reader: &mut DeclarationReader<'_>, node: &Node) -> Option<Place> {
    let text = reader.text(SUBJECT, node, "a path")?;
    let name = text.rsplit('/').next();
    if matches!(name, None | Some("" | "." | "..")) || text.contains('\0') {
        reader.error(node.position, SUBJECT, DeclarationProblem::Value { text, expected: "the path of a file" });
        return None;
    }
    Some(Place::Path(PathBuf::from(text)))
}

fn mode(reader: &mut DeclarationReader<'_>, node: &Node) -> Option<Mode> {
    let text = reader.text(SUBJECT, node, "text in quotes, like \"0400\"")?;
    let mode = Mode::parse(&text);
    if mode.is_err() {
        let problem = DeclarationProblem::Value { text, expected: "a mode in octal, like 0400" };
        reader.error(node.position, SUBJECT, problem);
    }
    mode.ok()
}

fn owner(reader: &mut DeclarationReader<'_>, node: &Node) -> Option<Owner> {
    let expected = "USER, USER:GROUP or :GROUP";
    let text = reader.text(SUBJECT, node, expected)?;
    let owner = Owner::parse(&text);
    if owner.is_err() {
        reader.error(node.position, SUBJECT, DeclarationProblem::Value { text, expected });
    }
    owner.ok()
}

/// Reads the name of the variable that holds the file's path.
fn variable(reader: &mut DeclarationReader<'_>, node: &Node) -> Option<EnvName> {
    let text = reader.text(SUBJECT, node, "the name of a variable")?;
    if text == "PATH" {
        reader.error(node.position, SUBJECT, DeclarationProblem::PathOnlyValue);
        return None;
    }
    let name = EnvName::parse(&text);
    if name.is_err() {
        reader.error(node.position, SUBJECT, DeclarationProblem::IllegalName(text));
    }
    name.ok()
}
