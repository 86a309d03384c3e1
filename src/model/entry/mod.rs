//! Entries: the variables and files that the user wants, and where their values come from. Also
//! decides which variables `env-from` may set.

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

use crate::model::environment::{EnvName, is_alphanumeric_or, known_patterns, matches_any};
use crate::model::reference::Reference;

/// A variable or file to set. `R` is the type of its references: [`Reference`] as the user wrote
/// them or, once the plan has looked up their aliases and `${NAME}`,
/// [`SecretRef`](crate::model::reference::SecretRef).
#[derive(Clone, Debug)]
pub struct Entry<R = Reference> {
    /// The plan numbers the entries. Until then, each has the default id.
    pub id: EntryId,
    pub target: Target,
    pub source: Source<R>,
    pub transform: Transform,
    /// The value must match this, after decoding and before encoding. The text of `default` must
    /// match it, too.
    pub pattern: Option<Regex>,
    pub on_missing: OnMissing,
    pub subject: Subject,
}

/// Identifies an entry in a plan. Its subject can't, because entries on the same line may share it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct EntryId {
    /// Counted from the latest layer, which is 0.
    pub layer: usize,
    pub number: usize,
    /// The key's number in its `env-from` object. `None` for the entry itself.
    pub key: Option<usize>,
}

impl Entry {
    /// An `env-from` entry.
    pub fn for_object(reference: Reference, naming: Naming, origin: Origin) -> Self {
        let target = Target::Variables(naming.prefix.clone());
        let source = Source::Object(ObjectSource { reference, naming });
        Self::new(target, source, origin)
    }

    /// An entry whose value must exist, and is used unchanged.
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
    /// The same entry with another source.
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

/// The source of an entry's value. Only [`Source::Object`] supplies several values.
#[derive(Clone, Debug)]
pub enum Source<R = Reference> {
    Reference(R),
    Literal(String),
    /// The text of `default`, and NAME. A plan uses this if the entry's secret is `${NAME:-}`, and
    /// NAME is empty or not set.
    Default(String, String),
    /// A template, or an inherited variable with dynamic references.
    Composed(Vec<Part<R>>),
    Object(ObjectSource<R>),
}

/// A JSON object, or all parameters below a path such as `ssm:/prod/`.
#[derive(Clone, Debug)]
pub struct ObjectSource<R = Reference> {
    pub reference: R,
    pub naming: Naming,
}

impl<R> Source<R> {
    /// The references to secrets in the order in which they are written, including duplicates.
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

/// The changes to a value: decoding comes first, then encoding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transform {
    /// `decode: base64`
    pub decode: bool,
    /// `encode: base64`
    pub encode: bool,
}

/// The action if a secret, a version or a key doesn't exist. If AWS denies a request or doesn't
/// answer, the entry fails regardless.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OnMissing {
    /// Report an error, and don't start the command.
    Fail,
    /// `optional: true`: ignore the entry. An entry in an earlier layer may then set the target.
    Optional,
    /// `default`: use this text, neither decoded nor encoded.
    Default(String),
}

/// Which keys of an `env-from` object become variables, and under which names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Naming {
    /// The beginning of each variable's name. It keeps its case, even without `case: keep`.
    pub prefix: String,
    /// The keys that become variables. All of them must exist. `None` selects every key.
    pub only: Option<Vec<String>>,
    pub except: Vec<String>,
    /// The keys' new names, without the prefix.
    pub rename: BTreeMap<String, String>,
    /// `case: keep`. Otherwise, letters become capitals. Either way, characters outside
    /// `[A-Za-z0-9_]` become `_`.
    pub keeps_case: bool,
}

/// The variables that `env-from` refuses to set, grouped by the harm they can do. The same names in
/// lowercase are refused, too, because programs also read `https_proxy`, for example.
///
/// Anyone who can write a secret chooses its keys, so a key must not set a variable that makes
/// programs run code, talk to other hosts, or misread their surroundings. Users can still set these
/// variables under `env`.
///
/// The names that the AWS SDKs read are from botocore's configprovider.py and credentials.py, and
/// from <https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html>.
const UNSAFE_NAMES: &str = include_str!("unsafe_names.txt");

/// The groups of [`UNSAFE_NAMES`]: the effect in a group's heading, and the patterns below it.
static NAME_GROUPS: LazyLock<Vec<(&str, Vec<Pattern>)>> = LazyLock::new(|| {
    UNSAFE_NAMES
        .split("\n\n")
        .filter_map(|group| group.split_once(":\n"))
        .map(|(effect, names)| (effect, known_patterns(names)))
        .collect()
});

/// The heading of the exceptions in [`UNSAFE_NAMES`]. They must come first, because the first match
/// decides.
const SAFE: &str = "is safe";

/// The variables that `env-from` sets only if their value is empty or a plain word (`production`).
///
/// An interactive shell expands the value of ENV, and runs the file with the resulting name. .NET
/// reads a file whose name contains the value of DOTNET_ENVIRONMENT.
const SAFE_AS_WORDS: [&str; 2] = ["ENV", "DOTNET_ENVIRONMENT"];

/// The heading of the pattern `*_PROXY`, the last group of [`UNSAFE_NAMES`]. `env-from` still sets
/// such a variable to a switch, as in `TRUST_PROXY=1`, unless [`PROXIES`] lists it.
const PROXY: &str = "can make programs send their requests through someone else's proxy";

const AWS: &str = "configures the AWS SDKs and CLI";

/// Programs look for a proxy in these variables. Even a switch such as `0` is unsafe in them,
/// because it is also the address of a host.
const PROXIES: [&str; 5] = [
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "FTP_PROXY",
    "NO_PROXY",
];

impl Naming {
    /// True if this key becomes a variable.
    pub fn selects(&self, key: &str) -> bool {
        let listed = |keys: &[String]| keys.iter().any(|other| other == key);
        self.only.as_deref().is_none_or(listed) && !listed(&self.except)
    }

    /// The name of the variable that a key sets. It may still be unsafe ([`unsafe_effect`]). An
    /// illegal name is in `Err`.
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

    /// The variables that the object sets, if they are certain before the object is read. For this,
    /// `only` must list the keys, and each name must be legal and safe. `resolve` reports the other
    /// names.
    pub fn certain_variables(&self) -> Option<Vec<EnvName>> {
        let mut names = Vec::new();
        for key in self.only.as_ref()? {
            if self.selects(key) {
                let name = self.variable_name(key).ok()?;
                if unsafe_effect(&name, b"").is_some() {
                    return None;
                }
                names.push(name);
            }
        }
        Some(names)
    }
}

/// True for a variable that the AWS SDKs and CLI read, such as AWS_PROFILE. [`UNSAFE_NAMES`] must
/// have its full name, because a pattern such as `AWS_REQUEST_*` also matches other programs'
/// variables.
pub fn is_aws_setting(name: &EnvName) -> bool {
    let name = name.as_str();
    let is_listed = UNSAFE_NAMES.split_whitespace().any(|word| word == name);
    is_listed && name.starts_with("AWS_")
}

/// The harm that an unsafe variable can do, such as `can make programs run someone else's code`.
/// For the variables in [`SAFE_AS_WORDS`], and in the group [`PROXY`], this depends on the value.
pub fn unsafe_effect(name: &EnvName, value: &[u8]) -> Option<&'static str> {
    let upper = name.as_str().to_ascii_uppercase();
    if SAFE_AS_WORDS.contains(&&*upper) && !is_alphanumeric_or(value, b"_-") {
        let effect =
            "can make a shell run code unless the value has only letters, digits, \"_\" and \"-\"";
        return Some(effect);
    }
    let (effect, _) = NAME_GROUPS
        .iter()
        .find(|(_, patterns)| matches_any(patterns, &upper))?;
    let is_harmless_switch = *effect == PROXY && is_switch(value) && !PROXIES.contains(&&*upper);
    if *effect == SAFE || is_harmless_switch {
        return None;
    }
    Some(*effect)
}

/// True for the effects of AWS and proxy settings. Many .env files contain such settings, so in a
/// secret, they are probably intentional, too.
pub fn is_configuration(effect: &str) -> bool {
    effect == AWS || effect == PROXY
}

/// True for a value such as `on` or `1`. A larger number may be the address of a host: 2130706433
/// is 127.0.0.1.
fn is_switch(value: &[u8]) -> bool {
    let is_small_number = value.len() <= 3 && value.iter().all(u8::is_ascii_digit);
    is_small_number
        || matches!(
            &*value.to_ascii_lowercase(),
            b"true" | b"false" | b"on" | b"off" | b"yes" | b"no"
        )
}
