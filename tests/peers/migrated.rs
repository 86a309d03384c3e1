//! What `migrate` moves, compared with python-dotenv without interpolation: the values that boto3 reads back, and the environment of a
//! program that is launched from the declaration, byte for byte.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::moto::{Moto, text_of};
use super::python::interpreter;
use crate::support::aws::Aws;
use crate::support::directory::Directory;
use crate::support::sandbox::Sandbox;
use crate::support::skip::can;

type Values = BTreeMap<String, String>;

/// Returns what python-dotenv reads from the files of a directory, by file name; names without a value are left out, as
/// `load_dotenv` does.
fn python_dotenv(directory: &Path) -> Option<BTreeMap<String, Values>> {
    let python = interpreter()?;
    if !can(&[python.to_str().unwrap(), "-c", "import dotenv"], "a .env file in Python") {
        return None;
    }
    let script = "\
import dotenv, json, logging, os, sys
logging.disable(logging.CRITICAL)
read = lambda file: dotenv.dotenv_values(file, interpolate=False, encoding='utf-8')
files = {file: read(os.path.join(sys.argv[1], file)) for file in os.listdir(sys.argv[1])}
print(json.dumps({file: {k: v for k, v in values.items() if v is not None} for file, values in files.items()}))
";
    let output = Command::new(&python).args(["-B", "-c", script]).arg(directory).env_clear().output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

/// Every kind of value that people have, and of line.
const FILE: &str = "\u{feff}# a comment
PLAIN=value
EMPTY=
QUOTED_EMPTY=\"\"
  INDENTED = spaced value   # comment
export EXPORTED=yes
export\tTABBED\t=\tyes
SINGLE='it\\'s $HOME \\n \\\\ \"q\"'
DOUBLE=\"tab\\t line\\n quote\\\" dollar\\$ other\\x \\\\n\"
MULTI=\"one
two # no comment
three\"
PEM='-----BEGIN KEY-----
MII+/=
-----END KEY-----
'
HASH=a#b
COMMENT=a #b
ONLY_COMMENT= #b
NO_BLANK=#b
EQUALS=a=b==
INNER=a'b\"c
URL=postgres://u:p%40@h/d?x=1&y=2#z
UNICODE=h\u{e9}llo\u{a0}w\u{1f511}
'IN_QUOTES'=quoted
JSON={\"a\": \"b\"}
EXPANDED=${PLAIN}-$PLAIN
AFTER='a' # comment
BACKSLASH=C:\\new\\table
SPACES='  both  '
NO_VALUE
RETURN=\"a\\rb\"
LAST=no line feed";

#[test]
fn the_values_that_boto3_reads_and_a_launch_gets_are_those_of_python_dotenv() {
    let Some(moto) = Moto::shared() else { return };
    for (name, content) in [("unix", FILE.to_owned()), ("windows", FILE.replace('\n', "\r\n"))] {
        let directory = Directory::new();
        std::fs::write(directory.path().join(name), &content).unwrap();
        let Some(files) = python_dotenv(directory.path()) else { return };
        let expected = &files[name];
        assert!(expected.len() > 25, "{expected:?}");
        let secret = format!("migrated/{name}");
        let sandbox = moto.sandbox().file(".env", &content).args(["migrate", ".env", "--secret", &secret, "--apply"]);
        let run = sandbox.args(["--tag", "team=app", "--output", "secrets-exec.yaml"]).bare();
        run.run().launched();
        let read = moto.secretsmanager("get_secret_value", &json!({ "SecretId": secret }));
        let stored: Values = serde_json::from_str(&text_of(&read["SecretString"])).unwrap();
        assert_eq!(stored, *expected);
        let described = moto.secretsmanager("describe_secret", &json!({ "SecretId": secret }));
        assert_eq!(described["Tags"], json!([{ "Key": "team", "Value": "app" }]));
        let declaration = std::fs::read_to_string(run.path("secrets-exec.yaml")).unwrap();
        let launch = moto.sandbox().declaration(&declaration).prints_values().run();
        for (name, value) in expected {
            launch.launched().has(name, value);
        }
    }
}

#[test]
fn update_merges_into_what_boto3_has_stored() {
    let Some(moto) = Moto::shared() else { return };
    moto.secret("migrated/merged", r#"{"KEPT": {"a": [1.50]}, "OLD": "old", "SAME": "same"}"#);
    let migrate = |options: &[&str]| {
        let sandbox = moto.sandbox().file(".env", "OLD=new\nSAME=same\nADDED=added\n");
        sandbox.args(["migrate", ".env", "--secret", "migrated/merged", "--apply"]).args(options).bare().run()
    };
    let versions = || {
        let listed = moto.secretsmanager("list_secret_version_ids", &json!({ "SecretId": "migrated/merged" }));
        listed["Versions"].as_array().unwrap().len()
    };
    migrate(&[]).refused(78).says(["exists already"]);
    migrate(&["--update"]).refused(78).says(["OLD has another value"]);
    assert_eq!(versions(), 1);
    migrate(&["--update", "--overwrite"]).launched();
    migrate(&["--update"]).launched().says(["nothing to change; 3 keys"]);
    assert_eq!(versions(), 2);
    let read = moto.secretsmanager("get_secret_value", &json!({ "SecretId": "migrated/merged" }));
    let stored: Value = serde_json::from_str(&text_of(&read["SecretString"])).unwrap();
    let expected: Value =
        serde_json::from_str(r#"{"KEPT": {"a": [1.50]}, "OLD": "new", "SAME": "same", "ADDED": "added"}"#).unwrap();
    assert_eq!(stored, expected);
}

#[test]
fn a_secret_that_boto3_has_marked_for_deletion_is_refused() {
    let Some(moto) = Moto::shared() else { return };
    moto.secret("migrated/deleted", "{}");
    moto.secretsmanager("delete_secret", &json!({ "SecretId": "migrated/deleted" }));
    for options in [&["--apply"][..], &["--apply", "--update"]] {
        let sandbox = moto.sandbox().file(".env", "A=a\n").args(["migrate", ".env", "--secret", "migrated/deleted"]);
        sandbox.args(options).bare().run().refused(78);
    }
}

/// The pieces of generated files: what the grammar knows, and characters that only Python or only Rust take for a space.
const PIECES: [&str; 44] = [
    "K0=",
    "K1=",
    "K2 = ",
    "export K3=",
    "K4",
    "'K5'=",
    "\"",
    "\"",
    "'",
    "'",
    "\\",
    "\\n",
    "\\\"",
    "\\'",
    "\\\\",
    "\\x",
    "#",
    " #",
    "\t# ",
    " ",
    "\t",
    "\n",
    "\n",
    "\n",
    "\r\n",
    "\r",
    "a",
    "b c",
    "=",
    "$K0",
    "${K1}",
    "export ",
    "export",
    "\u{a0}",
    "\u{1c}",
    "\u{1f}",
    "\u{85}",
    "\u{2028}",
    "\u{feff}",
    "\u{b}",
    "\u{c}",
    "\u{200b}",
    "\u{e9}",
    "\\t",
];

/// Generated files, the same in each run.
fn generated(count: usize) -> Vec<String> {
    let mut state = 1_u64;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    let file = |_| (0..4 + next(60)).map(|_| PIECES[next(PIECES.len())]).collect::<String>();
    (0..count).map(file).collect()
}

#[test]
fn generated_files_are_read_as_python_dotenv_reads_them() {
    // Another number finds more, and takes longer: `SECRETS_EXEC_FILES=10000 cargo test generated_files`.
    let count = std::env::var("SECRETS_EXEC_FILES").ok().and_then(|count| count.parse().ok()).unwrap_or(300);
    let directory = Directory::new();
    let files = generated(count);
    for (number, content) in files.iter().enumerate() {
        std::fs::write(directory.path().join(number.to_string()), content).unwrap();
    }
    let Some(read) = python_dotenv(directory.path()) else { return };
    let mut compared = 0;
    for (number, content) in files.iter().enumerate() {
        let mut expected = read[&number.to_string()].clone();
        expected.retain(|name, _| matches!(name.as_bytes(), [b'K', b'0'..=b'5']));
        let aws = Aws::start();
        let sandbox =
            Sandbox::new().aws(&aws).file(".env", content).args(["migrate", ".env", "--secret", "x", "--apply"]);
        let run = sandbox.args(["-q", "--only", "K[0-5]"]).bare().run();
        if expected.is_empty() {
            run.refused(78).says([".env: "]).says_one_of(["no variable"]);
            continue;
        }
        run.launched();
        let stored: Values = serde_json::from_str(&aws.text_of("x").unwrap()).unwrap();
        assert_eq!(stored, expected, "{content:?}");
        compared += 1;
    }
    assert!(compared * 3 > count, "only {compared} of {count} files have a variable");
}
