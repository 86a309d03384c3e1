//! Why variables have no value: what they have in common is said once, with every variable it is about.

use super::{CONFIGURATION, DENIED, TEMPORARY, USAGE, by_origin};
use crate::expansion::NamingError;
use crate::fetched::{CredentialsError, Denial, FetchError, FetchFailure, Missing, Outage, Refusal};
use crate::reference::{Locator, Region, SecretRef, Version};
use crate::resolve::{Absent, ExpansionError, ExtractError, Problem, RenderError, ResolveError};
use crate::suggest;

pub(super) fn status(error: &ResolveError) -> u8 {
    match &error.problem {
        Problem::Extract { .. } | Problem::Expand { .. } | Problem::Render { .. } | Problem::NotBase64 => CONFIGURATION,
        Problem::Fetch(failure) => match &failure.error {
            FetchError::NotFound { .. } | FetchError::NoRegion => CONFIGURATION,
            FetchError::Denied { .. } => DENIED,
            FetchError::Unavailable(_) => TEMPORARY,
            FetchError::NoCredentials(CredentialsError { temporary, .. }) => {
                if *temporary {
                    TEMPORARY
                } else {
                    DENIED
                }
            }
            FetchError::Refused(Refusal::NotYet) => by_origin(&error.subject.origin),
            FetchError::Refused(Refusal::TrustStore(_)) => USAGE,
            FetchError::Refused(
                Refusal::MarkedForDeletion | Refusal::NoValue | Refusal::Certificate(_) | Refusal::Request(_),
            ) => CONFIGURATION,
        },
    }
}

/// One paragraph for each thing that went wrong, in the order of the plan.
pub(super) fn lines(errors: &[ResolveError], aliases: &[String]) -> Vec<String> {
    let mut groups: Vec<(&ResolveError, Vec<String>)> = Vec::new();
    for error in errors {
        let who = error.subject.to_string();
        match groups.iter_mut().find(|(first, _)| is_same(first, error)) {
            Some((_, subjects)) => subjects.push(who),
            None => groups.push((error, vec![who])),
        }
    }
    groups.into_iter().flat_map(|(error, subjects)| paragraph(error, &subjects, aliases)).collect()
}

/// Whether two failures are one to whoever mends them: the same secret cannot be read, or nothing can.
fn is_same(left: &ResolveError, right: &ResolveError) -> bool {
    let locator = |error: &ResolveError| error.reference.as_ref().map(|reference| reference.locator.clone());
    matches!(left.problem, Problem::Fetch(_))
        && left.problem == right.problem
        && (is_about_everything(&left.problem) || locator(left) == locator(right))
}

/// Whether the secret does not matter to what went wrong.
fn is_about_everything(problem: &Problem) -> bool {
    match problem {
        Problem::Fetch(FetchFailure { error, .. }) => match error {
            FetchError::NoCredentials(_) | FetchError::NoRegion | FetchError::Refused(Refusal::TrustStore(_)) => true,
            FetchError::NotFound { .. }
            | FetchError::Denied { .. }
            | FetchError::Unavailable(_)
            | FetchError::Refused(_) => false,
        },
        Problem::Extract { .. } | Problem::Expand { .. } | Problem::Render { .. } | Problem::NotBase64 => false,
    }
}

fn paragraph(failure: &ResolveError, subjects: &[String], aliases: &[String]) -> Vec<String> {
    let reference = failure.reference.as_ref();
    let (region, (what, hints)) = match &failure.problem {
        Problem::NotBase64 => {
            let hint = "leave `decode` out, or mend the value".to_owned();
            (None, ("the value is not base64, which `decode` expects".to_owned(), vec![hint]))
        }
        Problem::Extract { region, error } => (region.as_ref(), extraction(reference, error)),
        Problem::Expand { region, error } => (region.as_ref(), expansion(reference, error)),
        Problem::Render { region, error } => (region.as_ref(), rendering(error)),
        Problem::Fetch(FetchFailure { region, error }) => {
            (region.as_ref(), fetching(error, reference, region.is_none(), aliases))
        }
    };
    let mut line = format!("{}: ", subjects.join(", "));
    if let Some(reference) = reference.filter(|_| !is_about_everything(&failure.problem)) {
        line.push_str(&format!("{}: ", secret(&reference.locator, region)));
    }
    std::iter::once(line + &what).chain(hints.into_iter().map(|hint| format!("  {hint}"))).collect()
}

/// `secret prod/db, stage AWSPREVIOUS, region us-east-1, role arn:…`
fn secret(locator: &Locator, region: Option<&Region>) -> String {
    let mut text = format!("secret {}", locator.id);
    match &locator.version {
        Version::Current => {}
        Version::Stage(stage) => text.push_str(&format!(", stage {stage}")),
        Version::Id(id) => text.push_str(&format!(", version {id}")),
        Version::Both { stage, id } => text.push_str(&format!(", stage {stage}, version {id}")),
    }
    if let Some(region) = region {
        text.push_str(&format!(", region {region}"));
    }
    if let Some(role) = &locator.role {
        text.push_str(&format!(", role {}", role.arn));
    }
    text
}

fn extraction(reference: Option<&SecretRef>, error: &ExtractError) -> (String, Vec<String>) {
    let key = reference.map(|reference| reference.selector.to_string()).unwrap_or_default();
    let (what, hint) = match error {
        ExtractError::Absent(Absent::Key { nearest, as_path, known }) => {
            let hint = match (as_path, nearest) {
                (Some(path), _) => Some(format!("a KEY is one top-level key; for a value within another write {path}")),
                (None, Some(nearest)) => Some(format!("did you mean {nearest:?}?")),
                (None, None) if known.is_empty() => Some("it has no keys at all".to_owned()),
                (None, None) => Some(format!("it has {}", known.join(", "))),
            };
            (format!("has no key {key:?}"), hint)
        }
        ExtractError::Absent(Absent::Node) => {
            (format!("has nothing at {key}"), Some("give the entry a `default`, or `optional: true`".to_owned()))
        }
        ExtractError::Absent(Absent::Null) => (
            format!("{key:?} is null, which counts as absent"),
            Some("give the entry a `default`, or `optional: true`".to_owned()),
        ),
        ExtractError::NotJson { line, column } => (
            format!("is not JSON, or too deeply nested (line {line}, column {column}), so it has no {}", of_key(&key)),
            Some("leave KEY out to take the whole value".to_owned()),
        ),
        ExtractError::NotAnObject(kind) => (
            format!("is JSON, but {kind} and no object, so it has no {}", of_key(&key)),
            Some("leave KEY out to take the whole value, or use a JSONPath, which begins with $".to_owned()),
        ),
        ExtractError::Several { paths, count } => {
            let more = if *count > paths.len() { ", …" } else { "" };
            (format!("{key} matches {count} values and must match one: {}{more}", paths.join(", ")), None)
        }
        ExtractError::BadPath => (format!("{key} cannot be evaluated"), None),
    };
    (what, Vec::from_iter(hint))
}

fn of_key(key: &str) -> String {
    if key.is_empty() { "keys".to_owned() } else { format!("key {key:?}") }
}

fn expansion(reference: Option<&SecretRef>, error: &ExpansionError) -> (String, Vec<String>) {
    let (what, hint) = match error {
        ExpansionError::Extract(ExtractError::NotAnObject(kind)) => {
            let place = reference.map(|reference| reference.selector.to_string()).filter(|place| !place.is_empty());
            let what = place.map_or_else(|| format!("is {kind}"), |place| format!("what is at {place} is {kind}"));
            return (
                format!("{what} and no object, so it has no keys to set variables from"),
                vec!["map it to one variable with --env, or under `env`".to_owned()],
            );
        }
        ExpansionError::Extract(error) => {
            let (what, _) = extraction(reference, error);
            return (what, vec!["map it to one variable with --env, or under `env`".to_owned()]);
        }
        ExpansionError::NoKey { key, list, nearest } => (
            format!("has no key {key:?}, which `{list}` names"),
            nearest.as_ref().map(|nearest| format!("did you mean {nearest:?}?")),
        ),
        ExpansionError::Null(key) => (format!("{key:?}, which `only` names, is null, which counts as absent"), None),
        ExpansionError::Name { key, error: NamingError::Illegal(name) } => (
            format!("the key {key:?} would make the variable {name:?}, which is no name ([A-Za-z_][A-Za-z0-9_]*)"),
            Some("give a `prefix`, `rename` the key, or leave it out with `except`".to_owned()),
        ),
        ExpansionError::Name { key, error: NamingError::Refused(name) } => (
            format!("the key {key:?} would set {name}, which makes programs run code or misread their surroundings"),
            Some(if name == "PATH" {
                "leave it out with `only` or `except`, or give a `prefix`; PATH itself takes only a literal under `env`"
                    .to_owned()
            } else {
                format!(
                    "leave it out with `only` or `except`, give a `prefix`, or, if it is meant, map it on purpose: --env {name}=REF, or under `env`"
                )
            }),
        ),
        ExpansionError::Clash { name, keys: [first, second] } => (
            format!("{first:?} and {second:?} both make the variable {name}"),
            Some("`rename` one of them, leave it out with `except`, or give a `prefix`".to_owned()),
        ),
    };
    (what, Vec::from_iter(hint))
}

fn rendering(error: &RenderError) -> (String, Vec<String>) {
    match error {
        RenderError::Absent { alias, key, nearest } => {
            let whose = alias.as_ref().map(|alias| format!("{alias}.")).unwrap_or_default();
            let hint = nearest.as_ref().map(|nearest| format!("did you mean {nearest:?}?"));
            (format!("the template finds nothing at {whose}{key}"), Vec::from_iter(hint))
        }
        RenderError::NotAnObject { alias, key } => (
            format!("the template asks for {alias}.{key}, and what stands before the last name is no JSON object"),
            vec![format!("write {{{{ {alias} }}}} for the whole value")],
        ),
        RenderError::NotText { alias } => (format!("the template's {alias} is bytes and no text"), Vec::new()),
        RenderError::Failed { line, what } => {
            let place = line.map(|line| format!("line {line} of the template: ")).unwrap_or_default();
            (format!("{place}{what}"), Vec::new())
        }
    }
}

fn fetching(
    error: &FetchError,
    reference: Option<&SecretRef>,
    is_local: bool,
    aliases: &[String],
) -> (String, Vec<String>) {
    let id = reference.map(|reference| reference.locator.id.as_str()).unwrap_or_default();
    match error {
        FetchError::NotFound { missing: Missing::Secret, nearest } => {
            let is_alias = aliases.iter().any(|alias| alias == id);
            let nearest = nearest.as_deref().or_else(|| suggest::nearest(id, aliases.iter().map(String::as_str)));
            let hint = match nearest {
                _ if is_alias => {
                    "an alias of that name serves only its own file and later ones, and no other alias".to_owned()
                }
                Some(nearest) => format!("did you mean {nearest:?}?"),
                None if is_local => "the --local file has no such id".to_owned(),
                None => "check its name, the region and the account, or give the entry a `default` or `optional: true`"
                    .to_owned(),
            };
            let current = reference.is_none_or(|reference| reference.locator.version == Version::Current);
            let what = if current { "does not exist" } else { "does not exist, or has no such version" };
            (what.to_owned(), vec![hint])
        }
        FetchError::NotFound { missing: Missing::Version, .. } if is_local => (
            "has no such version".to_owned(),
            vec!["`$stages` in the --local file gives it versions by stage".to_owned()],
        ),
        FetchError::NotFound { missing: Missing::Version, .. } => {
            let current = reference.is_some_and(|reference| reference.locator.version == Version::Current);
            let what =
                if current { "has no value yet (no version with the stage AWSCURRENT)" } else { "has no such version" };
            (what.to_owned(), Vec::new())
        }
        FetchError::Denied { message, cause } => (format!("denied: {message}"), denial(*cause)),
        FetchError::Unavailable(outage) => (outage_text(outage), outage_hint(outage)),
        FetchError::Refused(refusal) => refusal_text(refusal),
        FetchError::NoCredentials(CredentialsError { tried, temporary }) => {
            let what = if *temporary {
                "no AWS credentials: the source that should have them did not answer"
            } else {
                "no AWS credentials"
            };
            (what.to_owned(), tried.iter().map(|(source, why)| format!("{source}: {why}")).collect())
        }
        FetchError::NoRegion => {
            let hint =
                "set --region, AWS_REGION, `region` in the declaration or the profile, or name the secret by its ARN";
            ("no AWS region to read from".to_owned(), vec![hint.to_owned()])
        }
    }
}

fn denial(cause: Denial) -> Vec<String> {
    let hint = match cause {
        Denial::Policy => "allow secretsmanager:GetSecretValue on it to this identity",
        Denial::PolicyOrMissing => {
            "allow secretsmanager:GetSecretValue on it to this identity; AWS also answers like this when there is no secret of that name"
        }
        Denial::Key => "allow kms:Decrypt on the secret's key to this identity, and check that the key is enabled",
        Denial::Credentials => {
            "AWS does not accept the credentials: are they complete, in force, and for this partition and region?"
        }
        Denial::Role => "allow sts:AssumeRole to this identity, in its own policy and in the role's trust policy",
    };
    vec![hint.to_owned()]
}

fn outage_text(outage: &Outage) -> String {
    match outage {
        Outage::Throttled(why) => format!("throttled to the end: {why}"),
        Outage::Service(why) => format!("AWS failed: {why}"),
        Outage::Timeout(why) => format!("timed out: {why}"),
        Outage::Connection(why) => format!("not reachable: {why}"),
        Outage::Garbled(why) => format!("what answered does not speak as AWS does: {why}"),
        Outage::ClockSkew(why) => format!("the clock of this machine differs too much from AWS's: {why}"),
    }
}

fn outage_hint(outage: &Outage) -> Vec<String> {
    let hint = match outage {
        Outage::Throttled(_) | Outage::Service(_) => "it may work later; --timeout gives it longer",
        Outage::Timeout(_) | Outage::Connection(_) => {
            "is there a way to it: DNS, a route, a proxy, a VPC endpoint? --timeout gives it longer"
        }
        Outage::Garbled(_) => "is there a proxy or a captive portal in between, or is the endpoint another service's?",
        Outage::ClockSkew(_) => "set the clock",
    };
    vec![hint.to_owned()]
}

fn refusal_text(refusal: &Refusal) -> (String, Vec<String>) {
    match refusal {
        Refusal::MarkedForDeletion => (
            "is marked for deletion".to_owned(),
            vec!["restore it (aws secretsmanager restore-secret), or name another".to_owned()],
        ),
        Refusal::NoValue => ("AWS answered without a value".to_owned(), vec!["put a value into it".to_owned()]),
        Refusal::Certificate(why) => (
            format!("the server's certificate is not trusted: {why}"),
            vec![
                "if it is a proxy's or a private endpoint's, name its roots with --ca-bundle or AWS_CA_BUNDLE"
                    .to_owned(),
            ],
        ),
        Refusal::TrustStore(why) => (format!("root certificates cannot be read: {why}"), Vec::new()),
        Refusal::NotYet => ("parameters of SSM cannot be read yet".to_owned(), Vec::new()),
        Refusal::Request(why) => (format!("refused: {why}"), Vec::new()),
    }
}
