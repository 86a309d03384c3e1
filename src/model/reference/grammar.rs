//! Parses references, `SECRET[:KEY[:STAGE[:VERSION-ID]]]`, prints them, and looks SECRET up.
//!
//! The format is that of CodeBuild and of `valueFrom` in ECS. Three kinds of colons separate no fields: those of an ARN
//! (a secret's has 7 fields, a parameter's 6), those in `${NAME:-default}`, and those in the brackets of a JSONPath.

use std::fmt;

use super::arn::{Arn, Store};
use super::locator::{Aliases, JsonPath, Locator, SecretRef, Selector};
use super::placeholder::{Piece, expand, pieces};
use super::secret_id::{ReferenceError, SecretId, is_name_character};
use super::version::Version;
use crate::model::env_name::is_name;
use crate::model::inherited::Inherited;

/// A reference as written: split into fields, with SECRET not looked up yet.
///
/// Printing and parsing gives an equal reference.
#[derive(Clone, Debug, PartialEq)]
pub struct Reference {
    /// The SECRET field: a name, an ARN, an alias, or `ssm:` and a name; `${NAME}` is not expanded yet.
    pub secret: String,
    pub selector: Selector,
    /// `None` without STAGE and VERSION-ID, so that an alias keeps its version.
    pub version: Option<Version>,
}

impl Reference {
    /// Parses a reference.
    ///
    /// # Errors
    /// A text that is no reference for any values of aliases and variables.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        let (secret, rest) = split_secret(text);
        validate_secret(secret)?;
        if rest.is_some_and(|rest| rest.starts_with("//")) {
            let help =
                "for a plain value instead of a secret, write NAME: { value: … } in a declaration";
            return Err(
                ReferenceError::of_reference("is a URL, not the name of a secret").help(help),
            );
        }
        let (key, rest) = rest.map_or(("", None), split_key);
        let (stage, rest) = rest.map_or(("", None), split_colon);
        let (version, rest) = rest.map_or(("", None), split_colon);
        let is_path = JsonPath::parse(key).is_some();
        if [stage, version].concat().contains("${") || key.contains("${") && !is_path {
            let help = "write ${…} only in the name of the secret, as in ${STAGE}/db:password";
            let defect = "has ${…} after the name of the secret, where variables aren't expanded";
            return Err(ReferenceError::of_reference(defect).help(help));
        }
        if rest.is_some() {
            let help = "write at most a secret, a key, a stage and a version id, as in prod/db:password:AWSPREVIOUS";
            return Err(ReferenceError::of(text, "has too many parts between colons").help(help));
        }
        let version = parse_version(stage, version)?;
        Ok(Self {
            secret: secret.to_owned(),
            selector: parse_selector(key)?,
            version,
        })
    }

    /// Returns the SECRET field if it is the only one.
    pub fn bare(&self) -> Option<&str> {
        (self.selector == Selector::Whole && self.version.is_none()).then_some(&self.secret)
    }

    /// Looks SECRET up: as an alias, else as an id in which `${NAME}` is expanded.
    ///
    /// # Errors
    /// The errors of [`expand`] and [`SecretId::parse`], and a parameter with both a label and a version.
    pub fn locate(
        &self,
        aliases: &Aliases,
        inherited: &Inherited,
    ) -> Result<SecretRef, ReferenceError> {
        let selector = self.selector.clone();
        if let Some(alias) = aliases.get(&self.secret) {
            let mut locator = locate_id(&alias.id, inherited)?;
            locator.region = locator.region.or_else(|| alias.region.clone());
            locator.role.clone_from(&alias.role);
            // A STAGE or VERSION-ID in the reference replaces both of the alias.
            locator
                .version
                .clone_from(self.version.as_ref().unwrap_or(&alias.version));
            return self.validated(SecretRef { locator, selector });
        }
        let mut locator = locate_id(&self.secret, inherited)?;
        locator.version = self.version.clone().unwrap_or(Version::Current);
        self.validated(SecretRef { locator, selector })
    }

    /// Checks what is found: a path, or the version that the reference or its alias names.
    fn validated(&self, found: SecretRef) -> Result<SecretRef, ReferenceError> {
        found
            .validate_path()
            .map_err(ReferenceError::of_reference)?;
        let Locator { store, version, .. } = &found.locator;
        // AWSCURRENT that was not written is the newest version of a parameter.
        if self.version.is_none() && *version == Version::Current {
            return Ok(found);
        }
        version.validate(*store).map_err(|defect| {
            let error = ReferenceError::of_reference(defect);
            match version {
                Version::Id(_) => error.help(
                    "write a stage or label right after the key, as in prod/db:password:AWSPREVIOUS",
                ),
                Version::Current | Version::Stage(_) | Version::Both { .. } => error,
            }
        })?;
        Ok(found)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            secret,
            selector,
            version,
        } = self;
        let version = version.as_ref();
        let (stage, id) = (
            version.and_then(Version::stage).unwrap_or(""),
            version.and_then(Version::id).unwrap_or(""),
        );
        // No field ends with a colon.
        f.write_str(format!("{secret}:{selector}:{stage}:{id}").trim_end_matches(':'))
    }
}

/// Expands `${NAME}` and parses the id. The colons of a value separate no fields.
fn locate_id(text: &str, inherited: &Inherited) -> Result<Locator, ReferenceError> {
    let pieces = pieces(text)?;
    let expanded = expand(&pieces, inherited)?;
    let mut names = Vec::new();
    for piece in pieces {
        if let Piece::Variable { name, .. } = piece {
            names.push(name);
        }
    }
    let (store, id) = match SecretId::parse(&expanded) {
        // The text of the error would quote the value of a variable.
        Err(error) if !names.is_empty() => {
            let text = format!(
                "with {} filled in, the reference {}",
                names.join(" and "),
                error.defect
            );
            return Err(ReferenceError::of_variable(text));
        }
        parsed => parsed?,
    };
    Ok(Locator {
        store,
        region: id.region(),
        id,
        role: None,
        version: Version::Current,
    })
}

/// Checks a SECRET before variables are known: all of it without placeholders, else the text around them.
fn validate_secret(text: &str) -> Result<(), ReferenceError> {
    let pieces = pieces(text)?;
    if let [] | [Piece::Text(_)] = &pieces[..] {
        return SecretId::parse(text).map(drop);
    }
    for piece in pieces {
        let Piece::Text(text) = piece else { continue };
        let mut characters = text.chars();
        if let Some(illegal) = characters.find(|c| *c != ':' && !is_name_character(*c)) {
            return Err(ReferenceError::of_character(illegal));
        }
    }
    Ok(())
}

/// Splits off SECRET, which contains colons if it is an ARN or begins with `ssm:`.
fn split_secret(text: &str) -> (&str, Option<&str>) {
    let fields = if text.starts_with("ssm:") {
        2
    } else if !Arn::is_meant(text) {
        1
    } else if text.contains(":secretsmanager:") {
        Store::SecretsManager.arn_fields()
    } else {
        Store::ParameterStore.arn_fields()
    };
    match colons(text).nth(fields - 1) {
        Some(end) => (&text[..end], Some(&text[end + 1..])),
        None => (text, None),
    }
}

/// Returns the positions of the colons outside `${…}`, in whose default a colon separates no fields.
fn colons(text: &str) -> impl Iterator<Item = usize> {
    let mut is_in_placeholder = false;
    let outside = text.char_indices().filter(move |&(at, c)| {
        is_in_placeholder = (is_in_placeholder || text[at..].starts_with("${")) && c != '}';
        c == ':' && !is_in_placeholder
    });
    outside.map(|(at, _)| at)
}

/// Splits a text at its first colon.
fn split_colon(text: &str) -> (&str, Option<&str>) {
    text.split_once(':')
        .map_or((text, None), |(field, rest)| (field, Some(rest)))
}

/// Splits off KEY. A JSONPath, which may contain colons in its brackets, ends at the first colon before which it is complete.
fn split_key(text: &str) -> (&str, Option<&str>) {
    for (at, _) in text.match_indices(':') {
        if JsonPath::parse(&text[..at]).is_some() {
            return (&text[..at], Some(&text[at + 1..]));
        }
    }
    if JsonPath::parse(text).is_some() {
        return (text, None);
    }
    split_colon(text)
}

/// Parses STAGE and VERSION-ID; returns `None` if both are empty.
fn parse_version(stage: &str, id: &str) -> Result<Option<Version>, ReferenceError> {
    if let Some(c) = stage
        .chars()
        .chain(id.chars())
        .find(|c| c.is_whitespace() || c.is_control())
    {
        let text = format!("a stage or version id can't contain {c:?}");
        let defect = "has a space or a control character in its stage or version id";
        return Err(ReferenceError::new(defect, text));
    }
    let filled = |field: &str| (!field.is_empty()).then(|| field.to_owned());
    Ok(match (filled(stage), filled(id)) {
        (None, None) => None,
        (stage, id) => Some(Version::new(stage, id)),
    })
}

fn parse_selector(key: &str) -> Result<Selector, ReferenceError> {
    if key.is_empty() {
        return Ok(Selector::Whole);
    }
    if !key.starts_with('$') {
        return Ok(Selector::Key(key.to_owned()));
    }
    JsonPath::parse(key).map(Selector::Path).ok_or_else(|| {
        let text = format!("the key {key:?} begins with $, but it isn't a valid JSONPath");
        let help = match key.strip_prefix('$').filter(|name| is_name(name)) {
            Some(name) => format!("write $.{name}"),
            None => "a JSONPath looks like $.hosts[0] or $['a:b']".to_owned(),
        };
        ReferenceError::new(
            "has a key that begins with $, but isn't a valid JSONPath",
            text,
        )
        .help(help)
    })
}
