//! A problem is an error with a message, the entries that it affects, and a remedy. A warning that
//! is grouped like an error is a problem, too. [`records`] makes one record of all problems with
//! the same reason.
//!
//! A problem is worded where it is found, and never quotes the value of a secret. No code depends
//! on a problem's text: an error that decides something, such as whether to retry, first has a type
//! of its own, such as `FetchError`.

use std::collections::{BTreeMap, BTreeSet};
use std::iter;

use super::record::{Label, Record};
use crate::model::entry::{Subject, SubjectKind};
use crate::model::fault::Fault;
use crate::model::reference::{Locator, SecretId, Store, Version};
use crate::model::shown::{shown, some_of};

/// The exit status of a launch that fails. As in a shell, 126 and 127 mean that the command
/// couldn't be started. The others are from sysexits(3). If several apply, the highest is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Status {
    /// EX_USAGE: the command line, an environment variable or the AWS profile is invalid.
    Usage = 64,
    /// EX_SOFTWARE: a bug in secrets-exec.
    Bug = 70,
    /// EX_TEMPFAIL: a later launch may succeed.
    Temporary = 75,
    /// EX_NOPERM: there are no credentials, or AWS denied the request.
    Denied = 77,
    /// EX_CONFIG: something that the launch needs, such as the declaration or a secret, is invalid
    /// or absent.
    Configuration = 78,
    NotExecutable = 126,
    NotFound = 127,
}

#[derive(Clone, Debug, Default, PartialEq)]
#[must_use]
pub struct Problem {
    /// `None` for a warning.
    pub(super) status: Option<Status>,
    /// The code in `check`, such as `key-not-found` (see docs/programs.md). Empty if `check` never
    /// reports this problem.
    pub(super) code: &'static str,
    pub(super) headline: Headline,
    /// Details that differ for every request, such as the request id. They are printed after AWS's
    /// message or, without one, after the headline.
    pub(super) details: String,
    /// Empty if the problem affects the launch as a whole.
    pub(super) entries: Vec<Subject>,
    /// The part of the entry that is wrong: `db.password`, or `line 2, column 5 of the template`.
    pub(super) part: Option<String>,
    pub(super) about: Option<Box<About>>,
    /// AWS's message, on a line of its own.
    pub(super) aws_says: Option<String>,
    /// True if AWS's message names the secret. Problems can then share a record although these
    /// messages differ.
    pub(super) aws_names_secret: bool,
    /// Facts on lines of their own, such as the regions that were tried.
    pub(super) notes: Vec<String>,
    /// The advice: first about this particular case, and then the general help.
    pub(super) help: Option<String>,
    /// A sentence about other ways to write the reference, printed after the help. Problems with
    /// different sentences can share a record.
    pub(super) other_forms: Option<String>,
    /// True if AWS has already received a name that messages mask, because it may be a password.
    pub(super) has_sent_hidden_name: bool,
}

/// A sentence that says what is wrong. Problems with the same headline can share a record, so some
/// headlines have a wording for several secrets.
#[derive(Clone, Debug, PartialEq)]
pub enum Headline {
    /// A sentence that is the same for all problems with the same reason.
    Sentence(String),
    /// A sentence that isn't about a particular entry, such as one about missing credentials. Text
    /// output lists only a few of the entries.
    General(String),
    /// A sentence that names the entry, and texts that identify the reason. Problems with the same
    /// texts share a record.
    OfEntry(String, Vec<String>),
    /// A predicate about the secret, such as `has no value`. Each secret gets a record of its own.
    OfSecret(String),
    /// All missing keys of a secret share one record.
    OfMissingKey(MissingKey),
    /// A sentence with the secret's name or, if a record is about several secrets, their number.
    /// Several secrets can share the sentence, because their content isn't the cause.
    OfSecrets {
        /// The text around the name of a single secret.
        one: Frame,
        /// The text around the number of secrets.
        several: Frame,
    },
}

/// The parts of a sentence around a name or a number: `access to ` and `was denied`.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    pub before: &'static str,
    pub after: String,
}

impl Frame {
    fn around(&self, subject: &str) -> String {
        format!("{}{subject} {}", self.before, self.after)
    }
}

impl Default for Headline {
    fn default() -> Self {
        Self::Sentence(String::new())
    }
}

/// Identifies the problems that can share a record. Their status, code and notes must be the same,
/// too.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum GroupKey<'p> {
    /// The `bool` is true if the problems are about a secret.
    Sentence(bool, Texts<'p>),
    Entry(&'p [String]),
    Secret(Option<SecretKey<'p>>, Texts<'p>),
    MissingKeys(Option<SecretKey<'p>>),
    /// Has the store, because a record is never about both secrets and parameters.
    Secrets(Option<Store>, Texts<'p>),
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Texts<'p> {
    headline: &'p str,
    help: Option<&'p str>,
    aws_says: Option<&'p str>,
}

/// A key that a secret doesn't have.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MissingKey {
    /// The key as the user wrote it. It may be a token, so messages use [`shown`].
    pub key: String,
    /// The most similar key in the secret.
    pub similar: Option<String>,
    /// A clause such as `its keys are "host" and "port"`.
    pub existing_keys: String,
}

/// The secret or parameter that a problem is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    locator: Locator,
    /// `the secret "prod/db" (stage AWSPREVIOUS)`
    name: String,
}

/// Identifies a secret and its version, regardless of the region and the role.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct SecretKey<'p> {
    store: Store,
    id: &'p SecretId,
    version: &'p Version,
}

/// Problems that share a record.
struct Group<'g, 'p> {
    first: &'p Problem,
    others: &'g [&'p Problem],
}

impl Problem {
    /// A problem whose headline is a whole sentence. If `fault` has a help, the problem gets it.
    pub fn new(status: impl Into<Option<Status>>, fault: impl Into<Fault>) -> Self {
        let fault = fault.into();
        Self::with_headline(status, Headline::Sentence(fault.to_string()))
            .help_if_some(fault.into_help())
    }

    fn with_headline(status: impl Into<Option<Status>>, headline: Headline) -> Self {
        Self {
            status: status.into(),
            headline,
            ..Self::default()
        }
    }

    pub fn usage(fault: impl Into<Fault>) -> Self {
        Self::new(Status::Usage, fault)
    }

    pub fn configuration(fault: impl Into<Fault>) -> Self {
        Self::new(Status::Configuration, fault)
    }

    pub fn warning(fault: impl Into<Fault>) -> Self {
        Self::new(None, fault)
    }

    pub fn temporary(fault: impl Into<Fault>) -> Self {
        Self::new(Status::Temporary, fault)
    }

    pub fn nothing_resolved(why: &str) -> Self {
        Self::temporary(format!("no value can be resolved: {why}"))
    }

    /// A problem whose text names the entry. Problems with the same `reason` share one record.
    pub fn of_entry(text: String, reason: Vec<String>) -> Self {
        Self::with_headline(Status::Configuration, Headline::OfEntry(text, reason))
    }

    /// The caller adds the secret with [`Self::of_secret`].
    pub fn missing_key(missing: MissingKey) -> Self {
        Self::with_headline(Status::Configuration, Headline::OfMissingKey(missing))
            .code("key-not-found")
    }

    pub fn code(mut self, code: &'static str) -> Self {
        self.code = code;
        self
    }

    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Removes the help, because a warning in the same report already has it.
    pub fn without_help(mut self) -> Self {
        self.help = None;
        self
    }

    /// Replaces the help, unless `help` is `None`.
    pub fn help_if_some(mut self, help: Option<impl Into<String>>) -> Self {
        self.help = help.map(Into::into).or(self.help);
        self
    }

    pub fn notes(mut self, notes: impl IntoIterator<Item = String>) -> Self {
        self.notes.extend(notes);
        self
    }

    /// Puts the secret's name before the headline, which must be a predicate such as
    /// `has no value`.
    pub fn of_secret(mut self, locator: &Locator) -> Self {
        if let Headline::Sentence(predicate) = self.headline {
            self.headline = Headline::OfSecret(predicate);
        }
        self.about = Some(About::new(locator).into());
        self
    }

    /// Names the secret in the lines about the entries, but not in the headline.
    pub fn in_secret(mut self, locator: &Locator) -> Self {
        self.about = Some(About::new(locator).into());
        self
    }

    /// Names the part of the entry, such as `db.password` in a template.
    pub fn for_part(mut self, part: Option<String>) -> Self {
        self.part = part;
        self
    }

    /// Adds an affected entry.
    pub fn for_entry(mut self, subject: Subject) -> Self {
        self.entries.push(subject);
        self
    }

    /// `None` for a warning.
    pub fn status(&self) -> Option<Status> {
        self.status
    }

    /// The code in `check`, such as `key-not-found`.
    pub fn check_code(&self) -> &'static str {
        self.code
    }

    pub fn has_help(&self) -> bool {
        self.help.is_some()
    }

    /// The headline that this problem has if it doesn't share a record.
    pub fn text(&self) -> String {
        let first = self;
        Group { first, others: &[] }.text()
    }

    /// Problems with the same key share a record. `None` for a problem that never shares one.
    fn group_key(&self) -> Option<impl Ord + Clone + '_> {
        if self.entries.is_empty() {
            return None;
        }

        let about = self.about.as_deref();
        let secret = about.map(About::key);
        let aws_says = if self.aws_names_secret {
            None
        } else {
            self.aws_says.as_deref()
        };
        let texts = |headline| Texts {
            headline,
            help: self.help.as_deref(),
            aws_says,
        };
        let key = match &self.headline {
            Headline::Sentence(text) | Headline::General(text) => {
                GroupKey::Sentence(about.is_some(), texts(text))
            }
            Headline::OfEntry(_, reason) => GroupKey::Entry(reason),
            Headline::OfSecret(predicate) => GroupKey::Secret(secret, texts(predicate)),
            Headline::OfMissingKey(_) => GroupKey::MissingKeys(secret),
            Headline::OfSecrets { one, .. } => {
                GroupKey::Secrets(about.map(|about| about.locator.store), texts(&one.after))
            }
        };
        Some((key, self.status, self.code, &self.notes))
    }
}

/// Turns problems into records. Problems with the same reason share one.
pub fn records<'p>(problems: impl IntoIterator<Item = &'p Problem>) -> Vec<Record> {
    // A problem without a group key gets a record of its own: its unique position in the list is
    // the key.
    let groups = grouped(
        problems
            .into_iter()
            .enumerate()
            .map(|(at, problem)| (problem.group_key().ok_or(at), problem)),
    );

    let mut records = Vec::new();
    let mut is_note_added = false;
    for (_, problems) in groups {
        let Some((first, others)) = problems.split_first() else {
            continue;
        };
        let group = Group { first, others };
        let mut record = group.record();
        if !is_note_added && group.problems().any(|problem| problem.has_sent_hidden_name) {
            record = record.notes([SENT_NOTE.to_owned()]);
            is_note_added = true;
        }
        records.push(record);
    }
    records
}

const SENT_NOTE: &str = "a name that isn't shown in full may be a password. If it is, change the password: secrets-exec has already sent it to AWS";

impl<'p> Group<'_, 'p> {
    fn problems(&self) -> impl Iterator<Item = &'p Problem> {
        iter::once(self.first).chain(self.others.iter().copied())
    }

    /// The headline, the entries and the help about missing keys cover all problems of the group.
    /// Everything else comes from the first problem.
    fn record(&self) -> Record {
        let common = self.first.clone();
        let lines = self.entry_lines();
        // An entry with a template can have several lines, but its variable is listed only once.
        let mut variables = Vec::new();
        for (entry, _) in &lines {
            match entry.kind {
                SubjectKind::Entry | SubjectKind::EnvFrom | SubjectKind::EnvFromKey => {
                    variables.push(&*entry.label);
                }
                SubjectKind::Section | SubjectKind::Part => {}
            }
        }
        variables.dedup();

        let mut help = MissingKey::help(&self.missing_keys()).or(common.help);
        if let (Some(help), Some(forms)) = (&mut help, &common.other_forms) {
            *help = as_sentences(help, forms);
        }
        let label = match common.status {
            Some(_) => Label::Error,
            None => Label::Warning,
        };
        let mut record = Record::new(label, self.text())
            .with_aws_says(common.aws_says.map(|says| says + &common.details))
            .notes(common.notes)
            .help_if_some(help);
        if !variables.is_empty() {
            record = record.with("variables", variables);
        }
        if let Some(about) = common.about
            && self.secrets().len() == 1
        {
            record = record.with("secret", about.locator.shown_id());
        }
        let entries: Vec<String> = lines.into_iter().map(|(_, line)| line).collect();
        match common.headline {
            Headline::OfEntry(..) if entries.len() == 1 => {
                record.for_entries(entries).without_entry_lines()
            }
            Headline::General(_) => record.for_entries(entries).abridged(),
            Headline::Sentence(_)
            | Headline::OfEntry(..)
            | Headline::OfSecret(_)
            | Headline::OfMissingKey(_)
            | Headline::OfSecrets { .. } => record.for_entries(entries),
        }
    }

    fn entry_lines(&self) -> Vec<(&'p Subject, String)> {
        let are_secrets_in_headline =
            self.first.headline.names_secret() && self.secrets().len() == 1;
        let mut lines = Vec::new();
        for problem in self.problems() {
            for entry in &problem.entries {
                let mut line = entry.to_string();
                if let Some(part) = &problem.part {
                    line = format!("{part} in {line}");
                }
                // The line names the secret, unless the headline or the entry's reference already
                // does.
                if let Some(about) = &problem.about
                    && !are_secrets_in_headline
                    && entry
                        .written_reference()
                        .is_none_or(|written| written.secret != about.locator.written_id())
                {
                    line += &format!(": {}", about.name);
                }
                lines.push((entry, line));
            }
        }
        // If an entry has several problems with the same secret, they share a line.
        lines.dedup();
        lines
    }

    fn text(&self) -> String {
        let common = self.first;
        let name = common.about.as_ref().map_or("", |about| &about.name);
        let mut text = match &common.headline {
            Headline::Sentence(text) | Headline::General(text) | Headline::OfEntry(text, _) => {
                text.clone()
            }
            Headline::OfSecret(predicate) => format!("{name} {predicate}"),
            Headline::OfMissingKey(_) => {
                format!("{name} {}", MissingKey::predicate(&self.missing_keys()))
            }
            Headline::OfSecrets { one, several } => {
                let secrets = self.secrets();
                match secrets.first() {
                    Some(SecretKey { store, .. }) if secrets.len() > 1 => {
                        several.around(&format!("{} {store}s", secrets.len()))
                    }
                    _ => one.around(name),
                }
            }
        };
        if common.aws_says.is_none() {
            text += &common.details;
        }
        text
    }

    fn secrets(&self) -> BTreeSet<SecretKey<'p>> {
        self.problems()
            .filter_map(|problem| Some(problem.about.as_ref()?.key()))
            .collect()
    }

    fn missing_keys(&self) -> Vec<&'p MissingKey> {
        let mut keys = BTreeSet::new();
        for problem in self.problems() {
            if let Headline::OfMissingKey(missing) = &problem.headline {
                keys.insert(missing);
            }
        }
        keys.into_iter().collect()
    }
}

impl Headline {
    fn names_secret(&self) -> bool {
        match self {
            Self::OfSecret(_) | Self::OfMissingKey(_) | Self::OfSecrets { .. } => true,
            Self::Sentence(_) | Self::General(_) | Self::OfEntry(..) => false,
        }
    }
}

impl MissingKey {
    fn predicate(keys: &[&Self]) -> String {
        let names: Vec<String> = keys
            .iter()
            .map(|missing| format!("{:?}", shown(&missing.key)))
            .collect();
        match names.as_slice() {
            // As printed: the secret "prod/db" has no key "pasword"
            [name] => format!("has no key {name}"),
            names => format!("doesn't have these keys: {}", some_of(names)),
        }
    }

    /// Suggests similar keys. Also lists the existing keys, unless a single missing key has a
    /// suggestion.
    fn help(keys: &[&Self]) -> Option<String> {
        let existing_keys = &keys.first()?.existing_keys;
        let mut similar = Vec::new();
        for missing in keys {
            let name = missing.similar.as_ref().map(|key| format!("{key:?}"));
            similar.extend(name.filter(|name| !similar.contains(name)));
        }
        if similar.is_empty() {
            return Some(existing_keys.clone());
        }
        let question = format!("did you mean {}?", some_of(&similar));
        if keys.len() == 1 {
            return Some(question);
        }
        Some(as_sentences(&question, existing_keys))
    }
}

/// Joins two parts of a help as sentences, with a full stop and a capital letter where needed.
pub fn as_sentences(first: &str, second: &str) -> String {
    let is_sentence = first.ends_with(['.', '?', '!']);
    let end = if is_sentence { "" } else { "." };
    let (initial, rest) = second.split_at(second.chars().next().map_or(0, char::len_utf8));
    format!("{first}{end} {}{rest}", initial.to_uppercase())
}

/// Groups items by key, in the order of each group's first item.
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
    fn key(&self) -> SecretKey<'_> {
        let locator = &self.locator;
        SecretKey {
            store: locator.store,
            id: &locator.id,
            version: &locator.version,
        }
    }

    /// For a headline that already names the version.
    pub fn without_version(locator: &Locator) -> Self {
        Self {
            locator: locator.clone(),
            name: locator.noun_phrase(),
        }
    }

    /// The secret's name, with its version unless that is the default one.
    pub fn new(locator: &Locator) -> Self {
        let Locator { store, version, .. } = locator;
        let mut fields = Vec::new();
        if let Some(stage) = version.label() {
            fields.push(format!("{} {}", store.label_noun(), shown(stage)));
        }
        if let Some(id) = version.id() {
            fields.push(format!("version {}", shown(id)));
        }
        let mut about = Self::without_version(locator);
        if !fields.is_empty() {
            about.name += &format!(" ({})", fields.join(", "));
        }
        about
    }
}
