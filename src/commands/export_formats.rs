//! The formats of `export`, and the workflow commands (`::add-mask::`) that hide values in the log
//! of a GitHub job.
//!
//! A program that reads the format gets exactly the values that a launch would set. If a format
//! can't hold one of them, the function that writes this format returns an error.

use std::collections::BTreeSet;
use std::iter;
use std::os::unix::ffi::OsStrExt;

use serde_json::Value;

use crate::input::cli::ExportFormat;
use crate::model::answer::SecretValue;
use crate::model::environment::Limits;
use crate::model::message::Problem;
use crate::model::outcome::{Made, Outcomes, Variable, variable_problem};
use crate::model::shown::some_of;
use crate::model::url::credentials_in_url;
use crate::report::Record;

/// The longest line that Docker, Podman and the kubelet can read, without its line feed: Go's
/// `bufio.MaxScanTokenSize` is 64 KiB.
const LONGEST_LINE: usize = 64 * 1024 - 1;

/// The variables that a launch would set, in the same order. Leaves out files in memory, because
/// they disappear with this process. Also leaves out values that no variable can hold, because
/// `Values::problems` reports those.
pub fn variables(outcomes: &Outcomes, limits: Limits) -> Vec<Variable<'_>> {
    let mut variables: Vec<Variable<'_>> = outcomes
        .variables()
        .filter(|variable| variable_problem(*variable, limits).is_none())
        .collect();
    for file in outcomes.files() {
        if let (Some(name), Some(path)) = (&file.target.env, &file.target.path) {
            variables.push(Variable {
                name,
                value: path.expanded.as_os_str().as_bytes(),
                subject: file.subject,
            });
        }
    }
    variables
}

/// Writes the variables in the given format. For `GithubMasks`, the text is empty: [`masks`] makes
/// the commands for the log.
pub fn export(
    variables: &[Variable<'_>],
    format: ExportFormat,
) -> Result<SecretValue, Vec<Problem>> {
    let write: fn(Variable<'_>, &mut Vec<u8>) -> Result<(), Problem> = match format {
        ExportFormat::Shell => write_shell,
        ExportFormat::Dotenv => write_dotenv,
        ExportFormat::Docker => write_docker,
        ExportFormat::Kubernetes => write_kubernetes,
        ExportFormat::Github => write_github,
        ExportFormat::Json => write_json,
        ExportFormat::GithubMasks => |_, _| Ok(()),
    };
    let mut text = Vec::new();
    let mut errors = Vec::new();
    if format == ExportFormat::Shell && !variables.is_empty() {
        push(&mut text, &[QUOTES_CHECK]);
    }
    for variable in variables {
        // A failed `write` may leave a part of the variable in `text`, but after an error, `text`
        // isn't returned.
        if let Err(problem) = write(*variable, &mut text) {
            errors.push(problem.for_entry(variable.subject.clone()));
        }
    }

    if format == ExportFormat::Json {
        let end = if text.is_empty() { "{}\n" } else { "\n}\n" };
        push(&mut text, &[end]);
    }

    // Make a `SecretValue` even after an error, because it wipes the text when it is dropped.
    let text = SecretValue::new(text);
    if errors.is_empty() {
        Ok(text)
    } else {
        Err(errors)
    }
}

/// Writes a member of a JSON object. [`export`] adds the closing brace.
fn write_json(variable: Variable<'_>, text: &mut Vec<u8>) -> Result<(), Problem> {
    // JSON text must be UTF-8 (RFC 8259, 8.1).
    let value = utf8_value(variable, "JSON")?;
    push(text, &[if text.is_empty() { "{\n  " } else { ",\n  " }]);
    // Writing to memory can't fail.
    let _ = serde_json::to_writer(&mut *text, variable.name.as_str());
    push(text, &[": "]);
    let _ = serde_json::to_writer(text, value);
    Ok(())
}

const DOCKER_HELP: &str =
    "start docker with secrets-exec, as in secrets-exec [OPTIONS] -- docker run --env NAME IMAGE";

/// For `docker run --env-file` and `podman run --env-file`: `NAME=value` without quotes or escapes.
///
/// Both programs read the file with Go's `bufio.Scanner` (docker/cli `pkg/kvfile`, podman
/// `pkg/env`), which drops a carriage return at the end of a line. They trim white space only
/// before the name. Docker refuses a file that isn't UTF-8.
fn write_docker(variable: Variable<'_>, text: &mut Vec<u8>) -> Result<(), Problem> {
    let value = utf8_value(variable, "Docker's --env-file")?;
    if value.contains('\n') || value.ends_with('\r') {
        let why = "the value contains a line break, but Docker's --env-file has one line for each variable";
        let help = format!("add encode: base64 to the variable in a declaration, or {DOCKER_HELP}");
        return Err(Problem::configuration(why).help(help));
    }

    let length = variable.name.as_str().len() + 1 + value.len();
    if length > LONGEST_LINE {
        let why = format!(
            "the variable is {length} bytes long including its name, but Docker's --env-file allows at most {LONGEST_LINE}"
        );
        return Err(Problem::configuration(why).help(DOCKER_HELP));
    }

    push(text, &[variable.name.as_str(), "=", value, "\n"]);
    Ok(())
}

/// For a pod's `fileKeyRef`: `NAME='value'`. Every character except the quote is literal, even a
/// line feed.
/// <https://kubernetes.io/docs/tasks/inject-data-application/define-environment-variable-via-file>
///
/// The kubelet (`pkg/kubelet/util/env`) also reads the file with `bufio.Scanner`. It rejects the
/// whole file if one line is too long, and treats an empty value as a missing key.
fn write_kubernetes(variable: Variable<'_>, text: &mut Vec<u8>) -> Result<(), Problem> {
    let value = utf8_value(variable, "a file for `fileKeyRef`")?;
    let start = text.len();
    push(text, &[variable.name.as_str(), "='", value, "'\n"]);

    let why = if value.contains('\'') {
        "the value contains a single quote, which can't be escaped in a file for Kubernetes' `fileKeyRef`"
    } else if value.is_empty() {
        "the value is empty, and the kubelet treats an empty value in a file for `fileKeyRef` as a missing key"
    } else if value.contains("\r\n") {
        "the value contains Windows line endings (CRLF), and the kubelet removes the carriage returns from a file for `fileKeyRef`"
    } else if text[start..]
        .split(|byte| *byte == b'\n')
        .any(|line| line.len() > LONGEST_LINE)
    {
        "a line of the value has more than 65,535 bytes, counting the name and the quotes, and the kubelet doesn't read a file for \
         `fileKeyRef` with longer lines"
    } else {
        return Ok(());
    };
    let help = "install secrets-exec in the program's container, and let it start the program there (see `secrets-exec install --help` and docs/kubernetes.md)";
    Err(Problem::configuration(why).help(help))
}

/// For the file that GITHUB_ENV names: `NAME<<DELIMITER`, the value, and the delimiter on a line of
/// its own. The runner reads it with `SetEnvFileCommand` in `FileCommandManager`.
fn write_github(variable: Variable<'_>, text: &mut Vec<u8>) -> Result<(), Problem> {
    let name = variable.name.as_str();
    // The runner ignores case when it compares names.
    let upper = name.to_ascii_uppercase();
    if upper == "NODE_OPTIONS" || upper.starts_with("GITHUB_") || upper.starts_with("RUNNER_") {
        let why = format!("GitHub's runner doesn't let a step set the variable {name}");
        return Err(Problem::configuration(why).help("rename or remove the variable"));
    }

    let value = utf8_value(variable, "the GITHUB_ENV file")?;
    // If the delimiter occurred in the value, the value could set other variables.
    let mut delimiter = String::new();
    while delimiter.is_empty() || value.contains(&delimiter) {
        delimiter = format!("secrets-exec-{:032x}", fastrand::u128(..));
    }
    push(text, &[name, "<<", &delimiter, "\n"]);
    push(text, &[value, "\n", &delimiter, "\n"]);
    Ok(())
}

fn utf8_value<'a>(variable: Variable<'a>, format: &str) -> Result<&'a str, Problem> {
    str::from_utf8(variable.value).map_err(|_| {
        let text = format!("the value isn't UTF-8 text, and {format} can't hold anything else");
        let help = "use --format shell, or add encode: base64 to the variable in a declaration";
        Problem::configuration(text).help(help)
    })
}

/// Appends each part separately, because joining them first would make another copy of a secret in
/// memory.
fn push(text: &mut Vec<u8>, parts: &[&str]) {
    for part in parts {
        text.extend_from_slice(part.as_bytes());
    }
}

fn push_escaped(text: &mut Vec<u8>, value: &[u8], escaped: u8, escape: &[u8]) {
    for byte in value {
        if *byte == escaped {
            text.extend_from_slice(escape);
        } else {
            text.push(*byte);
        }
    }
}

/// For a `.env` file that python-dotenv (with its default interpolation) and Node's dotenv read in
/// the same way. A value is written in the first of these forms that both read correctly:
///
/// - `'…'`: for python-dotenv (`parser.py`, from 0.21), `\\` and `\'` are escapes. For Node's
///   dotenv (`main.js`, from 15), everything is literal.
/// - `"…"`: for python-dotenv, a `\` before any of `\'"abfnrtv` is an escape. For Node's dotenv,
///   only `\n` and `\r` are.
/// - Bare: both read the rest of the line literally, without the spaces at its ends. But
///   python-dotenv stops at a `#` after a space, and Node's dotenv stops at any `#`.
///
/// Both read a carriage return as a line feed, so in a value it has to be the escape `\r`.
fn write_dotenv(variable: Variable<'_>, text: &mut Vec<u8>) -> Result<(), Problem> {
    let value = utf8_value(variable, "a .env file")?;
    let help = "let secrets-exec start the program, or use --format shell or json";
    if value.contains("${") {
        let why = "the value contains `${`, which python-dotenv expands even in quotes";
        return Err(Problem::configuration(why).help(help));
    }
    // In single quotes, a carriage return can't be written as `\r`, so such a value needs double
    // quotes.
    let quote = if !value.contains(['\'', '\r']) && !has_backslash_before(value, r"\'") {
        "'"
    } else if !value.contains('"') && !has_backslash_before(value, r#"\'"abfnrtv"#) {
        "\""
    } else if is_bare(value) {
        ""
    } else {
        let why = "the value contains quotes, backslashes or spaces that python-dotenv and Node's dotenv read differently";
        return Err(Problem::configuration(why).help(help));
    };

    push(text, &[variable.name.as_str(), "=", quote]);
    push_escaped(text, variable.value, b'\r', br"\r");
    push(text, &[quote, "\n"]);
    Ok(())
}

/// True if a backslash is followed by one of `followers`. A carriage return counts, too, because it
/// is written as `\r`, and so does the end of the value, because the closing quote comes there.
fn has_backslash_before(value: &str, followers: &str) -> bool {
    value.match_indices('\\').any(|(at, _)| {
        let next = value[at + 1..].chars().next();
        next.is_none_or(|next| next == '\r' || followers.contains(next))
    })
}

/// True if the value can be written without quotes. Both parsers strip white space around such a
/// value. For JavaScript, U+FEFF is white space, too, and for Python, some control characters are.
fn is_bare(value: &str) -> bool {
    !value.is_empty()
        && !value.contains(|c: char| {
            matches!(c, '#' | '\u{feff}') || c.is_control() || (c != ' ' && c.is_whitespace())
        })
        && !value.starts_with([' ', '\'', '"', '`'])
        && !value.ends_with(' ')
}

/// The first command in the shell format. It fails if a script uses the output without quotes, as
/// in `eval $vars`. The shell then splits the output into words, and `eval` joins them with spaces,
/// so values would lose line feeds and double spaces.
///
/// The command fails if its line feed has become a space. This ends a script (POSIX.1-2024, XCU
/// 2.6.2). An interactive shell continues without the variables, and so does ksh93 without
/// `set -e`.
const QUOTES_CHECK: &str = concat!(
    "case '\n' in ' ') ",
    r#": "${secrets_exec_unquoted:?quote it: vars=\$(secrets-exec export --format shell OPTIONS) || exit; eval \"\$vars\"}" ;; esac;"#,
    "\n"
);

/// The shell command that a failed export prints. In `eval "$(secrets-exec export …)"`, the shell
/// ignores the export's exit status, so this command makes `eval` fail, too:
///
/// - A script runs `exit`, because ksh93 continues after a failed expansion in `eval`.
/// - An interactive shell runs a failing expansion, because `exit` would close the shell.
pub fn failure(status: u8) -> String {
    format!(
        "case $- in *i*) : \"${{secrets_exec_failed:?secrets-exec export failed}}\" ;; *) exit {status} ;; esac\n"
    )
}

/// For `eval` in sh, bash, dash, zsh and ksh. In single quotes, every byte except `'` is literal
/// (POSIX.1-2024, XCU 2.2.2). Double quotes, which quoting crates also use, aren't safe: in a
/// locale such as zh_CN.GBK, bash takes a backslash in them for the second half of a character, so
/// a value could run commands.
///
/// A shell may reject or ignore a name that it reserves, such as `RANDOM`, or evaluate the value as
/// an arithmetic expression. docs/output.md warns about these names.
fn write_shell(variable: Variable<'_>, text: &mut Vec<u8>) -> Result<(), Problem> {
    push(text, &["export ", variable.name.as_str(), "='"]);
    push_escaped(text, variable.value, b'\'', br"'\''");
    push(text, &["'\n"]);
    Ok(())
}

/// The shortest line to mask, in characters. A shorter mask would also hide parts of other words.
const SHORTEST_MASK: usize = 4;

/// The secrets inside a value: the strings in JSON or, in any other text, the passwords in URLs. If
/// a URL has no password, its user name is the secret.
fn secrets_in(value: &SecretValue) -> Vec<SecretValue> {
    let text = String::from_utf8_lossy(value.expose());
    let mut found = match serde_json::from_str(text.trim_start_matches('\u{feff}')) {
        Ok(json @ (Value::Object(_) | Value::Array(_))) => texts_in(json),
        _ => text
            .split_whitespace()
            .flat_map(credentials_in_url)
            .map(SecretValue::new)
            .collect(),
    };
    let nested: Vec<SecretValue> = found.iter().flat_map(secrets_in).collect();
    found.extend(nested);
    found.retain(SecretValue::is_hidden_as_part);
    found
}

/// The secrets that the value was made from, such as those in a template. Also any secrets inside
/// them or inside the value itself. Leaves out ordinary texts, such as a port.
fn inner_secrets(made: &Made) -> Vec<SecretValue> {
    let mut hidden = Vec::new();
    for part in &made.parts {
        if part.is_hidden_as_part() {
            hidden.push(SecretValue::new(part.expose()));
        }
        hidden.extend(secrets_in(part));
    }
    let nested: Vec<SecretValue> = iter::once(&made.value)
        .chain(&hidden)
        .flat_map(secrets_in)
        .collect();
    hidden.extend(nested);
    hidden
}

fn texts_in(json: Value) -> Vec<SecretValue> {
    match json {
        Value::String(text) => vec![SecretValue::new(text)],
        Value::Array(items) => items.into_iter().flat_map(texts_in).collect(),
        Value::Object(map) => map
            .into_iter()
            .flat_map(|(_, member)| texts_in(member))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

/// The commands that hide values in the log of a GitHub job (`::add-mask::`), and a warning about
/// lines that are too short to hide.
///
/// The commands hide every line of the values that were read and of the secrets inside them, with
/// and without surrounding white space. Literals and defaults stay visible, because a word such as
/// `info` would otherwise disappear from every log.
pub fn masks(outcomes: &Outcomes) -> (SecretValue, Option<Record>) {
    let mut read = Vec::new();
    for (outcome, made) in outcomes.values() {
        if !outcome.read_from().is_empty() {
            read.push((outcome, &made.value, inner_secrets(made)));
        }
    }

    let mut masked = BTreeSet::new();
    let mut unmasked = Vec::new();
    let mut commands = Vec::new();
    for (outcome, value, inner_secrets) in &read {
        let mut has_short_line = false;
        for line in iter::once(*value)
            .chain(inner_secrets)
            .flat_map(|text| text.expose().split(|byte| b"\n\r".contains(byte)))
            .flat_map(|line| [line, line.trim_ascii()])
        {
            let length = String::from_utf8_lossy(line).trim().chars().count();
            has_short_line |= (1..SHORTEST_MASK).contains(&length);
            if length >= SHORTEST_MASK && masked.insert(line) {
                commands.extend_from_slice(b"::add-mask::");
                // The runner decodes %0A, %0D and %25. A line has no line feed or carriage return,
                // so only `%` has to be escaped.
                push_escaped(&mut commands, line, b'%', b"%25");
                commands.push(b'\n');
            }
        }
        if has_short_line {
            unmasked.push(outcome.subject.label.to_string());
        }
    }

    let mut warning = None;
    if !unmasked.is_empty() {
        warning = Some(Record::warning(format!(
            "lines of fewer than {SHORTEST_MASK} characters aren't masked in the log: {}",
            some_of(&unmasked)
        )));
    }
    (SecretValue::new(commands), warning)
}
