//! An error with its words: the reason, the entries that it concerns, and the remedy.

use super::entry::Subject;
use super::reference::{Locator, SecretRef, Store, Version};

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
    /// The headline: a sentence that says what is wrong. If the problem is [about](Self::about) a secret, the sentence without its beginning:
    /// the secret is its subject. Problems that differ only in their entries are printed once, with the entries of all of them.
    pub text: String,
    /// The variables, files or credentials that it concerns. Empty if it concerns the launch as a whole.
    pub entries: Vec<Subject>,
    /// The secret that was not read.
    pub about: Option<About>,
    /// The key that the secret doesn't have.
    pub missing_key: Option<Box<MissingKey>>,
    /// The message of AWS.
    pub aws_says: Option<String>,
    /// The end of AWS's message, or else of the headline, that differs from answer to answer: the id of the request, or the attempts. A
    /// report shows that of the first problem.
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

/// A key that a secret doesn't have. The missing keys of a secret are one error.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MissingKey {
    pub key: String,
    /// The remedy if several keys are missing: the keys that the secret has.
    pub existing_keys: String,
}

/// The secret or parameter that a problem is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// The id as a reference spells it.
    pub id: String,
    /// The secret as the subject of a sentence: `the secret "prod/db" (stage AWSPREVIOUS)`.
    pub name: String,
    /// Several such secrets: `secrets`.
    pub plural: &'static str,
    /// The words of the headline before the secret, with a blank at their end: `access to `. `None` if the headline doesn't name the secret.
    pub before: Option<&'static str>,
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
    /// It was read and doesn't match its `pattern`.
    Mismatched,
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
            missing_key: None,
            aws_says: None,
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

    /// Equal for problems that a report prints as one, followed by the entries of all: they differ in these alone, in the detail, in the key
    /// that is missing, or in the secret where the reason is general. `None` for a problem without an entry, which is printed alone.
    pub fn group(&self) -> Option<impl Ord + '_> {
        let Self {
            status,
            code,
            text,
            aws_says,
            notes,
            help,
            impact,
            ..
        } = self;
        if self.entries.is_empty() {
            return None;
        }
        let secret = self.about.as_ref().map(|about| match about.scope {
            ReasonScope::OneSecret => Some(&about.name),
            ReasonScope::AnySecret => None,
        });
        let reason = match &self.missing_key {
            Some(_) => None,
            None => Some((text, help)),
        };
        Some((secret, status, code, reason, aws_says, notes, impact))
    }

    /// Names the entry that it concerns.
    #[must_use]
    pub fn of(mut self, subject: Subject, impact: Impact) -> Self {
        self.entries.push(subject);
        Self { impact, ..self }
    }

    /// Returns the headline of this problem on its own.
    pub fn full_headline(&self) -> String {
        self.headline(self.about.as_ref().map_or("", |about| &about.name))
    }

    /// Returns the headline, with `secret` as the secret that the problem is about.
    pub fn headline(&self, secret: &str) -> String {
        let detail = match self.aws_says {
            Some(_) => "",
            None => &self.detail,
        };
        match self.about.as_ref().and_then(|about| about.before) {
            Some(before) => format!("{before}{secret} {}{detail}", self.text),
            None => format!("{}{detail}", self.text),
        }
    }
}

impl About {
    /// Returns the secret of a reference, which the reason lies in.
    pub fn new(reference: &SecretRef) -> Self {
        let Locator { store, version, .. } = &reference.locator;
        let (plural, label) = match store {
            Store::SecretsManager => ("secrets", "stage"),
            Store::ParameterStore => ("parameters", "label"),
        };
        let version = match version {
            Version::Current => String::new(),
            Version::Stage(stage) => format!(" ({label} {stage})"),
            Version::Id(id) => format!(" (version {id})"),
            Version::Both { stage, id } => format!(" ({label} {stage}, version {id})"),
        };
        Self {
            id: reference.locator.written_id(),
            name: reference.locator.noun() + &version,
            plural,
            before: Some(""),
            scope: ReasonScope::OneSecret,
        }
    }
}
