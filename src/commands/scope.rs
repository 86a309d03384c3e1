//! The part of the declarations that a command needs: all of it, what a launch delivers, or the credential that a unit asks for.

use std::collections::BTreeSet;

use crate::model::credential::{CredentialRequest, parse_unit};
use crate::model::entry::Target;
use crate::model::plan::Layer;
use crate::model::problem::Problem;
use crate::model::suggest;

/// The part of the declarations that a command needs.
#[derive(Clone, Copy)]
pub enum EntryScope<'a> {
    /// The variables and files of a launch.
    Launch,
    /// These and all credentials.
    Everything,
    Credential(&'a CredentialRequest),
}

impl EntryScope<'_> {
    /// Leaves in `layers` only the part that is needed.
    ///
    /// # Errors
    /// When the credential is not declared, or several patterns match its unit.
    pub fn narrow(self, layers: &mut [Layer]) -> Result<(), Problem> {
        match self {
            Self::Launch => Ok(()),
            Self::Everything => {
                for layer in layers {
                    let units = std::mem::take(&mut layer.credentials);
                    layer.entries.extend(units.into_iter().flat_map(|credentials| credentials.entries));
                }
                Ok(())
            }
            Self::Credential(request) => select(layers, request),
        }
    }
}

/// Leaves in `layers` only the entries that answer `request`. A unit's own name beats every pattern, whichever file it is in.
///
/// # Errors
/// When no declaration lists the credential, or several patterns match the unit.
fn select(layers: &mut [Layer], request: &CredentialRequest) -> Result<(), Problem> {
    let unit = unit_of(layers, request)?;
    let mut known = BTreeSet::new();
    let mut is_found = false;
    for layer in layers {
        layer.entries.clear();
        layer.env_from.clear();
        let units = std::mem::take(&mut layer.credentials).into_iter().filter(|credentials| credentials.unit == unit);
        for mut entry in units.flat_map(|credentials| credentials.entries) {
            let Target::Credential(target) = &mut entry.target else { continue };
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
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let listed = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    let nearest = did_you_mean(&request.name, known);
    Err(refused(request, &format!("`credentials:` lists {listed} for {unit}")).help_if(nearest))
}

/// Returns the unit of `credentials:`, a name or a pattern, that stands for the unit of `request`.
fn unit_of(layers: &[Layer], request: &CredentialRequest) -> Result<String, Problem> {
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
            let refused = refused(request, "no declaration lists the unit under `credentials:`");
            let help = "name the declaration with -f FILE, and the unit in it";
            Err(refused.help(help).help_if(did_you_mean(&request.unit, units)))
        }
        patterns => {
            let why = format!("the patterns {} under `credentials:` match the unit", patterns.join(" and "));
            let help = format!("list {} by its name, or change the patterns so that one matches", request.unit);
            Err(refused(request, &why).help(help))
        }
    }
}

fn refused(CredentialRequest { unit, name }: &CredentialRequest, why: &str) -> Problem {
    Problem::configuration(format!("{unit} is refused the credential {name}: {why}"))
}

fn did_you_mean<'a>(text: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    Some(format!("did you mean {}?", suggest::nearest(text, known.into_iter())?))
}
