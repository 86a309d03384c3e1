//! The commands beside a launch: the words of each in `--help`, its arguments, and the invocation that they make.

use clap::{ArgMatches, Args, Command, FromArgMatches};

use super::arguments::{
    CheckArguments, CompletionsArguments, ExportArguments, GetArguments, InstallArguments,
    Invocation, MigrateArguments, PolicyArguments,
};
use super::inputs::{Inputs, named_declarations};
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
    let command = command.after_help(subcommand.examples);
    (subcommand.arguments)(command)
        .arg(help("Print help"))
        .about(subcommand.about)
        .long_about(long_about.trim_end().to_owned())
        .override_usage(subcommand.usage)
        .after_long_help(subcommand.examples)
}

/// The subcommands in the order of `--help`; those for systemd and containers are last.
pub static SUBCOMMANDS: [Subcommand; 10] = [
    Subcommand {
        name: "check",
        about: "Resolve everything and print a table without values",
        usage: "secrets-exec check [OPTIONS] [-- COMMAND]",
        details: "`check` makes the same requests as a launch, with the same permissions, and prints a line for each variable and file. It \
             reports all errors together. Its exit status is the one that the launch would have, or 0 if the launch would start its command.",
        examples: "Examples:\n  \
             secrets-exec check\n      Check the declaration in the working directory against AWS\n  \
             secrets-exec check --offline -f secrets.yaml\n      Check a declaration in CI, without credentials\n  \
             secrets-exec check --describe -- node\n      Also show rotation and keys, and whether node would be found",
        arguments: |command| {
            with_short_help(with_inputs(CheckArguments::augment_args(command)))
                .arg(program("Also check that this command can be found"))
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
        details: "`get` prints the value byte for byte, without adding a newline, for programs that read a secret from a pipe. It uses only \
             `defaults` and `secrets` of a declaration. If your program can read a variable or a file, a launch is safer.",
        examples: "Examples:\n  \
             secrets-exec get prod/registry:password | docker login --username ci --password-stdin registry\n      Log in without a \
             password in the arguments\n  \
             password=$(secrets-exec get prod/db:password) || exit\n  \
             PGPASSWORD=$password psql\n      Set a variable for one command of a script, which stops if the value is missing",
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
        details: "The policy allows exactly the requests that a launch makes. secrets-exec sends no request to print it, so you don't need credentials.",
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
        details: "`export` prints what a launch would set, quoted so that every value survives. A value that the format can't hold is an error. \
             A launch is safer, because other programs may be able to read the output.",
        examples: "Examples:\n  \
             vars=$(secrets-exec export --format shell) || exit\n  \
             eval \"$vars\"\n      Set the variables in a script, which stops if a value is missing\n  \
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
        about: "Print the declaration or secret that replaces a .env file",
        usage: "secrets-exec migrate FILE --secret ID [OPTIONS]",
        details: "`migrate` reads FILE like python-dotenv with interpolation turned off. It writes nothing and makes no request: the AWS CLI creates \
             the secret from the output of --values. Write the declaration first: variables that are literals in it are left out of the secret. \
             For a value with ${NAME}, `migrate` suggests a template.",
        examples: "Examples:\n  \
             secrets-exec migrate .env --secret prod/app --literal 'PORT,LOG_*' >secrets-exec.yaml\n      Write the \
             declaration, which keeps the variables that aren't secret\n  \
             secrets-exec migrate .env --secret prod/app --values |\n    \
             aws secretsmanager create-secret --name prod/app --secret-string \\\n    file:///dev/stdin\n      Create the secret \
             from the variables that aren't literals in secrets-exec.yaml\n  \
             secrets-exec migrate .env --secret prod/app --for-local >secrets.local.yaml\n      Write \
             a file for development without AWS: --local secrets.local.yaml",
        arguments: MigrateArguments::augment_args,
        invocation: |matches, inherited| {
            let mut arguments = MigrateArguments::from_arg_matches(matches)?;
            arguments.declarations = named_declarations(arguments.declarations, inherited);
            Ok(Invocation::Migrate(Box::new(arguments)))
        },
    },
    Subcommand {
        name: "completions",
        about: "Print shell completions",
        usage: "secrets-exec completions SHELL",
        details: "",
        examples: "Examples:\n  \
             source <(secrets-exec completions bash)\n      Complete in bash (write this line into ~/.bashrc)\n  \
             source <(secrets-exec completions zsh)\n      Complete in zsh (write this line into ~/.zshrc, after compinit)\n  \
             secrets-exec completions fish >~/.config/fish/completions/secrets-exec.fish\n      Complete in fish, after its next start",
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
             secrets-exec schema >secrets-exec.schema.json\n      Save the schema for editors, which find it through `$schema` in a declaration",
        arguments: |command| command,
        invocation: |_, _| Ok(Invocation::Print(SCHEMA.to_owned())),
    },
    Subcommand {
        name: CREDENTIAL,
        about: "Provide credentials for systemd's LoadCredential=",
        usage: "secrets-exec credential [OPTIONS]",
        details: "`credential` is for a systemd socket unit with Accept=yes. It sends the credential that a declaration lists for the unit \
             under `credentials:`, or makes the unit fail to start. systemd passes its connection on standard input.",
        examples: "Examples:\n  \
             secrets-exec credential -f /etc/secrets-exec.yaml\n      Answer one connection (in ExecStart= of secrets-exec@.service, with \
             StandardInput=socket)",
        arguments: |command| with_short_help(with_declarations(command)),
        invocation: |matches, inherited| {
            Ok(Invocation::Credential {
                inputs: Box::new(Inputs::of_declarations(matches, inherited)),
            })
        },
    },
    Subcommand {
        name: "install",
        about: "Copy this program into a directory",
        usage: "secrets-exec install DIR",
        details: "`install` writes DIR/secrets-exec with mode 0755, completely or not at all, and replaces an existing file with that name. Use \
             it in an init container to provide the binary to images that you can't rebuild.",
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
