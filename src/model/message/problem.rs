//! A problem is an error with a message, the entries that it affects, and a remedy. [`records`]
//! groups problems by their reason, and makes one record of each group, which `report` prints.
//!
//! A problem is worded where it is found, and never quotes the value of a secret. No code decides
//! anything by the text of a problem: an error that decides something, such as whether to retry,
//! first has a type of its own, such as `FetchError`. A warning that is grouped like an error is a
//! problem, too.
//!
//! The fields of a problem are private, so its constructors and methods decide what a message can
//! contain.

use std::collections::{BTreeMap, BTreeSet};
use std::iter;

use super::record::{Label, Record};
use crate::model::entry::{Subject, SubjectKind};
use crate::model::fault::Fault;
use crate::model::reference::{Locator, SecretId, Store, Version};
use crate::model::shown::{shown, some_of};

/// The exit status of a launch that fails. As in a shell, 126 and 127 mean that the command
/// couldn't be started. The others are from sysexits(3). If there are several problems, the highest
/// status applies.
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
    /// EX_CONFIG: the declaration, a secret, a certificate or something else that the launch needs
    /// is invalid or absent.
    Configuration = 78,
    NotExecutable = 126,
    NotFound = 127,
}

#[derive(Clone, Debug, Default, PartialEq)]
#[must_use]
pub struct Problem {
    /// The exit status. `None` for a warning.
    status: Option<Status>,
    /// The problem's code in the table and JSON of `check`, such as `key-not-found` (see
    /// docs/programs.md). Empty if `check` can't have this problem.
    code: &'static str,
    /// Says what is wrong. Problems with the same headline can share a record.
    headline: Headline,
    /// Details that are different for every request, such as its id. They come after AWS's message
    /// or, if there isn't one, after the headline.
    details: String,
    /// The entries that the problem affects. Empty if it affects the launch as a whole.
    entries: Vec<Subject>,
    /// The part of the entry that has the problem, such as `db.password` or
    /// `line 2, column 5 of the template`.
    part: Option<String>,
    about: Option<Box<About>>,
    /// AWS's own message, which gets a line of its own.
    aws_says: Option<String>,
    /// True if AWS's message names the secret. Problems can then share a record even though their
    /// messages differ.
    aws_names_secret: bool,
    /// Facts that secrets-exec adds to the headline, such as the regions that it tried. Each gets a
    /// line of its own.
    notes: Vec<String>,
    /// The help, which says what to do. Advice about this particular case, if secrets-exec has any,
    /// comes before the general help for such a problem.
    help: Option<String>,
    /// A sentence about other ways to write the reference, which follows the help. Problems that
    /// differ only in this sentence can share a record.
    other_forms: Option<String>,
    /// True if a name that may be a password has already been sent to AWS. Messages mask this name.
    has_sent_hidden_name: bool,
}

/// The headline of a problem: a sentence that says what is wrong.
///
/// Problems with the same headline can share a record ([`records`]), so some headlines also have a
/// wording for several secrets.
#[derive(Clone, Debug, PartialEq)]
pub enum Headline {
    /// A sentence that is the same for all problems with the same reason.
    Sentence(String),
    /// A sentence that has nothing to do with a particular entry, such as one about missing
    /// credentials. Text output lists only a few of the affected entries.
    General(String),
    /// A sentence that names the entry, and a list of texts that identify the reason. Problems with
    /// the same list share a record, which names all their entries.
    OfEntry(String, Vec<String>),
    /// A predicate, such as `has no value`, about the secret that has the problem. Each secret gets
    /// a record of its own.
    OfSecret(String),
    /// The secret doesn't have this key. All missing keys of a secret share one record.
    OfMissingKey(MissingKey),
    /// A sentence with the secret's name or, if there are several secrets, their number. The cause
    /// isn't the content of a secret, so one record can be about several of them.
    OfSecrets {
        /// The wording for a single secret, around its name.
        one: Frame,
        /// The wording for several secrets, around their number.
        several: Frame,
    },
}

/// The parts of a sentence around a name or a number. For `access to 3 secrets was denied`, these
/// are `access to ` and `was denied`.
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

/// The parts that problems must have in common to share a record, besides their status, code
/// and notes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum GroupKey<'p> {
    /// True if the problems are about a secret, followed by their texts.
    Sentence(bool, Texts<'p>),
    Entry(&'p [String]),
    Secret(Option<SecretKey<'p>>, Texts<'p>),
    MissingKeys(Option<SecretKey<'p>>),
    /// The store and the texts. A record is never about both secrets and parameters.
    Secrets(Option<Store>, Texts<'p>),
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Texts<'p> {
    headline: &'p str,
    help: Option<&'p str>,
    aws_says: Option<&'p str>,
}

/// A key that a secret doesn't have. All missing keys of a secret are reported in a single error.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MissingKey {
    /// The key as the user wrote it. It may be a token, so messages mask it with
    /// [`shown`](crate::model::shown::shown()).
    pub key: String,
    /// The most similar key in the secret, if any is similar enough.
    pub similar: Option<String>,
    /// A clause that lists the existing keys, such as `its keys are "host" and "port"`.
    pub existing_keys: String,
}

/// The secret or parameter that a problem is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    locator: Locator,
    /// The secret as the subject of a sentence: `the secret "prod/db" (stage AWSPREVIOUS)`.
    name: String,
}

/// The parts of a locator that identify the secret and its version, without the region and role.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct SecretKey<'p> {
    store: Store,
    id: &'p SecretId,
    version: &'p Version,
}

/// Problems with the same reason, which share a record.
struct Group<'g, 'p> {
    first: &'p Problem,
    others: &'g [&'p Problem],
}

impl Problem {
    /// Creates a problem from a whole sentence: a text, or a fault with its help.
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

    /// Creates a problem whose headline names the entry. Problems with the same `reason` share one
    /// record, even if they affect different entries.
    pub fn of_entry(text: String, reason: Vec<String>) -> Self {
        Self::with_headline(Status::Configuration, Headline::OfEntry(text, reason))
    }

    /// Creates a problem about a key that a secret doesn't have. Call [`Self::of_secret`] to add
    /// the secret.
    pub fn missing_key(missing: MissingKey) -> Self {
        Self::with_headline(Status::Configuration, Headline::OfMissingKey(missing))
            .code("key-not-found")
    }

    /// Creates a problem for a failed request. `about` is `None` if the failure isn't about a
    /// particular secret.
    pub fn of_request(status: Status, headline: Headline, about: Option<Box<About>>) -> Self {
        Self {
            about,
            ..Self::with_headline(status, headline)
        }
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

    /// Adds AWS's own message, if there is one, and details such as the request's id, which differ
    /// from request to request.
    pub fn with_answer(mut self, aws_says: Option<String>, details: String) -> Self {
        self.aws_says = aws_says;
        self.details = details;
        self
    }

    /// Remembers that AWS's message names the secret. Problems can then share a record even though
    /// their messages differ.
    pub fn with_secret_in_answer(mut self) -> Self {
        self.aws_names_secret = true;
        self
    }

    /// Adds a sentence about other ways to write the reference, if there is one.
    pub fn with_other_forms(mut self, forms: Option<String>) -> Self {
        self.other_forms = forms;
        self
    }

    /// Remembers that a name that may be a password has already been sent to AWS. Messages mask
    /// this name.
    pub fn with_hidden_name_sent(mut self) -> Self {
        self.has_sent_hidden_name = true;
        self
    }

    /// Puts the secret's name before the headline, which so far is only a predicate such as
    /// `has no value`.
    pub fn of_secret(mut self, locator: &Locator) -> Self {
        if let Headline::Sentence(predicate) = self.headline {
            self.headline = Headline::OfSecret(predicate);
        }
        self.about = Some(About::new(locator));
        self
    }

    /// Adds the secret that the problem is about. The lines about the entries name it, but the
    /// headline doesn't.
    pub fn in_secret(mut self, locator: &Locator) -> Self {
        self.about = Some(About::new(locator));
        self
    }

    /// Names the part of the entry that has the problem, such as `db.password` in a template.
    pub fn for_part(mut self, part: Option<String>) -> Self {
        self.part = part;
        self
    }

    /// Adds an entry that the problem affects.
    pub fn for_entry(mut self, subject: Subject) -> Self {
        self.entries.push(subject);
        self
    }

    /// The exit status.
    pub fn status(&self) -> Option<Status> {
        self.status
    }

    /// The code in the table and the JSON of `check`, such as `key-not-found`.
    pub fn check_code(&self) -> &'static str {
        self.code
    }

    pub fn has_help(&self) -> bool {
        self.help.is_some()
    }

    /// The headline of a problem that doesn't share its record with others.
    pub fn text(&self) -> String {
        let first = self;
        Group { first, others: &[] }.text()
    }

    /// The key by which [`records`] groups problems. Problems with the same key are printed as one,
    /// with all their entries.
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

/// Turns problems into records. Problems with the same reason share one record, which lists all
/// their entries.
pub fn records<'p>(problems: impl IntoIterator<Item = &'p Problem>) -> Vec<Record> {
    // A problem without a group key gets a record of its own. It is grouped by its position in the
    // list, which is unique.
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

    /// Builds the record for the group. Its headline, its entries and the help about missing keys
    /// cover all of the problems. Everything else comes from the first one.
    fn record(&self) -> Record {
        let common = self.first.clone();
        let lines = self.entry_lines();
        // An entry with a template can have several lines, but its variable is listed only once.
        let mut variables = Vec::new();
        for (entry, _) in &lines {
            if entry.kind != SubjectKind::Section {
                variables.push(&*entry.label);
            }
        }
        variables.dedup();

        let mut help = MissingKey::help(&self.missing_keys()).or(common.help);
        if let (Some(help), Some(forms)) = (&mut help, &common.other_forms) {
            *help = as_sentences(help, forms);
        }
        let label = common.status.map_or(Label::Warning, |_| Label::Error);
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
            Headline::OfEntry(..) if entries.len() == 1 => record.with("entries", entries),
            Headline::General(_) => record.for_entries(entries).abridged(),
            Headline::Sentence(_)
            | Headline::OfEntry(..)
            | Headline::OfSecret(_)
            | Headline::OfMissingKey(_)
            | Headline::OfSecrets { .. } => record.for_entries(entries),
        }
    }

    /// The entries that the problems affect, each with its line in the record.
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

    /// The headline of the record.
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

    /// The missing keys of one secret, in alphabetical order.
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
    /// True if the headline names the secret. Then the lines about the entries don't have to.
    fn names_secret(&self) -> bool {
        match self {
            Self::OfSecret(_) | Self::OfMissingKey(_) | Self::OfSecrets { .. } => true,
            Self::Sentence(_) | Self::General(_) | Self::OfEntry(..) => false,
        }
    }
}

impl MissingKey {
    /// A predicate that says which keys the secret lacks: `has no key "user"`.
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

    /// The help about missing keys. Suggests similar keys, if there are any. Also lists the
    /// existing keys, unless only one key is missing and a similar key is suggested for it.
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

/// Joins two parts of a help text as sentences: ends the first part with a full stop, unless it
/// already ends a sentence, and capitalizes the first letter of the second part.
pub fn as_sentences(first: &str, second: &str) -> String {
    let is_sentence = first.ends_with(['.', '?', '!']);
    let end = if is_sentence { "" } else { "." };
    let (initial, rest) = second.split_at(second.chars().next().map_or(0, char::len_utf8));
    format!("{first}{end} {}{rest}", initial.to_uppercase())
}

/// Groups items by key. The groups are in the order of their first items, and the items of a group
/// keep their order.
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
    /// The parts of the locator that identify the secret and its version, without the region and
    /// role.
    fn key(&self) -> SecretKey<'_> {
        let locator = &self.locator;
        SecretKey {
            store: locator.store,
            id: &locator.id,
            version: &locator.version,
        }
    }

    /// Describes a secret by its name, without its version.
    pub fn without_version(locator: &Locator) -> Box<Self> {
        Box::new(Self {
            locator: locator.clone(),
            name: locator.noun(),
        })
    }

    /// Describes a secret by its name, followed by its version unless that is the default one.
    pub fn new(locator: &Locator) -> Box<Self> {
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
