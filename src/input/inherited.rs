//! Parses references in inherited variables, for `--resolve-env`. Also warns if `--resolve-env`,
//! `--pass` or `--unset` probably doesn't do what the user meant.
//!
//! A value is resolved if it is the ARN of a secret or a parameter, with or without KEY, STAGE and
//! VERSION-ID, or if it contains CloudFormation's dynamic references, such as
//! `{{resolve:secretsmanager:…}}`. Aliases and `${NAME}` can't be used in such a value, and the KEY
//! of a dynamic reference is never a JSONPath.
//!
//! Errors never quote a value, because a secret may be next to the reference.

use std::collections::BTreeMap;
use std::ffi::OsStr;

use glob::{MatchOptions, Pattern};

use crate::model::entry::template::Printing;
use crate::model::entry::{Entry, Operand, Origin, Part, Source, Subject, Target};
use crate::model::environment::{EnvName, Inherited, is_name, matches_any};
use crate::model::fault::{Fault, foreign_prefix, is_one_letter_away, overlooked};
use crate::model::message::{Placed, Problem, Record};
use crate::model::options::{OptionId, Options, TypedOptions};
use crate::model::plan::{Layer, is_certainly_set};
use crate::model::reference::{Arn, Reference, Selector, Store, split_colon, split_secret};
use crate::model::retention::{Retention, first_match};
use crate::model::shown::{has_credential, shown, some_of};

const OPEN: &str = "{{resolve:";

const CLOSE: &str = "}}";

/// Creates an entry for each variable that matches a pattern and has a reference. `inherited` must
/// not contain the variables that `unset` removes.
pub fn inherited_layer(inherited: &Inherited, patterns: &[Pattern]) -> Result<Layer, Vec<Problem>> {
    let mut layer = Layer::default();
    let mut errors = Vec::new();
    for (name, value) in inherited.iter() {
        let name = name.to_string_lossy();
        if !matches_any(patterns, &name) {
            continue;
        }
        match parse_entry(&name, value, patterns) {
            Ok(found) => layer.entries.extend(found),
            Err(fault) => {
                let subject = Subject::plain(name.into_owned(), Origin::Inherited);
                errors.push(Problem::configuration(fault.to_string()).for_entry(subject));
            }
        }
    }

    if !errors.is_empty() {
        return Err(errors);
    }
    Ok(layer)
}

/// Warns about these mistakes with `--resolve-env`:
///
/// - a pattern that matches no variable
/// - a variable with a reference that matches a pattern, but is removed by `unset`
/// - a variable that the command gets with its reference unresolved, unless an entry in `layers`
///   replaces it
pub fn unresolved_warnings(
    inherited: &Inherited,
    patterns: &[Pattern],
    options: &Options,
    layers: &[Layer],
) -> Vec<Record> {
    let mut warnings = Vec::new();
    for pattern in patterns {
        let is_used = inherited
            .iter()
            .any(|(name, _)| pattern.matches(&name.to_string_lossy()));
        if !is_used {
            let shown = shown(pattern.as_str());
            let text = format!("--resolve-env {shown} doesn't match any variable");
            warnings.push(Record::warning(text));
        }
    }

    let removed = matched_names(&options.retention.unset, inherited, |name, value| {
        let name = name.to_string_lossy();
        matches_any(patterns, &name)
            && parse_entry(&name, value, patterns).is_ok_and(|entry| entry.is_some())
    });
    for (place, names) in removed {
        let text = format!(
            "{place} wins over --resolve-env, so secrets-exec doesn't resolve {}",
            some_of(&names)
        );
        warnings.push(Record::warning(text).with("variables", names));
    }

    let mut unresolved = Vec::new();
    for (variable, value) in inherited.iter() {
        let name = variable.to_string_lossy();
        let text = value.to_string_lossy();
        // If a pattern matches the name, `inherited_layer` has already dealt with a value that
        // looks like a reference. So check only for what it ignores. If only `*` matches the name,
        // it also ignores another tool's reference.
        let is_reference = if matches_any(patterns, &name) {
            let is_short = is_short_reference(&text) && matches_closely(patterns, &name);
            !looks_like_reference(&text)
                && (is_short
                    || is_stack_reference(&text)
                    || contains_reference(&text)
                    || foreign_syntax(&text).is_some())
        } else {
            contains_reference(&text)
        };
        let is_replaced = is_certainly_set(&name, layers) && !options.keep_existing;
        if is_reference && !is_replaced && options.retention.keeps(variable) {
            unresolved.push(name.into_owned());
        }
    }
    if !unresolved.is_empty() {
        let text = "a reference in an inherited variable isn't resolved";
        let name = match unresolved.as_slice() {
            [name] => name,
            _ => "NAME",
        };
        let help = format!(
            "add --resolve-env {name} if the value is only an ARN or has {{{{resolve:…}}}}; otherwise, write --env {name}=SECRET:KEY"
        );
        let warning = Record::warning(text).help(help);
        let warning = warning.for_entries(unresolved.clone());
        warnings.push(warning.with("variables", unresolved));
    }
    warnings
}

/// Warns about patterns of `unset` and `pass` that have no effect:
///
/// - a `pass` pattern without `--clean-env`
/// - a pattern that matches no variable, although a [similar name](similar_name) is set
/// - a `pass` pattern that is ignored, because a place with higher precedence sets `pass` or
///   `clean-env`
///
/// `retention` has the patterns from `options` that are in effect.
pub fn retention_warnings(
    options: &TypedOptions,
    retention: &Retention,
    inherited: &Inherited,
    layers: &[Layer],
) -> Vec<Record> {
    let mut warnings = Vec::new();
    if let (None, [pass, ..]) = (options.place(OptionId::CleanEnv), retention.pass.as_slice()) {
        let text = format!(
            "{} has no effect without --clean-env, because the command gets all variables",
            pass.place
        );
        warnings.push(Record::warning(text).help("add --clean-env, or leave the pattern out"));
    }

    for Placed {
        value: pattern,
        place,
    } in retention.unset.iter().chain(&retention.pass)
    {
        let names: Vec<&str> = inherited
            .iter()
            .filter_map(|(name, _)| name.to_str())
            .collect();
        let is_unmatched = !names.iter().any(|name| pattern.matches(name));
        if is_unmatched && let Some(similar) = similar_name(pattern, names) {
            let mut warning = Record::warning(format!(
                "{place} {pattern} doesn't match any variable, although {similar} is set"
            ));
            if similar.starts_with(pattern.as_str()) {
                warning = warning.help(format!("write {pattern}*"));
            }
            warnings.push(warning);
        }
    }

    let without_clean = retention.without_clean();
    let not_passed = matched_names(&options.ignored_pass, inherited, |name, _| {
        without_clean.keeps(name)
            && !retention.keeps(name)
            && !is_certainly_set(&name.to_string_lossy(), layers)
    });
    for (place, names) in not_passed {
        let text = format!(
            "{place} is ignored, because a place with higher precedence sets pass or clean-env, so the command doesn't get {}",
            some_of(&names)
        );
        let help = "repeat the pattern in the place with higher precedence";
        warnings.push(Record::warning(text).help(help).with("variables", names));
    }
    warnings
}

/// Notes such as `--unset removes AWS_PROFILE`, one for each place.
pub fn removed_notes(removed: &BTreeMap<String, Vec<String>>) -> impl Iterator<Item = Record> {
    removed.iter().map(|(place, names)| {
        let text = format!("{place} removes {}", some_of(names));
        Record::note(text).with("variables", names.clone())
    })
}

/// The names that match a pattern and meet `condition`, grouped by the place of the first pattern
/// that matches them.
pub fn matched_names(
    patterns: &[Placed<Pattern>],
    inherited: &Inherited,
    condition: impl Fn(&OsStr, &OsStr) -> bool,
) -> BTreeMap<String, Vec<String>> {
    let mut names: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, _) in inherited
        .iter()
        .filter(|(name, value)| condition(name, value))
    {
        let name = name.to_string_lossy();
        if let Some(placed) = first_match(patterns, &name) {
            names
                .entry(placed.place.to_string())
                .or_default()
                .push(shown(&name));
        }
    }
    names
}

/// Finds the variable that the user probably meant by a pattern that matches none. Proxy variables,
/// such as HTTP_PROXY and HTTPS_PROXY, are left out, because their names are similar on purpose. In
/// a name of up to three characters, no letter may differ, because short names are often similar by
/// chance.
fn similar_name<'n>(pattern: &Pattern, mut names: Vec<&'n str>) -> Option<&'n str> {
    names.retain(|name| !name.to_uppercase().ends_with("_PROXY"));
    let any_case = MatchOptions {
        case_sensitive: false,
        ..MatchOptions::default()
    };
    let same = names
        .iter()
        .find(|name| pattern.matches_with(name, any_case));
    if let Some(name) = same {
        return Some(name);
    }
    let start = pattern.as_str();
    if start.ends_with('_')
        && let Some(name) = names.iter().find(|name| name.starts_with(start))
    {
        return Some(name);
    }

    names
        .into_iter()
        .find(|name| name.len() > 3 && is_one_letter_away(pattern.as_str(), name))
}

/// True if the command gets a variable that matches no pattern, although its value only makes sense
/// as a reference.
pub fn has_unmatched_reference(patterns: &[Pattern], retained: &Inherited) -> bool {
    retained.iter().any(|(name, value)| {
        Reference::is_meant_by(value.to_string_lossy().trim_matches(is_space_or_quote))
            && !matches_any(patterns, &name.to_string_lossy())
    })
}

/// True for a reference such as `prod/db:password`, unless it looks like a credential.
fn is_short_reference(text: &str) -> bool {
    let has_key = text.contains('/') && split_colon(text).1.is_some_and(is_name);
    has_key && Reference::parse(text).is_ok() && !has_credential(text)
}

/// True for a reference with all three colons (NAME:KEY:STAGE:VERSION-ID) and without a slash in
/// NAME, such as `DbSecret:password::`. `sam local` leaves such a text if it can't replace
/// `${DbSecret}`. False for an IPv6 address.
fn is_stack_reference(text: &str) -> bool {
    let fields: Vec<&str> = text.split(':').collect();
    let [name, key, _, _] = fields[..] else {
        return false;
    };
    !key.is_empty()
        && !name.contains('/')
        && name.contains(|c: char| !c.is_ascii_hexdigit())
        && parse_single_reference(text).is_ok()
}

/// True for text that begins like the ARN of a secret or parameter. Other ARNs, such as a role's,
/// are meant for the command.
fn is_own_arn(text: &str) -> bool {
    let store = text.split(':').nth(2).and_then(Store::from_service);
    Arn::has_prefix(text) && store.is_some()
}

/// True for [one reference](is_one_reference), or text that begins like another tool's reference.
pub(super) fn is_reference(text: &str) -> bool {
    foreign_syntax(text).is_some() || is_one_reference(text)
}

/// True if the whole text is one ARN of a secret or parameter, or one dynamic reference.
fn is_one_reference(text: &str) -> bool {
    (is_own_arn(text) && !text.contains(is_space_or_quote))
        || (text.starts_with(OPEN) && text.find(CLOSE) == Some(text.len() - CLOSE.len()))
}

/// True for a value that is the ARN of a secret or parameter, begins with an ARN and its KEY, or
/// contains a dynamic reference. If such a value can't be parsed, that is an error, because the
/// command would otherwise get the text of the reference as its password.
///
/// `bare` is the value without the quotes and spaces around it.
fn looks_like_reference(bare: &str) -> bool {
    let first = bare.split(is_separator).next().unwrap_or_default();
    let (_, fields) = split_secret(first);
    let has_fields = fields.is_some_and(|fields| !fields.is_empty());
    let is_arn = is_own_arn(bare) && (first == bare || has_fields);
    is_arn || dynamic_references(bare).next().is_some()
}

/// Finds the dynamic references in a text. Each is returned as the text after `{{`, up to the next
/// `{{` or the end. References with spaces after `{{`, which CloudFormation wouldn't resolve, are
/// included, so that [`parse_value`] can refuse them.
fn dynamic_references(text: &str) -> impl Iterator<Item = &str> {
    text.split("{{")
        .skip(1)
        .filter(|rest| rest.trim_start().starts_with("resolve:"))
}

/// True for text with something that only makes sense as a reference: an ARN with a KEY, or a
/// dynamic reference.
fn contains_reference(text: &str) -> bool {
    // Few values pass this quick check, so most launches skip the thorough search.
    (text.contains("arn:") || text.contains("resolve:s"))
        && text.split(is_separator).any(|word| {
            let start = word.find("arn:").unwrap_or_default();
            Reference::is_meant_by(&word[start..])
        })
}

/// True for a character that ends an ARN.
fn is_separator(c: char) -> bool {
    c == ',' || is_space_or_quote(c)
}

/// True if a pattern other than `*` matches. A variable that only `*` matches may be meant for a
/// different tool.
fn matches_closely(patterns: &[Pattern], name: &str) -> bool {
    patterns
        .iter()
        .any(|pattern| pattern.as_str() != "*" && pattern.matches(name))
}

/// Explains the mistake in a value that begins like another tool's reference, or with `ssm:/`.
fn foreign_syntax(text: &str) -> Option<Fault> {
    let prefix = match foreign_prefix(text) {
        Some(prefix) => prefix,
        None if text.starts_with("ssm:/") => "ssm:/",
        None => return None,
    };
    let forms = "an ARN, {{resolve:secretsmanager:…}} or {{resolve:ssm:…}}";
    let text = format!("the value begins with \"{prefix}\", but --resolve-env reads only {forms}");
    Some(Fault::new(text))
}

/// True for quotes and white space, which `docker run --env-file` leaves around a value.
fn is_space_or_quote(c: char) -> bool {
    c.is_whitespace() || c == '"' || c == '\''
}

/// Creates an entry from a value that [looks like a reference](looks_like_reference), unless the
/// ARN itself is meant for the command.
fn parse_entry(name: &str, value: &OsStr, patterns: &[Pattern]) -> Result<Option<Entry>, Fault> {
    let text = value.to_string_lossy();
    let bare = text.trim_matches(is_space_or_quote);
    let is_named = matches_closely(patterns, name);
    let (_, fields) = split_secret(bare);
    let has_key = fields.is_some_and(|fields| fields.contains(|c| c != ':'));
    // A name such as `DB_SECRET_ARN` says that the command wants the ARN itself.
    let is_arn_for_command = is_own_arn(bare) && !has_key && name.ends_with("_ARN") && !is_named;
    if is_arn_for_command || !looks_like_reference(bare) {
        if is_named && let Some(fault) = foreign_syntax(&text) {
            return Err(fault);
        }
        return Ok(None);
    }

    let source = Source::Composed(parse_value(&text)?);

    if value.to_str().is_none() {
        return Err("the value has a reference, but isn't UTF-8".into());
    }
    // Without this error, the command would get the text of the reference as the value.
    let illegal = "the value has a reference, but the name of the variable isn't valid: \
                   use letters, digits and \"_\", and don't start with a digit";
    let target = Target::Env(EnvName::parse(name).ok_or(illegal)?);
    Ok(Some(Entry::new(target, source, Origin::Inherited)))
}

/// Parses a value that is an ARN, or that contains dynamic references. Refuses quotes and spaces
/// around the reference, which `docker run --env-file` passes on.
fn parse_value(text: &str) -> Result<Vec<Part<Reference>>, Fault> {
    let bare = text.trim_matches(is_space_or_quote);
    if bare != text && (is_own_arn(bare) || is_one_reference(bare)) {
        let quotes = "the value has quotes or spaces around the reference: remove them";
        return Err(overlooked(text).map_or(quotes.into(), |found| found.about("the value")));
    }
    if dynamic_references(text).any(|rest| rest.starts_with(char::is_whitespace)) {
        return Err("the value has spaces inside the braces: write {{resolve:…}}".into());
    }
    if is_own_arn(text) {
        return Ok(vec![lookup(parse_single_reference(text)?)]);
    }
    split_value(text)
}

/// Parses a reference to a single secret or parameter, without aliases and `${NAME}`.
fn parse_single_reference(text: &str) -> Result<Reference, Fault> {
    if text.contains("${") {
        let why = "contains \"${\", but variables aren't expanded there";
        return Err(Fault::new(why).about("a reference in the value"));
    }
    Reference::parse(text)
        .and_then(|reference| {
            let found = reference.locate(None, &Inherited::default())?;
            found.single(&text)?;
            Ok(reference)
        })
        .map_err(|fault| fault.about("a reference in the value"))
}

fn lookup(reference: Reference) -> Part<Reference> {
    let printing = Printing {
        written: reference.to_string(),
        ..Printing::default()
    };
    Part::Lookup(Operand::Secret(reference), printing)
}

fn split_value(text: &str) -> Result<Vec<Part<Reference>>, Fault> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(OPEN) {
        let unclosed = "in the value, \"{{resolve:\" isn't closed by \"}}\"";
        let (reference, after) = after.split_once(CLOSE).ok_or(unclosed)?;
        if !before.is_empty() {
            parts.push(Part::Text(before.to_owned()));
        }
        parts.push(lookup(parse_dynamic_reference(reference)?));
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.to_owned()));
    }
    Ok(parts)
}

/// Parses the text between `{{resolve:` and `}}`: `ssm:NAME:VERSION`, `ssm-secure:NAME:VERSION` or
/// `secretsmanager:ID:SecretString:KEY:STAGE:VERSION`. Fields after ID or NAME can be empty, and
/// trailing empty fields can be left out.
fn parse_dynamic_reference(text: &str) -> Result<Reference, Fault> {
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
            // The text is parsed as `ID::STAGE:VERSION-ID`. The KEY is set afterwards, because
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
            // The text is parsed as `ssm:NAME:::VERSION`, with an empty KEY and STAGE.
            parse_single_reference(format!("{id}:::{version}").trim_end_matches(':'))
        }
        _ => Err("{{resolve:…}} must name secretsmanager, ssm or ssm-secure".into()),
    }
}
