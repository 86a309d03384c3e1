//! Entries: the variables and files that the user wants, and where their values come from. Also
//! decides which variables `env-from` may set.
//!
//! Until the plan looks up the aliases and `${NAME}` in an entry, the entry is as the user wrote
//! it.

mod claims;
mod subject;
mod target;
pub mod template;

pub use claims::*;
pub use subject::*;
pub use target::*;
pub use template::{Operand, Part};

use std::collections::BTreeMap;
use std::sync::LazyLock;

use glob::Pattern;
use regex_lite::Regex;

use crate::model::environment::{EnvName, known_patterns, matches_any};
use crate::model::reference::Reference;

/// A variable or file to set, and the source of its value. `R` is the type of its references:
/// [`Reference`] as the user wrote them or, once the plan has looked them up,
/// [`SecretRef`](crate::model::reference::SecretRef).
#[derive(Clone, Debug)]
pub struct Entry<R = Reference> {
    /// The entry's id in the plan. Until there is a plan, every entry has the default id.
    pub id: EntryId,
    pub target: Target,
    pub source: Source<R>,
    pub transform: Transform,
    /// `pattern`: a regular expression that the value must match, after decoding and before
    /// encoding. The text of `default` must match it, too.
    pub pattern: Option<Regex>,
    pub on_missing: OnMissing,
    pub subject: Subject,
}

/// Identifies an entry in a plan. Its subject can't do this, because two entries on the same line
/// may have the same subject.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct EntryId {
    /// The number of the entry's layer, counted from the latest layer, which has the number 0.
    pub layer: usize,
    pub number: usize,
    /// The key's number in its `env-from` object. `None` if this is the id of an entry, not of a
    /// key.
    pub key: Option<usize>,
}

impl Entry {
    /// Creates an `env-from` entry, which sets a variable for every key of an object.
    pub fn for_object(reference: Reference, naming: Naming, origin: Origin) -> Self {
        let target = Target::Variables(naming.prefix.clone());
        let source = Source::Object(ObjectSource { reference, naming });
        Self::new(target, source, origin)
    }

    /// Creates an entry with the default options: its value must exist, and isn't decoded, encoded
    /// or checked against a pattern.
    pub fn new(target: Target, source: Source, origin: Origin) -> Self {
        let written = match &source {
            Source::Reference(reference) | Source::Object(ObjectSource { reference, .. }) => {
                Some(Written::Reference(reference.clone().into()))
            }
            Source::Composed(_) if origin != Origin::Inherited => Some(Written::Template),
            Source::Literal(_) | Source::Default(..) | Source::Composed(_) => None,
        };
        let subject = Subject {
            written,
            ..Subject::for_target(&target, origin)
        };
        Self {
            id: EntryId::default(),
            target,
            source,
            transform: Transform::default(),
            pattern: None,
            on_missing: OnMissing::Fail,
            subject,
        }
    }
}

impl<R> Entry<R> {
    /// The same entry, with another source of its value.
    pub fn with_source<S>(self, source: Source<S>) -> Entry<S> {
        Entry {
            id: self.id,
            target: self.target,
            source,
            transform: self.transform,
            pattern: self.pattern,
            on_missing: self.on_missing,
            subject: self.subject,
        }
    }
}

/// The source of an entry's value. Only [`Source::Object`] supplies values for several
/// variables.
#[derive(Clone, Debug)]
pub enum Source<R = Reference> {
    Reference(R),
    Literal(String),
    /// For an entry whose secret is `${NAME:-}` while NAME is empty: the text of `default`, and
    /// NAME. Occurs only in a plan.
    Default(String, String),
    /// Text that contains references: a template, or an inherited variable with dynamic references.
    Composed(Vec<Part<R>>),
    Object(ObjectSource<R>),
}

/// The source of an `env-from` entry: a JSON object, or all parameters below a path.
#[derive(Clone, Debug)]
pub struct ObjectSource<R = Reference> {
    pub reference: R,
    pub naming: Naming,
}

impl<R> Source<R> {
    /// The references to secrets, in the order in which they are written, including duplicates.
    pub fn references(&self) -> Vec<&R> {
        match self {
            Self::Reference(reference) => vec![reference],
            Self::Composed(parts) => parts
                .iter()
                .filter_map(|part| match part {
                    Part::Lookup(Operand::Secret(reference), _) => Some(reference),
                    Part::Lookup(Operand::Variable(_), _) | Part::Text(_) => None,
                })
                .collect(),
            Self::Literal(_) | Self::Default(..) => Vec::new(),
            Self::Object(object) => vec![&object.reference],
        }
    }
}

/// The changes to make to a value before the command gets it. Decoding comes first, then encoding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transform {
    /// `decode: base64`
    pub decode: bool,
    /// `encode: base64`
    pub encode: bool,
}

/// The action to take if a secret, a version or a key doesn't exist. If AWS denies a request or
/// doesn't answer, the entry fails regardless.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OnMissing {
    /// Report an error, and don't start the command.
    Fail,
    /// `optional: true`: ignore the entry. An entry in an earlier layer may then set the target.
    Optional,
    /// `default`: use this text as the value. It is neither decoded nor encoded.
    Default(String),
}

/// Which keys of an `env-from` object become variables, and how these variables are named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Naming {
    /// The text at the beginning of every variable's name. It keeps its case, even without
    /// `case: keep`.
    pub prefix: String,
    /// `only`: the keys that become variables. All of them must exist. `None` selects every key.
    pub only: Option<Vec<String>>,
    pub except: Vec<String>,
    /// Maps keys to their new names, without the prefix.
    pub rename: BTreeMap<String, String>,
    /// True with `case: keep`: a key's letters keep their case in the variable's name. Otherwise,
    /// they become capitals. Either way, characters outside `[A-Za-z0-9_]` become `_`.
    pub keeps_case: bool,
}

/// The names of variables that `env-from` refuses to set, grouped by the harm they can do.
///
/// The first group, [`SAFE`], lists exceptions. The same names in lowercase are refused, too,
/// because programs also read `https_proxy`, for example.
///
/// Anyone who can write a secret chooses its keys, so a key must not set a variable that makes
/// programs run code, talk to other hosts, or misread their surroundings. Users can still set these
/// variables under `env`.
///
/// The names that the AWS SDKs read are taken from botocore's configprovider.py and credentials.py,
/// and from <https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html>.
const UNSAFE_NAMES: &str = include_str!("unsafe_names.txt");

/// The heading of the exceptions in [`UNSAFE_NAMES`]: variables that `env-from` sets although a
/// later group matches them, too. This group must come first, because the first match decides.
const SAFE: &str = "is safe";

/// The variables that `env-from` sets only if their value is empty or a plain word (`production`).
///
/// Other values are dangerous. An interactive shell expands ENV, and runs the file that it names.
/// .NET reads a file whose name contains the value of DOTNET_ENVIRONMENT.
const SAFE_AS_WORDS: [&str; 2] = ["ENV", "DOTNET_ENVIRONMENT"];

/// The heading of the pattern `*_PROXY`, the last group of [`UNSAFE_NAMES`].
///
/// It applies only to names that no other group matches. Even so, `env-from` sets such a variable
/// if its value is a switch, as in `TRUST_PROXY=1`, unless [`PROXIES`] lists it.
const PROXY: &str = "can make programs send their requests through someone else's proxy";

/// The heading of the variables that the AWS SDKs and the AWS CLI read.
const AWS: &str = "configures the AWS SDKs and CLI";

/// The variables in which programs look for a proxy. For these, even a switch such as `0` is
/// unsafe, because it is also the address of a host.
const PROXIES: [&str; 5] = [
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "FTP_PROXY",
    "NO_PROXY",
];

impl Naming {
    /// True if `only` and `except` let this key become a variable.
    pub fn selects(&self, key: &str) -> bool {
        let listed = |keys: &[String]| keys.iter().any(|other| other == key);
        self.only.as_deref().is_none_or(listed) && !listed(&self.except)
    }

    /// The name of the variable that a key sets. It may still be unsafe (see [`unsafe_effect`]).
    pub fn variable_name(&self, key: &str) -> Result<EnvName, String> {
        let legal_key = key.replace(|c: char| !c.is_ascii_alphanumeric() && c != '_', "_");
        let rest = match self.rename.get(key) {
            Some(new_name) => new_name.clone(),
            None if self.keeps_case => legal_key,
            None => legal_key.to_ascii_uppercase(),
        };
        let name = format!("{}{rest}", self.prefix);
        EnvName::parse(&name).ok_or(name)
    }

    /// The names of all variables that the object can set.
    ///
    /// Also `None` if a name is illegal or unsafe, which is reported later, when the object is
    /// resolved.
    pub fn variable_names(&self) -> Option<Vec<EnvName>> {
        self.only
            .as_ref()?
            .iter()
            .filter(|key| self.selects(key))
            .map(|key| {
                self.variable_name(key)
                    .ok()
                    .filter(|name| unsafe_effect(name, b"").is_none())
            })
            .collect()
    }
}

/// True for a variable such as AWS_PROFILE, which the AWS SDKs and the AWS CLI read. Ignores the
/// patterns in [`UNSAFE_NAMES`], because a pattern such as `AWS_REQUEST_*` also matches other
/// programs' variables.
pub fn is_aws_setting(name: &EnvName) -> bool {
    name.as_str().starts_with("AWS_")
        && UNSAFE_NAMES
            .split_whitespace()
            .any(|listed| listed == name.as_str())
}

/// The harm that an unsafe variable can do, such as `can make programs run someone else's code`.
///
/// `None` if the variable is safe. For some names, that depends on the value:
///
/// - A variable in [`SAFE_AS_WORDS`] is safe if its value is empty or a plain word.
/// - A variable that only `*_PROXY` matches, such as TRUST_PROXY, is safe if its value is a switch,
///   unless [`PROXIES`] lists the variable.
pub fn unsafe_effect(name: &EnvName, value: &[u8]) -> Option<&'static str> {
    static PATTERNS: LazyLock<Vec<(&str, Vec<Pattern>)>> = LazyLock::new(|| {
        UNSAFE_NAMES
            .split("\n\n")
            .filter_map(|group| group.split_once(":\n"))
            .map(|(effect, names)| (effect, known_patterns(names)))
            .collect()
    });
    let upper = name.as_str().to_ascii_uppercase();
    if SAFE_AS_WORDS.contains(&&*upper)
        && value
            .iter()
            .any(|byte| !byte.is_ascii_alphanumeric() && !b"_-".contains(byte))
    {
        let effect =
            "can make a shell run code unless the value has only letters, digits, \"_\" and \"-\"";
        return Some(effect);
    }
    let (effect, _) = PATTERNS
        .iter()
        .find(|(_, patterns)| matches_any(patterns, &upper))?;
    let is_harmless_switch = *effect == PROXY && is_switch(value) && !PROXIES.contains(&&*upper);
    if *effect == SAFE || is_harmless_switch {
        return None;
    }
    Some(*effect)
}

/// True for the effects of variables that configure AWS or a proxy. Many .env files contain these
/// variables, so if a secret has one, it is probably intentional.
pub fn is_configuration(effect: &str) -> bool {
    effect == AWS || effect == PROXY
}

/// True for a value that turns something on or off, such as `true`, and for a number of up to three
/// digits. A larger number may be the address of a host: 2130706433 is 127.0.0.1.
fn is_switch(value: &[u8]) -> bool {
    let is_small_number = value.len() <= 3 && value.iter().all(u8::is_ascii_digit);
    is_small_number
        || matches!(
            &*value.to_ascii_lowercase(),
            b"true" | b"false" | b"on" | b"off" | b"yes" | b"no"
        )
}
