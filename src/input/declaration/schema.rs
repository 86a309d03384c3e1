//! Reads the top level of a declaration: `defaults`, `secrets`, `env`, `env-from`, `files` and `credentials`.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::aliases::aliases;
use super::entries;
use super::reader::{Item, Member, Source};
use crate::input::yaml;
use crate::model::options::{OPTIONS, OptionSpec, Takes, TypedOptions, find_option};
use crate::model::plan::Layer;
use crate::model::problem::Problem;
use crate::model::quoting::quoted_unless_secret;
use crate::model::tree::Node;

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

/// Reads the text of one declaration. The errors are in the order of its lines.
pub fn read(path: &Path, text: &str) -> (Declaration, Vec<Problem>) {
    let source = Source { path: Arc::new(path.to_owned()), errors: RefCell::default() };
    let (node, errors) = yaml::parse(text);
    for error in errors {
        source.refuse(error.position, "", error.message, None);
    }
    let declaration = node.map(|node| declaration(&source, &node)).unwrap_or_default();
    let mut errors = source.errors.into_inner();
    errors.sort_by_key(|(position, _)| *position);
    (declaration, errors.into_iter().map(|(_, problem)| problem).collect())
}

fn declaration(source: &Source, node: &Node) -> Declaration {
    let item = Item { source, node, position: node.position, subject: String::new() };
    if is_task_definition(node) {
        let help = "docs/migrating.md has the jq line that makes a declaration of it";
        item.refuse_with::<()>("is a task definition of ECS, not a declaration", Some(help.to_owned()));
        return Declaration::default();
    }
    let mut fields = item.fields(KEYS);
    let options = fields.take("defaults").map(|item| defaults(&item)).unwrap_or_default();
    let aliases = fields.take("secrets").map(|item| aliases(&item)).unwrap_or_default();
    let variables = fields.take("env").map(|item| entries::variables(&item)).unwrap_or_default();
    let env_from = fields.take("env-from").map(|item| entries::env_from(&item)).unwrap_or_default();
    let entries = match fields.take("files") {
        Some(item) => entries::files(&item, variables),
        None => variables,
    };
    let credentials = fields.take("credentials").map(|item| entries::credentials(&item)).unwrap_or_default();
    Declaration { path: source.path.to_path_buf(), options, layer: Layer { aliases, entries, env_from, credentials } }
}

/// True for an ECS task definition, as `aws ecs register-task-definition` takes it or as `aws ecs describe-task-definition`
/// prints it.
fn is_task_definition(node: &Node) -> bool {
    let node = node.get("taskDefinition").unwrap_or(node);
    node.get("containerDefinitions").is_some()
}

fn defaults(item: &Item<'_>) -> TypedOptions {
    let mut options = TypedOptions::default();
    for Member { name, key, value } in item.members() {
        match find_option(name) {
            Some(spec) if spec.in_declaration() => drop(set(&mut options, spec, &value)),
            Some(_) => drop(key.named(name).refuse::<()>("cannot be set in a declaration")),
            None => {
                let known = OPTIONS.iter().filter(|option| option.in_declaration()).map(|option| option.name);
                key.unknown(name, &known.collect::<Vec<_>>());
            }
        }
    }
    options
}

/// Sets an option, unless it does not take the value.
fn set(options: &mut TypedOptions, spec: &OptionSpec, value: &Item<'_>) -> Option<()> {
    let digit = |on| if on { "1" } else { "0" }.to_owned();
    let texts = match (spec.takes, value.node.boolean()) {
        (Takes::Level | Takes::Optional(_), Some(on)) => vec![digit(on)],
        (Takes::Nothing, _) => vec![digit(value.boolean()?)],
        (Takes::Texts(_), _) if value.node.text().is_none() => value.texts()?,
        (Takes::Text(_) | Takes::Texts(_), _) => vec![value.text("text")?.to_owned()],
        (Takes::Level | Takes::Optional(_), None) => vec![value.text("true, false or text")?.to_owned()],
    };
    texts.into_iter().try_for_each(|text| {
        let expected = (spec.set)(options, text.as_ref()).err();
        expected.map_or(Some(()), |expected| value.refuse(format!("{} is not {expected}", quoted_unless_secret(&text))))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::entry::EntrySource;
    use crate::model::entry::OnMissing;

    fn read(text: &str) -> (Declaration, Vec<String>) {
        let (declaration, errors) = super::read(Path::new("test.yaml"), text);
        (declaration, errors.into_iter().map(|problem| problem.text).collect())
    }

    #[test]
    fn a_whole_declaration_is_read() {
        let (declaration, errors) = read(
            "defaults: { region: us-west-2, timeout: 20s, pass: ['APP_*'], verbose: true }\n\
             secrets:\n  db: prod/db\n  old: { id: \"${STAGE:-prod}/api\", stage: AWSPREVIOUS, region: eu-west-1 }\n\
             env:\n  A: db:host\n  B: { from: \"db:port\", default: 007 }\n  C: { value: info, encode: base64 }\n  D: { from: x, optional: true }\n",
        );
        assert_eq!(errors, [""; 0]);
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
        let line = |error: &String| error.split(':').nth(1).unwrap().parse::<usize>().unwrap();
        let lines: Vec<_> = errors.iter().map(line).collect();
        assert_eq!(lines, [1, 1, 1, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15], "{errors:#?}");
        for told in ["\"form\"; did you mean \"from\"", "did you mean \"region\"", "line 1 of the template"] {
            assert!(errors.iter().any(|error| error.contains(told)), "{told}: {errors:#?}");
        }
    }

    #[test]
    fn an_empty_declaration_is_legal() {
        for text in ["", "# nothing yet\n", "---\n", "{}"] {
            assert!(read(text).1.is_empty(), "{text:?}");
        }
        assert_eq!(read("- a").1.len(), 1);
    }
}
