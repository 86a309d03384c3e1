//! The entries of `files:`.

use std::path::PathBuf;

use super::entry::body;
use super::error::DeclarationProblem;
use super::reader::{Fields, Reader};
use crate::model::entry::{Entry, FileTarget, Mode, Owner, Place, Target};
use crate::model::env_name::EnvName;
use crate::model::tree::{Mark, Node};

/// Reads the list of files, each with its place in the declaration.
pub fn entries(reader: &mut Reader<'_>, node: &Node) -> Vec<(Mark, Entry)> {
    let items = reader.list(Some("files"), node, "a list of tables").unwrap_or_default();
    items.iter().filter_map(|item| Some((item.mark, entry(reader, item)?))).collect()
}

/// What every entry has, and what files have besides.
const FIELDS: [&str; 11] =
    ["from", "value", "template", "encode", "decode", "default", "optional", "path", "env", "mode", "owner"];

fn entry(reader: &mut Reader<'_>, node: &Node) -> Option<Entry> {
    let origin = reader.origin(node.mark);
    let mut fields = reader.fields(Some("files"), node, &FIELDS);
    let target = target(reader, &mut fields);
    // What is wrong with a file's value is told by the name of the file.
    fields.subject = target.as_ref().map(|target| Target::File(target.clone()).to_string()).or(fields.subject);
    let body = body(reader, &mut fields);
    Some(body?.entry(Target::File(target?), origin))
}

fn target(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<FileTarget> {
    let subject = Some("files");
    let path = fields.take("path");
    let env = fields.take("env");
    if path.is_none() && env.is_none() {
        reader.error(fields.mark, subject, DeclarationProblem::FileWithoutPlace);
    }
    let place = match path {
        None => Some(Place::Memory),
        Some(node) => reader.text(subject, node, "a path").and_then(|text| {
            let name = text.rsplit('/').next();
            if matches!(name, None | Some("" | "." | "..")) || text.contains('\0') {
                reader.error(node.mark, subject, DeclarationProblem::Value { text, expected: "the path of a file" });
                return None;
            }
            Some(Place::Path(PathBuf::from(text)))
        }),
    };
    let name = env.map(|node| variable(reader, node));
    let mode = fields.take("mode").map(|node| {
        let text = reader.text(subject, node, "text in quotes, like \"0400\"")?;
        let mode = Mode::parse(&text);
        if mode.is_err() {
            reader.error(
                node.mark,
                subject,
                DeclarationProblem::Value { text, expected: "a mode in octal, like 0400" },
            );
        }
        mode.ok()
    });
    let owner = fields.take("owner").map(|node| {
        let text = reader.text(subject, node, "USER, USER:GROUP or :GROUP")?;
        let owner = Owner::parse(&text);
        if owner.is_err() {
            reader.error(
                node.mark,
                subject,
                DeclarationProblem::Value { text, expected: "USER, USER:GROUP or :GROUP" },
            );
        }
        owner.ok()
    });
    let (mode, owner) = (mode.unwrap_or(Some(Mode::PRIVATE))?, owner.map_or(Some(None), |owner| owner.map(Some))?);
    let env = name.map_or(Some(None), |name| name.map(Some))?;
    Some(FileTarget { place: place?, env, mode, owner })
}

fn variable(reader: &mut Reader<'_>, node: &Node) -> Option<EnvName> {
    let text = reader.text(Some("files"), node, "the name of a variable")?;
    if text == "PATH" {
        reader.error(node.mark, Some("files"), DeclarationProblem::PathOnlyValue);
        return None;
    }
    let name = EnvName::parse(&text);
    if name.is_err() {
        reader.error(node.mark, Some("files"), DeclarationProblem::IllegalName(text));
    }
    name.ok()
}
