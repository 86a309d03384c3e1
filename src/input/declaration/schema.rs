//! Reads the top level of a declaration: `defaults`, `secrets`, `env`, `env-from`, `files` and `credentials`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use super::aliases::aliases;
use super::error::{DeclarationError, DeclarationProblem};
use super::reader::DeclarationReader;
use super::{credentials, entry, env_from, files};
use crate::input::yaml;
use crate::model::entry::{Claim, Entry};
use crate::model::options::{Given, OPTIONS, Takes, TypedOptions, find_option};
use crate::model::plan::Layer;
use crate::model::suggest;
use crate::model::tree::{Node, Position};

/// One declaration file.
#[derive(Debug, Default)]
pub struct Declaration {
    pub path: PathBuf,
    /// The options under `defaults:`.
    pub options: TypedOptions,
    pub layer: Layer,
}

/// The keys of the top level. `$schema` is for editors.
const KEYS: &[&str] = &["defaults", "secrets", "env", "env-from", "files", "credentials", "$schema"];

/// Reads a declaration, and adds its errors to `errors`.
pub fn declaration(path: &Arc<PathBuf>, text: &str, errors: &mut Vec<DeclarationError>) -> Declaration {
    let (node, found) = yaml::parse(text);
    let mut reader = DeclarationReader { path, errors };
    for error in found {
        reader.error(error.position, None, DeclarationProblem::Syntax(error.message));
    }
    let Some(node) = node else { return Declaration::default() };
    if is_task_definition(&node) {
        reader.error(node.position, None, DeclarationProblem::TaskDefinition);
        return Declaration::default();
    }
    let mut fields = reader.fields(None, &node, KEYS);
    let options = fields.take("defaults").map(|node| defaults(&mut reader, node)).unwrap_or_default();
    let aliases = fields.take("secrets").map(|node| aliases(&mut reader, node)).unwrap_or_default();
    let env = fields.take("env").map(|node| entry::entries(&mut reader, node)).unwrap_or_default();
    let env_from = fields.take("env-from").map(|node| env_from::entries(&mut reader, node)).unwrap_or_default();
    let files = fields.take("files").map(|node| files::entries(&mut reader, node)).unwrap_or_default();
    let credentials = fields.take("credentials").map(|node| credentials::units(&mut reader, node)).unwrap_or_default();
    let entries = with_files(&mut reader, env, files);
    let layer = Layer { aliases, entries, env_from, credentials };
    Declaration { path: path.to_path_buf(), options, layer }
}

/// True for an ECS task definition, as `aws ecs register-task-definition` takes it or as `aws ecs describe-task-definition`
/// prints it.
fn is_task_definition(node: &Node) -> bool {
    let node = node.get("taskDefinition").unwrap_or(node);
    node.get("containerDefinitions").is_some()
}

/// Appends the entries of `files:` to those of `env:`. Two entries must not set one variable or path.
fn with_files(
    reader: &mut DeclarationReader<'_>,
    mut entries: Vec<Entry>,
    files: Vec<(Position, Entry)>,
) -> Vec<Entry> {
    let mut claimed: BTreeSet<Claim> = entries.iter().flat_map(|entry| entry.target.claims()).collect();
    for (position, entry) in files {
        for claim in entry.target.claims() {
            if !claimed.insert(claim.clone()) {
                reader.error(position, Some("files"), DeclarationProblem::DuplicateTarget(claim));
            }
        }
        entries.push(entry);
    }
    entries
}

fn defaults(reader: &mut DeclarationReader<'_>, node: &Node) -> TypedOptions {
    let mut options = TypedOptions::default();
    for (key, value) in reader.table(Some("defaults"), node) {
        let subject = Some(key.text.as_str());
        let Some(spec) = find_option(&key.text) else {
            let known: Vec<_> =
                OPTIONS.iter().filter(|option| option.in_declaration).map(|option| option.name).collect();
            let nearest = suggest::nearest(&key.text, known.iter().copied());
            let problem = DeclarationProblem::UnknownKey { key: key.text.clone(), nearest, known };
            reader.error(key.position, Some("defaults"), problem);
            continue;
        };
        if !spec.in_declaration {
            reader.error(key.position, subject, DeclarationProblem::NotInDeclaration);
            continue;
        }
        let given = match spec.takes {
            Takes::Text(_) => reader.text(subject, value, "text").map(|text| Given::Text(text.into())),
            Takes::Nothing => reader.boolean(subject, value).map(Given::Flag),
            Takes::Texts(_) => match value.text() {
                Some(text) => Some(Given::Texts(vec![text.to_owned()])),
                None => reader.texts(subject, value).map(Given::Texts),
            },
            Takes::Level | Takes::Optional(_) => match value.boolean() {
                Some(on) => Some(Given::Flag(on)),
                None => reader.text(subject, value, "true, false or text").map(|text| Given::Text(text.into())),
            },
        };
        let Some(given) = given else { continue };
        let text = match &given {
            Given::Texts(texts) => spec.first_illegal(texts).cloned(),
            Given::Text(_) | Given::Flag(_) => value.text().map(str::to_owned),
        };
        let text = text.unwrap_or_default();
        if let Err(why) = (spec.set)(&mut options, given) {
            reader.error(
                value.position,
                subject,
                match spec.takes_patterns() {
                    true => DeclarationProblem::Pattern { pattern: text, why },
                    false => DeclarationProblem::Value { text, expected: why },
                },
            );
        }
    }
    options
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::entry::EntrySource;
    use crate::model::entry::OnMissing;
    use crate::model::reference::ReferenceError;

    fn read(text: &str) -> (Declaration, Vec<(usize, DeclarationProblem)>) {
        let mut errors = Vec::new();
        let declaration = declaration(&Arc::new("test.yaml".into()), text, &mut errors);
        (declaration, errors.into_iter().map(|error| (error.position.unwrap().line, error.problem)).collect())
    }

    #[test]
    fn a_whole_declaration_is_read() {
        let (declaration, errors) = read(
            "defaults: { region: us-west-2, timeout: 20s, pass: ['APP_*'], verbose: true }\n\
             secrets:\n  db: prod/db\n  old: { id: \"${STAGE:-prod}/api\", stage: AWSPREVIOUS, region: eu-west-1 }\n\
             env:\n  A: db:host\n  B: { from: \"db:port\", default: 007 }\n  C: { value: info, encode: base64 }\n  D: { from: x, optional: true }\n",
        );
        assert_eq!(errors, []);
        assert_eq!(declaration.options.region.unwrap().as_str(), "us-west-2");
        assert_eq!(declaration.layer.aliases.names().collect::<Vec<_>>(), ["db", "old"]);
        let entries = declaration.layer.entries;
        assert_eq!(
            entries.iter().map(|entry| entry.origin.to_string()).collect::<Vec<_>>(),
            ["test.yaml:6", "test.yaml:7", "test.yaml:8", "test.yaml:9"]
        );
        assert_eq!(entries[1].on_missing, OnMissing::Default("007".into()));
        assert!(matches!(&entries[2].source, EntrySource::Literal(text) if text == "info"));
        assert_eq!(entries[3].on_missing, OnMissing::Omit);
    }

    #[test]
    fn every_error_is_reported_with_its_line() {
        let (_, errors) = read(
            "defaults: { regoin: x, local: y, timeout: soon }\n\
             secrets:\n  ssm: a\n  db: prod/db:key\n\
             env:\n  1A: x\n  B: { form: x }\n  C: { from: x, value: y }\n  D: { from: x, default: a, optional: true }\n  E: { template: \"{{ t\" }\n  PATH: x\n  G: [x]\n  H: \"$x\"\n\
             env-from: {}\nnope: 1\n",
        );
        let mut lines: Vec<_> = errors.iter().map(|(line, _)| *line).collect();
        lines.sort_unstable();
        assert_eq!(lines, [1, 1, 1, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15], "{errors:#?}");
        let problems: Vec<_> = errors.into_iter().map(|(_, problem)| problem).collect();
        for (unknown, meant) in [("form", "from"), ("regoin", "region")] {
            assert!(problems.iter().any(|problem| {
                matches!(problem, DeclarationProblem::UnknownKey { key, nearest: Some(nearest), .. } if key == unknown && *nearest == meant)
            }));
        }
        assert!(problems.iter().any(|problem| matches!(problem, DeclarationProblem::Template(_))));
        assert!(
            problems
                .iter()
                .any(|problem| matches!(problem, DeclarationProblem::Reference { error: ReferenceError::Id(_), .. }))
        );
    }

    #[test]
    fn an_empty_declaration_is_legal() {
        for text in ["", "# nothing yet\n", "---\n", "{}"] {
            assert!(read(text).1.is_empty(), "{text:?}");
        }
        assert_eq!(read("- a").1.len(), 1);
    }
}
