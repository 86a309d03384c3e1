//! A problem: an error with its message, the entries that it affects, and its remedy.
//!
//! A problem is worded where it is found, and nothing is decided by its text. Code that has to
//! decide on an error uses a different type first, such as `FetchError`. A problem never quotes the
//! value of a secret. `report` groups problems, and makes a record of each group. Some warnings are
//! made from problems, too, and then the exit status has no meaning.
//!
//! Other files read the fields of a problem, but change them only with its methods.

use std::collections::BTreeMap;

use super::entry::Subject;
use super::fault::Fault;
use super::reference::{Locator, SecretId, Store, Version};
use super::shown::shown;

/// The exit status of a launch that fails. 126 and 127 are about the command, as in a shell, and
/// the others are from sysexits(3). If there are several problems, the highest status applies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Status {
    /// EX_USAGE: the command line, an environment variable or the AWS profile is invalid.
    Usage = 64,
    /// EX_SOFTWARE: a bug in secrets-exec. Also the default, because a problem without a status is
    /// a bug.
    #[default]
    Bug = 70,
    /// EX_TEMPFAIL: a later launch may succeed.
    Temporary = 75,
    /// EX_NOPERM: there are no credentials, or AWS denied the request.
    Denied = 77,
    /// EX_CONFIG: the declaration, a secret, a certificate or something else that the launch needs
    /// is invalid or absent.
    Configuration = 78,
    NotExecutable = 126,
    NotFound = 127,
}

#[derive(Clone, Debug, Default, PartialEq)]
#[must_use]
pub struct Problem {
    pub status: Status,
    /// The code in the table and the JSON of `check`, as docs/check.md lists them. Empty if the
    /// problem can't occur there.
    pub code: &'static str,
    /// The headline: a sentence that says what is wrong.
    pub text: String,
    /// The headline of problems with the same reason about several secrets: what is before and
    /// after their number, as in `access to 3 secrets was denied`. `None` if the headline doesn't
    /// name a secret.
    pub several: Option<(&'static str, String)>,
    /// The texts that are equal in all problems with the same reason, although their headlines or
    /// helps may differ. `None` if the headline and the help are equal.
    pub reason: Option<Vec<String>>,
    /// The entries that the problem affects. Empty if it affects the launch as a whole.
    pub entries: Vec<Subject>,
    /// True if the headline names the entry, so that text output lists it only in a group.
    pub names_entry: bool,
    /// The part of the entry that has the problem: in a template, `db.password` or `line 2, column
    /// 5 of the template`.
    pub part: Option<String>,
    pub about: Option<Box<About>>,
    /// The key that the secret doesn't have, if that is the problem.
    pub missing_key: Option<Box<MissingKey>>,
    /// The message that AWS has sent. It gets a line of its own.
    pub aws_says: Option<String>,
    /// Facts that secrets-exec adds to the headline, such as the regions that were tried. Each gets
    /// a line of its own.
    pub notes: Vec<String>,
    /// The help, which says what to do: first what secrets-exec has found out about this case, if
    /// anything, and then the general help for such a problem.
    pub help: Option<String>,
    /// True if the reason has nothing to do with the entries, so text output lists only some of
    /// them.
    pub is_general: bool,
    /// True if AWS has received a name that the problem masks, because it may be a password.
    pub has_sent_hidden_name: bool,
}

/// A key that a secret doesn't have. The missing keys of a secret are reported as one error.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MissingKey {
    /// The key as the user has written it. It may be a token, so messages show it with
    /// [`shown`](super::shown::shown()).
    pub key: String,
    /// The existing key that is most similar.
    pub similar: Option<String>,
    /// A clause with the keys that exist.
    pub existing_keys: String,
}

/// The secret or parameter that a problem is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    pub locator: Locator,
    /// The secret as the subject of a sentence: `the secret "prod/db" (stage AWSPREVIOUS)`.
    pub name: String,
    pub scope: ReasonScope,
}

/// The secrets that can have a problem for the same reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReasonScope {
    /// The reason lies in the secret itself, so each secret gets a record of its own.
    OneSecret,
    /// The reason lies elsewhere, so one record can name several secrets.
    AnySecret,
}

impl Problem {
    pub fn new(status: Status, text: impl Into<String>) -> Self {
        Self {
            status,
            text: text.into(),
            ..Self::default()
        }
    }

    pub fn usage(text: impl Into<String>) -> Self {
        Self::new(Status::Usage, text)
    }

    /// Creates the problem for a fault whose text is a whole sentence.
    pub fn from_fault(status: Status, fault: Fault) -> Self {
        Self::new(status, fault.to_string()).help_if_some(fault.help)
    }

    pub fn configuration(text: impl Into<String>) -> Self {
        Self::new(Status::Configuration, text)
    }

    pub fn temporary(text: impl Into<String>) -> Self {
        Self::new(Status::Temporary, text)
    }

    pub fn nothing_resolved(why: &str) -> Self {
        Self::temporary(format!("no value can be resolved: {why}"))
    }

    pub fn code(mut self, code: &'static str) -> Self {
        self.code = code;
        self
    }

    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Removes the help, because a warning in the same report has the help.
    pub fn without_help(mut self) -> Self {
        self.help = None;
        self
    }

    /// Replaces the help, unless `help` is `None`.
    pub fn help_if_some(mut self, help: Option<impl Into<String>>) -> Self {
        self.help = help.map(Into::into).or(self.help);
        self
    }

    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// The key by which a report groups problems. Problems with the same key are printed as one,
    /// with all their entries. Returns `None` for a problem without entries, which is always
    /// printed by itself.
    ///
    /// The key leaves out what can differ within a group, such as the entries.
    pub fn group_key(&self) -> Option<impl Ord + Clone + '_> {
        if self.entries.is_empty() {
            return None;
        }

        // A reason in the secret itself gives a record for each secret. Any other reason gives one
        // record for all or, if the headline counts them (`access to 3 secrets was denied`), one
        // for each store, because secrets and parameters are counted separately.
        let secret = self.about.as_ref().map(|about| match about.scope {
            ReasonScope::OneSecret => (Some(about.key()), None),
            ReasonScope::AnySecret => (None, self.several.as_ref().map(|_| about.locator.store)),
        });
        // The missing keys of a secret are one error, although the text and the help name the key.
        let reason = match self.missing_key {
            Some(_) => None,
            None => Some(self.reason.as_ref().ok_or((&self.text, &self.help))),
        };
        Some((secret, self.status, self.code, reason, &self.notes))
    }

    /// Adds the key that a secret doesn't have.
    pub fn missing_key(mut self, missing: MissingKey) -> Self {
        self.missing_key = Some(Box::new(missing));
        self
    }

    /// Adds the secret that the problem is about. If the reason lies in the secret itself, the
    /// secret becomes the subject of the headline, which was only a predicate: `has no key "user"`.
    pub fn in_secret(mut self, locator: &Locator, scope: ReasonScope) -> Self {
        let mut about = About::new(locator);
        if scope == ReasonScope::OneSecret {
            self.text = format!("{} {}", about.name, self.text);
        }
        about.scope = scope;
        self.about = Some(about);
        self
    }

    /// Says that the headline names the entry, and that problems of several entries share one
    /// record if `reason` is the same.
    pub fn naming_entry(mut self, reason: Vec<String>) -> Self {
        self.names_entry = true;
        self.reason = Some(reason);
        self
    }

    /// Names the part of the entry that has the problem, if there is one.
    pub fn for_part(mut self, part: Option<String>) -> Self {
        self.part = part;
        self
    }

    /// Adds an entry that the problem affects.
    pub fn for_entry(mut self, subject: Subject) -> Self {
        self.entries.push(subject);
        self
    }
}

/// Groups items by key. Groups are in the order of their first items, and the items of a group keep
/// their order.
pub fn grouped<K: Ord + Clone, T>(items: impl IntoIterator<Item = (K, T)>) -> Vec<(K, Vec<T>)> {
    let mut groups: Vec<(K, Vec<T>)> = Vec::new();
    let mut positions = BTreeMap::new();
    for (key, item) in items {
        let position = *positions.entry(key.clone()).or_insert(groups.len());
        if position == groups.len() {
            groups.push((key, Vec::new()));
        }
        groups[position].1.push(item);
    }
    groups
}

impl About {
    /// The parts that identify the secret, without its region and role.
    pub fn key(&self) -> (Store, &SecretId, &Version) {
        let locator = &self.locator;
        (locator.store, &locator.id, &locator.version)
    }

    /// Creates the description of a secret, for a problem that lies in the secret itself.
    pub fn new(locator: &Locator) -> Box<Self> {
        let Locator { store, version, .. } = locator;
        let mut fields = Vec::new();
        if let Some(stage) = version.label() {
            fields.push(format!("{} {}", store.label_noun(), shown(stage)));
        }
        if let Some(id) = version.id() {
            fields.push(format!("version {}", shown(id)));
        }
        let mut name = locator.noun();
        if !fields.is_empty() {
            name += &format!(" ({})", fields.join(", "));
        }
        Box::new(Self {
            locator: locator.clone(),
            name,
            scope: ReasonScope::OneSecret,
        })
    }
}
