//! The commands beside a launch: the words of each in `--help`, its arguments, and the invocation that they make.

use clap::{ArgMatches, Args, Command, FromArgMatches};

use super::arguments::{
    CheckArguments, CompletionsArguments, ExportArguments, GetArguments, InstallArguments,
    Invocation, MigrateArguments, PolicyArguments,
};
use super::inputs::Inputs;
use super::options::{help, program, with_declarations, with_inputs, with_short_help};
use crate::model::inherited::Inherited;

const SCHEMA: &str = include_str!("../../../secrets-exec.schema.json");

/// The first word of the command that answers systemd on standard input.
pub const CREDENTIAL: &str = "credential";

/// A command beside a launch.
pub struct Subcommand {
    pub name: &'static str,
    about: &'static str,
    usage: &'static str,
    /// The paragraph after `about` in `--help` and the man page.
    details: &'static str,
    examples: &'static str,
    /// Adds the arguments to clap's command.
    arguments: fn(Command) -> Command,
    /// Reads the arguments that clap has matched.
    pub invocation: fn(&mut ArgMatches, &Inherited) -> Result<Invocation, clap::Error>,
}

impl Subcommand {
    /// Returns clap's command, which has only its name and purpose until the command line names it: a launch does not pay for the rest.
    pub fn command(&self) -> Command {
        Command::new(self.name).about(self.about).defer(complete)
    }
}

/// Adds the arguments of a command, and its words in `--help`.
fn complete(command: Command) -> Command {
    let Some(subcommand) = SUBCOMMANDS
        .iter()
        .find(|subcommand| subcommand.name == command.get_name())
    else {
        return command;
    };
    let long_about = [subcommand.about, subcommand.details].join("\n\n");
    let command = command
        .arg(help("Print help"))
        .after_help(subcommand.examples);
    (subcommand.arguments)(command)
        .about(subcommand.about)
        .long_about(long_about.trim_end().to_owned())
        .override_usage(subcommand.usage)
        .after_long_help(subcommand.examples)
}

/// The commands in the order of `--help`; those for systemd and containers are last.
pub static SUBCOMMANDS: [Subcommand; 10] = [
    Subcommand {
        name: "check",
        about: "Resolve everything, print a table without values",
        usage: "secrets-exec check [OPTIONS] [-- COMMAND]",
        details: "Makes the requests of a launch, with the same permissions, and prints a line for each variable and file. All errors are \
             reported at once, and the exit status is that of the launch; 0 if it would start its command.",
        examples: "Examples:\n  \
             secrets-exec check\n      Check the declaration in the working directory against AWS\n  \
             secrets-exec check --offline -f secrets.yaml\n      Check a declaration in CI, without credentials\n  \
             secrets-exec check --describe -- node\n      Also show rotation and keys, and whether node would be found",
        arguments: |command| {
            with_short_help(with_inputs(CheckArguments::augment_args(command)))
                .arg(program("Also look up this command"))
        },
        invocation: |matches, inherited| {
            let mut inputs = Box::new(Inputs::new(true, matches, inherited));
            let command = inputs.take_command(matches);
            Ok(Invocation::Check {
                inputs,
                command,
                arguments: CheckArguments::from_arg_matches(matches)?,
            })
        },
    },
    Subcommand {
        name: "get",
        about: "Print one value",
        usage: "secrets-exec get [OPTIONS] REF",
        details: "Prints the value byte for byte, without a newline of its own, for programs that read a secret from a pipe. Of declarations \
             only `defaults` and `secrets` count. A launch is safer where the program can take a variable or a file.",
        examples: "Examples:\n  \
             secrets-exec get prod/registry:password | docker login --username ci --password-stdin registry\n      Log in without the \
             password among the arguments\n  \
             password=$(secrets-exec get prod/db:password) || exit\n  \
             PGPASSWORD=$password psql\n      Set a variable of one command in a script, which ends if the value is missing",
        arguments: |command| {
            with_short_help(with_declarations(GetArguments::augment_args(command)))
        },
        invocation: |matches, inherited| {
            let GetArguments { reference, reveal } = GetArguments::from_arg_matches(matches)?;
            Ok(Invocation::Get {
                inputs: Box::new(Inputs::of_reference(&reference, matches, inherited)),
                reveal,
            })
        },
    },
    Subcommand {
        name: "policy",
        about: "Print the IAM policy that a launch needs",
        usage: "secrets-exec policy [OPTIONS]",
        details: "The policy allows the requests of a launch and no others. Nothing is requested, so no credentials are needed.",
        examples: "Examples:\n  \
             secrets-exec policy -f secrets.yaml --account 123456789012\n      Print the policy of a task role\n  \
             secrets-exec policy --for-role arn:aws:iam::123456789012:role/Reader\n      Print the policy of a role that a \
             declaration names",
        arguments: |command| with_short_help(with_inputs(PolicyArguments::augment_args(command))),
        invocation: |matches, inherited| {
            let inputs = Box::new(Inputs::new(false, matches, inherited));
            Ok(Invocation::Policy {
                inputs,
                arguments: PolicyArguments::from_arg_matches(matches)?,
            })
        },
    },
    Subcommand {
        name: "export",
        about: "Print the resolved variables",
        usage: "secrets-exec export [OPTIONS] --format FORMAT",
        details: "Prints what a launch would set, quoted so that each value survives. A value that the format cannot hold is an error. Other \
             programs may read the output, so a launch is safer.",
        examples: "Examples:\n  \
             vars=$(secrets-exec export --format shell) || exit\n  \
             eval \"$vars\"\n      Set the variables in a script, which ends if a value is missing\n  \
             secrets-exec export --format dotenv --output .env\n      Write a file for programs that read .env\n  \
             secrets-exec export --format json --reveal\n      Look at the values on a terminal",
        arguments: |command| with_short_help(with_inputs(ExportArguments::augment_args(command))),
        invocation: |matches, inherited| {
            let inputs = Box::new(Inputs::new(false, matches, inherited));
            Ok(Invocation::Export {
                inputs,
                arguments: ExportArguments::from_arg_matches(matches)?,
            })
        },
    },
    Subcommand {
        name: "migrate",
        about: "Print the declaration or secret for a .env file",
        usage: "secrets-exec migrate FILE --secret ID [OPTIONS]",
        details: "FILE is read as python-dotenv reads it without interpolation. Nothing else is read, and nothing is written or requested: \
             the AWS CLI creates the secret from what --values prints.",
        examples: "Examples:\n  \
             secrets-exec migrate .env --secret prod/app --values |\n    \
             aws secretsmanager create-secret --name prod/app --secret-string \\\n    file:///dev/stdin\n      Create the secret\n  \
             secrets-exec migrate .env --secret prod/app --literal PORT --literal 'LOG_*' >secrets-exec.yaml\n      Write the \
             declaration, with what is no secret in it\n  \
             secrets-exec migrate .env --secret prod/app --literal PORT --literal 'LOG_*' --for-local >secrets.local.yaml\n      Write \
             the file with which developers launch without AWS: --local secrets.local.yaml",
        arguments: MigrateArguments::augment_args,
        invocation: |matches, _| {
            Ok(Invocation::Migrate(Box::new(
                MigrateArguments::from_arg_matches(matches)?,
            )))
        },
    },
    Subcommand {
        name: "completions",
        about: "Print the completions of a shell",
        usage: "secrets-exec completions SHELL",
        details: "",
        examples: "Examples:\n  \
             source <(secrets-exec completions bash)\n      Complete in bash: a line of ~/.bashrc\n  \
             source <(secrets-exec completions zsh)\n      Complete in zsh: a line of ~/.zshrc after compinit\n  \
             secrets-exec completions fish >~/.config/fish/completions/secrets-exec.fish\n      Complete in fish, from the next start on",
        arguments: CompletionsArguments::augment_args,
        invocation: |matches, _| {
            Ok(Invocation::Completions(
                CompletionsArguments::from_arg_matches(matches)?,
            ))
        },
    },
    Subcommand {
        name: "man",
        about: "Print the man page",
        usage: "secrets-exec man",
        details: "",
        examples: "Examples:\n  \
             secrets-exec man | man -l -\n      Read the man page\n  \
             secrets-exec man >/usr/local/share/man/man1/secrets-exec.1\n      Install the man page",
        arguments: |command| command,
        invocation: |_, _| Ok(Invocation::Man),
    },
    Subcommand {
        name: "schema",
        about: "Print the JSON Schema of declarations",
        usage: "secrets-exec schema",
        details: "",
        examples: "Examples:\n  \
             secrets-exec schema >secrets-exec.schema.json\n      Save it for an editor, which finds it by a declaration's `$schema`",
        arguments: |command| command,
        invocation: |_, _| Ok(Invocation::Print(SCHEMA.to_owned())),
    },
    Subcommand {
        name: CREDENTIAL,
        about: "Answer systemd's LoadCredential=",
        usage: "secrets-exec credential [OPTIONS]",
        details: "For a socket unit of systemd with Accept=yes: sends the credential that a declaration lists for the unit under \
             `credentials:`, or fails the unit's start. Standard input is the connection.",
        examples: "Examples:\n  \
             secrets-exec credential -f /etc/secrets-exec.yaml\n      Answer one connection: ExecStart= of secrets-exec@.service, with \
             StandardInput=socket",
        arguments: |command| with_short_help(with_declarations(command)),
        invocation: |matches, inherited| {
            Ok(Invocation::Credential {
                inputs: Box::new(Inputs::of_declarations(matches, inherited)),
            })
        },
    },
    Subcommand {
        name: "install",
        about: "Copy this program to a directory",
        usage: "secrets-exec install DIR",
        details: "Writes DIR/secrets-exec with mode 0755, complete or not at all, and replaces a file of this name. An init container of an \
             image with nothing but this program hands it so to images that cannot be rebuilt.",
        examples: "Examples:\n  \
             secrets-exec install /shared\n      Copy the program to a volume that other containers share",
        arguments: InstallArguments::augment_args,
        invocation: |matches, _| {
            Ok(Invocation::Install(InstallArguments::from_arg_matches(
                matches,
            )?))
        },
    },
];
