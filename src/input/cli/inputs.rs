//! The inputs that commands share.

use std::path::{Path, PathBuf};

use clap::ArgMatches;
use glob::Pattern;

use super::entries::layer;
use super::options::{flags, variables};
use super::subcommand::Subcommand;
use super::usage::UsageError;
use crate::model::env_name::parse_patterns;
use crate::model::inherited::Inherited;
use crate::model::options::TypedOptions;
use crate::model::plan::Layer;

/// The entries and options of the command line and of `SECRETS_EXEC_*`.
#[derive(Debug)]
pub struct Inputs {
    /// The command whose inputs they are; `None` is a launch.
    pub command: Option<Subcommand>,
    /// The options of the command line over those of `SECRETS_EXEC_*`.
    pub options: TypedOptions,
    /// `-q` on the command line, which hides the notice of `--local`; SECRETS_EXEC_QUIET does not.
    pub has_quiet_flag: bool,
    /// The entries of the command line.
    pub layer: Layer,
    /// The declarations, from the earliest to the latest; empty if none is named.
    pub files: Vec<PathBuf>,
    /// True if the declaration in the working directory is to be read.
    pub find_file: bool,
    /// The names of inherited variables in whose values references are resolved.
    pub resolve_env: Vec<Pattern>,
    /// Errors to report together with those of declarations.
    pub errors: Vec<UsageError>,
}

impl Inputs {
    /// Reads the options that commands share. Errors in them are in [`Self::errors`].
    pub fn new(command: Option<Subcommand>, matches: &mut ArgMatches, inherited: &Inherited) -> Self {
        let mut inputs = Self::of_declarations(command, matches, inherited);
        inputs.layer = layer(matches, &mut inputs.errors);
        inputs.resolve_env = resolve_env(matches, &mut inputs.errors);
        inputs
    }

    /// Reads the options of a command whose entries are all in declarations.
    pub fn of_declarations(command: Option<Subcommand>, matches: &mut ArgMatches, inherited: &Inherited) -> Self {
        let mut errors = Vec::new();
        let flags = flags(matches, |_| true, &mut errors);
        let has_quiet_flag = flags.quiet == Some(true);
        let options = flags.over(variables(inherited, |_| true, &mut errors));
        let files: Vec<PathBuf> = matches.remove_many("file").map(Iterator::collect).unwrap_or_default();
        let variable = inherited.filled("SECRETS_EXEC_FILE").map(PathBuf::from);
        let files = if files.is_empty() { Vec::from_iter(variable) } else { files };
        if files.iter().filter(|file| *file == Path::new("-")).count() > 1 {
            errors.push(UsageError::StdinTwice);
        }
        let find_file = files.is_empty() && !matches.get_flag("no-file");
        let layer = Layer::default();
        Self { command, options, has_quiet_flag, layer, files, find_file, resolve_env: Vec::new(), errors }
    }
}

fn resolve_env(matches: &mut ArgMatches, errors: &mut Vec<UsageError>) -> Vec<Pattern> {
    let texts = matches.remove_many::<String>("resolve-env").into_iter().flatten();
    let patterns = texts.map(|pattern| {
        let parsed = parse_patterns(std::slice::from_ref(&pattern));
        parsed.map_err(|why| UsageError::Pattern { name: "--resolve-env".to_owned(), pattern, why })
    });
    match patterns.collect::<Result<Vec<_>, _>>() {
        Ok(patterns) => patterns.concat(),
        Err(error) => {
            errors.push(error);
            Vec::new()
        }
    }
}
