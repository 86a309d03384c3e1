//! Entries: the variables and files that the user wants, each with the source of its value, and the
//! names of the variables that `env-from` sets.
//!
//! At first, an entry is what the user has written: it may name secrets by aliases and `${NAME}`.
//! The plan looks these names up later.

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

/// A target and the source of its value. `R` is the type of a reference: [`Reference`] as the user
/// wrote it or, in a plan, the [`SecretRef`] that was found for it.
#[derive(Clone, Debug)]
pub struct Entry<R = Reference> {
    /// The id in the plan. Before there is a plan, all entries have the default id.
    pub id: EntryId,
    pub target: Target,
    pub source: Source<R>,
    pub transform: Transform,
    /// `pattern`: a regular expression. The value must match it, after decoding and before
    /// encoding, and so must the text of `default`.
    pub pattern: Option<Regex>,
    pub on_missing: OnMissing,
    pub subject: Subject,
}

/// Identifies an entry of a plan. The subject can't do that: two entries on one line, or of a file
/// that is given twice, may have the same subject.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct EntryId {
    /// The number of the entry's layer, counted from the latest layer, which has the number 0.
    pub layer: usize,
    pub number: usize,
    /// The number of a key in an `env-from` object, for the outcome of this key. `None` for the
    /// entry itself.
    pub key: Option<usize>,
}

impl Entry {
    /// Creates an entry of `env-from`, which sets a variable for each key of an object.
    pub fn for_object(reference: Reference, naming: Naming, origin: Origin) -> Self {
        let target = Target::Variables(naming.prefix.clone());
        let source = Source::Object(ObjectSource { reference, naming });
        Self::new(target, source, origin)
    }

    /// Creates an entry whose value must exist, and isn't decoded, encoded or checked against a
    /// pattern.
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

/// The source of an entry's value or, for [`Source::Object`], of the values of several variables.
#[derive(Clone, Debug)]
pub enum Source<R = Reference> {
    Reference(R),
    Literal(String),
    /// In a plan, the text of `default`, and the empty variable that should name a secret.
    Default(String, String),
    /// Text with references: a template, or an inherited variable with dynamic references.
    Composed(Vec<Part<R>>),
    Object(ObjectSource<R>),
}

/// An object of `env-from`: a JSON object, or all parameters below a path.
#[derive(Clone, Debug)]
pub struct ObjectSource<R = Reference> {
    pub reference: R,
    pub naming: Naming,
}

impl<R> Source<R> {
    /// The references to secrets, in the order in which they are written. A reference that is
    /// repeated is listed again.
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

/// The changes to a value before it is delivered. A value is decoded first, and then encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transform {
    /// `decode: base64`
    pub decode: bool,
    /// `encode: base64`
    pub encode: bool,
}

/// The reaction to a secret, a version or a key that doesn't exist. A denial or an outage is never
/// an absence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OnMissing {
    /// The absence is an error, and the command isn't started.
    Fail,
    /// `optional: true`: the entry is treated as if it weren't there, so an entry of an earlier
    /// layer can apply.
    Optional,
    /// `default`: this text is the value. It isn't decoded or encoded.
    Default(String),
}

/// The keys of an `env-from` object that are selected, and the names of their variables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Naming {
    /// The beginning of every variable's name. Its letters keep their case.
    pub prefix: String,
    /// The only keys that can be selected. Each of them must exist. `None` for all keys.
    pub only: Option<Vec<String>>,
    pub except: Vec<String>,
    /// For each renamed key, the part of the variable's name after the prefix.
    pub rename: BTreeMap<String, String>,
    /// `case: keep`: the letters of a key keep their case in the variable's name. Otherwise, they
    /// become capitals. Either way, characters outside `[A-Za-z0-9_]` become `_`.
    pub keeps_case: bool,
}

/// The names that `env-from` refuses, grouped by the effect of such variables. The first group,
/// [`SAFE`], lists the exceptions. The names are also refused in lower case, because programs read
/// `https_proxy`, for example.
///
/// Anyone who can write a secret chooses its keys. So a key must not set a variable that makes
/// programs run code, talk to other hosts, or misread their surroundings. The operator can set such
/// a variable under `env`. No list of names can be complete, so the safe way is to select keys with
/// `only`.
///
/// The names of the AWS SDKs are from botocore's configprovider.py and credentials.py, and from
/// <https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html>.
const UNSAFE_NAMES: &str = include_str!("unsafe_names.txt");

/// The heading of the names that `env-from` accepts, although a pattern in [`UNSAFE_NAMES`] matches
/// them. They must be the first group, because the first group that matches decides.
const SAFE: &str = "is safe";

/// The names that `env-from` accepts only with a plain word as the value, such as `production`, or
/// with an empty value. An interactive shell runs the file that ENV names, and expands ENV first.
/// .NET reads a file whose name contains the value of DOTNET_ENVIRONMENT.
const SAFE_AS_WORDS: [&str; 2] = ["ENV", "DOTNET_ENVIRONMENT"];

/// The heading of `*_PROXY`. It is the last group, so it decides only if nothing else matches. A
/// name such as TRUST_PROXY is accepted if its value is a switch, unless it is in [`PROXIES`].
const PROXY: &str = "can make programs send their requests through someone else's proxy";

/// The heading of the variables of the AWS SDKs and the AWS CLI.
const AWS: &str = "configures the AWS SDKs and CLI";

/// The variables in which programs look for a proxy. Even `0` is the address of a host.
const PROXIES: [&str; 5] = [
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "FTP_PROXY",
    "NO_PROXY",
];

impl Naming {
    /// True if `only` and `except` let this key set a variable.
    pub fn selects(&self, key: &str) -> bool {
        let listed = |keys: &[String]| keys.iter().any(|other| other == key);
        self.only.as_deref().is_none_or(listed) && !listed(&self.except)
    }

    /// The name of the variable that a key sets. [`unsafe_effect`] decides whether it is safe to
    /// set the variable.
    ///
    /// # Errors
    /// If the name begins with a digit, or is empty. The error is this name.
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

    /// The names of all variables that the object can set, if `only` lists its keys. Without
    /// `only`, returns `None`, because the names aren't known before the object is read. Also
    /// returns `None` if a name is illegal or unsafe, which becomes an error when the object is
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

/// True for the name of a variable that the AWS SDKs and the AWS CLI read, such as AWS_PROFILE. The
/// name must be in [`UNSAFE_NAMES`] in full, because a pattern such as `AWS_REQUEST_*` also matches
/// variables of other programs.
pub fn is_aws_setting(name: &EnvName) -> bool {
    name.as_str().starts_with("AWS_")
        && UNSAFE_NAMES
            .split_whitespace()
            .any(|listed| listed == name.as_str())
}

/// The effect of an unsafe variable, as a predicate: `can make programs run someone else's code`.
/// `None` for a safe variable. A name in [`SAFE_AS_WORDS`] is unsafe only if the value is neither
/// empty nor a plain word, and a name that only `*_PROXY` matches, such as TRUST_PROXY, only if the
/// value isn't a switch.
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

/// True for the effect of a variable that configures AWS or a proxy. Many .env files have such
/// variables, so they are often in a secret on purpose.
pub fn is_configuration(effect: &str) -> bool {
    effect == AWS || effect == PROXY
}

/// True for a value that turns something on or off, such as `true`, and for a small number. A
/// larger one can be the address of a host: 2130706433 is 127.0.0.1.
fn is_switch(value: &[u8]) -> bool {
    let is_small_number = value.len() <= 3 && value.iter().all(u8::is_ascii_digit);
    is_small_number
        || matches!(
            &*value.to_ascii_lowercase(),
            b"true" | b"false" | b"on" | b"off" | b"yes" | b"no"
        )
}
