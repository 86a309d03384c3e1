//! What `migrate` prints, compared with python-dotenv without interpolation. Its values, and the
//! environment of a program that is launched with its declaration, must be the same, byte for byte.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde::Deserialize;

use super::exports::numbers;
use super::moto::{Moto, shell};
use super::python::interpreter;
use crate::support::directory::Directory;
use crate::support::sandbox::{Sandbox, repository_file};
use crate::support::skip::can;

type Values = BTreeMap<String, String>;

/// A file as python-dotenv reads it.
#[derive(Deserialize)]
struct Read {
    /// The variables that `load_dotenv` sets. A name without a value isn't among them.
    values: Values,
    /// The line numbers of the statements that python-dotenv skips with a warning.
    illegal: Vec<usize>,
}

/// Reads all files of a directory, and returns each by its name.
fn python_dotenv(directory: &Path) -> Option<BTreeMap<String, Read>> {
    let python = interpreter()?;
    let importing = [python.to_str().unwrap(), "-c", "import dotenv"];
    if !can(&importing, "a .env file in Python") {
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
    let mut command = Command::new(&python);
    command
        .args(["-B", "-c", script])
        .arg(directory)
        .env_clear();
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

/// A file with every kind of value and every kind of line that people have.
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

/// A run of `migrate` with these options.
fn migrating(content: &str, options: &[&str]) -> Sandbox {
    let sandbox = Sandbox::new()
        .file(".env", content)
        .args(["migrate", ".env"]);
    sandbox.args(options).prints_values().bare()
}

#[test]
fn migrate_reads_a_file_with_windows_line_endings_in_the_same_way_as_python_dotenv() {
    let content = FILE.replace('\n', "\r\n");
    let directory = Directory::new();
    std::fs::write(directory.path().join("windows"), &content).unwrap();
    let files = or_skip!(python_dotenv(directory.path()));
    let mut expected = files["windows"].values.clone();
    assert!(expected.len() > 25, "{expected:?}");
    // An empty value is a literal of the declaration.
    expected.retain(|_, value| !value.is_empty());
    let run = migrating(&content, &["--secret", "x", "--values"]).run();
    let stored: Values = serde_json::from_str(&run.launched().stdout()).unwrap();
    assert_eq!(stored, expected);
}

#[test]
fn the_two_documented_lines_move_a_dotenv_file_into_a_secret_with_the_aws_cli() {
    let moto = or_skip!(Moto::shared());
    let directory = Directory::new();
    let shell = or_skip!(shell(moto, directory.path(), "migrate with the AWS CLI"));
    // The variables that the page names.
    let content = format!("{FILE}\nPORT=8080\nLOG_LEVEL=info\nDEBUG_TOKEN=t-4c7a1e\n");
    std::fs::write(directory.path().join(".env"), content).unwrap();
    let page = repository_file("docs/migrating.md").replace("|\n", "| ");
    let lines = Vec::from_iter(page.lines().filter(|line| {
        line.starts_with("secrets-exec migrate ") && line.contains(" .env --secret prod/app ")
    }));
    let [declaration, values, ..] = lines[..] else {
        panic!("{lines:#?}")
    };
    shell(&format!("{declaration} >secrets-exec.yaml"));
    shell(values);
    let declaration = directory.path().join("secrets-exec.yaml");
    let text = std::fs::read_to_string(&declaration).unwrap();
    std::fs::remove_file(declaration).unwrap();
    let files = or_skip!(python_dotenv(directory.path()));
    let mut expected = files[".env"].values.clone();
    expected.remove("DEBUG_TOKEN");
    let launch = moto.sandbox().declaration(&text).prints_values().run();
    for (name, value) in expected {
        launch.launched().has(&name, value);
    }
}

/// The pieces of generated files, separated by bars: those of the grammar, and characters that only
/// Python or only Rust treats as a space.
const PIECES: &str = concat!(
    "K0=|K1=|K2 = |export K3=|K4|'K5'=|\"|\"|'|'|\\|\\n|\\\"|\\'|\\\\|\\x|#| #|\t# | |\t|\n|\n|\n|\r\n|",
    "\r|a|b c|=|$K0|${K1}|export |export|\u{a0}|\u{1c}|\u{1f}|\u{85}|\u{2028}|\u{feff}|\u{b}|\u{c}|",
    "\u{200b}|\u{e9}|\\t"
);

/// The number of pieces that can begin a line.
const NAMES: usize = 6;

/// Generates files, which are the same in each run.
fn generated(count: usize) -> Vec<String> {
    let mut next = numbers();
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
fn migrate_reads_generated_dotenv_files_in_the_same_way_as_python_dotenv() {
    let directory = Directory::new();
    let files = generated(100);
    for (number, content) in files.iter().enumerate() {
        std::fs::write(directory.path().join(number.to_string()), content).unwrap();
    }
    let read = or_skip!(python_dotenv(directory.path()));
    let mut compared = 0;
    for (number, content) in files.iter().enumerate() {
        let Read { values, illegal } = &read[&number.to_string()];
        let mut expected = values.clone();
        expected.retain(|name, _| matches!(name.as_bytes(), [b'K', b'0'..=b'5']));
        let options = ["--secret", "x", "--values", "-q", "--only", "K[0-5]"];
        let run = migrating(content, &options).run();
        if !illegal.is_empty() {
            let stderr = run.refused(78, []).stderr();
            let unread = stderr.lines().filter_map(|line| {
                line.strip_suffix(": this line isn't NAME=VALUE, or its quotes don't match")
            });
            let lines: Vec<usize> = unread
                .map(|line| line.rsplit(':').next().unwrap().parse().unwrap())
                .collect();
            assert_eq!(lines, *illegal, "{content:?}");
        } else if expected.is_empty() {
            run.refused(78, [".env: this file doesn't have any variables"]);
        } else {
            // An empty value isn't part of the secret.
            expected.retain(|_, value| !value.is_empty());
            let stored: Values = serde_json::from_str(&run.launched().stdout()).unwrap();
            assert_eq!(stored, expected, "{content:?}");
            compared += 1;
        }
    }
    assert!(
        compared * 2 > files.len(),
        "only {compared} have a variable"
    );
}
