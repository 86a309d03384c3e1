//! Parses references in the values of inherited variables, for `--resolve-env`.
//!
//! A value is an ARN, with KEY, STAGE and VERSION-ID after it, or text that contains CloudFormation's dynamic
//! references. Aliases and `${NAME}` are not supported there, and KEY of a dynamic reference is a literal top-level
//! key.

use glob::Pattern;

use crate::model::entry::{Entry, EntrySource, Origin, Part, Subject, Target};
use crate::model::env_name::{EnvName, OWN_PREFIX, matches_any};
use crate::model::inherited::Inherited;
use crate::model::plan::Layer;
use crate::model::problem::{Impact, Problem};
use crate::model::reference::{
    Aliases, Arn, Reference, ReferenceError, SecretRef, Selector, Store, Version,
};

/// The defect of a variable. It quotes no part of the value, which may hold a secret next to the reference.
type Defect = String;

const OPEN: &str = "{{resolve:";

const CLOSE: &str = "}}";

/// Returns an entry for each variable whose name matches and whose value contains references.
///
/// # Errors
/// An error for each variable with a malformed reference.
pub fn layer(inherited: &Inherited, patterns: &[Pattern]) -> Result<Layer, Vec<Problem>> {
    let mut entries = Vec::new();
    let mut errors = Vec::new();
    for (name, value) in inherited.iter() {
        let name = name.to_string_lossy();
        // The command does not inherit SECRETS_EXEC_*.
        if !matches_any(patterns, &name) || name.starts_with(OWN_PREFIX) {
            continue;
        }
        match entry(&name, value) {
            Ok(found) => entries.extend(found),
            Err(defect) => {
                let subject = Subject::plain(name.into_owned(), Origin::Inherited);
                errors.push(Problem::configuration(defect).of(subject, Impact::None));
            }
        }
    }
    if errors.is_empty() {
        Ok(Layer {
            entries,
            ..Layer::default()
        })
    } else {
        Err(errors)
    }
}

fn entry(name: &str, value: &std::ffi::OsStr) -> Result<Option<Entry>, Defect> {
    let text = value.to_string_lossy();
    // ARNs of other services are left to the command.
    let is_arn =
        Arn::is_meant(&text) && text.split(':').nth(2).and_then(Store::of_service).is_some();
    let source = if is_arn {
        EntrySource::Composed(vec![Part::Reference(arn(&text)?)])
    } else if text.contains(OPEN) {
        EntrySource::Composed(parts(&text)?)
    } else {
        return Ok(None);
    };
    if value.to_str().is_none() {
        return Err("the value has a reference, but is not UTF-8".to_owned());
    }
    if name == "PATH" {
        return Err(
            "PATH cannot come from a secret, because it decides which command runs".to_owned(),
        );
    }
    // Without an error, the command would get the reference as text.
    let illegal = "the value has a reference, but the name of the variable is not valid: \
                   use letters, digits and \"_\", and no digit at the start";
    let name = EnvName::parse(name).ok_or(illegal)?;
    Ok(Some(Entry::new(
        Target::Env(name),
        source,
        Origin::Inherited,
    )))
}

fn arn(text: &str) -> Result<SecretRef, Defect> {
    if text.contains("${") {
        return Err(defect(
            "contains \"${\", but variables are not expanded there",
        ));
    }
    locate(&Reference::parse(text).map_err(|error| defect(error.defect))?)
}

/// Looks up a reference to one secret or parameter, without aliases and variables.
fn locate(reference: &Reference) -> Result<SecretRef, Defect> {
    let located = reference.locate(&Aliases::default(), &Inherited::default());
    located
        .map_err(|error| defect(error.defect))?
        .single()
        .map_err(|error| defect(error.defect))
}

fn defect(kind: &str) -> Defect {
    format!("a reference in the value {kind}")
}

/// Splits a value at its dynamic references.
fn parts(text: &str) -> Result<Vec<Part>, Defect> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(OPEN) {
        let (reference, after) = after
            .split_once(CLOSE)
            .ok_or("in the value, \"{{resolve:\" is not closed by \"}}\"")?;
        if !before.is_empty() {
            parts.push(Part::Text(before.to_owned()));
        }
        parts.push(Part::Reference(dynamic_reference(reference)?));
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.to_owned()));
    }
    Ok(parts)
}

/// Parses `secretsmanager:ID:SecretString:KEY:STAGE:VERSION`, `ssm:NAME:VERSION` or `ssm-secure:NAME:VERSION`.
fn dynamic_reference(text: &str) -> Result<SecretRef, Defect> {
    let (service, rest) = text.split_once(':').unwrap_or((text, ""));
    match service {
        "secretsmanager" => secret(rest),
        "ssm" | "ssm-secure" => parameter(rest),
        other => {
            let service = if other.len() > 20 {
                "…".to_owned()
            } else {
                format!("{other}:…")
            };
            Err(format!(
                "{{{{resolve:{service}}}}} is not a reference to secretsmanager, ssm or ssm-secure"
            ))
        }
    }
}

fn secret(text: &str) -> Result<SecretRef, Defect> {
    let (id, fields) = split_id(text, Store::SecretsManager)?;
    let mut fields = fields.into_iter();
    if !matches!(fields.next().unwrap_or_default(), "" | "SecretString") {
        return Err(
            "in {{resolve:secretsmanager:…}}, the field after the secret must be SecretString"
                .to_owned(),
        );
    }
    let mut filled = || {
        fields
            .next()
            .filter(|field| !field.is_empty())
            .map(str::to_owned)
    };
    let selector = filled().map_or(Selector::Whole, Selector::Key);
    let version = Version::new(filled(), filled());
    if fields.next().is_some() {
        return Err(defect("has too many fields"));
    }
    let version = Some(version).filter(|version| *version != Version::Current);
    locate(&Reference {
        secret: id,
        selector,
        version,
    })
}

fn parameter(text: &str) -> Result<SecretRef, Defect> {
    let (name, fields) = split_id(text, Store::ParameterStore)?;
    let version = match *fields {
        [] | [""] => None,
        [version] => Some(Version::Id(version.to_owned())),
        _ => return Err(defect("has too many fields")),
    };
    let secret = if Arn::is_meant(&name) {
        name
    } else {
        format!("ssm:{name}")
    };
    locate(&Reference {
        secret,
        selector: Selector::Whole,
        version,
    })
}

/// Splits an id, which has colons of its own if it is an ARN, from the fields after it.
fn split_id(text: &str, store: Store) -> Result<(String, Vec<&str>), Defect> {
    let count = if Arn::is_meant(text) {
        store.arn_fields()
    } else {
        1
    };
    let mut fields: Vec<&str> = text.split(':').collect();
    if fields.len() < count {
        return Err(defect(ReferenceError::of_short_arn(text).defect));
    }
    let rest = fields.split_off(count);
    Ok((fields.join(":"), rest))
}
