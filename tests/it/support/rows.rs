//! The launches of a file of rows, whose grammar CONTRIBUTING.md has; and the rows of a table at the same time.

mod fixture;
mod seen;

use std::collections::BTreeMap;
use std::thread;

use super::aws::secret::{AGENT_TOKEN, CURRENT_ID, PREVIOUS_ID};
use super::aws::{Aws, CONTAINER_KEY, INSTANCE_KEY, INSTANCE_REGION, ROLE_KEY, SSO_KEY, SSO_TOKEN};
use super::directory::{CacheDirectory, can_be_later};
use super::identity::{KEY, ROLE};
use super::outcome::{Outcome, Status};
use super::sandbox::{ACCESS_SECRET, CANARY, Sandbox};
use super::watch;
use fixture::{prepare, serve};
use seen::{asked, gets, sends};

/// What separates the parts of a list.
const ALSO: &str = " … ";

/// The commands of ours that a row may begin with.
const COMMANDS: [&str; 7] = [
    "check",
    "completions",
    "export",
    "get",
    "migrate",
    "policy",
    "credential",
];

#[derive(Default)]
struct Row {
    line: String,
    seen: String,
    /// The fixtures above the row and its further columns, in the order of the file.
    columns: Vec<(String, String)>,
    words: BTreeMap<String, String>,
    /// The directory `$shm`, where the file of rows names it.
    cache: Option<CacheDirectory>,
    /// The launch of the column `earlier`, which has the columns above the row alone.
    earlier: Option<Box<Row>>,
}

impl Row {
    fn read(text: &str, number: usize, aws: &Aws) -> Self {
        let cache = text.contains("$shm").then(CacheDirectory::new);
        let mut row = Self {
            words: words_of(aws),
            cache,
            ..Self::default()
        };
        row.words.extend(
            row.cache
                .iter()
                .map(|cache| ("shm".to_owned(), cache.path().display().to_string())),
        );
        for (at, line) in text.lines().enumerate().take(number + 1) {
            let name = line.split(" | ").next().unwrap();
            if at == number {
                let mut columns = line.split(" | ").skip(1);
                row.line = row.filled(columns.next().expect("a launch"));
                row.seen = row.filled(columns.next().expect("what is seen"));
                let above = row.columns.clone();
                columns.for_each(|column| row.add(column));
                row.earlier = row.column("earlier").map(|line| {
                    let (line, seen, words) =
                        (line.to_owned(), row.seen.clone(), row.words.clone());
                    Box::new(Self {
                        line,
                        seen,
                        columns: above,
                        words,
                        ..Self::default()
                    })
                });
            } else if let Some((word, value)) = line
                .split_once(" = ")
                .filter(|(word, _)| !word.contains([' ', '#']))
            {
                row.words.insert(word.to_owned(), row.filled(value));
            } else if name.contains(": ") && !name.starts_with('#') {
                row.add(line);
            }
        }
        row
    }

    /// Adds a fixture or a column, in the place of an earlier one.
    fn add(&mut self, column: &str) {
        let (name, value) = column
            .split_once(": ")
            .unwrap_or_else(|| panic!("no column: {column:?}"));
        let (name, value) = (self.filled(name), self.filled(value).replace('⏎', "\n"));
        self.columns.retain(|(earlier, _)| *earlier != name);
        self.columns.push((name, value));
    }

    /// The text with the values of its words: `$word` in lower case, and `$$` for a dollar.
    fn filled(&self, text: &str) -> String {
        let mut parts = text.split('$');
        let mut filled = parts.next().unwrap().to_owned();
        while let Some(part) = parts.next() {
            let end = part
                .find(|c: char| !c.is_ascii_lowercase() && !c.is_ascii_digit() && c != '_')
                .unwrap_or(part.len());
            match (part, self.words.get(&part[..end])) {
                ("", _) => filled.extend(["$", parts.next().unwrap_or_default()]),
                (_, Some(value)) => filled.extend([value, &part[end..]]),
                (_, None) => filled.extend(["$", part]),
            }
        }
        filled
    }

    fn column(&self, name: &str) -> Option<&str> {
        self.columns
            .iter()
            .find(|(column, _)| column == name)
            .map(|(_, value)| &**value)
    }

    fn parts(&self, name: &str) -> impl Iterator<Item = &str> {
        self.column(name)
            .into_iter()
            .flat_map(|list| list.split(ALSO))
    }

    fn serve(&self, aws: Aws) -> Aws {
        self.columns
            .iter()
            .fold(aws, |aws, (name, value)| serve(aws, name, value))
    }

    fn launch(&self, sandbox: &Sandbox) -> Outcome {
        match self.column("unit") {
            Some(unit) => sends(self, unit, sandbox),
            None => sandbox.run(),
        }
    }

    /// The command of ours that the line has after its variables.
    fn command(&self) -> Option<&str> {
        self.line
            .split(' ')
            .find(|word| !word.contains('='))
            .filter(|word| COMMANDS.contains(word))
    }
}

/// The words that every file has.
fn words_of(aws: &Aws) -> BTreeMap<String, String> {
    let words = [
        ("endpoint", aws.endpoint()),
        ("host", aws.endpoint().replace("http://", "")),
        ("url", aws.url()),
        ("canary", CANARY.to_owned()),
        ("access_secret", ACCESS_SECRET.to_owned()),
        ("current", CURRENT_ID.to_owned()),
        ("previous", PREVIOUS_ID.to_owned()),
        ("key", KEY.to_owned()),
        ("role", ROLE.to_owned()),
        ("role_key", ROLE_KEY.to_owned()),
        ("container_key", CONTAINER_KEY.to_owned()),
        ("instance_key", INSTANCE_KEY.to_owned()),
        ("instance_region", INSTANCE_REGION.to_owned()),
        ("sso_key", SSO_KEY.to_owned()),
        ("sso_token", SSO_TOKEN.to_owned()),
        ("agent_token", AGENT_TOKEN.to_owned()),
    ];
    words.map(|(word, value)| (word.to_owned(), value)).into()
}

/// Launches a row, and compares what is seen.
pub fn test_row(file: &str, text: &str, number: usize) {
    let mut aws = Aws::start();
    let row = Row::read(text, number, &aws);
    if row.column("later").is_some() && !can_be_later() {
        return;
    }
    // The scene of a failure has the files.
    let is_file = |name: &str| {
        ["file", "local", "executable", "home", "template"]
            .contains(&name.split(' ').next().unwrap())
    };
    let columns = row.columns.iter().filter(|(name, _)| !is_file(name));
    let columns: String = columns
        .map(|(name, value)| format!("\n  {name}: {value}"))
        .collect();
    let case = format!(
        "{file}:{}: {}{columns}",
        number + 1,
        text.lines().nth(number).unwrap()
    );
    if let Some(earlier) = &row.earlier {
        aws = earlier.serve(aws);
        earlier
            .launch(&prepare(earlier, &aws).case(format!("earlier than {case}")))
            .launched();
    }
    let calls_before = aws.calls().len();
    let aws = row.serve(aws);
    let sandbox = prepare(&row, &aws).case(case);
    let run = row.launch(&sandbox);
    match said_status(&row) {
        Some((status, parts)) => refused(&run, &row, status, parts),
        None => match row.seen.split_once(' ') {
            Some(("prints", text)) => {
                run.launched().printed(text.replace('⏎', "\n"));
            }
            Some(("sends", _)) => {
                run.launched();
            }
            _ => gets(&run, &row, sandbox.environment()),
        },
    }
    if said_status(&row).is_none() && row.column("says").is_none() {
        run.complained("");
    }
    run.says(row.parts("says"));
    row.parts("never")
        .for_each(|text| assert!(!run.stderr().contains(text), "{text:?} is said: {run}"));
    if let Some(count) = row.column("lines") {
        assert_eq!(
            run.stderr().lines().count().to_string(),
            count,
            "lines: {run}"
        );
    }
    if let Some(count) = row.column("entries") {
        let names = row.cache.as_ref().expect("$shm").names();
        assert_eq!(
            names.len().to_string(),
            count,
            "entries of the cache: {run}"
        );
    }
    if run.stderr().starts_with('{') {
        run.events();
    }
    asked(&run, &row, &aws.calls()[calls_before..]);
}

/// Asserts the exit status, parts of what is printed, and that a refused command was not started.
fn refused(run: &Outcome, row: &Row, status: i32, parts: &str) {
    run.ended(Status::Exit(status));
    let may_print = status < 64 || row.command() == Some("check");
    assert!(
        may_print || run.stdout.is_empty(),
        "the command has started: {run}"
    );
    let seen = run.stdout() + &run.stderr();
    for part in parts.split(ALSO) {
        assert!(
            seen.contains(&part.replace('⏎', "\n")),
            "{part:?} is not said: {run}"
        );
    }
}

/// The status that is seen, and the parts of what is printed.
fn said_status(row: &Row) -> Option<(i32, &str)> {
    let (status, parts) = row.seen.split_once(' ').unwrap_or((&row.seen, ""));
    Some((status.parse().ok()?, parts))
}

/// Tests every row at the same time.
pub fn side_by_side<T: Send>(rows: impl IntoIterator<Item = T>, test: impl Fn(T) + Sync) {
    thread::scope(|scope| {
        for row in rows {
            let named = thread::Builder::new().name(watch::test());
            named.spawn_scoped(scope, || test(row)).unwrap();
        }
    });
}
