//! What `migrate` prints, compared with python-dotenv without interpolation: the values that boto3 reads back, and the environment of a
//! program that is launched from the declaration, byte for byte.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde::Deserialize;
use serde_json::json;

use super::moto::{Moto, shell, text_of};
use super::node::{node, node_folder};
use super::python::interpreter;
use crate::support::directory::Directory;
use crate::support::sandbox::{Sandbox, repository_file};
use crate::support::skip::can;

type Values = BTreeMap<String, String>;

/// A file as python-dotenv reads it.
#[derive(Deserialize)]
struct Read {
    /// Without the names that have no value, as `load_dotenv` sets them.
    values: Values,
    /// The lines on which the statements begin that it passes over with a warning.
    illegal: Vec<usize>,
}

/// Reads the files of a directory, by file name.
fn python_dotenv(directory: &Path) -> Option<BTreeMap<String, Read>> {
    let python = interpreter()?;
    if !can(
        &[python.to_str().unwrap(), "-c", "import dotenv"],
        "a .env file in Python",
    ) {
        return None;
    }
    let script = "\
import dotenv, dotenv.parser, json, logging, os, sys
logging.disable(logging.CRITICAL)
def read(path):
    values = dotenv.dotenv_values(path, interpolate=False, encoding='utf-8-sig')
    with open(path, encoding='utf-8-sig') as file:
        originals = [binding.original for binding in dotenv.parser.parse_stream(file) if binding.error]
    blanks = lambda text: text[:len(text) - len(text.lstrip())].count('\\n')
    return {
        'values': {name: value for name, value in values.items() if value is not None},
        'illegal': [original.line + blanks(original.string) for original in originals],
    }
print(json.dumps({file: read(os.path.join(sys.argv[1], file)) for file in os.listdir(sys.argv[1])}))
";
    let output = Command::new(&python)
        .args(["-B", "-c", script])
        .arg(directory)
        .env_clear()
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

/// Every kind of value that people have, and of line.
const FILE: &str = "\u{feff}# a comment
PLAIN=value-4c7a1e
EMPTY=
QUOTED_EMPTY=\"\"
  INDENTED = spaced value   # comment
export EXPORTED=yes-4c7a1e
export\tTABBED\t=\tyes-4c7a1e
SINGLE='it\\'s $HOME \\n \\\\ \"q\"'
DOUBLE=\"tab\\t line\\n quote\\\" dollar\\$ other\\x \\\\n\"
MULTI=\"one
two # no comment
three\"
PEM='-----BEGIN KEY-----
MII+/=
-----END KEY-----
'
HASH=a#b-4c7a1e
COMMENT=a-4c7a1e #b
ONLY_COMMENT= #b
NO_BLANK=#b-4c7a1e
EQUALS=a4c7a1e=b==
INNER=a'b\"c-4c7a1e
URL=postgres://u:p%40@h/d?x=1&y=2#z
UNICODE=h\u{e9}llo\u{a0}w\u{1f511}
'IN_QUOTES'=quoted-4c7a1e
JSON={\"a\": \"b-4c7a1e\"}
EXPANDED=${PLAIN}-$PLAIN
AFTER='a-4c7a1e' # comment
BACKSLASH=C:\\new\\table
SPACES='  both  '
NO_VALUE
RETURN=\"a\\rb-4c7a1e\"
LAST=no line feed";

/// Returns what `migrate` prints.
fn printed(content: &str, secret: &str, options: &[&str]) -> String {
    let sandbox = Sandbox::new()
        .file(".env", content)
        .args(["migrate", ".env", "--secret", secret])
        .args(options);
    sandbox.prints_values().bare().run().launched().stdout()
}

#[test]
fn the_values_that_boto3_reads_and_a_launch_gets_are_those_of_python_dotenv() {
    let Some(moto) = Moto::shared() else { return };
    for (name, content) in [
        ("unix", FILE.to_owned()),
        ("windows", FILE.replace('\n', "\r\n")),
    ] {
        let directory = Directory::new();
        std::fs::write(directory.path().join(name), &content).unwrap();
        let Some(files) = python_dotenv(directory.path()) else {
            return;
        };
        let expected = &files[name].values;
        assert!(expected.len() > 25, "{expected:?}");
        let secret = format!("migrated/{name}");
        moto.secret(&secret, &printed(&content, &secret, &["--values"]));
        let read = moto.secretsmanager("get_secret_value", &json!({ "SecretId": secret }));
        let stored: Values = serde_json::from_str(&text_of(&read["SecretString"])).unwrap();
        assert_eq!(stored, *expected);
        let launch = moto
            .sandbox()
            .declaration(&printed(&content, &secret, &[]))
            .prints_values()
            .run();
        for (name, value) in expected {
            launch.launched().has(name, value);
        }
    }
}

#[test]
fn the_two_documented_lines_move_a_dotenv_file_into_a_secret_with_the_aws_cli() {
    let Some(moto) = Moto::shared() else { return };
    let directory = Directory::new();
    let Some(shell) = shell(moto, directory.path(), "migrate with the AWS CLI") else {
        return;
    };
    std::fs::write(directory.path().join(".env"), FILE).unwrap();
    let page = repository_file("docs/migrating.md");
    let lines: Vec<&str> = page
        .lines()
        .filter(|line| line.starts_with("    secrets-exec migrate .env"))
        .collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    lines.into_iter().for_each(|line| drop(shell(line)));
    let declaration = std::fs::read_to_string(directory.path().join("secrets-exec.yaml")).unwrap();
    std::fs::remove_file(directory.path().join("secrets-exec.yaml")).unwrap();
    let Some(files) = python_dotenv(directory.path()) else {
        return;
    };
    let launch = moto
        .sandbox()
        .declaration(&declaration)
        .prints_values()
        .run();
    for (name, value) in &files[".env"].values {
        launch.launched().has(name, value);
    }
}

#[test]
fn the_variables_that_nodes_readers_read_otherwise_are_those_of_the_warning() {
    let directory = Directory::new();
    let (file, page) = (
        directory.path().join("file"),
        repository_file("docs/migrating.md"),
    );
    let (_, table) = page
        .split_once("npm's dotenv |\n|---|---|---|---|\n")
        .unwrap();
    let rows = table
        .lines()
        .map_while(|line| line.strip_prefix("| `` ")?.split_once(" `` |"));
    let content = rows
        .enumerate()
        .fold(FILE.to_owned(), |file, (row, (line, _))| {
            format!("{file}\nROW{row}{}", &line[1..])
        });
    std::fs::write(&file, &content).unwrap();
    let Some(folder) = node_folder("dotenv", "how Node's dotenv reads a .env file") else {
        return;
    };
    let script = "\
const text = require('fs').readFileSync(process.argv[1], 'utf8').replace(/^\\uFEFF/, '');
console.log(JSON.stringify([require('util').parseEnv(text), require('dotenv').parse(text)]));
";
    let output = node(&folder)
        .args(["-e", script])
        .arg(&file)
        .current_dir(&folder)
        .output()
        .unwrap();
    let readers: [Values; 2] = serde_json::from_slice(&output.stdout).unwrap();
    let Some(files) = python_dotenv(directory.path()) else {
        return;
    };
    let mut expected = Vec::new();
    for (name, value) in &files["file"].values {
        // Other readers know no names in quotes, and no tab after `export`.
        if !["IN_QUOTES", "TABBED"].contains(&name.as_str())
            && readers.iter().any(|read| read.get(name) != Some(value))
        {
            expected.push(name.as_str());
        }
    }
    let run = Sandbox::new()
        .file(".env", &content)
        .args(["migrate", ".env", "--secret", "x"])
        .bare()
        .run();
    let said = run.launched().stderr();
    let (_, named) = said
        .split_once("Node's --env-file or npm's dotenv reads ")
        .unwrap();
    let named = named.split(" otherwise").next().unwrap().split(", ");
    let mut named = Vec::from_iter(named.map(|name| name.split(' ').next().unwrap()));
    named.sort_unstable();
    assert_eq!(named, expected, "{readers:?}");
    assert!(
        expected
            .iter()
            .filter(|name| name.starts_with("ROW"))
            .count()
            == 5,
        "{expected:?}"
    );
}

/// The pieces of generated files, between bars: what the grammar knows, and characters that only Python or only Rust take for a space.
const PIECES: &str = concat!(
    "K0=|K1=|K2 = |export K3=|K4|'K5'=|\"|\"|'|'|\\|\\n|\\\"|\\'|\\\\|\\x|#| #|\t# | |\t|\n|\n|\n|\r\n|",
    "\r|a|b c|=|$K0|${K1}|export |export|\u{a0}|\u{1c}|\u{1f}|\u{85}|\u{2028}|\u{feff}|\u{b}|\u{c}|",
    "\u{200b}|\u{e9}|\\t"
);

/// The number of pieces that begin a line.
const NAMES: usize = 6;

/// Generated files, the same in each run.
fn generated(count: usize) -> Vec<String> {
    let mut state = 1_u64;
    let mut next = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    let pieces: Vec<&str> = PIECES.split('|').collect();
    let mut line = || {
        let mut line = pieces[next(NAMES)].to_owned();
        (0..next(8)).for_each(|_| line += pieces[NAMES + next(pieces.len() - NAMES)]);
        line + if next(8) == 0 { "" } else { "\n" }
    };
    (0..count)
        .map(|number| (0..=number % 4).map(|_| line()).collect())
        .collect()
}

#[test]
fn generated_dotenv_files_are_read_as_by_python_dotenv() {
    // Another number finds more, and takes longer: `SECRETS_EXEC_FILES=10000 cargo test generated_files`.
    let count = std::env::var("SECRETS_EXEC_FILES")
        .ok()
        .and_then(|count| count.parse().ok())
        .unwrap_or(300);
    let directory = Directory::new();
    let files = generated(count);
    for (number, content) in files.iter().enumerate() {
        std::fs::write(directory.path().join(number.to_string()), content).unwrap();
    }
    let Some(read) = python_dotenv(directory.path()) else {
        return;
    };
    let mut compared = 0;
    for (number, content) in files.iter().enumerate() {
        let Read { values, illegal } = &read[&number.to_string()];
        let mut expected = values.clone();
        expected.retain(|name, _| matches!(name.as_bytes(), [b'K', b'0'..=b'5']));
        let sandbox = Sandbox::new()
            .file(".env", content)
            .args(["migrate", ".env", "--secret", "x", "--values"]);
        let run = sandbox
            .args(["-q", "--only", "K[0-5]"])
            .prints_values()
            .bare()
            .run();
        if !illegal.is_empty() {
            let stderr = run.refused(78).stderr();
            let unread = stderr
                .lines()
                .filter_map(|line| line.strip_suffix(": python-dotenv cannot read this"));
            let lines: Vec<usize> = unread
                .map(|line| line.rsplit(':').next().unwrap().parse().unwrap())
                .collect();
            assert_eq!(lines, *illegal, "{content:?}");
        } else if expected.is_empty() {
            run.refused(78).says([".env: there is no variable"]);
        } else {
            let stored: Values = serde_json::from_str(&run.launched().stdout()).unwrap();
            assert_eq!(stored, expected, "{content:?}");
            compared += 1;
        }
    }
    assert!(
        compared * 2 > count,
        "only {compared} of {count} files have a variable"
    );
}
