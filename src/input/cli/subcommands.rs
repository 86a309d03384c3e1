//! The subcommands, a row for each: its texts in `--help` and the man page, its arguments, and the function that makes an [`Invocation`] from them.

use clap::{ArgMatches, Args, Command, FromArgMatches};

use super::arguments::{
    CheckArguments, CompletionsArguments, ExportArguments, GetArguments, InstallArguments,
    Invocation, MigrateArguments, PolicyArguments,
};
use super::inputs::{Inputs, named_declarations};
use super::options::{
    help, program, with_declarations, with_inputs, with_short_help, with_variables,
};
use crate::model::inherited::Inherited;

const SCHEMA: &str = include_str!("../../../secrets-exec.schema.json");

/// The name of the subcommand that answers systemd on standard input.
pub const CREDENTIAL: &str = "credential";

/// The texts of a subcommand for `--help`, and the functions that add its arguments and interpret them.
pub struct Subcommand {
    pub name: &'static str,
    about: &'static str,
    usage: &'static str,
    /// The paragraph after `about` in `--help` and the man page.
    details: &'static str,
    examples: &'static str,
    /// The arguments of a line that works, for the help of an error.
    pub example: &'static str,
    /// Adds the arguments of the subcommand to clap's command.
    arguments: fn(Command) -> Command,
    /// Makes the invocation from the arguments that clap has matched. Fails if clap did not match what the subcommand requires.
    pub invocation: fn(&mut ArgMatches, &Inherited) -> Result<Invocation, clap::Error>,
}

impl Subcommand {
    /// Returns clap's command. The command only has a name and a purpose until the command line names it, so that a launch doesn't build the
    /// arguments of every subcommand.
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
    let long_about = [subcommand.about, subcommand.details].join("\n\n");
    let command = command.after_help(subcommand.examples);
    with_variables((subcommand.arguments)(command))
        .arg(help("Print help"))
        .about(subcommand.about)
        .long_about(long_about.trim_end().to_owned())
        .override_usage(subcommand.usage)
        .after_long_help(subcommand.examples)
}

/// The subcommands in the order of `--help`. The subcommands for systemd and containers come last.
pub static SUBCOMMANDS: [Subcommand; 10] = [
    Subcommand {
        name: "check",
        example: "--env DB_PASSWORD=prod/db:password",
        about: "Check every variable and file, and print a table without values",
        usage: "secrets-exec check [OPTIONS] [-- COMMAND]",
        details: "`check` makes the same requests as starting the command would, with the same permissions, and prints a line for each \
             variable and file. It reports all errors together. If secrets-exec would start the command, the exit status is 0. \
             Otherwise, it is the status that secrets-exec would fail with. With --offline and --metadata, `check` doesn't read \
             any values, so it finds fewer mistakes.",
        examples: "Examples:\n  \
             secrets-exec check\n      Check the declaration in the working directory against AWS\n  \
             secrets-exec check --offline -f secrets.yaml\n      Check a declaration in CI, without credentials\n  \
             secrets-exec check --describe -- node\n      Also show rotation and KMS keys, and whether node would be found",
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
        details: "`get` prints the value byte for byte, without adding a newline, for programs that read a secret from a pipe. From a \
             declaration, it uses only `defaults` and `secrets`. If your program can read a variable or a file, it is safer to let \
             secrets-exec start it.",
        examples: "Examples:\n  \
             secrets-exec get prod/registry:password | docker login --username ci --password-stdin registry\n      Log in without a \
             password in the arguments\n  \
             password=$(secrets-exec get prod/db:password) || exit\n  \
             PGPASSWORD=$password psql\n      Set a variable for one command in a script. The script stops if the value is missing",
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
        details: "The policy allows exactly the requests that secrets-exec makes when it starts a command. To print the policy, secrets-exec doesn't send any requests, so you don't need credentials.",
        examples: "Examples:\n  \
             secrets-exec policy -f secrets.yaml --account 123456789012\n      Print the policy that a task role needs\n  \
             secrets-exec policy --for-role arn:aws:iam::123456789012:role/Reader\n      Print the policy that a role in a \
             declaration needs",
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
        details: "`export` prints the variables that secrets-exec would set, quoted so that every value stays intact. If the format can't represent a value, `export` fails. \
             It is safer to let secrets-exec start your program, because other programs may be able to read the output.",
        examples: "Examples:\n  \
             vars=$(secrets-exec export --format shell) || exit\n  \
             eval \"$vars\"\n      Set the variables in a script, and stop the script if a value is missing\n  \
             secrets-exec export --format dotenv --output .env\n      Write a file for programs that read .env\n  \
             secrets-exec export --format json --reveal\n      Look at the values on a terminal",
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
        details: "`migrate` reads FILE like python-dotenv with interpolation turned off. It doesn't change any files or send \
             any requests: it only prints. First save the declaration that it prints. Then create the secret with the AWS CLI from the output of --values, \
             which leaves out the variables that are literals in the declaration. \
             For a value with ${NAME}, `migrate` suggests a template.",
        examples: "Examples:\n  \
             secrets-exec migrate .env --secret prod/app --literal 'PORT,LOG_*' >secrets-exec.yaml\n      Write the \
             declaration. It contains the values of PORT and LOG_*, which aren't secret\n  \
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
        example: "bash",
        about: "Print shell completions",
        usage: "secrets-exec completions SHELL",
        details: "",
        examples: "Examples:\n  \
             source <(secrets-exec completions bash)\n      Enable completion in bash (add this line to ~/.bashrc)\n  \
             source <(secrets-exec completions zsh)\n      Enable completion in zsh (add this line to ~/.zshrc, after compinit)\n  \
             secrets-exec completions fish >~/.config/fish/completions/secrets-exec.fish\n      Enable completion in new fish sessions",
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
        details: "",
        examples: "Examples:\n  \
             secrets-exec man | man -l -\n      Read the man page\n  \
             secrets-exec man >/usr/local/share/man/man1/secrets-exec.1\n      Install the man page",
        arguments: |command| command,
        invocation: |_, _| Ok(Invocation::Man),
    },
    Subcommand {
        name: "schema",
        example: ">secrets-exec.schema.json",
        about: "Print the JSON Schema for declarations",
        usage: "secrets-exec schema",
        details: "",
        examples: "Examples:\n  \
             secrets-exec schema >secrets-exec.schema.json\n      Save the schema for editors, which find it through `$schema` in a declaration",
        arguments: |command| command,
        invocation: |_, _| Ok(Invocation::Print(SCHEMA.to_owned())),
    },
    Subcommand {
        name: CREDENTIAL,
        example: "-f /etc/secrets-exec.yaml",
        about: "Provide credentials for systemd's LoadCredential=",
        usage: "secrets-exec credential [OPTIONS]",
        details: "`credential` is started by a systemd socket unit with Accept=yes, and receives the connection on standard input. The \
             declaration lists the credentials of each unit under `credentials:`, and `credential` sends the requested one. If the credential is not \
             available, that unit fails to start.",
        examples: "Examples:\n  \
             secrets-exec credential -f /etc/secrets-exec.yaml\n      Answer one request for a credential (in ExecStart= of secrets-exec@.service, with \
             StandardInput=socket)",
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
        details: "`install` writes DIR/secrets-exec atomically with mode 0755, and replaces an existing file with that name. Use \
             it in an init container to provide the binary to images that you can't rebuild.",
        examples: "Examples:\n  \
             secrets-exec install /shared\n      Copy the program to a volume that other containers share",
        arguments: InstallArguments::augment_args,
        invocation: |matches, _| {
            let arguments = InstallArguments::from_arg_matches(matches)?;
            Ok(Invocation::Install(arguments))
        },
    },
];
