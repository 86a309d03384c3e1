//! Messages about values that could not be resolved: a paragraph for each cause, with all variables that it affects.

use super::exit_status::{CONFIGURATION, DENIED, TEMPORARY};
use super::extract_errors::{env_from, extraction, rendering};
use super::fetch_errors::{default_hint, fetch_text, fetching, name};
use super::line::Line;
use crate::model::answer::{CredentialsError, FetchError, FetchFailure, Refusal};
use crate::model::entry::SubjectKind;
use crate::model::reference::{Locator, Region, SecretRef, Selector, Store, Version};
use crate::resolve::{ResolveError, ResolveProblem};

pub fn status(error: &ResolveError) -> u8 {
    match &error.problem {
        ResolveProblem::Extract { .. }
        | ResolveProblem::EnvFrom { .. }
        | ResolveProblem::Render { .. }
        | ResolveProblem::NotBase64 => CONFIGURATION,
        ResolveProblem::Fetch(failure) => fetch_status(&failure.error),
    }
}

/// Returns the status of a request that failed.
fn fetch_status(error: &FetchError) -> u8 {
    match error {
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
        FetchError::Refused(
            Refusal::MarkedForDeletion
            | Refusal::NoValue
            | Refusal::Certificate { .. }
            | Refusal::TrustStore(_)
            | Refusal::Proxy { .. }
            | Refusal::Agent(_)
            | Refusal::Request(_)
            | Refusal::Status(_),
        ) => CONFIGURATION,
    }
}

/// Returns one paragraph for each cause, in the order of the plan.
pub fn lines(errors: &[ResolveError], aliases: &[String]) -> Vec<Line> {
    let mut groups: Vec<Vec<&ResolveError>> = Vec::new();
    for error in errors {
        match groups.iter_mut().find(|group| is_same(group[0], error)) {
            Some(group) => group.push(error),
            None => groups.push(vec![error]),
        }
    }
    groups.into_iter().flat_map(|group| paragraph(&group, aliases)).collect()
}

/// Returns the message about one error, without entries and hints.
pub fn message(error: &ResolveError) -> String {
    let (region, what, _) = reason(error, &[]);
    match locator(error) {
        Some(locator) if !affects_all_secrets(&error.problem) => format!("{}: {what}", secret(locator, region)),
        Some(_) | None => what,
    }
}

/// True if two errors have one cause: the same secret cannot be read or has no such value, or several or all secrets cannot be read for
/// the same reason.
fn is_same(left: &ResolveError, right: &ResolveError) -> bool {
    let store = |error| locator(error).map(|locator| locator.store);
    left.problem == right.problem
        && match left.problem {
            ResolveProblem::Fetch(_) => {
                affects_all_secrets(&left.problem)
                    || locator(left) == locator(right)
                    || store(left) == store(right) && may_affect_several_secrets(&left.problem)
            }
            ResolveProblem::Extract { .. }
            | ResolveProblem::EnvFrom { .. }
            | ResolveProblem::Render { .. }
            | ResolveProblem::NotBase64 => left.reference.is_some() && left.reference == right.reference,
        }
}

fn locator(error: &ResolveError) -> Option<&Locator> {
    error.reference.as_ref().map(|reference| &reference.locator)
}

/// True for an error that does not depend on the secret.
fn affects_all_secrets(problem: &ResolveProblem) -> bool {
    match problem {
        ResolveProblem::Fetch(FetchFailure { error, .. }) => match error {
            FetchError::NoCredentials(_)
            | FetchError::NoRegion
            | FetchError::Refused(Refusal::TrustStore(_) | Refusal::Proxy { .. }) => true,
            FetchError::NotFound { .. }
            | FetchError::Denied { .. }
            | FetchError::Unavailable(_)
            | FetchError::Refused(_) => false,
        },
        ResolveProblem::Extract { .. }
        | ResolveProblem::EnvFrom { .. }
        | ResolveProblem::Render { .. }
        | ResolveProblem::NotBase64 => false,
    }
}

/// True for an error whose message and hints do not mention the secret. Equal errors of several secrets share one paragraph.
fn may_affect_several_secrets(problem: &ResolveProblem) -> bool {
    let ResolveProblem::Fetch(FetchFailure { error, .. }) = problem else { return false };
    match error {
        FetchError::Denied { .. } | FetchError::Unavailable(_) => true,
        FetchError::Refused(refusal) => !matches!(refusal, Refusal::MarkedForDeletion | Refusal::NoValue),
        FetchError::NotFound { .. } | FetchError::NoCredentials(_) | FetchError::NoRegion => false,
    }
}

/// Returns the reason of errors that have one cause, the entries, and the hints.
fn paragraph(group: &[&ResolveError], aliases: &[String]) -> Vec<Line> {
    let failure = group[0];
    let (region, what, hints) = reason(failure, aliases);
    let is_one_secret = group.iter().all(|error| locator(error) == locator(failure));
    let place = match (locator(failure), region) {
        _ if affects_all_secrets(&failure.problem) => String::new(),
        (Some(locator), region) if is_one_secret => format!("{}: ", secret(locator, region)),
        (_, Some(region)) => format!("region {region}: "),
        (_, None) => String::new(),
    };
    let hints = scheme_hint(failure).into_iter().chain(hints).chain(path_hint(failure));
    let is_secret_named = is_one_secret || affects_all_secrets(&failure.problem);
    let entries = group.iter().map(|error| Line::entry(entry(error, is_secret_named)));
    let variables: Vec<&str> = group.iter().map(|error| error.subject.label.as_str()).collect();
    let line = Line::error(place + &what).with("variables", variables);
    let line = match locator(failure).filter(|_| is_one_secret) {
        Some(locator) => line.with("secret", locator.written_id()),
        None => line,
    };
    std::iter::once(line).chain(entries).chain(hints).collect()
}

fn scheme_hint(failure: &ResolveError) -> Option<Line> {
    let reference = failure.reference.as_ref()?;
    reference.has_scheme().then(|| Line::help("a reference has no scheme; write SECRET[:KEY[:STAGE[:VERSION-ID]]]"))
}

/// Returns the hint for an `env-from` of a parameter that does not exist: it may be a path without the slash at its end.
fn path_hint(failure: &ResolveError) -> Option<Line> {
    let ResolveProblem::Fetch(FetchFailure { error: FetchError::NotFound { .. }, .. }) = &failure.problem else {
        return None;
    };
    let SecretRef { locator, selector } = failure.reference.as_ref()?;
    let id = locator.written_id();
    let may_be_path = failure.subject.kind == SubjectKind::EnvFrom
        && locator.store == Store::ParameterStore
        && !locator.is_path()
        && *selector == Selector::Whole
        && locator.version == Version::Current
        && (id.starts_with("ssm:/") || locator.id.arn().is_some());
    may_be_path.then(|| Line::help(format!("for all parameters below it write {id}/")))
}

/// Returns an entry. Its secret is added if neither the reason nor the reference as written names it.
fn entry(error: &ResolveError, is_secret_named: bool) -> String {
    let subject = error.subject.to_string();
    match locator(error) {
        Some(locator) if !is_secret_named && !subject.contains(&locator.id.to_string()) => {
            format!("{subject}: {}", name(locator))
        }
        _ => subject,
    }
}

fn reason<'a>(failure: &'a ResolveError, aliases: &[String]) -> (Option<&'a Region>, String, Vec<Line>) {
    let (reference, default) = (failure.reference.as_ref(), default_hint(&failure.subject));
    let (region, (what, hints)) = match &failure.problem {
        ResolveProblem::NotBase64 => {
            let hint = "leave `decode` out, or correct the value".to_owned();
            (None, ("the value is not base64, which `decode` expects".to_owned(), vec![hint]))
        }
        ResolveProblem::Extract { region, error } => (region.as_ref(), extraction(reference, error, default)),
        ResolveProblem::EnvFrom { region, error } => (region.as_ref(), env_from(reference, error, &failure.subject)),
        ResolveProblem::Render { region, error } => (region.as_ref(), rendering(error)),
        ResolveProblem::Fetch(FetchFailure { region, error, is_local, elsewhere }) => {
            let (what, hints) = fetching(error, reference, *is_local, aliases, default);
            let elsewhere = elsewhere.iter().map(|(region, error)| {
                let what = fetch_text(error, reference);
                Line::note(format!("region {region} (fallback): {what}"))
            });
            return (region.as_ref(), what, elsewhere.chain(hints).collect());
        }
    };
    (region, what, hints.into_iter().map(Line::help).collect())
}

/// `secret prod/db, stage AWSPREVIOUS, region us-east-1, role arn:…`
fn secret(locator: &Locator, region: Option<&Region>) -> String {
    let mut text = name(locator);
    let stage_is = if locator.store == Store::ParameterStore { "label" } else { "stage" };
    match &locator.version {
        Version::Current => {}
        Version::Stage(stage) => text.push_str(&format!(", {stage_is} {stage}")),
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
