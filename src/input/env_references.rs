//! Parses references in the values of inherited variables, for `--resolve-env`.
//!
//! A value is resolved if it is the ARN of a secret or a parameter, which KEY, STAGE and VERSION-ID
//! can follow, or if it contains CloudFormation's dynamic references, such as
//! `{{resolve:secretsmanager:…}}`. These references can't use an alias or `${NAME}`, and the KEY of
//! a dynamic reference is never a JSONPath. No error quotes the value, which may have a secret next
//! to the reference.

use std::ffi::OsStr;

use glob::Pattern;

use crate::model::entry::{Entry, Origin, Part, Source, Subject, Target};
use crate::model::environment::{EnvName, Inherited, OWN_PREFIX, is_name, matches_any};
use crate::model::fault::{Fault, foreign_prefix};
use crate::model::options::Options;
use crate::model::plan::Layer;
use crate::model::problem::{Impact, Problem};
use crate::model::reference::{
    Aliases, Arn, Reference, SecretRef, Selector, Store, split_colon, split_secret,
};
use crate::model::shown::{has_credential, shown};

const OPEN: &str = "{{resolve:";

const CLOSE: &str = "}}";

/// Parses an entry for each variable whose name matches one of the patterns and whose value
/// contains a reference.
///
/// # Errors
/// If references are malformed, if a variable can't get its value from a secret, or if a value is a
/// reference of another tool, unless only the pattern `*` matches its name.
pub fn inherited_layer(inherited: &Inherited, patterns: &[Pattern]) -> Result<Layer, Vec<Problem>> {
    let mut layer = Layer::default();
    let mut errors = Vec::new();
    for (name, value) in inherited.iter() {
        let name = name.to_string_lossy();
        // The command doesn't inherit SECRETS_EXEC_*.
        if !matches_any(patterns, &name) || name.starts_with(OWN_PREFIX) {
            continue;
        }
        match parse_entry(&name, value, patterns) {
            Ok(found) => layer.entries.extend(found),
            Err(fault) => {
                let subject = Subject::plain(name.into_owned(), Origin::Inherited);
                errors.push(Problem::configuration(fault.text).for_entry(subject, Impact::None));
            }
        }
    }

    if !errors.is_empty() {
        return Err(errors);
    }
    Ok(layer)
}

/// Warns about each pattern that doesn't match any variable, and about each variable that the
/// command gets with the text of a reference as its value, because the reference isn't resolved.
/// The reference may also be in a form that secrets-exec doesn't read.
///
/// Skips a variable that an entry replaces, or that the command doesn't inherit. `entry_of` returns
/// the entry that sets a variable. A program may need an ARN itself, so a whole ARN gets a warning
/// only if `--keep-existing` keeps it instead of the value of an entry.
pub fn unresolved_warnings<'l>(
    inherited: &Inherited,
    patterns: &[Pattern],
    options: &Options,
    entry_of: impl Fn(&OsStr) -> Option<&'l Entry>,
) -> Vec<String> {
    let mut warnings = Vec::new();
    for pattern in patterns {
        let is_used = inherited
            .iter()
            .any(|(name, _)| pattern.matches(&name.to_string_lossy()));
        if !is_used {
            let shown = shown(pattern.as_str());
            warnings.push(format!("--resolve-env {shown} doesn't match any variable"));
        }
    }

    for (variable, value) in inherited.iter() {
        let name = variable.to_string_lossy();
        let text = value.to_string_lossy();
        let entry = entry_of(variable);
        let is_replaced = entry.is_some() && !options.keep_existing;
        if is_replaced || !options.retention.keeps(variable) {
            continue;
        }
        let is_kept = entry.is_some_and(|entry| !matches!(entry.source, Source::Literal(_)));
        let reason = if !matches_any(patterns, &name) {
            let why = format!("no --resolve-env matches the name: add --resolve-env {name}");
            let bare = text.trim_matches(is_space_or_quote);
            if bare != text && Reference::is_meant_by(bare) {
                Some(format!(
                    "{why}, and remove the quotes or spaces around the reference"
                ))
            } else if has_spaced_reference(&text) {
                Some(format!("{why}, and write {{{{resolve:…}}}} without spaces"))
            } else if Reference::is_meant_by(&text) || (is_kept && is_own_arn(&text)) {
                Some(why)
            } else {
                None
            }
        } else if is_own_arn(&text) || text.contains(OPEN) {
            // `inherited_layer` has made an entry from this variable, so its references are
            // resolved.
            None
        } else if matches_closely(patterns, &name) && is_short_reference(&text) {
            // A reference of another tool is an error, which `inherited_layer` has reported. But an
            // inherited variable with a text such as `prod/db:password` may be meant for the
            // command, so secrets-exec passes it on, and only warns.
            Some(format!("it isn't an ARN: write --env {name}={text}"))
        } else if let Some(fault) = foreign_syntax(&text) {
            // If the pattern `*` is the only one that matches, a reference of another tool isn't an
            // error in `inherited_layer`, so it gets a warning here.
            Some(fault.text)
        } else if contains_reference(&text) {
            Some(UNREAD_FORM.to_owned())
        } else {
            None
        };
        if let Some(reason) = reason {
            warnings.push(format!(
                "the reference in the variable {name} isn't resolved, because {reason}"
            ));
        }
    }
    warnings
}

/// True for text that is a reference with a key, such as `prod/db:password`, and that messages show
/// as it is.
pub fn is_short_reference(text: &str) -> bool {
    let has_key = text.contains('/') && split_colon(text).1.is_some_and(is_name);
    has_key && Reference::parse(text).is_ok() && !has_credential(text)
}

/// True for text that begins like the ARN of a secret or parameter. Any other ARN is for the
/// command.
fn is_own_arn(text: &str) -> bool {
    let store = text.split(':').nth(2).and_then(Store::from_service);
    Arn::has_prefix(text) && store.is_some()
}

/// True for text that is the ARN of a secret or parameter or a dynamic reference, or begins like a
/// reference of another tool.
pub(super) fn is_reference(text: &str) -> bool {
    foreign_syntax(text).is_some() || is_one_reference(text)
}

/// True for text that is one ARN or one dynamic reference, and nothing else.
fn is_one_reference(text: &str) -> bool {
    (is_own_arn(text) && !text.contains(is_space_or_quote))
        || (text.starts_with(OPEN) && text.find(CLOSE) == Some(text.len() - CLOSE.len()))
}

const UNREAD_FORM: &str =
    "the value must be only an ARN, or contain {{resolve:…}} in small letters";

/// True for a text in which a reference was probably meant, in a form that isn't read:
/// `"arn:…:password" # production`, `{{Resolve:…}}` or `Bearer {{ssm:token}}`.
fn contains_reference(text: &str) -> bool {
    let text = text.to_lowercase().replace("{{ ", "{{");
    if let Some((_, rest)) = text.split_once("arn:")
        && (rest.contains(":secretsmanager:") || rest.contains(":parameter/"))
    {
        return true;
    }
    let starts = [
        "resolve:secretsmanager:",
        "resolve:ssm",
        "{{ssm:",
        "{{ssm-secure:",
    ];
    starts.iter().any(|start| text.contains(start))
}

/// True if the value of a variable may contain an ARN or a dynamic reference. Few values do, so
/// this quick check saves most launches a thorough search.
pub fn may_have_reference(text: &str) -> bool {
    text.contains(':') && (text.contains("arn:") || text.contains("resolve:s"))
}

/// True if a pattern other than `*` matches the name. A variable that only `*` matches may be for a
/// different tool.
fn matches_closely(patterns: &[Pattern], name: &str) -> bool {
    patterns
        .iter()
        .any(|pattern| pattern.as_str() != "*" && pattern.matches(name))
}

/// The mistake in a value that begins like a reference of another tool, or with `ssm:/`.
fn foreign_syntax(text: &str) -> Option<Fault> {
    // In an inherited variable, a parameter is written `{{resolve:ssm:…}}`. `{{ssm:NAME}}` is the
    // syntax of Systems Manager documents. It is only refused if it is the whole value, because it
    // can also be a part of a text that is meant for a program.
    let is_whole = text.find(CLOSE) == Some(text.len().saturating_sub(CLOSE.len()));
    let prefix = match foreign_prefix(text) {
        Some((prefix, _)) => prefix,
        None if text.starts_with("ssm:/") => "ssm:/",
        None if is_whole && text.starts_with("{{ssm:") => "{{ssm:",
        None if is_whole && text.starts_with("{{ssm-secure:") => "{{ssm-secure:",
        None => return None,
    };
    let forms = "an ARN, {{resolve:secretsmanager:…}} or {{resolve:ssm:…}}";
    let text = format!("the value begins with \"{prefix}\", but --resolve-env reads only {forms}");
    Some(Fault::new(text))
}

/// True for a text with a dynamic reference that has a space after its braces, as in
/// `{{ resolve:ssm:/prod/level }}`. CloudFormation doesn't resolve such a reference, either.
fn has_spaced_reference(text: &str) -> bool {
    text.split("{{").skip(1).any(|rest| {
        let reference = rest.trim_start();
        rest.starts_with(char::is_whitespace)
            && (reference.starts_with("resolve:secretsmanager:")
                || reference.starts_with("resolve:ssm"))
    })
}

/// True for a quote and for white space, which `docker run --env-file` leaves around a value.
pub fn is_space_or_quote(c: char) -> bool {
    c.is_whitespace() || c == '"' || c == '\''
}

/// Parses the entry for a variable whose value contains a reference. A value that is nothing but
/// one reference in quotes or spaces, as `docker run --env-file` passes it on, is an error: without
/// this error, the command would get the text of the reference as its password.
fn parse_entry(name: &str, value: &OsStr, patterns: &[Pattern]) -> Result<Option<Entry>, Fault> {
    let text = value.to_string_lossy();
    let bare = text.trim_matches(is_space_or_quote);
    if bare != text && is_one_reference(bare) {
        return Err("the value has quotes or spaces around the reference: remove them".into());
    }
    if has_spaced_reference(&text) {
        return Err("the value has spaces inside the braces: write {{resolve:…}}".into());
    }

    // The name says that the command wants the ARN itself: DB_SECRET_ARN.
    let is_for_command = name.ends_with("_ARN")
        && !Reference::is_meant_by(&text)
        && !matches_closely(patterns, name);
    let source = if is_own_arn(&text) && !is_for_command {
        Source::Composed(vec![Part::Reference(parse_single_reference(&text)?)])
    } else if text.contains(OPEN) {
        Source::Composed(split_value(&text)?)
    } else {
        return match foreign_syntax(&text) {
            Some(fault) if matches_closely(patterns, name) => Err(fault),
            Some(_) | None => Ok(None),
        };
    };

    if value.to_str().is_none() {
        return Err("the value has a reference, but isn't UTF-8".into());
    }
    if name == "PATH" {
        return Err("PATH can't come from a secret, because it decides which program runs".into());
    }
    // Only a valid name can be the target of an entry. Without this error, the command would get
    // the text of the reference as the value.
    let illegal = "the value has a reference, but the name of the variable isn't valid: \
                   use letters, digits and \"_\", and don't start with a digit";
    let target = Target::Env(EnvName::parse(name).ok_or(illegal)?);
    Ok(Some(Entry::new(target, source, Origin::Inherited)))
}

/// Parses a reference to a single secret or parameter. It can't use an alias or `${NAME}`.
fn parse_single_reference(text: &str) -> Result<SecretRef, Fault> {
    if text.contains("${") {
        let why = "contains \"${\", but variables aren't expanded there";
        return Err(Fault::new(why).about("a reference in the value"));
    }
    Reference::parse(text)
        .and_then(|reference| reference.locate(&Aliases::default(), &Inherited::default()))
        .and_then(|found| found.single(&text))
        .map_err(|fault| fault.about("a reference in the value"))
}

/// Splits a value into its dynamic references and the text around them.
fn split_value(text: &str) -> Result<Vec<Part>, Fault> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(OPEN) {
        let unclosed = "in the value, \"{{resolve:\" isn't closed by \"}}\"";
        let (reference, after) = after.split_once(CLOSE).ok_or(unclosed)?;
        if !before.is_empty() {
            parts.push(Part::Text(before.to_owned()));
        }
        parts.push(Part::Reference(parse_dynamic_reference(reference)?));
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.to_owned()));
    }
    Ok(parts)
}

/// Parses the text between `{{resolve:` and `}}`: `ssm:NAME:VERSION`, `ssm-secure:NAME:VERSION` or
/// `secretsmanager:ID:SecretString:KEY:STAGE:VERSION`. Each field after ID or NAME can be empty, or
/// left out at the end.
fn parse_dynamic_reference(text: &str) -> Result<SecretRef, Fault> {
    let (service, rest) = text.split_once(':').unwrap_or((text, ""));
    match service {
        "secretsmanager" => {
            let (id, after_id) = split_secret(rest);
            let (kind, fields) = split_colon(after_id.unwrap_or_default());
            if !matches!(kind, "" | "SecretString") {
                let why = "in {{resolve:secretsmanager:…}}, the field after the secret must be SecretString: {{resolve:secretsmanager:SECRET:SecretString:KEY}}";
                return Err(why.into());
            }
            let (key, version) = split_colon(fields.unwrap_or_default());
            let version = version.unwrap_or_default();
            // The reference is parsed as `ID::STAGE:VERSION-ID`. The KEY is set afterwards, because
            // `parse_single_reference` could take it for a JSONPath.
            let mut found =
                parse_single_reference(format!("{id}::{version}").trim_end_matches(':'))?;
            if !key.is_empty() {
                found.selector = Selector::Key(key.to_owned());
            }
            Ok(found)
        }
        "ssm" | "ssm-secure" => {
            let name = if Arn::has_prefix(rest) {
                rest.to_owned()
            } else {
                format!("{}{rest}", Store::ParameterStore.prefix())
            };
            let (id, version) = split_secret(&name);
            let version = version.unwrap_or_default();
            // The reference is parsed as `ssm:NAME:::VERSION`, with an empty KEY and an empty
            // STAGE.
            parse_single_reference(format!("{id}:::{version}").trim_end_matches(':'))
        }
        _ => Err("{{resolve:…}} must name secretsmanager, ssm or ssm-secure".into()),
    }
}
