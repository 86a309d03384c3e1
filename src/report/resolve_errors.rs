//! Messages about values that could not be resolved: a paragraph for each cause, with all variables that it affects.

use super::exit_status::{CONFIGURATION, DENIED, TEMPORARY};
use super::extract_errors::{env_from, extraction, rendering};
use super::fetch_errors::{fetching, name};
use crate::model::answer::{CredentialsError, FetchError, FetchFailure, Refusal};
use crate::model::reference::{Locator, Region, Store, Version};
use crate::model::suggest::Suggestions;
use crate::resolve::{ResolveError, ResolveProblem};

pub fn status(error: &ResolveError) -> u8 {
    match &error.problem {
        ResolveProblem::Extract { .. }
        | ResolveProblem::EnvFrom { .. }
        | ResolveProblem::Render { .. }
        | ResolveProblem::NotBase64 => CONFIGURATION,
        ResolveProblem::Fetch(failure) => match &failure.error {
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
                | Refusal::OtherRegion { .. }
                | Refusal::OtherAccount { .. }
                | Refusal::Agent(_)
                | Refusal::Request(_)
                | Refusal::Status(_),
            ) => CONFIGURATION,
        },
    }
}

/// Returns one paragraph for each cause, in the order of the plan.
pub fn lines(errors: &[ResolveError], aliases: &[String]) -> Vec<String> {
    let suggestions = Suggestions::default();
    let mut groups: Vec<(&ResolveError, Vec<String>)> = Vec::new();
    for error in errors {
        let subject = error.subject.to_string();
        match groups.iter_mut().find(|(first, _)| is_same(first, error)) {
            Some((_, subjects)) => subjects.push(subject),
            None => groups.push((error, vec![subject])),
        }
    }
    groups.into_iter().flat_map(|(error, subjects)| paragraph(error, &subjects, aliases, &suggestions)).collect()
}

/// True if two errors have one cause: the same secret cannot be read, or none can.
fn is_same(left: &ResolveError, right: &ResolveError) -> bool {
    let locator = |error: &ResolveError| error.reference.as_ref().map(|reference| reference.locator.clone());
    matches!(left.problem, ResolveProblem::Fetch(_))
        && left.problem == right.problem
        && (affects_all_secrets(&left.problem) || locator(left) == locator(right))
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

fn paragraph(
    failure: &ResolveError,
    subjects: &[String],
    aliases: &[String],
    suggestions: &Suggestions,
) -> Vec<String> {
    let reference = failure.reference.as_ref();
    let (region, (what, hints)) = match &failure.problem {
        ResolveProblem::NotBase64 => {
            let hint = "leave `decode` out, or correct the value".to_owned();
            (None, ("the value is not base64, which `decode` expects".to_owned(), vec![hint]))
        }
        ResolveProblem::Extract { region, error } => (region.as_ref(), extraction(reference, error)),
        ResolveProblem::EnvFrom { region, error } => (region.as_ref(), env_from(reference, error)),
        ResolveProblem::Render { region, error } => (region.as_ref(), rendering(error)),
        ResolveProblem::Fetch(FetchFailure { region, error, is_local, elsewhere }) => {
            let (what, hints) = fetching(error, reference, *is_local, aliases, suggestions);
            let elsewhere = elsewhere.iter().map(|(region, error)| {
                format!("region {region} (fallback): {}", fetching(error, reference, false, aliases, suggestions).0)
            });
            (region.as_ref(), (what, elsewhere.chain(hints).collect()))
        }
    };
    let mut line = format!("{}: ", subjects.join(", "));
    if let Some(reference) = reference.filter(|_| !affects_all_secrets(&failure.problem)) {
        line.push_str(&format!("{}: ", secret(&reference.locator, region)));
    }
    std::iter::once(line + &what).chain(hints.into_iter().map(|hint| format!("  {hint}"))).collect()
}

/// `secret prod/db, stage AWSPREVIOUS, region us-east-1, role arn:…`
pub fn secret(locator: &Locator, region: Option<&Region>) -> String {
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
