//! The prose of `--help` and of the man page: descriptions, examples and exit statuses of each command.

/// The parts of `--help` beside the options.
#[derive(Debug)]
pub struct HelpText {
    /// The line that `--help` begins with.
    pub about: &'static str,
    /// Paragraphs below it; each is one line, which is wrapped at the terminal's width.
    pub details: &'static str,
    /// The command lines, separated by line feeds.
    pub usage: &'static str,
    pub examples: &'static [Example],
    /// The sentences before [`Self::statuses`].
    pub status_intro: &'static str,
    /// The statuses of [`EXIT_STATUSES`] that it can have.
    pub statuses: &'static [u8],
}

#[derive(Debug)]
pub struct Example {
    pub line: &'static str,
    pub purpose: &'static str,
}

const fn example(line: &'static str, purpose: &'static str) -> Example {
    Example { line, purpose }
}

/// The exit statuses, of which those from 64 to 78 are from sysexits(3).
pub const EXIT_STATUSES: [(u8, &str); 7] = [
    (64, "usage: the command line, a reference on it, or a variable is invalid"),
    (70, "a bug in secrets-exec"),
    (75, "temporary: throttled, unreachable, timed out"),
    (77, "access denied, or no credentials"),
    (78, "a declaration, secret, key or value is invalid or absent"),
    (126, "the command cannot be executed"),
    (127, "the command was not found"),
];

impl HelpText {
    /// Returns the end of `--help`.
    pub fn after_long_help(&self) -> String {
        let mut text = String::new();
        for (number, Example { line, purpose }) in self.examples.iter().enumerate() {
            text += if number == 0 { "Examples:\n" } else { "" };
            text += &format!("  {line}\n      {purpose}\n");
        }
        text += &format!("\nExit status: {}\n", self.status_intro);
        for (status, meaning) in self.exit_statuses() {
            text += &format!("  {status:<3}  {meaning}\n");
        }
        text.trim_end().to_owned()
    }

    /// Returns the end of a `-h` that is shorter than `--help`.
    pub fn after_help(&self) -> String {
        let line = self.examples.first().map(|example| example.line).unwrap_or_default();
        format!("Example:\n  {line}\n\n--help prints all options, more examples and the exit status.")
    }

    /// Returns its statuses with their meanings.
    pub fn exit_statuses(&self) -> impl Iterator<Item = (u8, &'static str)> {
        EXIT_STATUSES.into_iter().filter(|(status, _)| self.statuses.contains(status))
    }
}

pub const LAUNCH: HelpText = HelpText {
    about: "Fetch secrets from AWS Secrets Manager, put them into the environment, and become a command",
    details: "Options under the last four headings, except --help and --version, can also be set as SECRETS_EXEC_<NAME> and, except \
              --local, under `defaults:` in a declaration. SECRETS_EXEC_FILE names a declaration if -f does not.",
    usage: "secrets-exec [OPTIONS] -- COMMAND [ARG]...",
    examples: &[
        example(
            "secrets-exec --env DB_PASSWORD=prod/db:password -- node app.js",
            "Run a program with one key of a secret as a variable",
        ),
        example(
            "secrets-exec -f /etc/app/secrets.yaml -- /usr/bin/app",
            "Run a program with the values of a declaration",
        ),
        example("secrets-exec --local secrets.local.yaml -- ./app", "Develop with secrets from a file, without AWS"),
    ],
    status_intro: "the command's own. Before it runs:",
    statuses: &[64, 70, 75, 77, 78, 126, 127],
};

pub const CHECK: HelpText = HelpText {
    about: "Resolve everything, print a table without values, and launch nothing",
    details: "Makes the requests of a launch, with the same permissions, and prints a line for each variable and file. All errors are \
              reported at once. It also takes the options of a launch and their variables SECRETS_EXEC_<NAME>.",
    usage: "secrets-exec check [OPTIONS] [-- COMMAND]",
    examples: &[
        example("secrets-exec check", "Check the declaration in the working directory against AWS"),
        example("secrets-exec check --offline -f secrets.yaml", "Check a declaration in CI, without credentials"),
        example(
            "secrets-exec check --describe -- node",
            "Also show rotation and keys, and whether node would be found",
        ),
    ],
    status_intro: "0 if a launch would start its command. Else that of the launch:",
    statuses: &[64, 70, 75, 77, 78, 126, 127],
};

pub const POLICY: HelpText = HelpText {
    about: "Print the IAM policy that a launch needs",
    details: "The policy allows the requests of a launch and no others. Nothing is requested, so no credentials are needed. It also \
              takes the options of a launch, also as SECRETS_EXEC_<NAME>; those that change no permission are not listed.",
    usage: "secrets-exec policy [OPTIONS]",
    examples: &[
        example("secrets-exec policy -f secrets.yaml --account 123456789012", "Print the policy of a task role"),
        example(
            "secrets-exec policy --for-role arn:aws:iam::123456789012:role/Reader",
            "Print the policy of a role that a declaration names",
        ),
        example("secrets-exec policy --describe", "Print a policy that also allows check --describe"),
    ],
    status_intro: "0 if the policy was printed. Else:",
    statuses: &[64, 70, 78],
};

pub const EXPORT: HelpText = HelpText {
    about: "Print the resolved variables",
    details: "Prints what a launch would set, quoted so that each value survives. A value that the format cannot hold is an error. Other \
              programs may read the output, so a launch is safer. It also takes the options of a launch and their variables \
              SECRETS_EXEC_<NAME>.",
    usage: "secrets-exec export [OPTIONS] --format FORMAT",
    examples: &[
        example("eval \"$(secrets-exec export --format shell)\"", "Set the variables in the running shell"),
        example("secrets-exec export --format dotenv --output .env", "Write a file for programs that read .env"),
        example("secrets-exec export --format json --reveal", "Look at the values on a terminal"),
    ],
    status_intro: "0 if every variable was printed. Else:",
    statuses: &[64, 70, 75, 77, 78],
};

pub const MIGRATE: HelpText = HelpText {
    about: "Print the declaration that replaces a .env file, or the secret for its values",
    details: "FILE is read as python-dotenv reads it without interpolation. Nothing else is read, and nothing is written or requested: the \
              AWS CLI creates the secret from what --values prints.",
    usage: "secrets-exec migrate FILE --secret ID [OPTIONS]",
    examples: &[
        example(
            "secrets-exec migrate .env --secret prod/app --values |\n    aws secretsmanager create-secret --name prod/app --secret-string \\\n    \
             file:///dev/stdin",
            "Create the secret",
        ),
        example("secrets-exec migrate .env --secret prod/app > secrets-exec.yaml", "Write the declaration"),
    ],
    status_intro: "0 if it was printed. Else:",
    statuses: &[64, 70, 78],
};

pub const INSTALL: HelpText = HelpText {
    about: "Copy this program to a directory",
    details: "Writes DIR/secrets-exec with mode 0755, complete or not at all, and replaces a file of this name. An init container of an \
              image with nothing but this program hands it so to images that cannot be rebuilt.",
    usage: "secrets-exec install DIR",
    examples: &[example("secrets-exec install /shared", "Copy the program to a volume that other containers share")],
    status_intro: "0 if the file is there. Else:",
    statuses: &[64, 70, 75, 78],
};

pub const CREDENTIAL: HelpText = HelpText {
    about: "Answer systemd's LoadCredential= with the value of a credential",
    details: "For a socket unit of systemd with Accept=yes: sends the credential that a declaration lists for the unit under \
              `credentials:`, or fails the unit's start. Standard input is the connection. It also takes the options of a launch that \
              say how to resolve, also as SECRETS_EXEC_<NAME>.",
    usage: "secrets-exec credential [OPTIONS]",
    examples: &[example(
        "secrets-exec credential -f /etc/secrets-exec.yaml",
        "Answer one connection: ExecStart= of secrets-exec@.service, with StandardInput=socket",
    )],
    status_intro: "0 if the value was sent. Else:",
    statuses: &[64, 70, 75, 77, 78],
};

pub const COMPLETIONS: HelpText = HelpText {
    about: "Print the completions of a shell",
    details: "",
    usage: "secrets-exec completions SHELL",
    examples: &[
        example("source <(secrets-exec completions bash)", "Complete in bash: a line of ~/.bashrc"),
        example("source <(secrets-exec completions zsh)", "Complete in zsh: a line of ~/.zshrc after compinit"),
        example(
            "secrets-exec completions fish >~/.config/fish/completions/secrets-exec.fish",
            "Complete in fish, from the next start on",
        ),
    ],
    status_intro: "0 if it was printed, 64 if the command line is wrong, 78 if standard output cannot be written.",
    statuses: &[],
};

pub const MAN: HelpText = HelpText {
    about: "Print the man page",
    details: "",
    usage: "secrets-exec man",
    examples: &[
        example("secrets-exec man | man -l -", "Read the man page"),
        example("secrets-exec man >/usr/local/share/man/man1/secrets-exec.1", "Install the man page"),
    ],
    status_intro: "0 if it was printed, 64 if the command line is wrong, 78 if standard output cannot be written.",
    statuses: &[],
};
