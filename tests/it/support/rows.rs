//! The launch of a row. CONTRIBUTING.md shows what a row looks like, and `tests/rows` reads the
//! files.

mod fixture;
mod seen;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::{env, fs, thread};

use super::aws::secret::{AGENT_TOKEN, CURRENT_ID, PREVIOUS_ID};
use super::aws::{Aws, CONTAINER_KEY, INSTANCE_KEY, INSTANCE_REGION, ROLE_KEY, SSO_KEY, SSO_TOKEN};
use super::directory::{CacheDirectory, can_be_later, names_in};
use super::identity::{KEY, ROLE};
use super::outcome::{Outcome, Status};
use super::sandbox::{ACCESS_SECRET, CANARY, Sandbox};
use super::{skip, watch};
use fixture::{prepare, serve, split};
use seen::{assert_environment, assert_requests};

/// The separator between two parts of a text that may have anything between them.
const ELLIPSIS: &str = " … ";

/// The separator between the items of a list.
const AND: &str = " and ";

/// The subcommands that a launch may begin with.
const SUBCOMMANDS: &str = "check completions export get migrate policy";

/// A row as it is in its file.
pub struct Row {
    /// The file and the line.
    pub place: &'static str,
    pub name: &'static str,
    pub launch: &'static str,
    pub seen: &'static str,
    /// The words that the file defines, in the order of the file. A word can use the words above
    /// it.
    pub words: &'static [(&'static str, &'static str)],
    /// The columns of the fixtures that the row names.
    pub given: &'static [(&'static str, &'static str)],
    /// The columns that the row itself has.
    pub own: &'static [(&'static str, &'static str)],
}

/// A launch of a row, in which each word is replaced with its text.
#[derive(Default)]
struct Launch {
    line: String,
    seen: String,
    columns: Vec<(String, String)>,
    /// The directory `$memory_directory`, if the file of the row has it.
    cache: Option<CacheDirectory>,
}

impl Launch {
    fn column(&self, name: &str) -> Option<&str> {
        self.columns
            .iter()
            .find(|(column, _)| column == name)
            .map(|(_, value)| &**value)
    }

    /// The parts of the text in a column. There aren't any if the row doesn't have the column.
    fn parts(&self, name: &str) -> impl Iterator<Item = &str> {
        self.column(name)
            .into_iter()
            .flat_map(|text| text.split(ELLIPSIS))
    }

    /// The parts of all messages that the launch may print: those of `exits with`, and those of the
    /// column `says`.
    fn expected_parts(&self) -> Vec<String> {
        let of_error = expected_status(self).map_or("", |(_, parts)| parts);
        of_error
            .split(ELLIPSIS)
            .filter(|part| !part.is_empty())
            .chain(self.parts("says"))
            .map(|part| part.replace('⏎', "\n"))
            .collect()
    }

    /// Adds to the fake what the columns of the launch say about it.
    fn serve(&self, aws: Aws) -> Aws {
        self.columns
            .iter()
            .fold(aws, |aws, (name, value)| serve(self, aws, name, value))
    }

    /// Runs the launch.
    fn run(&self, sandbox: &Sandbox) -> Outcome {
        if self
            .parts("through")
            .any(|wrapper| wrapper.contains("--reuid"))
        {
            return sandbox.spawn_copy().wait();
        }
        sandbox.run()
    }

    /// The subcommand that the launch has after its variables.
    fn subcommand(&self) -> Option<&str> {
        self.line
            .split(' ')
            .find(|word| !word.contains('='))
            .filter(|word| SUBCOMMANDS.split(' ').any(|name| name == *word))
    }
}

impl Row {
    /// The launch of the column `earlier`, which has only the columns that are given; and the
    /// launch of the row itself, whose own columns replace those.
    fn launches(&self, aws: &Aws) -> (Option<Launch>, Launch) {
        let has_cache = self.texts().any(|text| text.contains("$memory_directory"));
        let cache = has_cache.then(CacheDirectory::new);
        let mut words = words_of_all_files(aws);
        if let Some(cache) = &cache {
            let path = cache.path().display().to_string();
            words.insert("memory_directory".to_owned(), path);
        }
        for (word, text) in self.words {
            words.insert((*word).to_owned(), filled(text, &words));
        }
        let column = |(name, value): &(&str, &str)| {
            let value = filled(value, &words).replace('⏎', "\n");
            (filled(name, &words), value)
        };
        let columns = |columns: &[(&str, &str)]| Vec::from_iter(columns.iter().map(column));

        let seen = filled(self.seen, &words);
        let own = columns(self.own);
        let mut given = columns(self.given);
        for (name, _) in &given {
            let is_hidden = fixture::is_expectation(name);
            assert!(
                !is_hidden,
                "a fixture must not hide the expectation {name:?}"
            );
        }
        let earlier = own.iter().find(|(name, _)| name == "earlier");
        let earlier = earlier.map(|(_, line)| Launch {
            line: line.clone(),
            seen: seen.clone(),
            columns: given.clone(),
            ..Launch::default()
        });
        given.retain(|(name, _)| own.iter().all(|(replacing, _)| replacing != name));
        let launch = Launch {
            line: filled(self.launch, &words),
            seen,
            columns: [given, own].concat(),
            cache,
        };
        (earlier, launch)
    }

    /// Every text of the row, and the texts of the words that its file defines.
    fn texts(&self) -> impl Iterator<Item = &str> {
        let columns = [self.words, self.given, self.own].concat();
        let values = columns.into_iter().map(|(_, value)| value);
        [self.launch, self.seen].into_iter().chain(values)
    }

    /// The row as a failure shows it. The files aren't included, because the scene of a failure
    /// already has them.
    fn case(&self, launch: &Launch) -> String {
        let is_file = |name: &str| {
            let kind = name.split(' ').next().unwrap();
            ["file", "executable", "home"].contains(&kind)
        };
        let columns = launch.columns.iter().filter(|(name, _)| !is_file(name));
        let columns: String = columns
            .map(|(name, value)| format!("\n  {name}: {value}"))
            .collect();
        let (place, name) = (self.place, self.name);
        let (launch, seen) = (self.launch, self.seen);
        format!("{place}: {name} | {launch} | {seen}{columns}")
    }
}

/// Replaces each `$word` in a text with the value of the word, and `$$` with a dollar sign. A
/// dollar sign that no lowercase letter follows, as in `$HOME` and `$.a`, is not changed.
///
/// # Panics
/// If a word isn't defined. The text itself could make a check pass that looks for its value.
fn filled(text: &str, words: &BTreeMap<String, String>) -> String {
    let mut parts = text.split('$');
    let mut filled = parts.next().unwrap().to_owned();
    while let Some(part) = parts.next() {
        if part.is_empty() {
            filled.extend(["$", parts.next().unwrap_or_default()]);
            continue;
        }
        if !part.starts_with(|c: char| c.is_ascii_lowercase()) {
            filled.extend(["$", part]);
            continue;
        }

        let end = part
            .find(|c: char| !c.is_ascii_lowercase() && !c.is_ascii_digit() && c != '_')
            .unwrap_or(part.len());
        let (word, rest) = part.split_at(end);
        let value = words
            .get(word)
            .unwrap_or_else(|| panic!("${word} isn't a word of the file or of all files"));
        filled.extend([value, rest]);
    }
    filled
}

/// The words that every file has.
fn words_of_all_files(aws: &Aws) -> BTreeMap<String, String> {
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

/// Launches a row, and compares what is seen. If `HOLD` is set, a failure is printed at once, and
/// the row keeps its folder and its fake until somebody presses Enter.
pub fn test_row(row: &Row) {
    let mut aws = Aws::start();
    let (earlier, launch) = row.launches(&aws);
    let can_run = |command: &str| {
        let words = split(command);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        skip::can(&words, row.name)
    };
    if launch.column("later").is_some() && !can_be_later() || !launch.parts("needs").all(can_run) {
        return;
    }
    let case = row.case(&launch);
    if let Some(earlier) = &earlier {
        aws = earlier.serve(aws);
        let sandbox = prepare(earlier, &aws, launch.cache.is_some());
        earlier
            .run(&sandbox.case(format!("the launch before that of {case}")))
            .launched();
    }
    let calls_before = aws.calls().len();
    let aws = launch.serve(aws);
    let sandbox = prepare(&launch, &aws, launch.cache.is_some()).case(case);
    let assert_all = || assert_launch(&launch, &sandbox, &aws, calls_before);
    if env::var_os("HOLD").is_none() {
        return assert_all();
    }
    if let Err(failure) = panic::catch_unwind(AssertUnwindSafe(assert_all)) {
        hold(failure.downcast_ref::<String>().unwrap());
        panic::resume_unwind(failure);
    }
}

/// Shows a failure, and waits for the Enter key. Doesn't use `eprintln!`, because libtest would
/// capture the text until the end of the test.
fn hold(failure: &str) {
    let text = format!("{failure}\nPress Enter to remove the folder and to stop the fake AWS.\n");
    io::stderr().write_all(text.as_bytes()).unwrap();
    io::stdin().read_line(&mut String::new()).unwrap();
}

/// Runs a launch, and compares what is seen. `calls_before` is the number of requests that an
/// earlier launch has sent to the fake.
fn assert_launch(launch: &Launch, sandbox: &Sandbox, aws: &Aws, calls_before: usize) {
    let run = launch.run(sandbox);

    if let Some((status, parts)) = expected_status(launch) {
        assert_refused(&run, launch, status, parts);
    } else if let Some(text) = launch.seen.strip_prefix("prints ") {
        let text = if text == "nothing" { "" } else { text };
        run.launched().printed(text.replace('⏎', "\n"));
    } else {
        assert_environment(&run, launch, sandbox.environment());
    }

    run.says_only(&launch.expected_parts());
    run.says(launch.parts("says"));
    // A launch prints its environment on standard output, while `check` prints a table.
    let table = match launch.subcommand() {
        Some("check") => run.stdout(),
        Some(_) | None => String::new(),
    };
    for text in launch.parts("never") {
        let is_said = run.stderr().contains(text) || table.contains(text);
        assert!(!is_said, "{text:?} is said: {run}");
    }
    let counts = |name: &str, seen: &dyn Fn() -> usize| {
        if let Some(expected) = launch.column(name) {
            assert_eq!(seen().to_string(), expected, "{name}: {run}");
        }
    };
    counts("lines", &|| run.stderr().lines().count());
    counts("warnings", &|| run.stderr().matches("warning: ").count());
    counts("entries", &|| launch.cache.as_ref().unwrap().names().len());
    for (name, expected) in &launch.columns {
        if let Some(path) = name.strip_prefix("left ") {
            assert_eq!(&left_at(&sandbox.path(path)), expected, "{name}: {run}");
        }
    }
    if run.stderr().starts_with('{') {
        run.events();
    }
    assert_requests(&run, launch, &aws.calls()[calls_before..]);
}

/// What a launch has left at a path: the names in a folder, with `and` between them, or the mode
/// and the content of a file. `nothing` means an empty folder, or that nothing is there.
fn left_at(path: &Path) -> String {
    let Ok(found) = fs::metadata(path) else {
        return "nothing".to_owned();
    };
    if found.is_dir() {
        let names = names_in(path).join(AND);
        return if names.is_empty() {
            "nothing".to_owned()
        } else {
            names
        };
    }
    let content = fs::read(path).unwrap();
    let mode = found.mode() & 0o7777;
    format!("{mode:o} {}", String::from_utf8_lossy(&content))
}

/// Asserts how the launch ended and parts of what is printed, and that the command was not started.
fn assert_refused(run: &Outcome, launch: &Launch, status: Status, parts: &str) {
    run.ended(status);
    let may_print = matches!(status, Status::Exit(..64)) || launch.subcommand() == Some("check");
    assert!(
        may_print || run.stdout.is_empty(),
        "the command has started: {run}"
    );
    let seen = run.stdout() + &run.stderr();
    for part in parts.split(ELLIPSIS) {
        assert!(
            seen.contains(&part.replace('⏎', "\n")),
            "{part:?} isn't said: {run}"
        );
    }
}

/// The status of `exits with 78: PART … PART` or of `exits with signal 15: PART`, and the parts of
/// what is printed.
fn expected_status(launch: &Launch) -> Option<(Status, &str)> {
    let text = launch.seen.strip_prefix("exits with ")?;
    let (status, parts) = text.split_once(": ").unwrap_or((text, ""));
    let number = |number: &str| number.parse().expect("an exit status");
    let status = match status.strip_prefix("signal ") {
        Some(signal) => Status::Signal(number(signal)),
        None => Status::Exit(number(status)),
    };
    Some((status, parts))
}

/// Tests all rows at the same time.
pub fn side_by_side<T: Send>(rows: impl IntoIterator<Item = T>, test: impl Fn(T) + Sync) {
    thread::scope(|scope| {
        for row in rows {
            let named = thread::Builder::new().name(watch::test());
            named.spawn_scoped(scope, || test(row)).unwrap();
        }
    });
}
