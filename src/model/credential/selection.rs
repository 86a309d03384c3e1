//! The selection of the declared credential that answers a request.

use std::collections::BTreeSet;

use super::names::parse_unit;
use super::request::CredentialRequest;
use crate::model::plan::Layer;
use crate::model::suggest;

/// The reason why no declared credential answers a request.
#[derive(Debug, PartialEq)]
pub enum NotSelected {
    /// No declaration lists the unit.
    UnknownUnit { nearest: Option<String> },
    /// The unit is listed, by name or by this pattern, without a credential of this name.
    UnknownName { unit: String, known: Vec<String>, nearest: Option<String> },
    /// Several patterns match the unit.
    SeveralPatterns(Vec<String>),
}

/// Leaves in `layers` only the entries that answer `request`. A unit's own name beats every pattern, whichever file it is in.
///
/// # Errors
/// When no declaration lists the credential, or several patterns match the unit.
pub fn select(layers: &mut [Layer], request: &CredentialRequest) -> Result<(), NotSelected> {
    let unit = unit_of(layers, request)?;
    let mut known = BTreeSet::new();
    let mut is_found = false;
    for layer in layers {
        layer.entries.clear();
        layer.env_from.clear();
        let units = std::mem::take(&mut layer.credentials).into_iter().filter(|credentials| credentials.unit == unit);
        for mut entry in units.flat_map(|credentials| credentials.entries) {
            let Some(target) = entry.target.credential_mut() else { continue };
            known.insert(target.name.clone());
            if target.name == request.name {
                // Messages name the unit that asks, not its pattern.
                target.unit.clone_from(&request.unit);
                layer.entries.push(entry);
                is_found = true;
            }
        }
    }
    if is_found {
        return Ok(());
    }
    let nearest = suggest::nearest(&request.name, known.iter().map(String::as_str)).map(str::to_owned);
    Err(NotSelected::UnknownName { unit, known: known.into_iter().collect(), nearest })
}

/// Returns the unit of `credentials:`, a name or a pattern, that stands for the unit of `request`.
fn unit_of(layers: &[Layer], request: &CredentialRequest) -> Result<String, NotSelected> {
    let units: BTreeSet<&str> =
        layers.iter().flat_map(|layer| &layer.credentials).map(|credentials| credentials.unit.as_str()).collect();
    if units.contains(request.unit.as_str()) {
        return Ok(request.unit.clone());
    }
    let matches = |unit: &&str| parse_unit(unit).ok().flatten().is_some_and(|pattern| pattern.matches(&request.unit));
    let patterns: Vec<String> = units.iter().copied().filter(matches).map(str::to_owned).collect();
    match &patterns[..] {
        [pattern] => Ok(pattern.clone()),
        [] => {
            let nearest = suggest::nearest(&request.unit, units.into_iter()).map(str::to_owned);
            Err(NotSelected::UnknownUnit { nearest })
        }
        _ => Err(NotSelected::SeveralPatterns(patterns)),
    }
}
