//! Reads declarations. Each file becomes a [`Layer`] of entries and aliases, and a set of options,
//! which flags and variables override. Messages never show a line of a file, because it may hold a
//! secret.
//!
//! The declaration in the working directory is read even if nobody named it. Its author chooses
//! which secrets are read with this user's credentials, and which variables the command gets. So it
//! is only read if nobody except root and this user can write it. Otherwise, someone else may have
//! left it there, for example in /tmp.

mod reader;
mod sections;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::io::ErrorKind::{NotFound, PermissionDenied};
use std::mem::take;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::input::text_file::{self, FileKind, read_yaml, similar_file};
use crate::input::yaml::{Node, Position, parse_yaml};
use crate::model::entry::Source;
use crate::model::environment::Inherited;
use crate::model::fault::{Fault, TOP_KEYS, foreign_file};
use crate::model::message::{Place, Problem, Record};
use crate::model::options::{OPTIONS, Takes, TypedOptions, find_option};
use crate::model::plan::{Layer, is_certainly_set};
use crate::model::shown::{file_name, shell_word, shown, some_of};
use crate::system::os_error::unreadable;
use crate::system::paths::{self, OpenError};
use reader::{Item, MappingEntry, SourceFile, THIS_FILE};
use sections::{read_aliases, read_env_from, read_files, read_variables};

/// The declarations to read.
#[derive(Clone, Debug, Default)]
pub enum DeclarationChoice {
    /// No declaration, because of `--no-file`.
    #[default]
    None,
    /// The declaration in the working directory, if there is one.
    InWorkingDirectory,
    /// The files of `-f` or SECRETS_EXEC_FILE, in the order in which they are read.
    Named {
        files: Vec<PathBuf>,
        by: DeclarationsNamedBy,
        /// True if `--no-file` was given, too. This hides the note about the declaration in the
        /// working directory.
        has_no_file: bool,
    },
}

impl DeclarationChoice {
    /// A note for a user who may wonder why no declaration in the working directory is read: either
    /// the user named other files, or the directory can't be searched. If there are `errors`, such
    /// as a missing `-f` file, the note about other files is left out, because it wouldn't help.
    pub fn note(&self, errors: &[Problem]) -> Option<Record> {
        let text = match self {
            Self::Named {
                files,
                by,
                has_no_file: false,
            } if errors.is_empty() => {
                let name = replaced_declaration(files)?;
                match by {
                    DeclarationsNamedBy::Option => format!(
                        "./{name} isn't read, because -f is given; to read both, use -f {name} first"
                    ),
                    DeclarationsNamedBy::Variable => format!(
                        "./{name} isn't read, because SECRETS_EXEC_FILE is set; to read both, begin its list with {name}"
                    ),
                }
            }
            Self::InWorkingDirectory if !Path::new(".").exists() => "the working directory can't be searched, so secrets-exec can't see whether it has a secrets-exec.yaml (--no-file hides this note)".to_owned(),
            Self::Named { .. } | Self::InWorkingDirectory | Self::None => return None,
        };
        Some(Record::note(text))
    }
}

/// The way in which the user named the declarations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeclarationsNamedBy {
    /// `-f`
    Option,
    /// `SECRETS_EXEC_FILE`
    Variable,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sections {
    All,
    /// Only `defaults` and `secrets`, for `get`, which ignores entries and the mistakes in them.
    OptionsAndAliases,
}

#[derive(Default)]
pub struct Declarations {
    /// The options under `defaults`. If several declarations set an option, the last one takes
    /// precedence.
    pub options: TypedOptions,
    pub layers: Vec<Layer>,
    /// The files that were read, for messages.
    pub names: Vec<String>,
    /// In the order of the files and their lines.
    pub errors: Vec<Problem>,
}

/// Reads the chosen declarations.
pub fn load_declarations(choice: &DeclarationChoice, sections: Sections) -> Declarations {
    let mut declarations = Declarations::default();
    match choice {
        DeclarationChoice::None => {}
        DeclarationChoice::InWorkingDirectory => match open_default_declaration() {
            Ok(Some((path, file))) => {
                declarations.add(path, read_yaml(path, file, FileKind::Declaration), sections);
                let refused = declarations.options.refused_hosts();
                declarations.errors.extend(refused);
            }
            Ok(None) => {}
            Err(problem) => declarations.errors.push(problem),
        },
        DeclarationChoice::Named { files, by, .. } => {
            for path in files {
                declarations.add(path, read_named_declaration(path, *by), sections);
            }
        }
    }
    declarations
}

impl Declarations {
    fn add(&mut self, path: &Path, text: Result<String, Problem>, sections: Sections) {
        let text = match text {
            Ok(text) => text,
            Err(problem) => return self.errors.push(problem),
        };
        let (options, layer, mistakes) = parse_declaration(path, &text, sections);
        self.errors.extend(mistakes);
        self.errors.extend(options.exclusions());
        self.options = options.over(take(&mut self.options));
        self.layers.push(layer);
        self.names.push(file_name(path));
    }
}

fn read_named_declaration(path: &Path, by: DeclarationsNamedBy) -> Result<String, Problem> {
    if path == Path::new("-") {
        return read_yaml(path, io::stdin(), FileKind::Declaration);
    }
    let from = match by {
        DeclarationsNamedBy::Option => "",
        DeclarationsNamedBy::Variable => " (from SECRETS_EXEC_FILE)",
    };
    let file = text_file::open(path, "-f or SECRETS_EXEC_FILE", from)?;
    if path.extension() == Some("toml".as_ref()) {
        let name = path.display();
        let text = format!("{name} is a TOML file, but a declaration is YAML or JSON");
        let help = "write YAML: env: { NAME: SECRET:KEY }";
        return Err(Problem::configuration(text).help(help));
    }
    read_yaml(path, file, FileKind::Declaration)
}

const DEFAULT_NAMES: &[&str] = &["secrets-exec.yaml", "secrets-exec.yml", "secrets-exec.json"];

fn open_default_declaration() -> Result<Option<(&'static Path, File)>, Problem> {
    let mut found = Vec::new();
    for name in DEFAULT_NAMES {
        match Path::new(name).symlink_metadata() {
            Err(error) if [NotFound, PermissionDenied].contains(&error.kind()) => {}
            Err(error) => return Err(unreadable(name, &error)),
            Ok(_) => found.push(*name),
        }
    }

    match found[..] {
        [] => Ok(None),
        [name] => Ok(Some((Path::new(name), open_trusted(name)?))),
        [..] => {
            let names = found.join(" and ");
            let text = format!("the working directory has several declarations: {names}");
            Err(Problem::configuration(text).help("choose one with -f FILE"))
        }
    }
}

/// The declaration in the working directory that isn't read because the user named `files`.
fn replaced_declaration(files: &[PathBuf]) -> Option<String> {
    let (name, _) = open_default_declaration().ok()??;
    let found = name.canonicalize().ok()?;
    for file in files {
        if file.canonicalize().is_ok_and(|file| file == found) {
            return None;
        }
    }
    Some(name.display().to_string())
}

/// Warns about aliases that no entry uses.
///
/// With `lists_all`, which `check` sets, the warning names all of them. A launch names only those
/// in uppercase, such as API_TOKEN, because the user probably meant to set a variable of this name.
/// It skips a name if the command gets such a variable anyway. It also skips a file that only
/// defines aliases for other files.
pub fn alias_warning(layers: &[Layer], lists_all: bool, inherited: &Inherited) -> Option<Record> {
    let mut used = BTreeSet::new();
    for entry in layers.iter().flat_map(|layer| &layer.entries) {
        if matches!(entry.source, Source::Object(_)) && !lists_all {
            // A key of this object may set the variable that an alias is named after. Then the
            // alias isn't a mistake.
            return None;
        }
        for reference in entry.source.references() {
            used.insert(&reference.secret);
        }
    }

    let mut unused = Vec::new();
    for layer in layers {
        // The command line is the last layer, so two layers mean a single declaration, whose
        // aliases can't be for other files.
        let is_shared = layer.entries.is_empty() && layers.len() > 2;
        for name in layer.aliases.keys() {
            if used.contains(name) {
                continue;
            }
            let is_mistake = !is_shared
                && *name == name.to_uppercase()
                && inherited.get(name).is_none()
                && !is_certainly_set(name, layers);
            if lists_all || is_mistake {
                unused.push(shown(name));
            }
        }
    }
    let aliases = match unused.len() {
        0 => return None,
        1 => "alias",
        _ => "aliases",
    };
    let names = some_of(&unused);
    Some(Record::warning(format!(
        "no entry uses the {aliases} {names}: to set a variable, write NAME: SECRET:KEY under \"env\""
    )))
}

/// Help for a working directory without a declaration: use one from a parent directory or a file
/// with a similar name, or migrate .env.
pub fn missing_declaration_help() -> Option<String> {
    let working_directory = Path::new(".").canonicalize().ok()?;
    for (depth, directory) in working_directory.ancestors().enumerate().skip(1) {
        for name in DEFAULT_NAMES {
            if directory.join(name).exists() {
                return Some(format!("use -f {}{name}", "../".repeat(depth)));
            }
        }
    }
    if let Some(file) = DEFAULT_NAMES.iter().map(Path::new).find_map(similar_file) {
        return Some(format!("use -f {}", shell_word("FILE", &file)));
    }
    if !Path::new(".env").is_file() {
        return None;
    }
    let migrate =
        "turn .env into a declaration: secrets-exec migrate .env --secret ID >secrets-exec.yaml";
    Some(migrate.to_owned())
}

/// Refuses a symbolic link, anything else that isn't a regular file, and a file that someone other
/// than root and this user could have written.
fn open_trusted(name: &str) -> Result<File, Problem> {
    paths::open_trusted(Path::new("."), name).map_err(|error| {
        let (what, target, distrust) = match error {
            OpenError::Unreadable(error) => return unreadable(name, &error),
            OpenError::UntrustedDirectory(distrust) => ("the working directory", ".", distrust),
            OpenError::UntrustedFile(distrust) => ("it", name, distrust),
        };
        let why = distrust.reason;
        let text = format!("secrets-exec doesn't read {name}, because {what} {why}");
        let remedy = format!("if you trust the file, use -f {name}");
        Problem::configuration(text).help(match distrust.command {
            Some(command) => format!("run {command} {target} or, {remedy}"),
            None => remedy,
        })
    })
}

/// Parses a declaration. If the syntax is wrong, only this error is reported. A repeated key is an
/// error, too, but the rest of the declaration is still read.
pub fn parse_declaration(
    path: &Path,
    text: &str,
    sections: Sections,
) -> (TypedOptions, Layer, Vec<Problem>) {
    let source = SourceFile {
        path: Arc::new(path.to_owned()),
        mistakes: RefCell::default(),
    };
    let (node, errors) = parse_yaml(text);
    // A list from an ECS task definition or a Kubernetes manifest is recognized by its text,
    // because it often isn't valid YAML: most ARNs in ECS lists end with a colon, which YAML
    // accepts only in quotes.
    let has_list = text.contains("- name: ") && text.contains(" valueFrom:");
    let foreign = foreign_file(|key| {
        (has_list && text.contains(&format!(" {key}:")))
            || node.as_ref().and_then(|node| node.value_of(key)).is_some()
    });
    if let Some((what, help)) = foreign {
        let fault = Fault::new(format!("{THIS_FILE} is {what}, not a declaration")).help(help);
        source.add(Position { line: 1, column: 1 }.fault(fault));
        return (TypedOptions::default(), Layer::default(), source.problems());
    }

    errors.into_iter().for_each(|error| source.add(error));
    let (options, layer) = node
        .map(|node| read_declaration(&source, &node, sections))
        .unwrap_or_default();
    (options, layer, source.problems())
}

const EMPTY_HELP: &str = "what writes this file may have failed. If --env or --resolve-env says what to read, write {} into it or use --no-file";

fn read_declaration(source: &SourceFile, node: &Node, sections: Sections) -> (TypedOptions, Layer) {
    let file = Item {
        source,
        node,
        position: node.position,
        subject: THIS_FILE.to_owned(),
        kind: None,
        key: "",
        has_unknown: false,
    };
    if node.is_null() {
        file.refuse(Fault::new("is empty").help(EMPTY_HELP));
        return Default::default();
    }

    let file = file.with_known(TOP_KEYS);
    let section = |key| Some(file.field(key)?.section(key));
    let options = section("defaults").map(|item| read_defaults(&item));
    let mut layer = Layer::default();
    if let Some(item) = section("secrets") {
        (layer.aliases, layer.refused_aliases) = read_aliases(&item);
    }
    if sections == Sections::All {
        // If there are unknown keys, they are probably variables that should be indented below
        // `env`, so an empty `env` is part of the same mistake.
        if let Some(env) = section("env")
            && !(file.has_unknown && env.node.is_null())
        {
            layer.entries.extend(read_variables(&env));
        }
        layer
            .entries
            .extend(section("files").iter().flat_map(read_files));
        layer
            .entries
            .extend(section("env-from").iter().flat_map(read_env_from));
    }
    (options.unwrap_or_default(), layer)
}

fn read_defaults(section: &Item<'_>) -> TypedOptions {
    let mut options = TypedOptions::default();
    for MappingEntry { name, key, value } in section.expect_entries(None) {
        let option = find_option(name);
        // These options are defined in `cli/command`, not in `OPTIONS`.
        let is_only_flag = matches!(name, "file" | "no-file" | "resolve-env");
        if option.is_none() && !is_only_flag {
            let names: Vec<&str> = OPTIONS
                .iter()
                .filter(|option| option.is_for_declarations())
                .map(|option| option.name)
                .collect();
            key.refuse_unknown(name, &names);
            continue;
        }
        let Some(spec) = option.filter(|option| option.is_for_declarations()) else {
            let help = format!("remove it, and use --{name} on the command line");
            let fault = Fault::new("can't be set in a declaration").help(help);
            key.section(name).refuse(fault);
            continue;
        };

        let place = Place::Declaration {
            position: key.source.position_text(key.position),
            option: spec.name,
        };
        let named_value = value.section(name);
        // If the value has the wrong type, `option_texts` has reported this.
        if let Some(texts) = option_texts(spec.takes, &named_value) {
            for fault in spec.set_all(&mut options, &texts, &place) {
                named_value.refuse(fault);
            }
        }
    }

    options
}

/// Converts a value to the texts that the option's parser expects.
fn option_texts(takes: Takes, value: &Item<'_>) -> Option<Vec<OsString>> {
    let text = match takes {
        Takes::Texts(_) if value.node.scalar_text().is_none() => {
            return Some(value.expect_texts()?.into_iter().map(Into::into).collect());
        }
        Takes::Text(_) | Takes::Texts(_) => value.expect_text("one value")?.to_owned(),
        Takes::Nothing => value.expect_boolean()?.to_string(),
        Takes::Level | Takes::Optional(_) => match value.node.boolean() {
            Some(is_set) => is_set.to_string(),
            None => value.expect_text("true, false or text")?.to_owned(),
        },
    };
    Some(vec![text.into()])
}
