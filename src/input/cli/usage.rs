//! Turns clap's errors into problems.
//!
//! For rare mistakes, clap's general text is good enough. Frequent mistakes get a message with the
//! reason, and help that shows the correct form. An argument that doesn't begin with a hyphen may
//! be a secret, as in `-e PASSWORD hunter2`. So messages only show words of other tools, the names
//! of subcommands and variables, and words that read like names.

use std::error::Error;
use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command};

use super::command::{
    SUBCOMMANDS, Subcommand, SubcommandId, find_subcommand, has_option, misread_option_problem,
};
use crate::model::environment::{assigned_name, is_name};
use crate::model::mistakes::{did_you_mean, nearest, one_letter_away, replacement};
use crate::model::options::{Takes, TypedOptions, find_option};
use crate::model::problem::Problem;
use crate::model::reference::{Reference, split_colon, split_secret};
use crate::model::shown::{invalid_value, is_quotable_value, reads_like_a_name};

pub fn problem(error: clap::Error, arguments: &[OsString], mut command: Command) -> Problem {
    // clap has built only the named subcommand, but `unknown_option` searches all subcommands.
    command.build();
    let words = Vec::from_iter(arguments.iter().map(|word| word.to_string_lossy()));
    let subcommand = words.first().and_then(|first| find_subcommand(first));
    let clap_subcommand = subcommand.and_then(|row| command.find_subcommand(row.name));
    let line = Line {
        words: words.iter().map(AsRef::as_ref).collect(),
        subcommand,
        command: clap_subcommand.unwrap_or(&command),
        launch: &command,
    };

    let argument = context(&error, ContextKind::InvalidArg);
    let has_command = words.iter().any(|word| word == "--");
    let accepts_command = subcommand.is_none_or(|row| row.id == SubcommandId::Check);
    let mut own_words = line.own_words();
    // True for an argument before `--`, such as `--foo` in `get --foo -- prod/db:host`.
    let is_own = own_words.any(|word| word.split('=').next() == Some(&argument));

    let value = context(&error, ContextKind::InvalidValue);
    let subcommand_word = context(&error, ContextKind::InvalidSubcommand);
    match error.kind() {
        // The argument may be a word after `--`, which may be a secret.
        ErrorKind::UnknownArgument if has_command && !accepts_command && !is_own => {
            Problem::usage(format!("{} doesn't start a command", line.first_words()))
                .help("remove `--` and the command after it")
        }
        ErrorKind::UnknownArgument if argument.starts_with('-') => line.unknown_option(&argument),
        ErrorKind::UnknownArgument => line.stray_word(&argument),
        ErrorKind::InvalidSubcommand => line.stray_word(&subcommand_word),
        ErrorKind::MissingRequiredArgument => line.missing_argument(&argument),
        // clap reports a missing value as an empty one.
        ErrorKind::InvalidValue if value.is_empty() => line.missing_value(&argument),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            line.wrong_value(&argument, &value, error.source().map(ToString::to_string))
        }
        ErrorKind::ArgumentConflict => {
            let other = context(&error, ContextKind::PriorArg);
            Problem::usage(format!("{argument} and {other} can't be used together"))
        }
        // clap writes `--verbose...`, because the flag can be repeated.
        ErrorKind::TooManyValues => value_of_flag_problem(argument.trim_end_matches('.')),
        // The text is the same for every error of this kind, so it doesn't show an argument.
        rare => Problem::usage(rare.to_string()),
    }
}

/// Returns the first text of a kind that clap has added to an error, or an empty text.
fn context(error: &clap::Error, kind: ContextKind) -> String {
    match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.first().cloned().unwrap_or_default(),
        _ => String::new(),
    }
}

/// Returns the name of an argument: `--format` for `--format <FORMAT>`, and `REF` for `<REF>`.
fn argument_name(argument: &str) -> &str {
    let name = argument.split(' ').next().unwrap_or_default();
    name.trim_matches(['<', '>'])
}

/// A command line that clap could not parse, and clap's definitions of the commands.
struct Line<'a> {
    words: Vec<&'a str>,
    /// The subcommand that the first argument names. It is `None` for a launch.
    subcommand: Option<&'static Subcommand>,
    /// clap's definition of the subcommand or, for a launch, of the whole command line.
    command: &'a Command,
    /// clap's definition of the whole command line.
    launch: &'a Command,
}

/// A sample command. The user's reference replaces its reference, and the samples below.
const GET: &str = "secrets-exec get prod/db:password";

const PARAMETERS: &str = "ssm:/prod/app/";

const SECRET: &str = "prod/app";

/// A sample option for a variable. Help about a declaration has only its reference.
const VARIABLE: &str = "--env DB_PASSWORD=prod/db:password";

impl Line<'_> {
    /// Returns the words with which the line begins: `secrets-exec check`.
    fn first_words(&self) -> String {
        match self.subcommand {
            Some(row) => format!("secrets-exec {}", row.name),
            None => "secrets-exec".to_owned(),
        }
    }

    /// Returns the words before `--`. The words after it belong to the command, and may be secrets.
    fn own_words(&self) -> impl Iterator<Item = &str> {
        self.words.iter().copied().take_while(|word| *word != "--")
    }

    /// Returns what follows an option before `--`, up to an equals sign: `json` in `--output json`
    /// and `--output=json`.
    fn word_after(&self, option: &str) -> Option<&str> {
        let parts = self.own_words().flat_map(|word| word.split('='));
        parts.skip_while(|part| *part != option).nth(1)
    }

    /// Returns the value of an option, which may be another tool's. The result is `None` if nothing
    /// or a different option follows, or if messages may not show the value.
    fn value_of(&self, option: &str) -> Option<&str> {
        let value = self.word_after(option)?;
        (reads_like_a_name(value) && !value.starts_with('-')).then_some(value)
    }

    /// Lists the values that an argument accepts, if they are a fixed list. `name` is an option
    /// such as `--format`, or the name of a positional argument, such as `SHELL`.
    fn possible_values(&self, name: &str) -> Option<String> {
        let id = name.trim_matches('-').to_lowercase();
        let mut arguments = self.command.get_arguments();
        let argument = arguments.find(|argument| argument.get_id().as_str() == id)?;
        let values = argument.get_possible_values();
        let names = Vec::from_iter(values.iter().map(|value| value.get_name().to_owned()));
        (!names.is_empty()).then(|| names.join(", "))
    }

    /// Returns the help for an error that doesn't have a more specific one: a line that works, with
    /// the format, the reference or declaration, and the .env file that the user has written.
    fn example(&self) -> String {
        let of_launch = "--env DB_PASSWORD=prod/db:password -- node app.js";
        let example = self.subcommand.map_or(of_launch, |row| row.example);
        // Only the example for `migrate` has a .env file. The user's own file replaces it.
        let is_shown = |word: &&&str| !word.starts_with('-') && reads_like_a_name(word);
        let file = self.words.get(1).filter(is_shown).unwrap_or(&".env");
        let example = example.replace(".env ", &format!("{file} "));
        let example = example.replace("--format shell", &self.meant_format());
        self.with_written_words(&format!("use {} {example}", self.first_words()))
    }

    /// Returns the format of `export` that the user means: `--format json` for `--json` and `-f
    /// json`, and `--format kubernetes` for `--format k8s`.
    fn meant_format(&self) -> String {
        let value = self.word_after("--format").unwrap_or_default();
        // A format of another tool, such as `k8s`.
        if let Some(ours) = replacement(&format!("--format={value}")) {
            return ours.to_owned();
        }
        // Any word can be the name of the format.
        let formats = self.possible_values("--format").unwrap_or_default();
        let words = self.own_words().map(|word| word.trim_start_matches('-'));
        let lowercase = Vec::from_iter(words.map(str::to_lowercase));
        let format = formats
            .split(", ")
            .find(|format| lowercase.iter().any(|word| word == format));
        format!("--format {}", format.unwrap_or("shell"))
    }

    /// Replaces the sample reference and the sample variable in `example` with the user's own:
    /// after `get --env KEY=prod/stripe:key`, `use secrets-exec get prod/db:password` becomes `use
    /// secrets-exec get prod/stripe:key`. Without a reference of the user, or for `migrate`, uses
    /// [`Self::with_written_declaration`].
    ///
    /// `get` can't read a path, so for a path, the result is an `export` command.
    fn with_written_words(&self, example: &str) -> String {
        // The argument of `migrate` is a file, whose path can look like a reference.
        let is_migrate = self.subcommand.map(|row| row.id) == Some(SubcommandId::Migrate);
        let Some((name, reference)) = self.written_reference().filter(|_| !is_migrate) else {
            return self.with_written_declaration(example);
        };
        let (secret, _) = split_secret(&reference);
        let mut samples = [GET, PARAMETERS, SECRET].into_iter();
        let sample = samples.find(|sample| example.contains(sample));
        let whole = self.whole_reference(&reference, sample == Some(GET));
        match sample {
            Some(GET) if is_path(secret) => {
                format!("use secrets-exec export --format shell --env-from {secret}")
            }
            Some(GET) => example.replace("prod/db:password", &whole),
            Some(PARAMETERS) if !secret.starts_with("ssm:") => example.to_owned(),
            // These samples don't have a key.
            Some(sample) => example.replace(sample, secret),
            None => with_variable(example, name, &whole),
        }
    }

    /// For a subcommand, returns the example with `-f` and the declaration that the user passed,
    /// instead of the sample variable. In a launch such as `-f app.yaml --secret prod/db`, the user
    /// probably wanted to add a variable, so the example stays as it is.
    fn with_written_declaration(&self, example: &str) -> String {
        let file = self.value_of("-f").or(self.value_of("--file"));
        // The file in `export -f json` is the format.
        if self.subcommand.is_some()
            && let Some(file) = file
            && !example.contains(&format!("--format {}", file.to_lowercase()))
        {
            return example.replace(VARIABLE, &format!("-f {file}"));
        }
        example.to_owned()
    }

    /// Returns a reference of the user, with the key, the stage and the version that are written
    /// next to it: `get prod/db --key password` → `prod/db:password`. `is_for_get` is true if the
    /// reference becomes the argument of `get`.
    fn whole_reference(&self, reference: &str, is_for_get: bool) -> String {
        let (secret, fields) = split_secret(reference);
        let key = fields.or(self.written_key(reference, is_for_get));
        // jq's `.password` is the key `password`.
        let key = key.unwrap_or_default().trim_start_matches('.');
        let stage = self.value_of("--version-stage").unwrap_or_default();
        // A version id doesn't read like a name, so it isn't shown.
        let version = self.word_after("--version-id").map_or("", |_| "VERSION-ID");
        let whole = format!("{secret}:{key}:{stage}:{version}");
        whole.trim_end_matches(':').to_owned()
    }

    /// Finds the first reference before `--` that may be shown. Returns the text before its equals
    /// sign, which is empty if there isn't one, and the reference. Skips the values of all options
    /// except `--env` and `--env-from`.
    ///
    /// The AWS CLI's options for parameters also name a reference: `ssm:/prod/level` for `--name
    /// /prod/level`. If that name may not be shown, the result is `None`.
    fn written_reference(&self) -> Option<(&str, String)> {
        let mut previous = "";
        for word in self.own_words() {
            let option = previous.trim_start_matches('-');
            // `aws ssm get-parameter --name /prod/app/level`
            let is_parameter = ["name", "parameter"].contains(&option);
            // `aws ssm get-parameters-by-path --path /prod/app`, replaced by `--env-from
            // ssm:/prod/app/`
            let is_path = replacement(previous).is_some_and(|ours| ours.contains(PARAMETERS));
            if (is_parameter || is_path) && word.starts_with('/') {
                let end = if is_parameter { "" } else { "/" };
                let reference = format!("ssm:{}{end}", word.trim_end_matches(['/', '*']));
                return reads_like_a_name(word).then_some(("", reference));
            }

            let is_value = ["f", "file"].contains(&option) || find_option(option).is_some();
            let assignment = word.trim_start_matches("--env=");
            let assignment = assignment.trim_start_matches("--env-from=");
            let (name, reference) = assignment.split_once('=').unwrap_or(("", assignment));
            if !is_value && !name.starts_with('-') && is_shown_reference(reference) {
                return Some((name, reference.to_owned()));
            }
            previous = word;
        }
        None
    }

    /// Returns the key that is written next to a reference, as in `get --key password prod/db` and
    /// `read prod/db password`. A key without an option is only found if `is_for_get` is true.
    fn written_key(&self, reference: &str, is_for_get: bool) -> Option<&str> {
        let mut after_reference = self.own_words().skip_while(|word| *word != reference);
        // In `run prod/db app`, the word after the reference is the command.
        let is_key = |word: &&str| is_for_get && is_name(word) && reads_like_a_name(word);
        let next = after_reference.nth(1).filter(is_key);
        let mut options = ["--key", "-r", "--query"].into_iter();
        let value = options.find_map(|option| self.value_of(option));
        // jq has `-r`. The AWS CLI's `--query SecretString` is the whole secret.
        value.or(next).filter(|key| *key != "SecretString")
    }

    /// Returns the problem for a required argument that is missing, such as `--format <FORMAT>` or
    /// `<REF>`.
    fn missing_argument(&self, argument: &str) -> Problem {
        let (name, program) = (argument_name(argument), self.first_words());
        let text = match self.possible_values(name) {
            _ if !name.starts_with('-') => format!("{program} needs an argument: {name}"),
            Some(values) => format!("{name} is missing: it must be one of {values}"),
            None => format!("{name} is missing"),
        };
        Problem::usage(text).help(self.example())
    }

    /// Returns the problem for an option that is missing its value. `argument` includes the name of
    /// the value, as in `--region <REGION>`.
    fn missing_value(&self, argument: &str) -> Problem {
        let name = argument_name(argument);
        let help = match (expected_value(name), self.possible_values(name)) {
            (Some(expected), _) => format!("use {expected}"),
            (None, Some(values)) => format!("use one of {values}"),
            (None, None) => format!("use {}", argument.replace(['<', '>'], "")),
        };
        Problem::usage(format!("{name} needs a value")).help(help)
    }

    /// Returns the problem for a value that an argument doesn't accept. `expected` describes the
    /// values that the argument's parser accepts.
    fn wrong_value(&self, argument: &str, value: &str, expected: Option<String>) -> Problem {
        let name = argument_name(argument);
        // A positional argument may be a secret, so it isn't shown. Its name isn't shown either,
        // because SHELL would read like a variable.
        let positional_name = format!("the argument of {}", self.first_words());
        let (name_in_message, shown) = match name.starts_with('-') {
            true => (name, value),
            false => (positional_name.as_str(), "…"),
        };
        let listed = || format!("one of {}", self.possible_values(name).unwrap_or_default());
        let is_listed = expected.is_none();
        let text = invalid_value(name_in_message, shown, &expected.unwrap_or_else(listed));
        Problem::usage(text).help_if_some(is_listed.then(|| self.example()))
    }

    /// Returns the problem for an option that doesn't exist here, or that clap has misread.
    fn unknown_option(&self, option: &str) -> Problem {
        // What follows a space may be a password.
        let option = option.split(' ').next().unwrap_or_default();
        // clap reports `-region` as the option `-r`, so all words that begin with `-r` are checked.
        let numbered = (1..).zip(self.own_words());
        let mut written = numbered.filter(|(_, word)| word.starts_with(option));
        let misread = written.find_map(|(n, word)| misread_option_problem(n, word, self.command));
        if let Some(problem) = misread {
            return problem;
        }
        // A password may be attached to the option: `--passwordhunter2`.
        let may_be_shown = is_quotable_value(option.trim_start_matches('-'));
        let shown = if may_be_shown { option } else { "--…" };
        let text = format!("{} has no {shown} option", self.first_words());
        Problem::usage(text).help(self.unknown_option_help(option))
    }

    /// Returns the help for an option that doesn't exist here: the first remedy that applies.
    fn unknown_option_help(&self, option: &str) -> String {
        // In `--json check`, the subcommand isn't a value of the option.
        let is_value = |word: &&str| find_subcommand(word).is_none();
        let value = self.value_of(option).filter(is_value).unwrap_or("…");
        let is_output = option == "-o" || option.starts_with("--out");
        // The subcommand that has the option: `check` for `--offline`.
        let mut subcommands = self.launch.get_subcommands();
        let owner = subcommands.find(|subcommand| has_option(subcommand, option));

        if let Some(replacement) = self.replacement(option, value) {
            replacement
        } else if let (None, Some(owner)) = (self.subcommand, owner) {
            format!("use secrets-exec {} {option} {value}", owner.get_name())
        } else if let Some(similar) = self.similar_option(option, value) {
            format!("did you mean --{similar}?")
        } else if is_yaml(value) && !is_output && owner.is_none() {
            // A YAML file is a declaration, unless the option is for output or for a subcommand.
            format!("use -f {value}")
        } else if self.subcommand.is_none() {
            "see secrets-exec -h, or put the command's options after the command".to_owned()
        } else if is_output && value.contains(['.', '/']) {
            // `get … -o key.pem`: subcommands print to standard output.
            format!("{} >{value}", self.example())
        } else {
            self.example()
        }
    }

    /// Returns the help for an option of another tool: what replaces it. `value` is the option's
    /// value, or `…`. The result is `None` for an unknown option, for one that probably belongs to
    /// the program, for a value that is a declaration, and if the subcommand doesn't have the
    /// replacing option.
    fn replacement(&self, option: &str, value: &str) -> Option<String> {
        let ours = replacement(option)?;
        let word = self.word_after(option).unwrap_or_default();
        let mut own = self.own_words();
        let is_of_program = match option {
            // `-r us-east-1` means `--region`. Otherwise, `-r` is an option of jq.
            "-r" => !value.contains('-'),
            // A port: `-p 8080`.
            "-p" => word.parse::<u16>().is_ok(),
            // `--password …` next to an entry.
            "--password" => own.any(|word| word.starts_with("-e") || word.starts_with("--env")),
            _ => false,
        };
        let replacing_option = ours.split([' ', ',']).next().unwrap_or_default();
        let is_own = self.subcommand.is_none() || has_option(self.command, replacing_option);
        // `--env-file app.yaml` doesn't need `migrate`, because a YAML file is a declaration.
        let is_declaration = replacing_option == "-f" && is_yaml(value);
        if is_of_program || !is_own || is_declaration {
            return None;
        }
        // The user's words complete the help: `--prefix DB_` → `--env-from DB_=prod/db`.
        let help = self.with_written_words(&format!("use {ours}"));
        let is_prefix = is_name(word) && word.ends_with('_');
        let prefix = if is_prefix { word } else { "PREFIX_" };
        Some(help.replace('…', value).replace("PREFIX_", prefix))
    }

    /// Returns our option that an unknown one probably means. Its name is similar, or has a part
    /// that begins with the unknown name, as in `--kms` for `--kms-key`. Or its name is the value:
    /// `check --output json` means `--json`.
    fn similar_option(&self, option: &str, value: &str) -> Option<&str> {
        // `--aws-region` means `--region`.
        let name = option.trim_start_matches('-').trim_start_matches("aws-");
        let options = || self.command.get_arguments().filter_map(Arg::get_long);
        // Too many options have a part that begins with one or two letters. An option of another
        // tool has a meaning of its own: `get --key` doesn't mean `--key-exchange`.
        let may_be_part = name.len() > 2 && replacement(option).is_none();
        let has_part = |long: &str| long.split('-').any(|part| part.starts_with(name));
        let is_meant = |long: &&str| (may_be_part && has_part(long)) || *long == value;
        one_letter_away(name, options()).or_else(|| options().find(is_meant))
    }

    /// Returns the problem for an argument that is neither an option nor the value of one.
    fn stray_word(&self, word: &str) -> Problem {
        use SubcommandId::{Check, Credential, Get};
        // clap reports the word as it was written, so it is always found.
        let at = self.words.iter().position(|other| *other == word);
        let number = at.map_or(0, |at| at + 1);
        if word.starts_with(['–', '—']) {
            return Problem::usage(format!("argument {number} begins with a long dash"))
                .help("use hyphens, as in --env DB_PASSWORD=prod/db:password -- COMMAND");
        }
        if is_yaml(word) {
            let text = format!("argument {number} is a file, so it needs -f before it");
            let shown = Some(word).filter(|word| reads_like_a_name(word));
            return Problem::usage(text).help(format!("use -f {}", shown.unwrap_or("FILE")));
        }

        if let Some(problem) = self.detached_value_problem(word, number) {
            return problem;
        }

        // `DB_PASSWORD=prod/db:password app` needs `--env`. A word without `=` and `:` can be the
        // command.
        let may_be_entry = has_option(self.command, "--env")
            && (word.contains(['=', ':']) || !self.begins_command(number));
        if may_be_entry && let Some(problem) = missing_option_problem(word, number) {
            return problem;
        }

        match self.subcommand.map(|row| row.id) {
            None => self.misplaced_word(word, number),
            Some(Get) => {
                let text = "secrets-exec get accepts only one argument, a reference";
                Problem::usage(text).help(match word.contains([':', '/']) {
                    true => "run it once for each reference",
                    false => "put a colon before the key, as in secrets-exec get prod/db:password",
                })
            }
            Some(Check) if !self.words.contains(&"--") => self.missing_separator_problem(number),
            Some(Credential) => unexpected_argument_problem(number)
                .help("to test a service, use secrets-exec check with its options"),
            Some(_) => unexpected_argument_problem(number).help(self.example()),
        }
    }

    /// Returns the problem for the word with this number if it belongs to a word before it, as in
    /// `--region= us-east-1`.
    fn detached_value_problem(&self, word: &str, number: usize) -> Option<Problem> {
        // The optional value of `--agent` needs a `=`. `http://localhost:2773` is a value, but
        // `check` isn't.
        let before = number.checked_sub(2).map_or("", |at| self.words[at]);
        let option = before.trim_end_matches('=');
        let is_detached = before == "--agent" || (before.starts_with("--") && before != option);
        if is_detached && find_subcommand(word).is_none() {
            let text = format!("the value of {option} must come right after \"=\"");
            return Some(Problem::usage(text).help(format!("write {option}=… without a space")));
        }
        if let Some(problem) = self.second_value_problem(number) {
            return Some(problem);
        }
        // The shell splits `--env DB_PASSWORD=prod/db: password` at the space.
        if before.ends_with(':') && before.contains('=') {
            let text = format!("there is a space between a colon and argument {number}");
            return Some(Problem::usage(text).help("remove the space"));
        }
        // In `--clean-env true -- app`, `true` is a value. Without `--`, it may be the command.
        let switches = ["true", "yes", "on", "1", "false", "no", "off", "0"];
        let is_switch = switches.contains(&word) && before.starts_with('-');
        (is_switch && !self.begins_command(number)).then(|| value_of_flag_problem(before))
    }

    /// Returns the problem for a word where a launch expects an option. `number` is the word's
    /// position, counted from 1.
    fn misplaced_word(&self, word: &str, number: usize) -> Problem {
        // `--env A=b check`: clap recognizes a subcommand only as the first word, so the first word
        // here is an option.
        if find_subcommand(word).is_some() {
            let option = self.words[0].split('=').next().unwrap_or_default();
            let text = format!("\"{word}\" must come before the options");
            return Problem::usage(text).help(format!("use secrets-exec {word} {option} …"));
        }

        // `run node app.js`: a subcommand of another tool.
        let is_first = number == 1;
        if is_first && let Some(replacement) = replacement(word) {
            // In `run -f app.yaml -- app`, only the first word is wrong. A replacement with COMMAND
            // means a launch.
            let next = self.words.get(1).copied().unwrap_or_default();
            let has_options = next == "--" || has_option(self.command, next);
            let help = match has_options && replacement.ends_with("COMMAND") {
                true => format!("remove \"{word}\""),
                false => self.with_written_words(&format!("use {replacement}")),
            };
            return Problem::usage(format!("there is no subcommand \"{word}\"")).help(help);
        }

        // `chekc` or `help chekc`: a misspelled subcommand.
        let names = SUBCOMMANDS.iter().map(|row| row.name);
        if let Some(similar) = nearest(word, names).filter(|_| number <= 2) {
            let text = format!("argument {number} isn't a subcommand");
            return Problem::usage(text).help(did_you_mean(similar));
        }

        if !self.begins_command(number) {
            let help = "put only options and values before `--`";
            return unexpected_argument_problem(number).help(help);
        }

        self.missing_separator_problem(number)
    }

    /// Returns the problem for a command without `--`, whose first word has this number.
    fn missing_separator_problem(&self, number: usize) -> Problem {
        let text =
            format!("`--` is missing before the command (argument {number} isn't an option)");
        let program = self.first_words();
        Problem::usage(text).help(format!("use {program} [OPTIONS] -- COMMAND"))
    }

    /// True if a launch's command probably begins with the word with this number. Either there
    /// isn't a `--`, or this word and the next one begin with a letter or digit, so that the `--`
    /// probably belongs to the command, as in `npm run start -- --port 80`.
    fn begins_command(&self, number: usize) -> bool {
        let words = self.words.iter().skip(number.saturating_sub(1)).take(2);
        let are_plain = words.map(|word| word.starts_with(|c: char| c.is_ascii_alphanumeric()));
        self.subcommand.is_none() && (!self.words.contains(&"--") || are_plain.eq([true, true]))
    }

    /// Returns the problem for the word with this number, counted from 1, if the two words before
    /// it are an option and its value. The word may be a reference that a space separates from its
    /// NAME= (`-e PASSWORD= prod/db:password`), a second NAME=REF, or a second value (`--timeout 5
    /// min`). Returns `None` if the word probably begins the command, or is a reference that needs
    /// an option of its own.
    fn second_value_problem(&self, number: usize) -> Option<Problem> {
        let &[option, first, second] = self.words.get(number.checked_sub(3)?..)?.first_chunk()?;
        let name = first.trim_end_matches(['=', ':']);
        // In `--env-from DB_ prod/db`, the prefix must end with `_`, because `DB` may be a secret.
        let (is_shown_name, example) = match option {
            "-e" | "--env" | "--as-file" => (is_name(name), "prod/db:password"),
            "--env-from" => (is_name(name) && name.ends_with('_'), "prod/db"),
            _ => (false, ""),
        };
        if is_shown_name {
            // The reference can follow a lone `=`: `-e TOKEN = prod/api:token`.
            let mut words_after = self.words[number - 1..].iter().copied();
            let written = words_after.find(|word| *word != "=");
            let shown = written.filter(|word| is_shown_reference(word));
            let text = format!("the secret for {option} {name} must come right after \"=\"");
            let help = format!("write {option} {name}={}", shown.unwrap_or(example));
            return Some(Problem::usage(text).help(help));
        }
        if matches!(option, "-e" | "--env" | "--as-file") && assigned_name(second).is_some() {
            let text = format!("one {option} can't set several variables");
            return Some(Problem::usage(text).help(format!("put {option} before each NAME=REF")));
        }
        if self.begins_command(number) || is_shown_reference(second) {
            return None;
        }

        let help_with_path = "in a declaration, write files: [{ from: prod/db:password, path: … }]";
        let help = match option {
            "--as-file" => self.with_written_words(help_with_path),
            _ if first == "=" => "remove the \"=\"".to_owned(),
            "--except" | "--literal" | "--only" | "--pass" | "--resolve-env" | "--unset" => {
                second_pattern_help(option, first, second)
            }
            _ => format!("use {}", expected_value(option)?),
        };
        Some(Problem::usage(format!("{option} accepts only one value")).help(help))
    }
}

/// Returns the help for two words after an option for patterns.
fn second_pattern_help(option: &str, first: &str, second: &str) -> String {
    let mut words = first.split(',').chain([second]);
    let are_names = words.clone().all(|word| is_name(&word.replace('*', "")));
    match (are_names, words.all(reads_like_a_name)) {
        // The shell has probably expanded the pattern.
        (false, _) => "put the pattern in quotes".to_owned(),
        (true, true) => format!("write {option} {first} {option} {second}"),
        // A word may be a password, as in `--pass hunter2 app`.
        (true, false) => format!("put {option} before each name"),
    }
}

fn is_yaml(file: &str) -> bool {
    matches!(file.rsplit_once('.'), Some((_, "yaml" | "yml")))
}

/// Returns what an option accepts, such as `a duration with a unit`: the error of its parser for an
/// empty text, which no option accepts.
fn expected_value(option: &str) -> Option<&'static str> {
    let row = find_option(option.trim_start_matches('-'))?;
    if let Takes::Nothing | Takes::Level = row.takes {
        return None;
    }
    (row.set)(&mut TypedOptions::default(), "".as_ref()).err()
}

/// Returns an example with the user's variable and reference. If `name` isn't valid, the variable
/// is named after the key. A variable has one value, so a path becomes an `--env-from`, as does a
/// whole secret without a valid `name`. With `name`, a whole secret gets the key of the example.
fn with_variable(example: &str, name: &str, reference: &str) -> String {
    let name_of_reference = variable_for(reference);
    let name = Some(name).filter(|name| is_name(name) && !is_path(reference));
    let Some(name) = name.or(name_of_reference.as_deref()) else {
        let example = example.replace(VARIABLE, "--env-from prod/db");
        return example.replace("prod/db", reference);
    };
    let example = example.replace("DB_PASSWORD", name);
    let sample = name_of_reference.map_or("prod/db", |_| "prod/db:password");
    example.replace(sample, reference)
}

/// True for a path of parameters, which has several values, such as `ssm:/prod/app/`.
fn is_path(reference: &str) -> bool {
    reference.ends_with(['/', '*'])
}

/// True for a word with a slash that is probably a reference, and can be shown: `prod/db:password`.
fn is_shown_reference(word: &str) -> bool {
    // `/etc/app` is a path, not a reference.
    let begins_with_letter = word.starts_with(|c: char| c.is_ascii_alphabetic());
    let may_be_reference = begins_with_letter && word.contains('/');
    may_be_reference && reads_like_a_name(word) && Reference::parse(word).is_ok()
}

/// Returns a name for the variable of a reference: `prod/stripe:api-key` → `API_KEY`, and
/// `ssm:/prod/level` → `LEVEL`. Returns `None` for a whole secret and for a path. If the name
/// wouldn't be valid, or if KEY is empty, as in `prod/db::AWSPREVIOUS`, returns `NAME`.
fn variable_for(reference: &str) -> Option<String> {
    let (secret, fields) = split_secret(reference);
    let word = match fields.map(split_colon) {
        Some((key, _)) => key,
        // The name or ARN of a parameter, such as `ssm:/prod/level`.
        None if secret.contains("ssm:") && !is_path(secret) => secret.rsplit('/').next()?,
        None => return None,
    };
    let capitals = word.to_uppercase();
    let name = capitals.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    Some(if is_name(&name) { name } else { "NAME".into() })
}

/// Returns the problem for a REF or NAME=REF that needs an option before it.
fn missing_option_problem(word: &str, number: usize) -> Option<Problem> {
    let (name, reference) = match word.split_once('=') {
        Some((name, reference)) if is_name(name) => (Some(name.to_owned()), reference),
        Some(_) | None => (None, word),
    };
    if !is_shown_reference(reference) {
        return None;
    }
    let help = match name.or_else(|| variable_for(reference)) {
        Some(variable) if !is_path(reference) => format!("write --env {variable}={reference}"),
        Some(_) | None => format!("write --env-from {reference}"),
    };
    let text = format!("argument {number} needs an option before it");
    Some(Problem::usage(text).help(help))
}

/// Returns the problem for a flag with a value, as in `--clean-env=true`.
fn value_of_flag_problem(flag: &str) -> Problem {
    let help = "remove the value, or the whole option to turn it off";
    Problem::usage(format!("{flag} doesn't accept a value")).help(help)
}

/// Returns the problem for an argument that may be a secret, so the message shows only its number.
fn unexpected_argument_problem(number: usize) -> Problem {
    let text = format!("unexpected argument {number} (not shown, because it may be a secret)");
    Problem::usage(text)
}
