//! Warns of programs that can't use, or don't pass on, what a launch sets. For example, PHP can't
//! open a file in memory, and sudo removes variables.
//!
//! Usually, the first word of the command is the program. If this word is an entry script or starts
//! another program, the first later word that names a program with a loss is taken for the program.
//! Options aren't parsed, so the value of an option may be taken for a program by mistake, which
//! costs only a warning.
//!
//! ```text
//! docker-entrypoint.sh apache2-foreground      an entry script, then the program
//! tini -- gosu www-data php-fpm                an init, a change of the user, then the program
//! npm install php                              npm is the program: no other word is looked at
//! ```

use super::record::Record;
use super::warnings::is_set;
use crate::model::entry::Target;
use crate::model::environment::CommandLine;
use crate::model::outcome::Outcomes;

/// Programs that start the program whose name follows on the command line.
const STARTERS: &[&str] = &[
    "dumb-init",
    "env",
    "gosu",
    "nice",
    "setpriv",
    "su-exec",
    "tini",
];

/// The part of a launch that a program loses. The first text is the predicate of the warning.
enum ProgramLoss {
    /// The program doesn't pass on any variable. The second text is the help.
    Variables(&'static str, &'static str),
    /// The program can't open a file in memory, or doesn't pass it on.
    Files(&'static str),
}

/// Warns of a command whose program loses the variables of this launch, or its files in memory.
pub fn program_warning(outcomes: &Outcomes, command: &CommandLine) -> Option<Record> {
    let words: Vec<&str> = command
        .arguments()
        .map(|word| word.to_str().unwrap_or(""))
        .collect();
    let (program, loss) = first_loss(&words)?;

    let mut sets_variable = false;
    let mut files = Vec::new();
    for outcome in outcomes.list.iter().filter(|outcome| is_set(outcome)) {
        sets_variable |= outcome.target.variable().is_some();
        if matches!(&outcome.target, Target::File(file) if file.path.is_none()) {
            files.push(outcome.subject.to_string());
        }
    }
    match loss {
        ProgramLoss::Variables(defect, help) if sets_variable => {
            Some(Record::warning(format!("{program} {defect}")).help(help))
        }
        ProgramLoss::Files(defect) if !files.is_empty() => {
            let help = "write it to a path: --as-file NAME:PATH=SECRET:KEY or, in a declaration, \"path\" (with the \"owner\" that reads it, and without \"once\")";
            let warning = Record::warning(format!("{program} {defect}")).help(help);
            Some(Record {
                entries: files,
                ..warning
            })
        }
        ProgramLoss::Variables(..) | ProgramLoss::Files(_) => None,
    }
}

/// Finds the first program with a loss. Only the first word is looked at, unless it starts another
/// program.
fn first_loss<'a>(words: &[&'a str]) -> Option<(&'a str, ProgramLoss)> {
    for (at, word) in words.iter().enumerate() {
        let name = word.rsplit('/').next()?;
        if let Some(loss) = loss(name, &words[at + 1..]) {
            return Some((name, loss));
        }
        let is_script = name.ends_with(".sh") || name.contains("entrypoint");
        if at == 0 && !is_script && !STARTERS.contains(&name) {
            return None;
        }
    }
    None
}

/// The table of programs with a loss. All of them have been tried (docs/images.md).
fn loss(name: &str, arguments: &[&str]) -> Option<ProgramLoss> {
    // The options of env come before its first other argument.
    let options = arguments
        .iter()
        .copied()
        .take_while(|word| word.starts_with('-'));
    let options: Vec<&str> = options.collect();
    // The version of `php8.2` doesn't matter.
    Some(
        match name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.') {
            "sudo" if !has_option(arguments, 'E', "--preserve-env") => ProgramLoss::Variables(
                "doesn't pass on the variables of this launch, because it makes a new environment",
                "name the variables (sudo --preserve-env=NAME,NAME), or let sudo start secrets-exec",
            ),
            "su" | "runuser" if has_option(arguments, 'l', "--login") => ProgramLoss::Variables(
                "doesn't pass on the variables of this launch, because a login shell gets a new environment",
                "leave out the option for a login shell (-, -l or --login)",
            ),
            "env" if has_option(&options, 'i', "--ignore-environment") => ProgramLoss::Variables(
                "removes the variables of this launch (-i or -)",
                "leave out this option. To remove inherited variables, use --clean-env before `--`",
            ),
            "apache2-foreground" | "php" | "php-cgi" | "php-fpm" | "rsync" => ProgramLoss::Files(
                "can't open a file in memory, because it doesn't follow a link such as /proc/self/fd/100 as the kernel does",
            ),
            "uvicorn" if !has_new_processes(arguments) => return None,
            "circusd" | "honcho" | "hypercorn" | "scp" | "sftp" | "ssh" | "sudo"
            | "supervisord" | "tmux" | "uvicorn" | "watchfiles" => ProgramLoss::Files(
                "loses a file in memory, because it closes the files that it or its workers inherit",
            ),
            _ => return None,
        },
    )
}

/// True if uvicorn starts its workers as new processes: with `--reload`, or with several workers.
fn has_new_processes(arguments: &[&str]) -> bool {
    let line = arguments.join(" ").replace('=', " ") + " ";
    line.contains("--reload ") || line.replace("--workers 1 ", "").contains("--workers ")
}

/// True if an argument before `--` is `-`, the long form of an option, or its letter, which may be
/// in a group such as `-EH`.
fn has_option(words: &[&str], letter: char, long: &str) -> bool {
    words.iter().take_while(|word| **word != "--").any(|word| {
        let (name, _) = word.split_once('=').unwrap_or((word, ""));
        let letters = word.strip_prefix('-').filter(|rest| !rest.starts_with('-'));
        name == long
            || letters.is_some_and(|letters| letters.is_empty() || letters.contains(letter))
    })
}
