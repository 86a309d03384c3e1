//! A problem: an error with its message, the entries that it affects, and its remedy.
//!
//! A problem is worded where it is found, and nothing is decided by its text. Code that has to
//! decide on an error uses a different type first, such as `FetchError`. A problem never quotes the
//! value of a secret. [`records`] groups problems, and makes a record of each group. Some warnings
//! are made from problems, too, and then the exit status has no meaning.
//!
//! The fields of a problem are private. Its constructors and methods say what a message can have,
//! and only this file decides how the parts of a message are combined.

use std::collections::{BTreeMap, BTreeSet};

use super::entry::{Subject, SubjectKind};
use super::fault::Fault;
use super::record::{Label, Record};
use super::reference::{Locator, SecretId, Store, Version};
use super::shown::{shown, some_of};

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
    status: Status,
    /// The code in the table and the JSON of `check`, as docs/check.md lists them. Empty if the
    /// problem can't occur there.
    code: &'static str,
    /// What is wrong. It decides which problems share a record with this one.
    headline: Headline,
    /// What differs from request to request, such as the request's id. It follows AWS's message or,
    /// without one, the headline.
    details: String,
    /// The entries that the problem affects. Empty if it affects the launch as a whole.
    entries: Vec<Subject>,
    /// The part of the entry that has the problem: in a template, `db.password` or `line 2, column
    /// 5 of the template`.
    part: Option<String>,
    /// The secret that the problem is about.
    about: Option<Box<About>>,
    /// The message that AWS has sent. It gets a line of its own.
    aws_says: Option<String>,
    /// True if AWS's message names the secret, so that it differs within a group.
    aws_names_secret: bool,
    /// Facts that secrets-exec adds to the headline, such as the regions that were tried. Each gets
    /// a line of its own.
    notes: Vec<String>,
    /// The help, which says what to do: first what secrets-exec has found out about this case, if
    /// anything, and then the general help for such a problem.
    help: Option<String>,
    /// A sentence about the other forms of a reference. It follows the help, and doesn't decide the
    /// group, because the form of a reference doesn't change the reason.
    other_forms: Option<String>,
    /// True if AWS has received a name that the problem masks, because it may be a password.
    has_sent_hidden_name: bool,
}

/// The headline of a problem: a sentence that says what is wrong.
///
/// The headline decides which problems share a record ([`records`]), so it also has the wording for
/// several secrets.
#[derive(Clone, Debug, PartialEq)]
pub enum Headline {
    /// A sentence that is equal in all problems with the same reason.
    Sentence(String),
    /// A sentence whose reason has nothing to do with the entries, so text output lists only some
    /// of them.
    General(String),
    /// A sentence that names the entry, so text output lists the entry only in a group. The texts
    /// after the sentence are equal in all problems with the same reason.
    OfEntry(String, Vec<String>),
    /// A predicate, such as `has no value`, whose subject is the secret. The reason lies in the
    /// secret itself, so each secret gets a record of its own.
    OfSecret(String),
    /// The secret doesn't have this key. All missing keys of a secret share one record.
    OfMissingKey(MissingKey),
    /// The secret is a part of the sentence, but the reason lies elsewhere, so one record can be
    /// about several secrets.
    OfSecrets {
        /// What is before and after the name of the secret: `access to the secret "prod/db" was
        /// denied`.
        one: (&'static str, String),
        /// What is before and after the number of secrets: `access to 3 secrets was denied`.
        several: (&'static str, String),
    },
}

impl Default for Headline {
    fn default() -> Self {
        Self::Sentence(String::new())
    }
}

/// What problems with the same status, code and notes must have in common to share a record.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum GroupKey<'p> {
    /// Whether they are about a secret, and their texts.
    Sentence(bool, Texts<'p>),
    Entry(&'p [String]),
    Secret(Option<SecretKey<'p>>, Texts<'p>),
    MissingKeys(Option<SecretKey<'p>>),
    /// The store, because secrets and parameters are counted separately.
    Secrets(Option<Store>, Texts<'p>),
}

/// The headline, the help and AWS's message.
type Texts<'p> = [Option<&'p str>; 3];

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
    locator: Locator,
    /// The secret as the subject of a sentence: `the secret "prod/db" (stage AWSPREVIOUS)`.
    name: String,
}

/// The parts of a locator that identify the secret.
type SecretKey<'p> = (Store, &'p SecretId, &'p Version);

impl Problem {
    pub fn new(status: Status, text: impl Into<String>) -> Self {
        Self::with_headline(status, Headline::Sentence(text.into()))
    }

    fn with_headline(status: Status, headline: Headline) -> Self {
        Self {
            status,
            headline,
            ..Self::default()
        }
    }

    pub fn usage(text: impl Into<String>) -> Self {
        Self::new(Status::Usage, text)
    }

    /// Creates the problem for a fault whose text is a whole sentence.
    pub fn from_fault(status: Status, fault: Fault) -> Self {
        Self::new(status, fault.to_string()).help_if_some(fault.into_help())
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

    /// Creates the problem of an entry that the headline names. Problems of several entries share
    /// one record if `reason` is the same.
    pub fn of_entry(text: String, reason: Vec<String>) -> Self {
        Self::with_headline(Status::Configuration, Headline::OfEntry(text, reason))
    }

    /// Creates the problem of a secret that doesn't have a key. Until [`Self::of_secret`], the
    /// headline has no subject.
    pub fn missing_key(missing: MissingKey) -> Self {
        Self::with_headline(Status::Configuration, Headline::OfMissingKey(missing))
            .code("key-not-found")
    }

    /// Creates the problem of a request that has failed. `about` is `None` if the failure has
    /// nothing to do with a particular secret.
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

    pub fn with_notes(mut self, notes: Vec<String>) -> Self {
        self.notes = notes;
        self
    }

    /// Adds the message that AWS has sent, if there is one, and the details, which differ from
    /// request to request.
    pub fn with_answer(mut self, aws_says: Option<String>, details: String) -> Self {
        self.aws_says = aws_says;
        self.details = details;
        self
    }

    /// Says that AWS's message names the secret, so that problems with different messages can share
    /// a record.
    pub fn with_secret_in_answer(mut self) -> Self {
        self.aws_names_secret = true;
        self
    }

    /// Adds the sentence about the other forms of the reference, if there is one.
    pub fn with_other_forms(mut self, forms: Option<String>) -> Self {
        self.other_forms = forms;
        self
    }

    /// Says that AWS has received a name that the problem masks.
    pub fn with_hidden_name_sent(mut self) -> Self {
        self.has_sent_hidden_name = true;
        self
    }

    /// Makes the secret the subject of the headline, which was only a predicate: `has no value`.
    pub fn of_secret(mut self, locator: &Locator) -> Self {
        if let Headline::Sentence(predicate) = self.headline {
            self.headline = Headline::OfSecret(predicate);
        }
        self.about = Some(About::new(locator));
        self
    }

    /// Adds the secret that the problem is about. The headline is about something else, so the
    /// lines of entries name the secret.
    pub fn in_secret(mut self, locator: &Locator) -> Self {
        self.about = Some(About::new(locator));
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

    pub fn status(&self) -> Status {
        self.status
    }

    /// The code in the table and the JSON of `check`.
    pub fn check_code(&self) -> &'static str {
        self.code
    }

    pub fn has_help(&self) -> bool {
        self.help.is_some()
    }

    /// The headline of a problem that has a record of its own.
    pub fn text(&self) -> String {
        common_text(&[self])
    }

    /// The key by which [`records`] groups problems. Problems with the same key are printed as one,
    /// with all their entries. Returns `None` for a problem without entries, which is always
    /// printed by itself.
    ///
    /// The key leaves out what can differ within a group, such as the entries.
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
        let texts = |text| [Some(text), self.help.as_deref(), aws_says];
        let key = match &self.headline {
            Headline::Sentence(text) | Headline::General(text) => {
                GroupKey::Sentence(about.is_some(), texts(text))
            }
            Headline::OfEntry(_, reason) => GroupKey::Entry(reason),
            Headline::OfSecret(predicate) => GroupKey::Secret(secret, texts(predicate)),
            Headline::OfMissingKey(_) => GroupKey::MissingKeys(secret),
            Headline::OfSecrets { one: (_, text), .. } => {
                GroupKey::Secrets(about.map(|about| about.locator.store), texts(text))
            }
        };
        Some((key, self.status, self.code, &self.notes))
    }
}

/// A record for each problem. Problems with the same reason share one record, which lists all their
/// entries.
pub fn records<'p>(label: Label, problems: impl IntoIterator<Item = &'p Problem>) -> Vec<Record> {
    // A problem without a group key gets a record of its own, because its position in the list,
    // which is unique, is its key.
    let groups = grouped(
        problems
            .into_iter()
            .enumerate()
            .map(|(at, problem)| (problem.group_key().ok_or(at), problem)),
    );

    let mut records = Vec::new();
    let mut is_note_added = false;
    for (_, problems) in groups {
        let mut record = common_record(label, &problems);
        if !is_note_added && problems.iter().any(|problem| problem.has_sent_hidden_name) {
            record = record.with_notes([SENT_NOTE.to_owned()]);
            is_note_added = true;
        }
        records.push(record);
    }
    records
}

const SENT_NOTE: &str = "a name that isn't shown in full may be a password. If it is, change the password: secrets-exec has already sent it to AWS";

/// The record about problems with the same group key. `problems` isn't empty. Its headline and its
/// entries are about all problems. The other parts are those of the first problem, except for the
/// help about missing keys.
fn common_record(label: Label, problems: &[&Problem]) -> Record {
    let common = problems[0].clone();
    let secrets = secrets_of(problems);
    let lines = entry_lines(problems);
    // An entry with a template can have several lines, but its variable is listed only once.
    let mut variables = Vec::new();
    for (entry, _) in &lines {
        if entry.kind != SubjectKind::Section {
            variables.push(&*entry.label);
        }
    }
    variables.dedup();

    let mut help = match missing_keys(problems).as_slice() {
        [] => common.help,
        keys => Some(MissingKey::help(keys)),
    };
    if let (Some(help), Some(forms)) = (&mut help, &common.other_forms) {
        *help = as_sentences(help, forms);
    }
    let mut record = Record::new(label, common_text(problems))
        .with_aws_says(common.aws_says.map(|says| says + &common.details))
        .with_notes(common.notes)
        .help_if_some(help);
    if !variables.is_empty() {
        record = record.with("variables", variables);
    }
    if let Some(about) = common.about
        && secrets.len() == 1
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

/// The entries of problems with the same group key, each with its line in the record.
fn entry_lines<'p>(problems: &[&'p Problem]) -> Vec<(&'p Subject, String)> {
    let are_secrets_in_headline =
        problems[0].headline.names_secret() && secrets_of(problems).len() == 1;
    let mut lines = Vec::new();
    for problem in problems {
        for entry in &problem.entries {
            let mut line = entry.to_string();
            if let Some(part) = &problem.part {
                line = format!("{part} in {line}");
            }
            // The line names the secret, unless the headline or the entry's reference already does.
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
    // Problems of an entry that are about the same secret share a line.
    lines.dedup();
    lines
}

/// The headline of the record about problems with the same group key. `problems` isn't empty.
fn common_text(problems: &[&Problem]) -> String {
    let common = problems[0];
    let name = common.about.as_ref().map_or("", |about| &about.name);
    let mut text = match &common.headline {
        Headline::Sentence(text) | Headline::General(text) | Headline::OfEntry(text, _) => {
            text.clone()
        }
        Headline::OfSecret(predicate) => format!("{name} {predicate}"),
        Headline::OfMissingKey(_) => {
            format!("{name} {}", MissingKey::predicate(&missing_keys(problems)))
        }
        Headline::OfSecrets { one, several } => {
            let secrets = secrets_of(problems);
            match secrets.first() {
                Some((store, ..)) if secrets.len() > 1 => {
                    format!("{}{} {store}s {}", several.0, secrets.len(), several.1)
                }
                _ => format!("{}{name} {}", one.0, one.1),
            }
        }
    };
    if common.aws_says.is_none() {
        text += &common.details;
    }
    text
}

/// The secrets that the problems are about.
fn secrets_of<'p>(problems: &[&'p Problem]) -> BTreeSet<SecretKey<'p>> {
    problems
        .iter()
        .filter_map(|problem| Some(problem.about.as_ref()?.key()))
        .collect()
}

/// The keys that the problems of one secret are about, in alphabetical order.
fn missing_keys<'p>(problems: &[&'p Problem]) -> Vec<&'p MissingKey> {
    let mut keys = BTreeSet::new();
    for problem in problems {
        if let Headline::OfMissingKey(missing) = &problem.headline {
            keys.insert(missing);
        }
    }
    keys.into_iter().collect()
}

impl Headline {
    /// True if the headline names the secret, so that the lines of entries don't have to.
    fn names_secret(&self) -> bool {
        match self {
            Self::OfSecret(_) | Self::OfMissingKey(_) | Self::OfSecrets { .. } => true,
            Self::Sentence(_) | Self::General(_) | Self::OfEntry(..) => false,
        }
    }
}

impl MissingKey {
    /// The predicate of a sentence about the secret: `has no key "user"`. `keys` isn't empty.
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

    /// The help: for one missing key, the similar key or, without one, the keys that exist. For
    /// several, both. `keys` isn't empty.
    fn help(keys: &[&Self]) -> String {
        let existing_keys = &keys[0].existing_keys;
        let mut similar = Vec::new();
        for missing in keys {
            let name = missing.similar.as_ref().map(|key| format!("{key:?}"));
            similar.extend(name.filter(|name| !similar.contains(name)));
        }
        if similar.is_empty() {
            return existing_keys.clone();
        }
        let question = format!("did you mean {}?", some_of(&similar));
        if keys.len() == 1 {
            return question;
        }
        as_sentences(&question, existing_keys)
    }
}

/// Joins two parts of a help as sentences: a full stop follows the first part unless it has one,
/// and the second part begins with a capital letter.
pub fn as_sentences(first: &str, second: &str) -> String {
    let is_sentence = first.ends_with(['.', '?', '!']);
    let end = if is_sentence { "" } else { "." };
    let (initial, rest) = second.split_at(second.chars().next().map_or(0, char::len_utf8));
    format!("{first}{end} {}{rest}", initial.to_uppercase())
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
    fn key(&self) -> SecretKey<'_> {
        let locator = &self.locator;
        (locator.store, &locator.id, &locator.version)
    }

    /// Describes a secret by its name, without its version.
    pub fn without_version(locator: &Locator) -> Box<Self> {
        Box::new(Self {
            locator: locator.clone(),
            name: locator.noun(),
        })
    }

    /// Describes a secret by its name and, unless it is the current one, its version.
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
