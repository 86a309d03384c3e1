//! The tables of docs/migrating.md, row by row, with bash and dash: a script with the first cell
//! and a launch with the second cell give a program the same variables and files. Both read from
//! moto, the script with the AWS CLI.
//!
//! `migrating.txt` has a paragraph for each row. It begins with the row's first cell, and each of
//! its fields is `NAME: VALUE`, or `NAME:` with the lines of the value below, indented:
//!
//! - `old` is the script, and `new` is the launch. Both end with `exec app`, unless they end
//!   earlier. `new` is `exec secrets-exec -- app` if it isn't given.
//! - `declaration` is the content of `secrets-exec.yaml`, and `env` a variable for both.
//! - `OLD1` and `NEW1` stand for the first code in the row's first and second cell.
//! - Each `rest` replaces one `…` in a code, from left to right.
//!
//! `app` prints its variables, and the files that the script has left.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::moto::{Moto, REGION};
use crate::support::directory::Directory;
use crate::support::outcome::assert_same;
use crate::support::sandbox::{program, repository_file};
use crate::support::skip::can;

/// The row of docs/migrating.md without a case: another test runs the command of docs/ci.md, to
/// which the row leads.
const SCRIPTS_WITHOUT_A_CASE: [&str; 1] = ["`echo \"TOKEN=$(aws …)\" >>\"$GITHUB_ENV\"`"];

/// What the programs of the tables do.
const PROGRAMS: [(&str, &str); 2] = [
    (
        "app",
        "#!/bin/sh
env | grep -v -e ^_= -e ^SHLVL= -e ^PWD= -e ^OLDPWD= | LC_ALL=C sort
for file in .[a-z]* *; do
    case $file in
    *.yaml | *.sh | .env) ;;
    *) if [ -f \"$file\" ]; then echo \"$file: $(cat \"$file\")\"; fi ;;
    esac
done
",
    ),
    ("node", "#!/bin/sh\nexec app\n"),
];

/// The AWS CLI. Each call is made once, because it takes a second.
const CLI: &str = "#!/bin/sh
answer=ANSWERS/$(echo \"$*\" | cksum | tr ' ' -)
if [ ! -e \"$answer\" ]; then
    PATH=CALLERS_PATH aws --endpoint-url \"$AWS_ENDPOINT_URL\" \"$@\" >\"$answer.new\" || exit
    mv \"$answer.new\" \"$answer\"
fi
cat \"$answer\"
";

/// A row of a table: the text of its cells, with `|` for `\\|`.
struct Row {
    first: String,
    second: String,
}

/// The rows of the tables that lead to secrets-exec.
fn rows_of(page: &str) -> Vec<Row> {
    let text = repository_file(page);
    let mut rows = Vec::new();
    let mut is_translated = false;
    for line in text.lines() {
        let Some(cells) = line.strip_prefix("| ") else {
            is_translated &= line.starts_with('|');
            continue;
        };
        let cells = cells.replace("\\|", "\u{1}");
        let cells = Vec::from_iter(cells.trim_end_matches(" |").split(" | "));
        let cells = Vec::from_iter(cells.iter().map(|cell| cell.replace('\u{1}', "|")));
        if is_translated {
            let [first, second] = cells.try_into().expect(line);
            rows.push(Row { first, second });
        } else {
            is_translated = cells[1..] == ["with secrets-exec"] || cells[1..] == ["secrets-exec"];
        }
    }
    rows
}

/// The pieces of code in a cell.
fn codes(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// A paragraph of `migrating.txt`.
#[derive(Default)]
struct Case {
    first: String,
    fields: Vec<(String, String)>,
}

impl Case {
    fn all(path: &str) -> Vec<Self> {
        let text = repository_file(path);
        let mut cases = Vec::<Self>::new();
        let mut is_new = true;
        for line in text.lines().filter(|line| !line.starts_with("# ")) {
            if line.is_empty() {
                is_new = true;
            } else if is_new {
                let first = line.to_owned();
                cases.push(Self {
                    first,
                    ..Self::default()
                });
                is_new = false;
            } else {
                let fields = &mut cases.last_mut().unwrap().fields;
                if let Some(more) = line.strip_prefix("    ") {
                    let value = &mut fields.last_mut().unwrap().1;
                    *value = format!("{value}{more}\n");
                } else {
                    let (name, value) = line.split_once(':').expect(line);
                    fields.push((name.to_owned(), value.trim_start().to_owned()));
                }
            }
        }
        cases
    }

    fn values<'c>(&'c self, name: &'c str) -> impl Iterator<Item = &'c str> {
        let named = self.fields.iter().filter(move |(field, _)| field == name);
        named.map(|(_, value)| value.as_str())
    }

    /// A field in which the codes of the row's cells are filled in.
    fn filled(&self, name: &str, row: &Row) -> Option<String> {
        let mut text = self.values(name).next()?.to_owned();
        let cells = [("OLD", &row.first), ("NEW", &row.second)];
        for (prefix, cell) in cells {
            for (number, code) in codes(cell).enumerate() {
                let mut code = code.to_owned();
                for rest in self.values("rest") {
                    code = code.replacen('…', rest, 1);
                }
                text = text.replace(&format!("{prefix}{}", number + 1), &code);
            }
        }
        assert!(!text.contains(['…']), "{}: no rest for {text}", self.first);
        Some(text)
    }
}

/// Where the scripts of a page run.
struct Place<'m> {
    moto: &'m Moto,
    directory: Directory,
}

impl Place<'_> {
    /// Runs a script in an empty directory, and returns what it prints.
    fn run(&self, shell: &str, case: &Case, declaration: Option<&str>, script: &str) -> String {
        let work = self.directory.path().join("work");
        let _ = fs::remove_dir_all(&work);
        fs::create_dir(&work).unwrap();
        if let Some(declaration) = declaration {
            fs::write(work.join("secrets-exec.yaml"), declaration).unwrap();
        }
        let programs = self.directory.path().join("bin");
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", programs.display());
        let script = format!("{script}\nexec app\n");
        let mut command = Command::new(shell);
        command
            .args(["-c", &script, shell, "app"])
            .current_dir(&work);
        command.env_clear().envs([
            ("PATH", &*path),
            ("HOME", work.to_str().unwrap()),
            ("AWS_ACCESS_KEY_ID", "AKIADUMMY"),
            ("AWS_SECRET_ACCESS_KEY", "dummy"),
            ("AWS_DEFAULT_REGION", REGION),
            ("AWS_ENDPOINT_URL", &self.moto.url),
        ]);
        for variable in case.values("env") {
            let (name, value) = variable.split_once('=').unwrap();
            command.env(name, value);
        }
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{shell}: {script}{said}");
        String::from_utf8(output.stdout).unwrap()
    }
}

/// The programs, and a folder for the answers of the AWS CLI.
fn write_programs(directory: &Path) {
    let (programs, answers) = (directory.join("bin"), directory.join("answers"));
    fs::create_dir(&programs).unwrap();
    fs::create_dir(&answers).unwrap();
    std::os::unix::fs::symlink(program(), programs.join("secrets-exec")).unwrap();
    let cli = CLI
        .replace("ANSWERS", answers.to_str().unwrap())
        .replace("CALLERS_PATH", &std::env::var("PATH").unwrap());
    for (name, text) in PROGRAMS.into_iter().chain([("aws", &*cli)]) {
        let path = programs.join(name);
        fs::write(&path, text).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(path, mode).unwrap();
    }
}

/// Stores the secrets and parameters that the rows read.
fn store(moto: &Moto) {
    moto.secret(
        "prod/db",
        r#"{"host":"db.example.com","user":"user-4c7a1e","password":"password-4c7a1e","login":{"password":"login-4c7a1e"},
            "hosts":[{"name":"one-4c7a1e"},{"name":"two-4c7a1e"}]}"#,
    );
    moto.secret(
        "prod/app",
        r#"{"DB_HOST":"db.example.com","apiKey":"key-4c7a1e"}"#,
    );
    moto.secret("prod/token", "token-4c7a1e");
    moto.secret("prod/tls", "key material");
    for (name, value) in [
        ("/prod/token", "first-4c7a1e"),
        ("/prod/token", "second-4c7a1e"),
        ("/prod/host", "host.example.com"),
        ("/prod/db", r#"{"password":"parameter-4c7a1e"}"#),
        ("/prod/app/host", "host.example.com"),
        ("/prod/app/mail/pass", "mail-4c7a1e"),
        ("/app/token", "token-4c7a1e"),
        ("/app/level", "level-4c7a1e"),
        ("/app/prod/host", "db.example.com"),
    ] {
        moto.parameter(name, "SecureString", value);
    }
}

#[test]
fn what_docs_migrating_md_shows_for_a_line_of_a_script_does_the_same_as_this_line() {
    let page = "docs/migrating.md";
    for (tool, option) in [("aws", "--version"), ("jq", "--version"), ("dash", "-n")] {
        if !can(&[tool, option], page) {
            return;
        }
    }
    let moto = or_skip!(Moto::start());
    let directory = Directory::new();
    write_programs(directory.path());
    store(&moto);
    let place = Place {
        moto: &moto,
        directory,
    };
    let cases = Case::all("tests/peers/migrating.txt");
    let rows = rows_of(page);
    let with_a_case = cases.iter().map(|case| &*case.first);
    let named: BTreeSet<&str> = with_a_case.chain(SCRIPTS_WITHOUT_A_CASE).collect();
    let shown: BTreeSet<&str> = rows.iter().map(|row| &*row.first).collect();
    assert_same(&named, &shown, format!("the cases, and {page}"));
    for case in cases {
        let row = rows.iter().find(|row| row.first == case.first).unwrap();
        let old = case.filled("old", row).unwrap_or_default();
        let declaration = case.filled("declaration", row);
        let new = case.filled("new", row);
        let new = new.unwrap_or_else(|| "exec secrets-exec -- app".to_owned());
        for shell in ["bash", "dash"] {
            let before = place.run(shell, &case, None, &old);
            let after = place.run(shell, &case, declaration.as_deref(), &new);
            assert_eq!(before, after, "{shell}: {}\n{old}\n{new}", case.first);
        }
    }
}
