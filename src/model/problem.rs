//! An error with its words: the reason, the entries that it concerns, and the remedy.

use super::entry::Subject;
use super::reference::{Locator, Region, SecretRef, Store, Version};

/// The exit status of a launch that fails: those of sysexits(3), and 126 and 127 as in a shell. Of several problems the highest counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Status {
    /// EX_USAGE: the command line, or a variable of secrets-exec or AWS, is invalid.
    Usage = 64,
    /// EX_SOFTWARE: a bug in secrets-exec.
    Bug = 70,
    /// EX_TEMPFAIL: a later launch may succeed.
    Temporary = 75,
    /// EX_NOPERM: no credentials, or AWS denied the request.
    Denied = 77,
    /// EX_CONFIG: the declaration, a secret, a key or a value is invalid or absent.
    Configuration = 78,
    /// The command cannot be executed.
    NotExecutable = 126,
    /// The command was not found.
    NotFound = 127,
}

/// An error on which no code decides, worded where it is found. It quotes no value of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub status: Status,
    /// The word for it in the table of `check`, as docs/check.md lists them; empty for a problem that is in no table.
    pub code: &'static str,
    /// The reason, without the secret and the region. Problems that differ in their entries alone are printed once, with the entries of
    /// all.
    pub text: String,
    /// The variables, files or credentials that it concerns. Empty if it concerns the launch as a whole.
    pub entries: Vec<Subject>,
    /// The secret that was not read.
    pub about: Option<About>,
    /// The end of the reason that differs from answer to answer: the id of a request that AWS refused, or the attempts. The first is shown.
    pub detail: String,
    /// Further facts, a line each.
    pub notes: Vec<String>,
    /// The remedy.
    pub help: Option<String>,
    /// The effect on the value of each entry.
    pub impact: Impact,
    /// True if the secret, key or variable does not exist or is null, so that the `default` or `optional` of an entry applies.
    pub is_absence: bool,
}

/// The secret or parameter that a problem is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// The id as a reference spells it.
    pub id: String,
    /// `secret prod/db, stage AWSPREVIOUS`
    pub name: String,
    /// `region us-east-1, role arn:…`; empty for a local file.
    pub place: String,
    pub scope: ReasonScope,
}

/// The secrets that can have the same problem for the same reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReasonScope {
    /// The reason lies in the secret, so that each secret has a record of its own.
    OneSecret,
    /// The reason lies elsewhere, so that one record serves several secrets.
    AnySecret,
}

/// The effect of a problem on the values of its entries, which the last line of a report counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Impact {
    None,
    /// It could not be read.
    Unread,
    /// It is known and cannot be delivered.
    Undelivered,
}

impl Problem {
    pub fn new(status: Status, text: impl Into<String>) -> Self {
        Self {
            status,
            code: "",
            text: text.into(),
            entries: Vec::new(),
            about: None,
            detail: String::new(),
            notes: Vec::new(),
            help: None,
            impact: Impact::None,
            is_absence: false,
        }
    }

    /// A mistake on the command line or in a variable.
    pub fn usage(text: impl Into<String>) -> Self {
        Self::new(Status::Usage, text)
    }

    /// A mistake in a file, a secret or a value.
    pub fn configuration(text: impl Into<String>) -> Self {
        Self::new(Status::Configuration, text)
    }

    /// A secret, a key or a variable that does not exist.
    pub fn absence(code: &'static str, text: impl Into<String>) -> Self {
        Self {
            is_absence: true,
            ..Self::configuration(text).code(code)
        }
    }

    /// A failure that a later launch may not meet.
    pub fn temporary(text: impl Into<String>) -> Self {
        Self::new(Status::Temporary, text)
    }

    /// A thread, an event loop, a child process or random bytes that the kernel does not give.
    pub fn nothing_resolved(why: &str) -> Self {
        Self::temporary(format!("no value can be resolved: {why}"))
    }

    /// Sets the word for the table of `check`.
    #[must_use]
    pub fn code(self, code: &'static str) -> Self {
        Self { code, ..self }
    }

    /// Adds the remedy.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Self {
        Self {
            help: Some(help.into()),
            ..self
        }
    }

    /// Replaces the remedy, if there is another.
    #[must_use]
    pub fn replace_help(self, help: Option<impl Into<String>>) -> Self {
        Self {
            help: help.map(Into::into).or(self.help),
            ..self
        }
    }

    /// Adds a fact.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Equal for problems that a report prints as one, followed by the entries of all: they differ in these alone, in the detail, or in the
    /// secret where the reason is general. `None` for a problem without an entry, which is printed alone.
    pub fn group(&self) -> Option<impl Ord + '_> {
        let Self {
            status,
            code,
            text,
            notes,
            help,
            impact,
            ..
        } = self;
        let about = self.about.as_ref().map(|about| {
            let secret = match about.scope {
                ReasonScope::OneSecret => Some(&about.name),
                ReasonScope::AnySecret => None,
            };
            (secret, &about.place)
        });
        (!self.entries.is_empty()).then_some((about, status, code, text, notes, help, impact))
    }

    /// Names the entry that it concerns.
    #[must_use]
    pub fn of(mut self, subject: Subject, impact: Impact) -> Self {
        self.entries.push(subject);
        Self { impact, ..self }
    }

    /// The whole first line; of a problem of several secrets without the secret.
    pub fn message(&self, is_one_secret: bool) -> String {
        let Self {
            text,
            detail,
            about,
            ..
        } = self;
        let name = about
            .as_ref()
            .filter(|_| is_one_secret)
            .map(|about| about.name.as_str());
        let place = about
            .as_ref()
            .map(|about| about.place.as_str())
            .filter(|place| !place.is_empty());
        let about = Vec::from_iter([name, place].into_iter().flatten()).join(", ");
        if about.is_empty() {
            format!("{text}{detail}")
        } else {
            format!("{about}: {text}{detail}")
        }
    }
}

impl About {
    /// Returns the secret of a reference, which the reason lies in, and the region that it was read from.
    pub fn new(reference: &SecretRef, region: Option<&Region>) -> Self {
        let Locator {
            store,
            version,
            role,
            ..
        } = &reference.locator;
        let label = if *store == Store::ParameterStore {
            "label"
        } else {
            "stage"
        };
        let version = match version {
            Version::Current => String::new(),
            Version::Stage(stage) => format!(", {label} {stage}"),
            Version::Id(id) => format!(", version {id}"),
            Version::Both { stage, id } => format!(", {label} {stage}, version {id}"),
        };
        let region = region.map(|region| format!("region {region}"));
        let role = role.as_ref().map(|role| format!("role {}", role.arn));
        Self {
            id: reference.locator.written_id(),
            name: reference.locator.name() + &version,
            place: Vec::from_iter(region.into_iter().chain(role)).join(", "),
            scope: ReasonScope::OneSecret,
        }
    }
}
