//! Warns of programs that don't get, or don't pass on, what a launch sets: PHP can't open a file in
//! memory, and sudo removes variables.
//!
//! Only the program itself is looked up. A command can begin with other programs, which start it:
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
use crate::model::environment::{CommandLine, assigned_name};
use crate::model::outcome::Outcomes;

/// Options with a value in the next word.
type WithValue = &'static [&'static str];

const ENV_OPTIONS: WithValue = &["-C", "--chdir", "-u", "--unset"];

/// Programs that start the program whose name follows, and their options with a value.
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

/// Warns of a command whose program loses the variables of this launch, or can't open its files in
/// memory.
pub fn program_warning(outcomes: &Outcomes, command: &CommandLine) -> Option<Record> {
    let words = Vec::from_iter(command.arguments().map(|word| word.to_str().unwrap_or("")));
    let (program, arguments) = started_program(&words)?;

    let set = Vec::from_iter(outcomes.list.iter().filter(|outcome| is_set(outcome)));
    let sets_variable = set
        .iter()
        .any(|outcome| outcome.target.variable().is_some());
    if let Some((defect, help)) = loss_of_variables(program, arguments)
        && sets_variable
    {
        return Some(Record::warning(format!("{program} {defect}")).help(help));
    }

    let (defect, changes_user) = loss_of_files(program, arguments)?;
    let files: Vec<_> = set
        .into_iter()
        .filter(|outcome| matches!(&outcome.target, Target::File(file) if file.path.is_none()))
        .collect();
    if files.is_empty() {
        return None;
    }
    let on_command_line = Origin::Argument(Argument::AsFile);
    let help = if changes_user {
        "in a declaration, give it a \"path\", and make the user that reads it its \"owner\""
    } else if files
        .iter()
        .any(|outcome| outcome.subject.origin == on_command_line)
    {
        "write --as-file NAME:PATH=SECRET:KEY, which writes it to a file at PATH"
    } else if files
        .iter()
        .any(|outcome| matches!(&outcome.target, Target::File(file) if file.once))
    {
        "give it a \"path\" instead of \"once\""
    } else {
        "give it a \"path\""
    };
    let warning = Record::warning(format!("{program} {defect}")).help(help);
    Some(Record {
        entries: files
            .iter()
            .map(|outcome| outcome.subject.to_string())
            .collect(),
        ..warning
    })
}

/// What a program does to variables, as a predicate, and the help. `None` for a program that passes
/// them on.
fn loss_of_variables(program: &str, arguments: &[&str]) -> Option<(&'static str, &'static str)> {
    let has_one_of = |with_value: WithValue, options: &[&str]| {
        let (given, _) = split_options(arguments, with_value);
        given.iter().any(|option| options.contains(&&**option))
    };
    match program {
        "sudo" if !has_one_of(SUDO_OPTIONS, &["-E", "--preserve-env"]) => Some((
            "doesn't pass on the variables of this launch, because it makes a new environment",
            "let it start secrets-exec (sudo secrets-exec …), or name the variables: sudo --preserve-env=NAME,NAME",
        )),
        "su" | "runuser" if has_one_of(&["-c", "--command"], &["-", "-l", "--login"]) => Some((
            "doesn't pass on the variables of this launch, because a login shell gets a new environment",
            "leave out the option for a login shell (-, -l or --login)",
        )),
        "env" if has_one_of(ENV_OPTIONS, &["-", "-i", "--ignore-environment"]) => Some((
            "removes the variables of this launch, because of its option -i",
            "leave out the option. To remove inherited variables, use --clean-env before `--`",
        )),
        _ => None,
    }
}

/// The reason why a program can't open a file in memory, or doesn't pass it on, as a predicate, and
/// true if the program changes its user before it reads files.
///
/// Each of them has been tried: see docs/images.md.
fn loss_of_files(program: &str, arguments: &[&str]) -> Option<(&'static str, bool)> {
    const PHP: &str =
        "can't open a file in memory, because PHP resolves the link /proc/self/fd/100 itself";
    match program {
        "apache2-foreground" => Some((PHP, true)),
        _ if program.starts_with("php-fpm") => Some((PHP, true)),
        _ if is_versioned(program, "php") => Some((PHP, false)),
        "sudo" | "supervisord" => Some((
            "doesn't pass on a file in memory, because it closes the files that it inherits",
            false,
        )),
        "uvicorn" if has_new_processes(arguments) => Some((
            "doesn't pass on a file in memory to its workers, because it starts new processes for them",
            false,
        )),
        _ => None,
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

/// Finds the program that a command starts: its name without a directory, and the words after it.
fn started_program<'a>(mut words: &'a [&'a str]) -> Option<(&'a str, &'a [&'a str])> {
    loop {
        let (first, arguments) = words.split_first()?;
        let name = Path::new(first).file_name()?.to_str()?;
        let starter = STARTERS.iter().find(|(starter, _)| *starter == name);
        if let Some((_, with_value)) = starter {
            if loss_of_variables(name, arguments).is_some() {
                return Some((name, arguments));
            }
            (_, words) = split_options(arguments, with_value);
        } else if name == "gosu" || name == "su-exec" {
            // The first argument is the user.
            words = arguments.get(1..)?;
        } else if name.ends_with(".sh") || name.contains("entrypoint") {
            (_, words) = split_options(arguments, &[]);
        } else if is_versioned(name, "python") {
            let is_module = |word: &&str| *word == "-m" || !word.starts_with('-');
            let [option, module, arguments @ ..] =
                &arguments[arguments.iter().position(is_module)?..]
            else {
                return None;
            };
            return (*option == "-m").then_some((*module, arguments));
        } else {
            return Some((name, arguments));
        }
    }
}

/// True for `name`, and for its name with a version, such as `python3.12`.
fn is_versioned(program: &str, name: &str) -> bool {
    let version = program.strip_prefix(name);
    version.is_some_and(|version| {
        version
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'.'))
    })
}

/// Splits the options and assignments at the beginning of `words` from the words after them.
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
