//! Warns of programs that can't use, or don't pass on, what a launch sets. For example, PHP can't
//! open a file in memory, and sudo removes variables. Also warns of an inherited session token that
//! doesn't belong to the access key that a launch sets.
//!
//! Only the program that a command finally starts is considered. A command can begin with other
//! programs, which start this program:
//!
//! ```text
//! docker-entrypoint.sh apache2-foreground      an entry script, then the program
//! tini -- gosu www-data php-fpm                an init, a change of the user, then the program
//! env -u TERM python -m uvicorn --workers 2    an option's value, then a module of Python
//! npm install php                              npm is the program: no other word is looked at
//! ```

use std::path::Path;

use super::terminal::Record;
use super::warnings::is_set;
use crate::model::entry::{Argument, Origin, Target};
use crate::model::environment::{CommandLine, EnvName, Inherited, assigned_name};
use crate::model::outcome::Outcomes;

/// The options of a program whose value is the next word of the command line.
type WithValue = &'static [&'static str];

const ENV_OPTIONS: WithValue = &["-C", "--chdir", "-u", "--unset"];

/// Programs that start the program whose name follows on the command line, each with its options
/// that have a value.
const STARTERS: [(&str, WithValue); 5] = [
    ("dumb-init", &["-r", "--rewrite"]),
    ("env", ENV_OPTIONS),
    ("nice", &["-n", "--adjustment"]),
    (
        "setpriv",
        &[
            "--ambient-caps",
            "--apparmor-profile",
            "--bounding-set",
            "--egid",
            "--euid",
            "--groups",
            "--inh-caps",
            "--pdeathsig",
            "--regid",
            "--reuid",
            "--rgid",
            "--ruid",
            "--securebits",
            "--selinux-label",
        ],
    ),
    ("tini", &["-e", "-p"]),
];

/// sudo's options with a value (sudo(8)).
const SUDO_OPTIONS: WithValue = &[
    "-C",
    "--close-from",
    "-D",
    "--chdir",
    "-g",
    "--group",
    "-h",
    "--host",
    "-p",
    "--prompt",
    "-R",
    "--chroot",
    "-r",
    "--role",
    "-T",
    "--command-timeout",
    "-t",
    "--type",
    "-U",
    "--other-user",
    "-u",
    "--user",
];

/// su's and runuser's options with a value (su(1)).
const SU_OPTIONS: WithValue = &[
    "-c",
    "--command",
    "-g",
    "--group",
    "-G",
    "--supp-group",
    "-s",
    "--shell",
    "-w",
    "--whitelist-environment",
];

/// The program that a command starts.
struct Started<'a> {
    /// The name, without a directory.
    name: &'a str,
    /// The words after the name.
    arguments: &'a [&'a str],
    /// True if the program runs as a different user than secrets-exec, so that the program can't
    /// read a file that only the user of secrets-exec may read.
    has_other_user: bool,
}

/// Warns of a command whose program loses the variables of this launch, or can't open its files in
/// memory.
pub fn program_warning(outcomes: &Outcomes, command: &CommandLine) -> Option<Record> {
    let words: Vec<&str> = command
        .arguments()
        .map(|word| word.to_str().unwrap_or(""))
        .collect();
    let program = Started::find(&words)?;

    let set: Vec<_> = outcomes
        .list
        .iter()
        .filter(|outcome| is_set(outcome))
        .collect();
    let variables: Vec<&EnvName> = set
        .iter()
        .filter_map(|outcome| outcome.target.variable())
        .collect();
    if let Some((defect, help)) = program.loss_of_variables(&variables)
        && !variables.is_empty()
    {
        let text = format!("{} {defect}", program.name);
        return Some(Record::warning(text).help(help));
    }

    let defect = program.loss_of_files()?;
    let mut files = Vec::new();
    for outcome in &set {
        if matches!(&outcome.target, Target::File(file) if file.path.is_none()) {
            files.push(outcome);
        }
    }
    let first = files.first()?;
    let help = if program.has_other_user {
        "in a declaration, give the file a \"path\", and set \"owner\" to the user that reads it"
    } else if first.subject.origin == Origin::Argument(Argument::AsFile) {
        "write --as-file NAME:PATH=SECRET:KEY, which writes the value to a file at PATH"
    } else {
        "give the file a \"path\" (and remove \"once\", if it has that)"
    };
    let warning = Record::warning(format!("{} {defect}", program.name)).help(help);
    Some(Record {
        entries: files.iter().map(|file| file.subject.to_string()).collect(),
        ..warning
    })
}

/// Warns of an access key that a launch sets, while the program inherits the session token of other
/// credentials. AWS would refuse the two together. `retained` is what the program inherits.
pub fn session_token_warning(outcomes: &Outcomes, retained: &Inherited) -> Option<Record> {
    let key = outcomes.list.iter().find(|outcome| {
        let name = outcome.variable().map(|variable| variable.name.as_str());
        name == Some("AWS_ACCESS_KEY_ID") && !outcome.reads.is_empty()
    })?;
    if outcomes
        .variables()
        .any(|variable| variable.name.as_str() == "AWS_SESSION_TOKEN")
    {
        return None;
    }
    retained.non_empty("AWS_SESSION_TOKEN")?;
    let text = "the command inherits AWS_SESSION_TOKEN, which doesn't belong to its access key";
    let warning = Record::warning(text).help("add --unset AWS_SESSION_TOKEN");
    Some(Record {
        entries: vec![key.subject.to_string()],
        ..warning
    })
}

impl<'a> Started<'a> {
    /// Finds the program that a command starts. An entry script, an init and a program that changes
    /// the user are passed over. But `env -i` is returned as the program, because it removes
    /// variables itself.
    fn find(mut words: &'a [&'a str]) -> Option<Self> {
        let mut has_other_user = false;
        loop {
            let (first, arguments) = words.split_first()?;
            let name = Path::new(first).file_name()?.to_str()?;
            let starter = STARTERS.iter().find(|(starter, _)| *starter == name);
            has_other_user |= changes_user(name, arguments);
            let program = Self {
                name,
                arguments,
                has_other_user,
            };
            if let Some((_, with_value)) = starter {
                if program.loss_of_variables(&[]).is_some() {
                    return Some(program);
                }
                (_, words) = split_options(arguments, with_value);
            } else if name == "gosu" || name == "su-exec" {
                // The first argument is the user, and the next one is the program.
                words = arguments.get(1..)?;
            } else if name.ends_with(".sh") || name.contains("entrypoint") {
                (_, words) = split_options(arguments, &[]);
            } else if is_versioned(name, "python") {
                return program.python_module();
            } else {
                return Some(program);
            }
        }
    }

    /// The module that Python runs with `-m`, as if it were a program.
    fn python_module(self) -> Option<Self> {
        let mut words = self.arguments;
        while let [option, rest @ ..] = words {
            match (*option, rest) {
                ("-m", [name, arguments @ ..]) => {
                    return Some(Self {
                        name,
                        arguments,
                        ..self
                    });
                }
                ("-W" | "-X", [_, rest @ ..]) => words = rest,
                _ if option.starts_with('-') => words = rest,
                // The argument is a script, so Python doesn't run a module.
                _ => return None,
            }
        }
        None
    }

    /// The reason why the program doesn't pass on the variables of a launch, as a predicate, and
    /// the help. `None` if the program passes them on.
    fn loss_of_variables(&self, variables: &[&EnvName]) -> Option<(&'static str, String)> {
        let has_one_of = |with_value: WithValue, options: &[&str]| {
            let (given, _) = split_options(self.arguments, with_value);
            given.iter().any(|option| options.contains(&&**option))
        };
        match self.name {
            "sudo" if !has_one_of(SUDO_OPTIONS, &["-E", "--preserve-env"]) => {
                let names: Vec<&str> = variables.iter().map(|name| name.as_str()).collect();
                let list = match names.len() {
                    1..=5 => names.join(","),
                    _ => "NAME,NAME".to_owned(),
                };
                Some((
                    "doesn't pass on the variables of this launch, because it makes a new environment",
                    format!(
                        "name the variables (sudo --preserve-env={list}), or let sudo start secrets-exec"
                    ),
                ))
            }
            "su" | "runuser" if has_one_of(SU_OPTIONS, &["-", "-l", "--login"]) => Some((
                "doesn't pass on the variables of this launch, because a login shell gets a new environment",
                "leave out the option for a login shell (-, -l or --login)".to_owned(),
            )),
            "env" if has_one_of(ENV_OPTIONS, &["-", "-i", "--ignore-environment"]) => Some((
                "removes the variables of this launch (-i or -)",
                "leave out this option. To remove inherited variables, use --clean-env before `--`"
                    .to_owned(),
            )),
            _ => None,
        }
    }

    /// The reason why the program can't open a file in memory, or doesn't pass it on, as a
    /// predicate. Each of these programs has been tried (docs/images.md).
    fn loss_of_files(&self) -> Option<&'static str> {
        const PHP: &str = "can't open a file in memory, because PHP opens the path to which /proc/self/fd links, and such a file has none";
        const CLOSES: &str =
            "doesn't pass on a file in memory, because it closes the files that it inherits";
        match self.name {
            "sudo" | "supervisord" => Some(CLOSES),
            "uvicorn" if has_new_processes(self.arguments) => Some(
                "doesn't pass on a file in memory to its workers, which are new Python processes",
            ),
            "apache2-foreground" | "php-cgi" => Some(PHP),
            name if name.starts_with("php-fpm") || is_versioned(name, "php") => Some(PHP),
            _ => None,
        }
    }
}

/// True if a program changes the user for itself or for the program that it starts. The workers of
/// php-fpm and of apache usually run as www-data.
fn changes_user(name: &str, arguments: &[&str]) -> bool {
    match name {
        "apache2-foreground" | "gosu" | "setpriv" | "su-exec" => true,
        "sudo" => {
            let (options, _) = split_options(arguments, SUDO_OPTIONS);
            options
                .iter()
                .any(|option| option == "-u" || option == "--user")
        }
        _ => name.starts_with("php-fpm"),
    }
}

/// True if uvicorn starts its workers as new processes: with `--reload`, or with several workers.
fn has_new_processes(arguments: &[&str]) -> bool {
    arguments.iter().enumerate().any(|(at, argument)| {
        let count = match argument.split_once('=') {
            Some(("--workers", count)) => Some(count),
            None if *argument == "--workers" => arguments.get(at + 1).copied(),
            Some(_) | None => None,
        };
        *argument == "--reload" || count.is_some_and(|count| count != "1")
    })
}

/// True for `name`, and for its name with a version, such as `python3.12`.
fn is_versioned(program: &str, name: &str) -> bool {
    program.strip_prefix(name).is_some_and(|version| {
        version
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'.'))
    })
}

/// Splits `words` into the options and assignments at their beginning, and the rest.
/// Returns each option without its value; letters in a group, such as `-EH`, are options of their
/// own. `with_value` lists the options whose value is the next word.
fn split_options<'a>(words: &'a [&'a str], with_value: WithValue) -> (Vec<String>, &'a [&'a str]) {
    let mut options = Vec::new();
    let mut rest = words;
    while let Some((word, after)) = rest.split_first() {
        if *word == "--" {
            return (options, after);
        }
        if !word.starts_with('-') {
            if assigned_name(word).is_none() {
                break;
            }
            rest = after;
            continue;
        }

        let mut value_follows = false;
        if word.starts_with("--") || *word == "-" {
            let (name, value) = match word.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (*word, None),
            };
            value_follows = with_value.contains(&name) && value.is_none();
            options.push(name.to_owned());
        } else {
            for (at, letter) in word.char_indices().skip(1) {
                let option = format!("-{letter}");
                let is_with_value = with_value.contains(&&*option);
                options.push(option);
                if is_with_value {
                    value_follows = word.len() == at + letter.len_utf8();
                    break;
                }
            }
        }
        rest = if value_follows {
            after.get(1..).unwrap_or_default()
        } else {
            after
        };
    }
    (options, rest)
}
