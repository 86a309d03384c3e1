//! The columns of a row: the fake and the sandbox that they make, and what they expect.
//!
//! A first row needs only these:
//!
//! - `launch`: what is typed after `secrets-exec`. `seen`: what is seen of the launch. Most rows
//!   have both in their first line.
//! - `given`: the names of fixtures, with `and` between them.
//! - `secret ID`: the value of a secret, as text, `base64 TEXT`, `empty`, or `fails FAULT`.
//! - `file`: the declaration.
//! - `fails OPERATION`: `FAULT` for each request, `2 times FAULT`, or `for 1500ms FAULT`. The
//!   OPERATION can also be a path, such as `/token`, or an operation in a region, such as
//!   `GetSecretValue@us-east-1`. A FAULT is `denied`, `denied REASON`, `hangs`,
//!   `closes`, `endless`, `page`, the name of an error in `aws/fault.rs`, such as `clock skew`, a
//!   status with the code and the message of an error of AWS, such as
//!   `403 AccessDenied: no access`, or a response that is written out, such as `403 blocked`.
//! - `says`: parts of standard error. A message that contains none of them, and none of the parts
//!   of `exits with`, fails the row. `never`: texts that are neither on standard error nor in the
//!   table of `check`.
//! - `requests`: all requests in any order, with `and` between them; `nothing`; or `any number`. A
//!   request is a reference without its key, an operation, or the path of a GET. After it come `@`
//!   and the region unless that is us-east-1, `by` and the access key unless that is the
//!   environment's, and `with` and the session token. Without this column, no request may be made
//!   twice, and none may be made if the exit status is 64.
//!
//! More about AWS:
//!
//! - `previous ID`: the value of a secret for AWSPREVIOUS.
//! - `parameter NAME`: the versions of a parameter (`old and new`), or `fails denied`.
//! - `down REGION`: `FAULT` for all requests in a region.
//! - `credentials`: `none`, `container`, `instance` or `web identity`. Without this column, the
//!   variables of the environment hold keys.
//!
//! More about where the launch runs:
//!
//! - `without`: the variables that are not set, with spaces between them, such as AWS_REGION.
//! - `file NAME`: a file in the working directory. `home NAME`: a file in the home directory.
//!   `executable NAME`: a program in the working directory.
//! - `before`: shell commands that run first, in the shell that becomes the launch.
//! - `through`: a command that starts the launch. With setpriv's `--reuid`, it starts a copy that
//!   every user can execute. `needs`: commands with ` … ` between them. If one of them fails, the
//!   test is skipped.
//! - `earlier`: a launch that comes first, with the fixtures that the row is given, but without the
//!   row's own columns. `later`: the seconds between the two launches.
//! - `$memory_directory` is a directory in memory, for `--cache`.
//!
//! More about what is expected:
//!
//! - `lines`: the number of lines on standard error. `warnings`: the number of warnings among them.
//! - `entries`: the number of files in `$memory_directory`. `left PATH`: what the launch has left
//!   at a path: the mode and the content of a file, such as `400 text`; the names in a folder, with
//!   `and` between them; or `nothing`.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{AND, Launch};
use crate::support::aws::secret::Secret;
use crate::support::aws::{Aws, Version, fault};
use crate::support::directory::later;
use crate::support::sandbox::Sandbox;

/// All columns. Some have, after the name, what they are about.
pub const COLUMNS: &str = "launch, seen, given, secret ID, file, fails OPERATION, says, never, requests, previous ID, \
    parameter NAME, down REGION, credentials, without, file NAME, home NAME, executable NAME, before, through, needs, \
    earlier, later, lines, warnings, entries, left PATH";

/// True for a column of what is expected, which a row doesn't get from a fixture.
pub fn is_expectation(name: &str) -> bool {
    let (kind, _) = name.split_once(' ').unwrap_or((name, ""));
    let kinds = [
        "seen", "says", "never", "requests", "lines", "warnings", "entries", "left",
    ];
    kinds.contains(&kind)
}

/// True for the name of a column, as in `says` and `secret prod/db`.
fn is_column(name: &str) -> bool {
    COLUMNS.split(", ").any(
        |column| match (column.split_once(' '), name.split_once(' ')) {
            (Some((kind, _)), Some((seen, _))) => kind == seen,
            (Some(_), None) | (None, Some(_)) => false,
            (None, None) => column == name,
        },
    )
}

/// Adds to the fake what a column of a launch says about it.
pub fn serve(launch: &Launch, aws: Aws, name: &str, value: &str) -> Aws {
    let Some((kind, id)) = name.split_once(' ') else {
        return aws;
    };
    let fault = |name: &str| fault::named(name, id);
    let content = |text: &str| match text.split_once(' ') {
        Some(("base64", bytes)) => Secret::binary(STANDARD.decode(bytes).unwrap()),
        Some(("fails", name)) => Secret::failing(fault(name)),
        _ if text == "empty" => Secret::empty(),
        _ => Secret::text(text),
    };
    match kind {
        "secret" => {
            let secret = content(value);
            let previous = launch.column(&format!("previous {id}")).map(content);
            aws.secret(id, previous.into_iter().fold(secret, Secret::previous))
        }
        "parameter" if value == "fails denied" => aws.denies_parameter(id),
        "parameter" => aws.parameter(id, &value.split(AND).map(Version::text).collect::<Vec<_>>()),
        "fails" if value == "denied" && id == "AssumeRole" => aws.denies_roles(),
        "fails" => {
            let (how_long, name) = value.split_once(" times ").unwrap_or(("", value));
            if let Ok(times) = how_long.parse() {
                return aws.fails_first(id, times, fault(name));
            }
            let for_a_time = value
                .strip_prefix("for ")
                .and_then(|text| text.split_once(' '));
            match for_a_time {
                Some((time, name)) => aws.fails_for(id, milliseconds(time), fault(name)),
                None => aws.fails(id, fault(value)),
            }
        }
        "down" => aws.region_fails(id, fault(value)),
        _ => aws,
    }
}

fn milliseconds(time: &str) -> Duration {
    Duration::from_millis(time.trim_end_matches("ms").parse().unwrap())
}

/// The sandbox of a launch.
pub fn prepare(launch: &Launch, aws: &Aws, has_cache: bool) -> Sandbox {
    let sandbox = Sandbox::new().endpoint(&aws.endpoint()).region("us-east-1");
    let mut sandbox = match launch.column("credentials").unwrap_or("shell") {
        "shell" => sandbox.keys(),
        "none" => sandbox,
        "container" => sandbox.in_container(aws),
        "instance" => sandbox.on_instance(aws),
        "web identity" => sandbox.web_identity(),
        keys => panic!("{keys:?} aren't credentials"),
    };
    let mut columns = launch.columns.iter();
    if has_cache && columns.all(|(name, _)| !name.starts_with("home ")) {
        // The name of a cache entry depends on HOME, so all launches of a row get the same one.
        sandbox = sandbox.env("HOME", "/nonexistent");
    }
    for (name, value) in &launch.columns {
        assert!(is_column(name), "{name:?} isn't a column");
        sandbox = match name.split_once(' ').unwrap_or((name, "")) {
            ("file", "") => sandbox.declaration(value),
            ("file", name) => sandbox.file(name, value),
            ("executable", name) => sandbox.executable(name, value),
            ("home", name) => sandbox.home_file(name, value),
            ("later", "") => later(sandbox, value.parse().unwrap()),
            ("without", "") => value.split(' ').fold(sandbox, Sandbox::env_remove),
            _ => sandbox,
        };
    }
    let before = launch.column("before");
    let before = before.map(|commands| format!("set -e\n{commands}\nexec \"$@\""));
    let before = before.map(|script| ["sh", "-c", &script, "sh"].map(str::to_owned));
    let through = launch.column("through").map(split).unwrap_or_default();
    let wrapper = Vec::from_iter(before.into_iter().flatten().chain(through));
    if !wrapper.is_empty() {
        sandbox = sandbox.through(wrapper);
    }

    let line = launch.line.replace('⏎', "\n");
    let line = if line == "no options" { "" } else { &line };
    let mut words = split(line).into_iter().peekable();
    while let Some(variable) = words.next_if(|word| word.contains('=') && !word.starts_with('-')) {
        let (name, value) = variable.split_once('=').unwrap();
        sandbox = sandbox.env(name, value);
    }
    let options: Vec<String> = words.by_ref().take_while(|word| word != "--").collect();
    // A subcommand comes before the options that columns add.
    let has_command = launch.subcommand().is_some();
    let sandbox = if has_command {
        sandbox.options_first(options)
    } else {
        sandbox.args(options)
    };
    let command: Vec<String> = words.collect();
    let sandbox = match command.is_empty() {
        true if has_command => sandbox.bare(),
        true => sandbox,
        false => sandbox.command(command),
    };
    match launch.subcommand() {
        Some("check" | "policy") => sandbox,
        _ => sandbox.prints_values(),
    }
}

/// Splits a line into words like a shell. Text in `'…'` is literal. In `"…"` and outside of quotes,
/// `\` makes the next character literal.
pub fn split(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut characters = line.chars();
    while let Some(c) = characters.next() {
        match (quote, c) {
            (None, ' ') => words.extend(word.take()),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (Some(end), c) if c == end => quote = None,
            (None | Some('"'), '\\') => word.get_or_insert_default().extend(characters.next()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.into_iter().chain(word).collect()
}
