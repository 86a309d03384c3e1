//! The declaration's keys: `defaults`, `secrets`, `env`, `env-from` and `files`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use super::reader::Reader;
use super::{Declaration, ManifestError, ManifestProblem, entry, expansion, files, task_definition};
use crate::alias::{Alias, Aliases};
use crate::binding::Claim;
use crate::markup::{Format, Kind, Node};
use crate::options::{Given, OptionSpec, Options, REGION_EXPECTED, ROLE_EXPECTED, Takes};
use crate::plan::Layer;
use crate::reference::{Reference, Region, Role, Version};

/// Reads a declaration, or a task definition as one; whatever is wrong with it is added to `errors`.
pub(super) fn declaration(
    path: &Arc<PathBuf>,
    format: Format,
    text: &str,
    container: Option<&str>,
    errors: &mut Vec<ManifestError>,
) -> Declaration {
    let node = match format.parse(text) {
        Ok(node) => node,
        Err(found) => {
            errors.extend(found.into_iter().map(|error| {
                let problem = ManifestProblem::Syntax(error.message);
                ManifestError { path: Arc::clone(path), mark: error.mark, subject: None, problem }
            }));
            return Declaration::default();
        }
    };
    let mut reader = Reader { path, errors };
    if let Some(layer) = task_definition::layer(&mut reader, &node, container) {
        return Declaration { layer, from_task_definition: true, ..Declaration::default() };
    }
    let mut fields = reader.fields(None, &node, &["defaults", "secrets", "env", "env-from", "files"]);
    let options = fields.take("defaults").map(|node| defaults(&mut reader, node)).unwrap_or_default();
    let aliases = fields.take("secrets").map(|node| aliases(&mut reader, node)).unwrap_or_default();
    let mut entries = fields.take("env").map(|node| entry::entries(&mut reader, node)).unwrap_or_default();
    let expansions = fields.take("env-from").map(|node| expansion::entries(&mut reader, node)).unwrap_or_default();
    let files = fields.take("files").map(|node| files::entries(&mut reader, node)).unwrap_or_default();
    // Variables of `env` are told apart by their table; those of `files` could be any.
    let mut claimed: BTreeSet<Claim> = entries.iter().flat_map(|entry| entry.target.claims()).collect();
    for (mark, entry) in files {
        for claim in entry.target.claims() {
            if !claimed.insert(claim.clone()) {
                reader.error(mark, Some("files"), ManifestProblem::Claimed(claim));
            }
        }
        entries.push(entry);
    }
    Declaration { options, layer: Layer { aliases, entries, expansions }, from_task_definition: false }
}

fn defaults(reader: &mut Reader<'_>, node: &Node) -> Options {
    let mut options = Options::default();
    for (key, value) in reader.table(Some("defaults"), node) {
        let subject = Some(key.text.as_str());
        let Some(spec) = OptionSpec::find(&key.text) else {
            let problem = ManifestProblem::UnknownKey { key: key.text.clone(), nearest: nearest_option(&key.text) };
            reader.error(key.mark, Some("defaults"), problem);
            continue;
        };
        if !spec.in_declaration {
            reader.error(key.mark, subject, ManifestProblem::NotInDeclaration);
            continue;
        }
        let given = match spec.takes {
            Takes::Text(_) => reader.text(subject, value, "text").map(|text| Given::Text(text.into())),
            Takes::Nothing => reader.boolean(subject, value).map(Given::Flag),
            Takes::Texts(_) => reader.texts(subject, value).map(Given::Texts),
            Takes::Optional(_) => match value.boolean() {
                Some(on) => Some(Given::Flag(on)),
                None => reader.text(subject, value, "true, false or text").map(|text| Given::Text(text.into())),
            },
        };
        if let Some(Err(expected)) = given.map(|given| (spec.set)(&mut options, given)) {
            let text = value.text().unwrap_or_default().to_owned();
            reader.error(value.mark, subject, ManifestProblem::Value { text, expected });
        }
    }
    options
}

fn nearest_option(name: &str) -> Option<&'static str> {
    crate::suggest::nearest(
        name,
        crate::options::OPTIONS.iter().filter(|option| option.in_declaration).map(|option| option.key),
    )
}

fn aliases(reader: &mut Reader<'_>, node: &Node) -> Aliases {
    let mut aliases = Aliases::default();
    for (key, value) in reader.table(Some("secrets"), node) {
        if let Err(error) = Aliases::check_name(&key.text) {
            reader.error(key.mark, Some("secrets"), ManifestProblem::AliasName(key.text.clone(), error));
        }
        if let Some(alias) = alias(reader, &key.text, value) {
            aliases.insert(key.text.clone(), alias);
        }
    }
    aliases
}

fn alias(reader: &mut Reader<'_>, name: &str, node: &Node) -> Option<Alias> {
    let subject = Some(name);
    let Kind::Table(_) = node.kind else {
        let id = alias_id(reader, name, node)?;
        return Some(Alias { id, version: Version::Current, region: None, role: None });
    };
    let mut fields = reader.fields(subject, node, &["id", "stage", "version-id", "region", "role-arn", "external-id"]);
    let id = match fields.take("id") {
        Some(id) => alias_id(reader, name, id),
        None => {
            reader.expected(node, subject, "an `id` with the secret's name or ARN");
            None
        }
    };
    let mut label = |reader: &mut Reader<'_>, field| {
        let node = fields.take(field)?;
        let text = reader.text(subject, node, "text")?;
        if text.is_empty() || text.contains(|c: char| c.is_whitespace() || c.is_control()) {
            reader.error(
                node.mark,
                subject,
                ManifestProblem::Value { text, expected: "a staging label or version id without spaces" },
            );
            return None;
        }
        Some(text)
    };
    let version = Version::new(label(reader, "stage"), label(reader, "version-id"));
    let region = fields.take("region").and_then(|node| {
        let text = reader.text(subject, node, "a region's code")?;
        let region = Region::parse(&text);
        if region.is_err() {
            reader.error(node.mark, subject, ManifestProblem::Value { text, expected: REGION_EXPECTED });
        }
        region.ok()
    });
    let external_id = fields.take("external-id");
    let role = match fields.take("role-arn") {
        Some(node) => {
            let text = reader.text(subject, node, ROLE_EXPECTED)?;
            let external_id = external_id.and_then(|node| reader.text(subject, node, "text"));
            let role = Role::parse(&text, external_id);
            if role.is_err() {
                reader.error(node.mark, subject, ManifestProblem::Value { text, expected: ROLE_EXPECTED });
            }
            role.ok()
        }
        None => {
            if let Some(node) = external_id {
                reader.error(node.mark, subject, ManifestProblem::ExternalIdAlone);
            }
            None
        }
    };
    Some(Alias { id: id?, version, region, role })
}

fn alias_id(reader: &mut Reader<'_>, name: &str, node: &Node) -> Option<String> {
    let text = reader.text(Some(name), node, "a secret's name or ARN")?;
    match Reference::parse(&text) {
        Ok(reference) => {
            let id = reference.bare().map(str::to_owned);
            if id.is_none() {
                reader.error(node.mark, Some(name), ManifestProblem::AliasWithKey(text));
            }
            id
        }
        Err(error) => {
            reader.error(node.mark, Some(name), ManifestProblem::Reference { text, error });
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binding::{Absence, EntrySource};
    use crate::reference::ReferenceError;

    fn read(text: &str) -> (Declaration, Vec<(usize, ManifestProblem)>) {
        let mut errors = Vec::new();
        let declaration = declaration(&Arc::new("test.yaml".into()), Format::Yaml, text, None, &mut errors);
        (declaration, errors.into_iter().map(|error| (error.mark.unwrap().line, error.problem)).collect())
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
        assert_eq!(entries[1].absence, Absence::Default("007".into()));
        assert!(matches!(&entries[2].source, EntrySource::Literal(text) if text == "info"));
        assert_eq!(entries[3].absence, Absence::Omit);
    }

    #[test]
    fn every_mistake_is_told_with_its_line() {
        let (_, errors) = read(
            "defaults: { regoin: x, local: y, timeout: soon }\n\
             secrets:\n  ssm: a\n  db: prod/db:key\n\
             env:\n  1A: x\n  B: { form: x }\n  C: { from: x, value: y }\n  D: { from: x, default: a, optional: true }\n  E: { template: \"{{ t\" }\n  PATH: x\n  G: [x]\n  H: \"$x\"\n\
             env-from: {}\nnope: 1\n",
        );
        let mut lines: Vec<_> = errors.iter().map(|(line, _)| *line).collect();
        lines.sort_unstable();
        assert_eq!(lines, [1, 1, 1, 3, 4, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15], "{errors:#?}");
        let problems: Vec<_> = errors.into_iter().map(|(_, problem)| problem).collect();
        assert!(problems.contains(&ManifestProblem::UnknownKey { key: "form".into(), nearest: Some("from") }));
        assert!(problems.contains(&ManifestProblem::UnknownKey { key: "regoin".into(), nearest: Some("region") }));
        assert!(problems.iter().any(|problem| matches!(problem, ManifestProblem::Template(_))));
        assert!(
            problems
                .iter()
                .any(|problem| matches!(problem, ManifestProblem::Reference { error: ReferenceError::Id(_), .. }))
        );
    }

    #[test]
    fn a_task_definition_is_told_from_a_declaration() {
        assert!(read("containerDefinitions: [{}]").0.from_task_definition);
        assert!(!read("env: {}").0.from_task_definition);
        assert_eq!(read("taskDefinition: app:1").1.len(), 1);
    }

    #[test]
    fn an_empty_declaration_is_one() {
        for text in ["", "# nothing yet\n", "---\n", "{}"] {
            assert!(read(text).1.is_empty(), "{text:?}");
        }
        assert_eq!(read("- a").1.len(), 1);
    }
}
