//! The outcome of a run (status, standard output, standard error), and the assertions on it.

use std::collections::BTreeSet;
use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;

use nix::unistd::Pid;

use crate::support::directory::Directory;
use crate::support::lines::{PREFIX, is_message, messages};
use crate::support::sandbox::CANARY;
use crate::support::scene::Scene;
use crate::support::watch;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Exit(i32),
    Signal(i32),
    /// The sandbox killed the run at its limit.
    TimedOut,
}

impl From<ExitStatus> for Status {
    fn from(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Exit(code),
            (None, Some(signal)) => Self::Signal(signal),
            (None, None) => panic!("a process ends by exiting or by a signal"),
        }
    }
}

/// The output that one run may have.
#[derive(Clone)]
pub struct Expectations {
    /// The sentence of a table's row, which every failed assertion shows.
    pub case: String,
    pub prints_values: bool,
    pub target_writes_stderr: bool,
    /// The name of the test, whose values no output may show.
    pub test: String,
    /// The files of the sandbox, for the messages of failed assertions.
    pub files: Option<Arc<Directory>>,
}

impl Default for Expectations {
    fn default() -> Self {
        Self {
            case: String::new(),
            prints_values: false,
            target_writes_stderr: false,
            test: watch::test(),
            files: None,
        }
    }
}

pub struct Outcome {
    /// The sentence of a table's row.
    pub case: String,
    pub pid: Pid,
    pub status: Status,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    pub scene: Arc<Scene>,
}

impl Outcome {
    /// Asserts that the run didn't hang, panic, print a secret, or print a line without the prefix
    /// `secrets-exec: ` and a label.
    #[track_caller]
    pub fn keeps_to(&self, expectations: &Expectations) {
        assert_ne!(self.status, Status::TimedOut, "too slow: {self}");
        let stderr = self.stderr();
        assert!(!stderr.contains("this is a bug"), "a panic: {self}");
        let assert_hidden = |text: &str, place: &str| {
            assert!(!text.contains(CANARY), "the canary is {place}: {self}");
            let found = watch::found(&expectations.test, text);
            assert_eq!(found, None, "a value {place}: {self}");
        };
        assert_hidden(&stderr, "on stderr");
        if !expectations.prints_values {
            assert_hidden(&self.stdout(), "on stdout");
        }
        // The program's own lines. A shell or a journal shows other lines between them.
        for line in self.stdout().lines() {
            let own = line.find(PREFIX).map_or("", |at| &line[at..]);
            if is_message(own) {
                assert_hidden(own, "in a line");
            }
        }
        if !expectations.target_writes_stderr {
            let other = stderr.lines().find(|line| !is_message(line));
            assert_eq!(other, None, "not a message of the program: {self}");
        }
    }

    /// Asserts that the command ran and ended with status 0.
    #[track_caller]
    pub fn launched(&self) -> &Self {
        self.ended(Status::Exit(0))
    }

    /// Asserts that each message on standard error contains one of these strings, except perhaps
    /// for the note about a wait of more than three seconds.
    #[track_caller]
    pub fn says_only(&self, facts: &[String]) -> &Self {
        for message in messages(&self.stderr()) {
            let is_expected = facts.iter().any(|fact| message.contains(fact));
            assert!(is_expected, "not expected: {message}in {self}");
        }
        self
    }

    /// Asserts that the command ran, that it ended with status 0, and that nothing is on standard
    /// error. On a busy machine there may be the note about a long wait.
    #[track_caller]
    pub fn launched_silently(&self) -> &Self {
        self.says_only(&[]).launched()
    }

    /// Asserts that the command ran silently, and that `A` has the value of the secret `x` of
    /// [`served`](crate::support::served).
    #[track_caller]
    pub fn launched_with_value(&self) -> &Self {
        self.launched_silently().has("A", "v-4c7a1e")
    }

    /// Asserts this exit status, that standard error names a reason with each of these strings, and
    /// that the command was not started.
    #[track_caller]
    pub fn refused<'a>(&self, status: i32, facts: impl IntoIterator<Item = &'a str>) -> &Self {
        assert!(self.stdout.is_empty(), "the command has started: {self}");
        assert!(!self.stderr.is_empty(), "no reason was given: {self}");
        self.ended(Status::Exit(status)).says(facts)
    }

    #[track_caller]
    pub fn ended(&self, status: Status) -> &Self {
        assert_eq!(
            status, self.status,
            "left is expected, right is seen: {self}"
        );
        self
    }

    /// Asserts that standard error contains each of these strings.
    #[track_caller]
    pub fn says<'a>(&self, facts: impl IntoIterator<Item = &'a str>) -> &Self {
        for fact in facts {
            assert!(self.stderr().contains(fact), "{fact:?} isn't said: {self}");
        }
        self
    }

    /// Asserts that standard error contains one of these strings, in upper or lower case.
    #[track_caller]
    pub fn says_one_of<'a>(&self, ways: impl IntoIterator<Item = &'a str>) -> &Self {
        let stderr = self.stderr().to_lowercase();
        let ways: Vec<&str> = ways.into_iter().collect();
        let said = ways.iter().any(|way| stderr.contains(&way.to_lowercase()));
        assert!(said, "none of {ways:?} is said: {self}");
        self
    }

    /// Asserts that standard error doesn't contain this string.
    #[track_caller]
    pub fn says_nothing_of(&self, text: &str) -> &Self {
        assert!(!self.stderr().contains(text), "{text:?} is said: {self}");
        self
    }

    /// Asserts the value of a variable. The command must have printed its environment.
    #[track_caller]
    pub fn has(&self, name: &str, value: impl AsRef<[u8]>) -> &Self {
        let found = self.values(name);
        let count = found.len();
        assert_eq!(count, 1, "{name} is there {count} times: {self}");
        self.agrees(name, value.as_ref(), found[0]);
        self
    }

    /// Asserts that a variable is not in the environment that the command printed.
    #[track_caller]
    pub fn has_no(&self, name: &str) -> &Self {
        assert!(self.values(name).is_empty(), "{name} is there: {self}");
        self
    }

    /// The names of the variables in the environment that the command printed, sorted.
    pub fn names(&self) -> Vec<String> {
        let entries = self.entries();
        let mut names: Vec<String> = entries
            .map(|entry| String::from_utf8_lossy(name_of(entry)).into_owned())
            .collect();
        names.sort_unstable();
        names
    }

    /// Asserts what the command printed on standard output.
    #[track_caller]
    pub fn printed(&self, text: impl AsRef<[u8]>) -> &Self {
        self.agrees("standard output", text.as_ref(), &self.stdout);
        self
    }

    /// Asserts that two outputs are the same. A failure shows both.
    #[track_caller]
    fn agrees(&self, what: &str, expected: &[u8], seen: &[u8]) {
        let (shown, also) = (expected.escape_ascii(), seen.escape_ascii());
        let shown = format!("{what}\nexpected: {shown}\nseen:     {also}");
        assert!(expected == seen, "{shown}\n{self}");
    }

    #[track_caller]
    pub fn document(&self) -> serde_json::Value {
        serde_json::from_slice(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self}"))
    }

    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    fn entries(&self) -> impl Iterator<Item = &[u8]> {
        let entries = self.stdout.split(|byte| *byte == 0);
        entries.filter(|entry| !entry.is_empty())
    }

    fn values(&self, name: &str) -> Vec<&[u8]> {
        self.entries()
            .filter(|entry| name_of(entry) == name.as_bytes())
            .map(|entry| entry.get(name.len() + 1..).unwrap_or_default())
            .collect()
    }
}

/// Asserts that two sets are the same. A failure shows only what isn't in both, and what the sets
/// are about.
#[track_caller]
pub fn assert_same<T: Ord + fmt::Debug>(
    seen: &BTreeSet<T>,
    expected: &BTreeSet<T>,
    about: impl fmt::Display,
) {
    let missing: Vec<_> = expected.difference(seen).collect();
    let more: Vec<_> = seen.difference(expected).collect();
    assert!(
        missing.is_empty() && more.is_empty(),
        "expected: {missing:?}\nseen:     {more:?}\n{about}"
    );
}

/// The name of an entry. Its first byte may be `=`, because a name has at least one character.
fn name_of(entry: &[u8]) -> &[u8] {
    let end = entry.iter().skip(1).position(|byte| *byte == b'=');
    end.map_or(entry, |end| &entry[..=end])
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (case, scene, status) = (&self.case, &self.scene, self.status);
        let (stdout, stderr) = (self.stdout.escape_ascii(), self.stderr());
        write!(
            f,
            "{case}\n{scene}stdout: {stdout}\nstderr:\n{stderr}[{status:?}]"
        )
    }
}
