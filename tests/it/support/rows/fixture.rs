//! The fake and the sandbox of a row, by its columns.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{ALSO, Row};
use crate::support::aws::secret::Secret;
use crate::support::aws::{Aws, Version, fault};
use crate::support::directory::later;
use crate::support::sandbox::Sandbox;

/// Adds what a column has for the fake.
pub fn serve(aws: Aws, name: &str, value: &str) -> Aws {
    let Some((kind, id)) = name.split_once(' ') else {
        return aws;
    };
    let fault = |name: &str| match name {
        "denied" => fault::denied(id),
        "unavailable" => fault::unavailable(),
        "throttled" => fault::throttled(),
        "deleted" => fault::marked_for_deletion(),
        "absent" => fault::not_found(),
        "expired" => fault::expired_token(),
        "another stage" => fault::stage_of_another_version(),
        "hangs" => fault::Fault::Hang,
        "closes" => fault::Fault::Close,
        "endless" => fault::Fault::Endless,
        "page" => fault::page(),
        answer => {
            let (status, text) = answer.split_once(' ').unwrap_or((answer, ""));
            match status.parse() {
                Ok(status) => fault::plain(status, text),
                Err(_) if status == "denied" => fault::denied_by(text),
                Err(_) => panic!("{answer} is no fault"),
            }
        }
    };
    let content = |text: &str| match text.split_once(' ') {
        Some(("base64", bytes)) => Secret::binary(STANDARD.decode(bytes).unwrap()),
        Some(("fails", name)) => Secret::failing(fault(name)),
        _ if text == "empty" => Secret::empty(),
        _ => Secret::text(text),
    };
    match kind {
        "secret" => {
            let mut versions = value.split(ALSO).map(content);
            let current = versions.next().unwrap();
            aws.secret(id, versions.fold(current, Secret::previous))
        }
        "parameter" if value == "fails denied" => aws.denies_parameter(id),
        "parameter" => aws.parameter(
            id,
            &value.split(ALSO).map(Version::text).collect::<Vec<_>>(),
        ),
        "fails" if value == "denied" && id == "AssumeRole" => aws.denies_roles(),
        "fails" | "down" if value == "nothing" => aws,
        "fails" => match value.split_once(' ') {
            Some(("once", name)) => aws.fails_first(id, 1, fault(name)),
            Some(("twice", name)) => aws.fails_first(id, 2, fault(name)),
            Some(("thrice", name)) => aws.fails_first(id, 3, fault(name)),
            Some((time, name)) if time.ends_with("ms") => {
                aws.fails_for(id, milliseconds(time), fault(name))
            }
            _ => aws.fails(id, fault(value)),
        },
        "down" => aws.region_fails(id, fault(value)),
        _ => aws,
    }
}

fn milliseconds(time: &str) -> Duration {
    Duration::from_millis(time.trim_end_matches("ms").parse().unwrap())
}

/// The sandbox of a row.
pub fn prepare(row: &Row, aws: &Aws) -> Sandbox {
    let sandbox = Sandbox::new().endpoint(&aws.endpoint()).region("us-east-1");
    let mut sandbox = match row.column("keys").unwrap_or("shell") {
        "shell" => sandbox.keys(),
        "none" => sandbox,
        "container" => sandbox.in_container(aws),
        "instance" => sandbox.on_instance(aws),
        "web identity" => sandbox.web_identity(),
        keys => panic!("{keys:?} are no keys"),
    };
    if row.words.contains_key("shm")
        && row
            .columns
            .iter()
            .all(|(name, _)| !name.starts_with("home "))
    {
        // The home is a part of an entry's name.
        sandbox = sandbox.env("HOME", "/nonexistent");
    }
    for (name, value) in &row.columns {
        sandbox = match name.split_once(' ').unwrap_or((name, "")) {
            ("file", "") => sandbox.declaration(value),
            ("file", name) => sandbox.file(name, value),
            ("executable", name) => sandbox.executable(name, value),
            ("home", name) => sandbox.home_file(name, value),
            ("local", "") => sandbox.local(value).arg("-q"),
            ("stdin", "") => sandbox.stdin(value.as_str()),
            ("through", "") => sandbox.through(split(value)),
            ("template", "") => sandbox.declaration(&composing(row, value)),
            ("later", "") => later(sandbox, value.parse().unwrap()),
            ("without", "") => value.split(' ').fold(sandbox, Sandbox::env_remove),
            (
                "secret" | "parameter" | "fails" | "down" | "keys" | "unit" | "says" | "never"
                | "asks",
                _,
            ) => sandbox,
            ("earlier" | "lines" | "entries", "") => sandbox,
            _ => panic!("{name:?} is no column"),
        };
    }
    // A dash is a launch by the declaration alone.
    let line = if row.line == "-" { "" } else { &row.line };
    let mut words = split(line)
        .into_iter()
        .map(|word| word.replace('⏎', "\n"))
        .peekable();
    while let Some(variable) = words.next_if(|word| word.contains('=') && !word.starts_with('-')) {
        let (name, value) = variable.split_once('=').unwrap();
        sandbox = sandbox.env(name, value);
    }
    let options: Vec<String> = words.by_ref().take_while(|word| word != "--").collect();
    // A command of ours comes before the options of the columns.
    let has_command = row.command().is_some() || row.column("unit").is_some();
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
    if matches!(row.command(), Some("check" | "policy")) {
        sandbox
    } else {
        sandbox.prints_values()
    }
}

/// A declaration of the variable `A` with a template, and of the aliases that are the word `aliases`.
fn composing(row: &Row, template: &str) -> String {
    let template = serde_json::Value::from(template);
    format!(
        "secrets: {{ {} }}\nenv: {{ A: {{ template: {template} }} }}\n",
        row.words["aliases"]
    )
}

/// The words of a line, as a shell splits them: `'…'` is literal, in `"…"` and outside of quotes `\` takes the next character as it is.
fn split(line: &str) -> Vec<String> {
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
