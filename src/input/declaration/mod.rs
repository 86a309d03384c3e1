//! Reads declaration files. Each file becomes a [`Layer`] of entries and aliases, and options that
//! apply where no flag or variable sets them.
//!
//! `find` looks for the declaration in the working directory, `reader` gives typed values and
//! collects mistakes, and `sections` reads all sections except `defaults`. Every mistake in every
//! file is reported. No mistake shows a line of a file, because the line may hold a secret.

mod find;
mod reader;
mod sections;

pub use find::{declaration_beside, replaced_declaration, working_directory};

use std::cell::{Cell, RefCell};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::input::text_file::{self, FileKind, read_yaml};
use crate::input::yaml::{Kind, Node, parse_yaml};
use crate::model::mistakes::{Fault, foreign_file};
use crate::model::options::{OPTIONS, OptionSpec, Takes, TypedOptions, find_option};
use crate::model::plan::Layer;
use crate::model::problem::Problem;
use find::open_default_declaration;
use reader::{FILE, Item, MappingEntry, Mistake, SourceFile, TEXT, TOP_KEYS};

/// The sections of a declaration that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sections {
    All,
    /// Only `defaults` and `secrets`, so that a mistake in an entry doesn't matter.
    OptionsAndAliases,
}

/// Reads `files` and, with `finds_file`, the declaration in the working directory.
///
/// Returns the declarations that could be read, and every error in the order of the files and
/// lines.
pub fn load_declarations(
    files: &[PathBuf],
    finds_file: bool,
    sections: Sections,
) -> (Vec<Declaration>, Vec<Problem>) {
    let mut found: Vec<_> = files
        .iter()
        .map(|path| read_named_declaration(path).map(|text| (path.as_path(), text)))
        .collect();
    if finds_file {
        let opened = open_default_declaration().transpose();
        found.extend(opened.map(|opened| {
            let (path, file) = opened?;
            Ok((path, read_yaml(path, file, FileKind::Declaration)?))
        }));
    }

    let (mut declarations, mut errors) = (Vec::new(), Vec::new());
    for path_and_text in found {
        match path_and_text {
            Ok((path, text)) => {
                let (declaration, mistakes) = parse_declaration(path, &text, sections);
                declarations.push(declaration);
                errors.extend(mistakes);
            }
            Err(problem) => errors.push(problem),
        }
    }
    (declarations, errors)
}

/// Returns the text of a declaration that the user names.
///
/// # Errors
/// When the file can't be read, or isn't YAML or JSON.
fn read_named_declaration(path: &Path) -> Result<String, Problem> {
    if path == Path::new("-") {
        return read_yaml(path, io::stdin(), FileKind::Declaration);
    }
    let extension = path.extension();
    if extension.is_some_and(|extension| extension == "toml") {
        let name = path.display();
        let text = format!("{name} is a TOML file, but a declaration is YAML or JSON");
        let help = "write it as YAML, as in: env: { DB_PASSWORD: prod/db:password }";
        return Err(Problem::configuration(text).help(help));
    }
    read_yaml(path, text_file::open(path)?, FileKind::Declaration)
}

/// A declaration file.
#[derive(Debug, Default)]
pub struct Declaration {
    pub path: PathBuf,
    /// The options under `defaults:`.
    pub options: TypedOptions,
    /// The entries and aliases.
    pub layer: Layer,
}

/// The memory that all patterns of a declaration may take after they have been compiled, in bytes.
const PATTERN_MEMORY: usize = 64 << 20;

/// Parses the text of one declaration. The errors are in the order of its lines.
pub fn parse_declaration(
    path: &Path,
    text: &str,
    sections: Sections,
) -> (Declaration, Vec<Problem>) {
    let source = SourceFile {
        path: Arc::new(path.to_owned()),
        mistakes: RefCell::default(),
        pattern_memory: Cell::new(PATTERN_MEMORY),
    };

    let (node, errors) = parse_yaml(text);
    let syntax_errors = errors.into_iter().map(|(position, fault)| Mistake {
        position,
        subject: String::new(),
        fault,
    });
    source.mistakes.borrow_mut().extend(syntax_errors);

    let declaration = node.map(|node| declaration(&source, &node, sections));
    (declaration.unwrap_or_default(), source.problems())
}

/// Returns what a file is that isn't a declaration, and the help: a file of another tool, or one of
/// `--local`, whose keys are the names of secrets.
fn other_file(node: &Node) -> Option<(&'static str, &'static str)> {
    let has_key = |key: &str| node.value_of(key).is_some();
    let has_path = matches!(&node.kind, Kind::Mapping(entries) if entries.iter().any(|(key, _)| key.text.contains('/')));
    if has_path && !TOP_KEYS.split(' ').any(has_key) {
        return Some(("a file for --local", "write --local instead of -f"));
    }
    foreign_file(has_key)
}

/// Reads the sections of a declaration from its tree. A file of another kind is a mistake, and
/// gives an empty declaration.
fn declaration(source: &SourceFile, node: &Node, sections: Sections) -> Declaration {
    let item = Item {
        source,
        node,
        position: node.position,
        subject: FILE.to_owned(),
        is_whole_file: true,
        key: "",
    };
    if let Some((what, help)) = other_file(node) {
        let fault = Fault::new(format!("is {what}, not a declaration"));
        item.refuse(fault.help(help));
        return Declaration::default();
    }

    let mut fields = item.expect_fields(TOP_KEYS);
    let options = fields.take("defaults").map(|item| defaults(&item));
    let aliases = fields.take("secrets").map(|item| sections::aliases(&item));
    let mut layer = Layer {
        aliases: aliases.unwrap_or_default(),
        ..Layer::default()
    };
    if sections == Sections::All {
        // If `env` is empty because its variables are not indented, these have been reported as
        // unknown keys.
        if let Some(item) = fields.take("env")
            && !(fields.has_unknown && item.node.is_null())
        {
            let variables = sections::variables(&item, &layer.aliases);
            layer.entries.extend(variables);
        }
        if let Some(item) = fields.take("files") {
            layer.entries = sections::with_files(&item, layer.entries);
        }
        if let Some(item) = fields.take("credentials") {
            let (units, credentials) = sections::credentials(&item);
            layer.units = units;
            layer.entries.extend(credentials);
        }
        let objects = fields.take("env-from");
        layer
            .entries
            .extend(objects.iter().flat_map(sections::env_from));
    }

    Declaration {
        path: source.path.to_path_buf(),
        options: options.unwrap_or_default(),
        layer,
    }
}

/// Reads the section `defaults`, and notes the position of each option. Adds a mistake for each
/// option that a declaration can't set, for each value that an option doesn't accept, and for
/// options that exclude each other.
fn defaults(item: &Item<'_>) -> TypedOptions {
    let mut options = TypedOptions::default();
    for MappingEntry { name, key, value } in
        item.expect_entries(Some("for example: region: us-east-1"))
    {
        match find_option(name) {
            Some(spec) if spec.in_declaration() => {
                options.positions.insert(spec.id, key.position_text());
                set_option(&mut options, spec, &value.named(format!("{name:?}")));
            }
            None if !matches!(name, "file" | "no-file" | "resolve-env") => {
                let legal = OPTIONS.iter().filter(|option| option.in_declaration());
                let names = Vec::from_iter(legal.map(|option| option.name));
                item.refuse_unknown(name, key.position, value.node, &names);
            }
            // `--local`, and the options that aren't in the table.
            Some(_) | None => {
                let help = format!("set it on the command line (--{name})");
                let fault = Fault::new("can't be set in a declaration").help(help);
                key.named(format!("{name:?}")).refuse(fault);
            }
        }
    }

    for (option, other, why) in options.exclusions() {
        item.refuse_sentence(format!(
            "{option} and {other} can't be used together, because {why}"
        ));
    }
    options
}

/// Sets an option, or adds a mistake for each text that the option doesn't accept.
fn set_option(options: &mut TypedOptions, spec: &OptionSpec, value: &Item<'_>) {
    for text in option_texts(spec.takes, value).unwrap_or_default() {
        if !value.refuse_if_overlooked(&text)
            && let Err(expected) = (spec.set)(options, text.as_ref())
        {
            value.refuse_value(&text, expected);
        }
    }
}

/// Converts a value in a declaration to the texts that the option's parser gets: one for each item
/// of a list, `1` for `true`, `0` for `false`, and otherwise the text itself. Adds a mistake, and
/// returns `None`, if the value has the wrong type.
fn option_texts(takes: Takes, value: &Item<'_>) -> Option<Vec<String>> {
    let flag_text = |is_set| if is_set { "1" } else { "0" };
    let text = match takes {
        Takes::Texts(_) if value.node.scalar_text().is_none() => return value.expect_texts(),
        Takes::Text(_) | Takes::Texts(_) => value.expect_text(TEXT)?,
        Takes::Nothing => flag_text(value.expect_boolean()?),
        Takes::Level | Takes::Optional(_) => match value.node.boolean() {
            Some(is_set) => flag_text(is_set),
            None => value.expect_text("true, false or text")?,
        },
    };
    Some(vec![text.to_owned()])
}
