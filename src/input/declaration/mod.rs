//! Reads declaration files: each becomes a layer of entries, and options that serve as defaults. The top level has `defaults`, `secrets`,
//! `env`, `env-from`, `files` and `credentials`.

mod aliases;
mod entries;
mod find;
mod reader;
mod source;

pub use find::{in_parent, replaced_by, working_directory};

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::input::env_file::is_env_file;
use crate::input::yaml::{self, Node, TASK_DEFINITION_HELP};
use crate::model::options::{OPTIONS, OptionSpec, Takes, TypedOptions, find_option};
use crate::model::plan::Layer;
use crate::model::problem::Problem;
use crate::model::quoting::file_name;
use crate::system::os_error::{read_text, unreadable};
use aliases::aliases;
use find::find;
use reader::{Item, MappingEntry, TEXT};
use source::{Mistake, SourceFile};

/// Reads `files`, and with `finds_file` the declaration in the working directory.
///
/// Returns what could be read, and every error in the order of the files and lines. Without `reads_entries` only the options and aliases
/// are read.
pub fn load(
    files: &[PathBuf],
    finds_file: bool,
    reads_entries: bool,
) -> (Vec<Declaration>, Vec<Problem>) {
    let mut texts: Vec<_> = files
        .iter()
        .map(|path| read_named(path).map(|text| (path.as_path(), text)))
        .collect();
    if finds_file {
        texts.extend(read_found().transpose());
    }

    let (mut declarations, mut errors) = (Vec::new(), Vec::new());
    for text in texts {
        match text {
            Ok((path, text)) => {
                let (declaration, found) = parse_declaration(path, &text, reads_entries);
                declarations.push(declaration);
                errors.extend(found);
            }
            Err(problem) => errors.push(problem),
        }
    }
    (declarations, errors)
}

/// Returns the path and the text of the declaration in the working directory, if there is one.
fn read_found() -> Result<Option<(&'static Path, String)>, Problem> {
    let Some((path, file)) = find()? else {
        return Ok(None);
    };
    Ok(Some((path, text(path, file)?)))
}

fn read_named(path: &Path) -> Result<String, Problem> {
    if path == Path::new("-") {
        return text(path, io::stdin());
    }
    if path
        .extension()
        .is_some_and(|extension| extension == "toml")
    {
        let problem = Problem::configuration(format!(
            "{} is a TOML file, but a declaration is YAML or JSON",
            path.display()
        ));
        return Err(problem.help("write it as YAML, as in: env: { DB_PASSWORD: prod/db:password }"));
    }
    text(
        path,
        File::open(path).map_err(|error| unreadable(path.display(), &error))?,
    )
}

fn text(path: &Path, source: impl Read) -> Result<String, Problem> {
    let file = file_name(path);
    let text = read_text(&file, source, 1)?;
    if is_env_file(&text) {
        let text =
            format!("{file} has the format of a .env file, but a declaration is YAML or JSON");
        let shown = if path == Path::new("-") {
            Path::new(".env")
        } else {
            path
        };
        let help = format!(
            "turn it into a declaration: secrets-exec migrate {} --secret prod/app",
            shown.display()
        );
        return Err(Problem::configuration(text).help(help));
    }
    Ok(text)
}

/// A declaration file.
#[derive(Debug, Default)]
pub struct Declaration {
    pub path: PathBuf,
    /// The options under `defaults:`.
    pub options: TypedOptions,
    pub layer: Layer,
}

/// The keys of the top level. `$schema` is for editors.
const KEYS: &[&str] = &[
    "defaults",
    "secrets",
    "env",
    "env-from",
    "files",
    "credentials",
    "$schema",
];

/// Reads the text of one declaration, and its entries if `reads_entries`. The errors are in the order of its lines.
pub fn parse_declaration(
    path: &Path,
    text: &str,
    reads_entries: bool,
) -> (Declaration, Vec<Problem>) {
    let source = SourceFile {
        path: Arc::new(path.to_owned()),
        mistakes: RefCell::default(),
    };
    let (node, errors) = yaml::parse(text);
    let syntax_errors = errors.into_iter().map(|error| Mistake {
        position: error.position,
        subject: String::new(),
        text: error.message,
        help: error.help,
    });
    source.mistakes.borrow_mut().extend(syntax_errors);
    let declaration = node
        .map(|node| declaration(&source, &node, reads_entries))
        .unwrap_or_default();
    (declaration, source.problems())
}

fn declaration(source: &SourceFile, node: &Node, reads_entries: bool) -> Declaration {
    let item = Item {
        source,
        node,
        position: node.position,
        subject: String::new(),
        key: "",
    };
    if node.is_task_definition() {
        item.refuse_with(
            "is an ECS task definition, not a declaration",
            Some(TASK_DEFINITION_HELP.to_owned()),
        );
        return Declaration::default();
    }
    let mut fields = item.fields(KEYS);
    let options = fields.take("defaults").map(|item| defaults(&item));
    let aliases = fields.take("secrets").map(|item| aliases(&item));
    let mut layer = Layer {
        aliases: aliases.unwrap_or_default(),
        ..Layer::default()
    };
    if reads_entries {
        // Variables that are not indented are reported as such, and so `env` is empty.
        if let Some(item) = fields.take("env")
            && !(fields.has_unknown && item.node.is_null())
        {
            layer.entries.extend(entries::variables(&item));
        }
        if let Some(item) = fields.take("files") {
            layer.entries = entries::with_files(&item, layer.entries);
        }
        if let Some(item) = fields.take("credentials") {
            let (units, credentials) = entries::credentials(&item);
            layer.units = units;
            layer.entries.extend(credentials);
        }
        let objects = fields.take("env-from").map(|item| entries::env_from(&item));
        layer.entries.extend(objects.unwrap_or_default());
    }
    Declaration {
        path: source.path.to_path_buf(),
        options: options.unwrap_or_default(),
        layer,
    }
}

fn defaults(item: &Item<'_>) -> TypedOptions {
    let mut options = TypedOptions::default();
    for MappingEntry { name, key, value } in item.members() {
        match find_option(name) {
            Some(spec) if spec.in_declaration() => {
                options.places.insert(spec.id, key.place());
                set(&mut options, spec, &value.named(format!("{name:?}")));
            }
            Some(_) => {
                let help = format!("set it on the command line (--{name})");
                key.named(format!("{name:?}"))
                    .refuse_with("cannot be set in a declaration", Some(help));
            }
            None => {
                let legal = OPTIONS
                    .iter()
                    .filter(|option| option.in_declaration())
                    .map(|option| option.name);
                item.refuse_unknown(name, key.position, &legal.collect::<Vec<_>>());
            }
        }
    }
    for (option, other, why) in options.exclusions() {
        let text = format!("{option} and {other} exclude each other: {why}");
        item.refuse_sentence(text, None);
    }
    options
}

/// Sets an option, unless it does not take the value.
fn set(options: &mut TypedOptions, spec: &OptionSpec, value: &Item<'_>) {
    for text in texts(spec.takes, value).unwrap_or_default() {
        if let Err(expected) = (spec.set)(options, text.as_ref()) {
            return value.refuse_value(&text, expected);
        }
    }
}

/// Returns the texts that a command line would have for the value.
fn texts(takes: Takes, value: &Item<'_>) -> Option<Vec<String>> {
    let text = match (takes, value.node.boolean()) {
        (Takes::Texts(_), _) if value.node.text().is_none() => return value.texts(),
        (Takes::Text(_) | Takes::Texts(_), _) => value.text(TEXT)?,
        (Takes::Level | Takes::Optional(_), None) => value.text("true, false or text")?,
        (Takes::Nothing | Takes::Level | Takes::Optional(_), _) => {
            if value.boolean()? {
                "1"
            } else {
                "0"
            }
        }
    };
    Some(vec![text.to_owned()])
}
