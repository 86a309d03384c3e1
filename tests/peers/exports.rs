//! The output of `export`, read by the programs that it is meant for: shells that `eval` it,
//! podman's `--env-file`, python-dotenv with its default interpolation, and Node's dotenv. Each
//! program must read every value unchanged, or `export` must have refused that value for that
//! format.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::{Command, Stdio};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::node::node_folder;
use super::python::interpreter;
use crate::support::directory::Directory;
use crate::support::outcome::Outcome;
use crate::support::sandbox::Sandbox;
use crate::support::skip::can;

type Variables = BTreeMap<String, Vec<u8>>;

/// Values that people have, besides those that [`combinations`] makes. The name of each says what
/// is special about it.
fn texts() -> Variables {
    let long = "v$`# \n".repeat(64 * 1024 / 6);
    let mixed = "v'\"$`\\ #\n".repeat(64 * 1024 / 9);
    let texts = [
        (
            "CODE",
            "'; touch executed; '$(touch executed)`touch executed`\n\"; touch executed #",
        ),
        ("PEM", "-----BEGIN KEY-----\nMII+/=\n-----END KEY-----\n"),
        ("JSON", "{\"a\": \"b\\nc\", \"d\": [1]}"),
        ("PATTERNS", "~ * ? [a-z] {a,b} !x <(id) & ; | > < ( )"),
        (
            "UNICODE",
            "h\u{e9}llo \u{2028}\u{a0}\u{feff}\u{1f511}\u{85}",
        ),
        ("CONTROLS", "\u{1}\u{7}\u{8}\u{b}\u{c}\u{1b}[0m\u{7f}"),
        ("HYPHENS", "-n --"),
        ("LONG", &long),
        ("LONG_MIXED", &mixed),
    ];
    Variables::from_iter(texts.map(|(name, text)| (format!("T_{name}"), text.into())))
}

/// Bytes that only a shell accepts.
fn bytes() -> Variables {
    let bytes = [
        ("B_ALL", (1..=255).collect()),
        ("B_LATIN_1", b"caf\xe9'".to_vec()),
        // The first half of a GBK character, followed by a quote.
        ("B_HALF", b"\x95'; touch executed #\\".to_vec()),
    ];
    Variables::from_iter(bytes.map(|(name, value)| (name.to_owned(), value)))
}

/// A fixed sequence of numbers. Its argument is the limit of the next one.
pub(super) fn numbers() -> impl FnMut(usize) -> usize {
    let mut state = 1_u64;
    move |below| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    }
}

/// All texts of up to three characters, from a set of characters that have a meaning for some
/// reader; and longer texts from a fixed sequence.
fn combinations() -> Variables {
    const SYMBOLS: [&str; 16] = [
        "'", "\"", "`", "\\", "$", "{", "}", "#", "=", " ", "\t", "\n", "\r", "n", "a", "\u{a0}",
    ];
    let mut found = vec![String::new()];
    let mut start = 0;
    for _ in 0..3 {
        let end = found.len();
        for at in start..end {
            found.extend(SYMBOLS.map(|symbol| format!("{}{symbol}", found[at])));
        }
        start = end;
    }
    let mut next = numbers();
    for _ in 0..600 {
        let symbols = (0..4 + next(9)).map(|_| SYMBOLS[next(SYMBOLS.len())]);
        found.push(symbols.collect());
    }
    let named = |(index, text): (usize, String)| (format!("C_{index}"), text.into_bytes());
    found.into_iter().enumerate().map(named).collect()
}

/// All texts: those that people have, and the combinations.
fn all_texts() -> Variables {
    texts().into_iter().chain(combinations()).collect()
}

/// A run that exports variables from a local file.
fn exporting(variables: &Variables, format: &str) -> Sandbox {
    let mut secrets = serde_json::Map::new();
    let mut declaration = "env:\n".to_owned();
    for (name, value) in variables {
        // Line feeds are added to a short value, so that it is long enough for the tests to search
        // all output for it.
        let base64 = format!("{:\n<8}", BASE64_STANDARD.encode(value));
        let secret = name.to_lowercase();
        declaration += &format!("  {name}: {secret}\n");
        secrets.insert(secret, serde_json::json!({ "$binary": base64 }));
    }
    let secrets = serde_json::Value::from(secrets).to_string();
    let sandbox = Sandbox::new()
        .args(["export", "-qq", "--format", format])
        .local(&secrets);
    sandbox.declaration(&declaration).prints_values().bare()
}

/// The names of the variables that a run refuses to export.
fn refused(run: &Outcome) -> BTreeSet<String> {
    // The name in a line ` for NAME (FILE:LINE, REF)`.
    let name = |line: &str| Some(line.split_once("  for ")?.1.split_once(" (")?.0.to_owned());
    run.stderr().lines().filter_map(name).collect()
}

/// Exports the variables that a format can hold, and returns them with the output. `export` must
/// refuse the others and name them.
fn export_what_fits(mut variables: Variables, format: &str) -> (Outcome, Variables) {
    let refused = refused(exporting(&variables, format).run().refused(78, []));
    variables.retain(|name, _| !refused.contains(name));
    let run = exporting(&variables, format).run();
    run.launched_silently();
    (run, variables)
}

/// Fails if a reader got other values, and shows the first ones that differ.
fn assert_read(reader: &str, read: &Variables, exported: &Variables) {
    let differs = |(name, value): &(&String, &Vec<u8>)| read.get(*name) != Some(*value);
    let shown = |value: &[u8]| String::from_utf8_lossy(&value[..value.len().min(60)]).into_owned();
    let shown_line = |(name, value): (&String, &Vec<u8>)| {
        let read = read.get(name).map(|read| shown(read));
        format!("{name} is {read:?} instead of {:?}\n", shown(value))
    };
    let lines = exported.iter().filter(differs).take(8).map(shown_line);
    let different: String = lines.collect();
    assert!(different.is_empty(), "{reader}:\n{different}");
}

/// The variables that the tests export, among those that `env -0` prints.
fn environment(printed: &[u8]) -> Variables {
    let entries = printed.split(|byte| *byte == 0).filter_map(|entry| {
        let at = entry.iter().position(|byte| *byte == b'=')?;
        let name = String::from_utf8_lossy(&entry[..at]).into_owned();
        Some((name, entry[at + 1..].to_vec()))
    });
    entries.collect()
}

/// Runs a script in a shell, which is given as a command line. Returns the environment that the
/// script prints with `env -0`. The shell must not print a message.
fn evaluated(shell: &str, script: &str, sandbox: &Sandbox) -> Variables {
    let words: Vec<&str> = shell.split(' ').chain(["-c", script]).collect();
    let mut command = Command::new(words[0]);
    command
        .args(&words[1..])
        .current_dir(sandbox.path(""))
        .stdin(Stdio::null())
        .env_clear()
        .env("PATH", "/usr/bin:/bin");
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.is_empty(), "{shell}: {said}");
    let is_executed = sandbox.path("executed").exists();
    assert!(!is_executed, "{shell} executed a value");
    environment(&output.stdout)
}

#[test]
fn every_shell_that_evaluates_an_export_sets_every_value_exactly() {
    let variables: Variables = all_texts().into_iter().chain(bytes()).collect();
    let sandbox = exporting(&variables, "shell");
    let run = sandbox.run();
    let sandbox = sandbox.file("exports", &run.launched_silently().stdout);
    for shell in [
        "sh",
        "dash",
        "dash -eu",
        "bash",
        "bash --posix -eu",
        "mksh",
        "mksh -eu",
        "zsh",
        "zsh -o RC_QUOTES -o ERR_EXIT -o NO_UNSET",
        "zsh --emulate sh",
    ] {
        let name = shell.split(' ').next().unwrap();
        if can(&[name, "-c", ":"], "eval in a shell") {
            // The line that docs/output.md shows, with the output in a file.
            let script = r#"eval "$(cat exports)" && exec env -0"#;
            assert_read(shell, &evaluated(shell, script, &sandbox), &variables);
        }
    }
}

#[test]
fn a_shell_reads_the_same_values_from_an_export_for_kubernetes() {
    let (run, exported) = export_what_fits(all_texts(), "kubernetes");
    assert!(exported.len() > 1000, "{}", exported.len());
    let sandbox = Sandbox::new().file("exports", &run.stdout);
    for shell in ["dash", "bash"] {
        let read = evaluated(shell, "set -a; . ./exports; exec env -0", &sandbox);
        assert_read(shell, &read, &exported);
    }
}

/// A program that reads the file `.env`, and prints `NAME=value` and a NUL for each of its
/// variables.
const PYTHON_DOTENV: &str = "\
import dotenv, sys
for name, value in dotenv.dotenv_values('.env').items():
    sys.stdout.buffer.write(f'{name}={value}\\0'.encode())
";

/// The same program for Node. Its argument is the folder of npm's packages.
const NODE_DOTENV: &str = "\
const dotenv = require(process.argv[1] + '/node_modules/dotenv');
const read = {};
const { error } = dotenv.config({ processEnv: read, quiet: true });
if (error) throw error;
process.stdout.write(Object.entries(read).map(([name, value]) => `${name}=${value}\\0`).join(''));
";

#[test]
fn python_dotenv_and_nodes_dotenv_read_the_same_values_from_an_export() {
    let (python, node) = (interpreter(), node_folder("dotenv", "a .env file in Node"));
    let (python, node) = (or_skip!(python), or_skip!(node));
    let (python, node) = (python.to_str().unwrap(), node.to_str().unwrap());
    if !can(&[python, "-c", "import dotenv"], "a .env file in Python") {
        return;
    }
    let (run, exported) = export_what_fits(all_texts(), "dotenv");
    let sandbox = Sandbox::new().file(".env", &run.stdout);
    let python = [python, "-B", "-X", "utf8", "-c", PYTHON_DOTENV];
    for command in [&python[..], &["node", "-e", NODE_DOTENV, node]] {
        let reader = command[0];
        let mut program = Command::new(reader);
        program
            .args(&command[1..])
            .current_dir(sandbox.path(""))
            .env_clear()
            // Some values mention the name `a`. It is set here, so that an expansion would be
            // noticed.
            .envs([("a", "expanded"), ("HOME", "/expanded")])
            .env("PATH", "/usr/local/bin:/usr/bin:/bin");
        let output = program.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{reader}: {said}");
        let read = environment(&output.stdout);
        let mut extra = read.keys().filter(|name| !exported.contains_key(*name));
        assert_eq!(extra.next(), None, "{reader} has more variables");
        assert_read(reader, &read, &exported);
    }
}

#[test]
fn podman_gives_every_variable_of_an_export_to_a_container() {
    let directory = Directory::new();
    let path = directory.path();
    fs::create_dir(path.join("rootfs")).unwrap();
    // podman's default storage driver doesn't work inside a container.
    let options = format!(
        "podman --log-level=error --storage-driver=vfs --root {0}/storage --runroot {0}/run",
        path.display()
    );
    let options: Vec<&str> = options.split(' ').collect();
    if !can(&[&options[..], &["info"]].concat(), "podman's --env-file") {
        return;
    }
    let mut variables = all_texts();
    // The longest line that podman accepts.
    let longest = vec![b'v'; 65_535 - "T_WHOLE_LINE=".len()];
    variables.insert("T_WHOLE_LINE".to_owned(), longest);
    let (run, exported) = export_what_fits(variables, "docker");
    fs::write(path.join("env"), &run.launched_silently().stdout).unwrap();
    let podman = |line: &str| {
        let mut command = Command::new(options[0]);
        command
            .args(&options[1..])
            .args(line.split('_'))
            .current_dir(path);
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "podman {line}: {said}");
        output.stdout
    };
    podman("create_--name=c_--network=none_--env-file=env_--rootfs_rootfs_/command");
    let listed = podman("inspect_--format={{json .Config.Env}}_c");
    let listed: Vec<String> = serde_json::from_slice(&listed).unwrap();
    podman("rm_c");
    let read = environment(listed.join("\0").as_bytes());
    assert_read("podman", &read, &exported);
}

#[test]
fn an_export_refuses_only_values_that_its_format_cannot_hold() {
    let cannot_hold = |format: &str, value: &str| match format {
        "dotenv" => {
            let has_return_or_quote = value.contains(['\'', '\r']);
            let has_both = value.contains('\\') || has_return_or_quote && value.contains('"');
            value.contains("${") || has_both
        }
        "docker" => value.contains('\n') || value.ends_with('\r'),
        _ => false,
    };
    let all = all_texts();
    for format in ["dotenv", "docker", "json"] {
        for name in refused(&exporting(&all, format).run()) {
            let value = str::from_utf8(&all[&name]).unwrap();
            assert!(cannot_hold(format, value), "{format}: {value:?}");
        }
    }
}

/// Parses a file of GITHUB_ENV by the rules of the runner's `SetEnvFileCommand` on Linux: lines end
/// with a line feed, and a value ends before the line that is equal to its delimiter.
fn github_variables(file: &[u8]) -> Variables {
    let mut variables = Variables::new();
    let file = file.strip_suffix(b"\n").unwrap();
    let mut lines = file.split(|byte| *byte == b'\n');
    while let Some(first) = lines.next() {
        let first = str::from_utf8(first).unwrap();
        // The runner would read NAME=VALUE.
        assert!(!first.contains('='), "{first}");
        let (name, delimiter) = first.split_once("<<").unwrap();
        let value = lines
            .by_ref()
            .take_while(|line| *line != delimiter.as_bytes());
        let value = Vec::from_iter(value).join(&b'\n');
        let earlier = variables.insert(name.to_owned(), value);
        assert_eq!(earlier, None, "{name} is set twice");
    }
    variables
}

/// The texts that the runner hides after this output. The runner's `ActionCommandManager` reads
/// each line that starts with `::add-mask::`, and decodes it.
fn masked_texts(output: &[u8]) -> BTreeSet<String> {
    let lines = str::from_utf8(output).unwrap().lines();
    let decoded = |line: &str| {
        let text = line.strip_prefix("::add-mask::").expect("only commands");
        text.replace("%0D", "\r")
            .replace("%0A", "\n")
            .replace("%25", "%")
    };
    lines.map(decoded).collect()
}

#[test]
fn githubs_runner_reads_every_exported_value_and_hides_each_of_its_lines() {
    let mut variables = all_texts();
    let percent = b"100%25 %0A\n50% off%".to_vec();
    variables.insert("T_PERCENT".to_owned(), percent);
    let heredoc = b"A<<EOF\nB=c\nEOF\n::set-env name=D::e".to_vec();
    variables.insert("T_HEREDOC".to_owned(), heredoc);
    let sandbox = exporting(&variables, "github")
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_ENV", "github.env")
        .file("github.env", "EARLIER<<E\nstays\nE\n");
    let file = sandbox.path("github.env");
    let run = sandbox.run();
    run.launched_silently();

    let mut read = github_variables(&fs::read(file).unwrap());
    assert_eq!(read.remove("EARLIER").as_deref(), Some(&b"stays"[..]));
    assert_read("the runner", &read, &variables);
    assert_eq!(read.len(), variables.len());
    let masked = masked_texts(&run.stdout);
    let values = variables
        .values()
        .map(|value| str::from_utf8(value).unwrap());
    for line in values.flat_map(|value| value.split(['\r', '\n'])) {
        let is_hidden = line.trim().chars().count() >= 4;
        assert_eq!(masked.contains(line), is_hidden, "{line:?}");
    }
}
