//! The subcommands, a row for each: its texts in `--help` and the man page, its arguments, and the
//! function that makes an [`Invocation`] from them.

use clap::{ArgMatches, Args, Command, FromArgMatches};

use super::arguments::{
    CheckArguments, CompletionsArguments, ExportArguments, GetArguments, InstallArguments,
    Invocation, MigrateArguments, PolicyArguments,
};
use super::inputs::{Inputs, named_declarations};
use super::options::{
    help, program, with_declarations, with_inputs, with_short_help, with_variables,
};
use crate::model::env_variables::Inherited;

const SCHEMA: &str = include_str!("../../../secrets-exec.schema.json");

/// The heading of the examples in the texts of `help/`.
const EXAMPLES: &str = "Examples:\n";

/// The name of the subcommand that answers systemd on standard input.
pub const CREDENTIAL: &str = "credential";

/// The texts of a subcommand for `--help`, and the functions that add its arguments and interpret
/// them.
pub struct Subcommand {
    pub name: &'static str,
    about: &'static str,
    usage: &'static str,
    /// The rest of `--help` and of the man page: a paragraph that follows `about`, or nothing, and
    /// the examples, which come last.
    help: &'static str,
    /// The arguments of a line that works, for the help of an error.
    pub example: &'static str,
    /// Adds the arguments of the subcommand to clap's command.
    arguments: fn(Command) -> Command,
    /// Makes the invocation from the arguments that clap has matched. Fails if clap did not match
    /// what the subcommand requires.
    pub invocation: fn(&mut ArgMatches, &Inherited) -> Result<Invocation, clap::Error>,
}

impl Subcommand {
    /// Returns clap's command. The command only has a name and a purpose until the command line
    /// names it, so that a launch doesn't build the arguments of every subcommand.
    pub fn command(&self) -> Command {
        Command::new(self.name)
            .about(self.about)
            .defer(with_arguments)
    }
}

/// Returns the subcommand with this name. Returns `None` if there isn't one.
pub fn subcommand(name: &str) -> Option<&'static Subcommand> {
    SUBCOMMANDS
        .iter()
        .find(|subcommand| subcommand.name == name)
}

/// Adds the arguments of a subcommand, and its texts in `--help`.
fn with_arguments(command: Command) -> Command {
    let Some(subcommand) = subcommand(command.get_name()) else {
        return command;
    };
    let help_text = subcommand.help.trim_end();
    let (details, examples) = help_text.split_at(help_text.find(EXAMPLES).unwrap_or_default());
    let long_about = [subcommand.about, details].join("\n\n");
    // `arguments` may replace the text after `-h`.
    let command = command.after_help(examples);
    with_variables((subcommand.arguments)(command))
        .arg(help("Print help"))
        .about(subcommand.about)
        .long_about(long_about.trim_end().to_owned())
        .override_usage(subcommand.usage)
        .after_long_help(examples)
}

/// The subcommands in the order of `--help`. The subcommands for systemd and containers come last.
pub static SUBCOMMANDS: [Subcommand; 10] = [
    Subcommand {
        name: "check",
        example: "--env DB_PASSWORD=prod/db:password",
        about: "Check every variable and file, and print a table without values",
        usage: "secrets-exec check [OPTIONS] [-- COMMAND]",
        help: include_str!("help/check.txt"),
        arguments: |command| {
            with_short_help(with_inputs(CheckArguments::augment_args(command)))
                .arg(program("Also check that this command can be found"))
        },
        invocation: |matches, inherited| {
            let mut inputs = Box::new(Inputs::for_launch(matches, inherited));
            let command = inputs.take_command(matches);
            let arguments = CheckArguments::from_arg_matches(matches)?;
            Ok(Invocation::Check(inputs, command, arguments))
        },
    },
    Subcommand {
        name: "get",
        example: "prod/db:password",
        about: "Print one value",
        usage: "secrets-exec get [OPTIONS] REF",
        help: include_str!("help/get.txt"),
        arguments: |command| {
            with_short_help(with_declarations(GetArguments::augment_args(command)))
        },
        invocation: |matches, inherited| {
            let arguments = GetArguments::from_arg_matches(matches)?;
            let inputs = Inputs::for_reference(&arguments.reference, matches, inherited);
            Ok(Invocation::Get(Box::new(inputs), arguments))
        },
    },
    Subcommand {
        name: "policy",
        example: "--env DB_PASSWORD=prod/db:password",
        about: "Print the IAM policy that secrets-exec needs",
        usage: "secrets-exec policy [OPTIONS]",
        help: include_str!("help/policy.txt"),
        arguments: |command| with_short_help(with_inputs(PolicyArguments::augment_args(command))),
        invocation: |matches, inherited| {
            let inputs = Box::new(Inputs::for_entries(matches, inherited));
            let arguments = PolicyArguments::from_arg_matches(matches)?;
            Ok(Invocation::Policy(inputs, arguments))
        },
    },
    Subcommand {
        name: "export",
        example: "--format shell --env DB_PASSWORD=prod/db:password",
        about: "Print the resolved variables",
        usage: "secrets-exec export [OPTIONS] --format FORMAT",
        help: include_str!("help/export.txt"),
        arguments: |command| with_short_help(with_inputs(ExportArguments::augment_args(command))),
        invocation: |matches, inherited| {
            let inputs = Box::new(Inputs::for_entries(matches, inherited));
            let arguments = ExportArguments::from_arg_matches(matches)?;
            Ok(Invocation::Export(inputs, arguments))
        },
    },
    Subcommand {
        name: "migrate",
        example: ".env --secret prod/app",
        about: "Print the declaration or secret that replaces a .env file",
        usage: "secrets-exec migrate FILE --secret ID [OPTIONS]",
        help: include_str!("help/migrate.txt"),
        arguments: MigrateArguments::augment_args,
        invocation: |matches, inherited| {
            let mut arguments = MigrateArguments::from_arg_matches(matches)?;
            arguments.declarations = named_declarations(arguments.declarations, inherited);
            Ok(Invocation::Migrate(Box::new(arguments)))
        },
    },
    Subcommand {
        name: "completions",
        example: "bash",
        about: "Print shell completions",
        usage: "secrets-exec completions SHELL",
        help: include_str!("help/completions.txt"),
        arguments: CompletionsArguments::augment_args,
        invocation: |matches, _| {
            let arguments = CompletionsArguments::from_arg_matches(matches)?;
            Ok(Invocation::Completions(arguments))
        },
    },
    Subcommand {
        name: "man",
        example: ">secrets-exec.1",
        about: "Print the man page",
        usage: "secrets-exec man",
        help: include_str!("help/man.txt"),
        arguments: |command| command,
        invocation: |_, _| Ok(Invocation::Man),
    },
    Subcommand {
        name: "schema",
        example: ">secrets-exec.schema.json",
        about: "Print the JSON Schema for declarations",
        usage: "secrets-exec schema",
        help: include_str!("help/schema.txt"),
        arguments: |command| command,
        invocation: |_, _| Ok(Invocation::Print(SCHEMA.to_owned())),
    },
    Subcommand {
        name: CREDENTIAL,
        example: "-f /etc/secrets-exec.yaml",
        about: "Provide credentials for systemd's LoadCredential=",
        usage: "secrets-exec credential [OPTIONS]",
        help: include_str!("help/credential.txt"),
        arguments: |command| with_short_help(with_declarations(command)),
        invocation: |matches, inherited| {
            let inputs = Inputs::for_declarations(matches, inherited);
            Ok(Invocation::Credential(Box::new(inputs)))
        },
    },
    Subcommand {
        name: "install",
        example: "/shared",
        about: "Copy this program into a directory",
        usage: "secrets-exec install DIR",
        help: include_str!("help/install.txt"),
        arguments: InstallArguments::augment_args,
        invocation: |matches, _| {
            let arguments = InstallArguments::from_arg_matches(matches)?;
            Ok(Invocation::Install(arguments))
        },
    },
];
