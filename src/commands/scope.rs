//! Selects the entries that a command needs: those of a launch, all of them, the credential that a
//! unit asks for, or only the argument of `get`.

use std::collections::BTreeSet;

use crate::input::declaration::Sections;
use crate::model::entry::{Entry, SystemdCredential, Target, parse_unit};
use crate::model::plan::Layer;
use crate::model::problem::Problem;
use crate::model::suggest::{self, did_you_mean};

/// The entries that a command needs.
#[derive(Clone, Copy)]
pub enum EntryScope<'a> {
    /// The variables and files, which a launch passes to its command.
    Launch,
    /// Variables, files and all credentials.
    Everything,
    /// The credential that a unit asks for.
    Credential(&'a SystemdCredential),
    /// The entry on the command line of `get`. Of the declarations, only the options and aliases
    /// apply to this entry.
    Argument,
}

impl EntryScope<'_> {
    /// Returns the sections of declarations that are read. `get` has an entry of its own, so a
    /// mistake in another entry doesn't matter.
    pub fn sections(self) -> Sections {
        match self {
            Self::Argument => Sections::OptionsAndAliases,
            Self::Launch | Self::Everything | Self::Credential(_) => Sections::All,
        }
    }

    /// Removes the entries from `layers` that the command doesn't need.
    ///
    /// # Errors
    /// If the credential is not declared, or if several patterns match its unit.
    pub fn narrow(self, layers: &mut [Layer]) -> Result<(), Problem> {
        match self {
            Self::Launch => {
                let is_credential = |entry: &Entry| matches!(entry.target, Target::Credential(_));
                for layer in layers {
                    layer.entries.retain(|entry| !is_credential(entry));
                }
                Ok(())
            }
            Self::Everything | Self::Argument => Ok(()),
            Self::Credential(request) => keep_credential(layers, request),
        }
    }
}

/// Removes all entries from `layers` except those for the requested credential, and names them
/// after the unit that asks. If a declaration lists the unit by its name, the entries of patterns
/// don't apply, whichever file they are in.
///
/// # Errors
/// If no declaration lists the credential, or if several patterns match the unit.
fn keep_credential(layers: &mut [Layer], request: &SystemdCredential) -> Result<(), Problem> {
    let unit = declared_unit(layers, request)?;
    for layer in &mut *layers {
        layer.entries.retain_mut(|entry| {
            let Target::Credential(target) = &mut entry.target else {
                return false;
            };
            let is_requested = target.unit == unit && target.name == request.name;
            // Messages name the unit that asks, not the pattern that matches it.
            target.unit.clone_from(&request.unit);
            entry.subject.label = entry.target.to_string();
            is_requested
        });
    }
    if layers.iter().any(|layer| !layer.entries.is_empty()) {
        return Ok(());
    }
    let why = "`credentials:` doesn't list it for this unit";
    Err(refused_credential(request, &unit, why))
}

/// Returns the name or pattern under `credentials:` that applies to the unit of `request`.
///
/// # Errors
/// If no declaration lists the unit, or if several patterns match it.
fn declared_unit(layers: &[Layer], request: &SystemdCredential) -> Result<String, Problem> {
    let units: BTreeSet<&str> = layers
        .iter()
        .flat_map(|layer| &layer.units)
        .map(String::as_str)
        .collect();
    if units.contains(request.unit.as_str()) {
        return Ok(request.unit.clone());
    }

    let mut patterns: Vec<&str> = units.iter().copied().collect();
    patterns.retain(
        |unit| matches!(parse_unit(unit), Ok(Some(pattern)) if pattern.matches(&request.unit)),
    );
    match &patterns[..] {
        [pattern] => Ok((*pattern).to_owned()),
        [] => {
            let why = "no declaration lists this unit under `credentials:`";
            let nearest = suggest::nearest(&request.unit, units.into_iter()).map(did_you_mean);
            Err(refused_credential(request, &request.unit, why).replace_help(nearest))
        }
        patterns => {
            let why = format!(
                "several patterns under `credentials:` match it ({})",
                patterns.join(", ")
            );
            let help = format!(
                "list {} under its own name, or change the patterns so that only one matches",
                request.unit
            );
            Err(refused_credential(request, &request.unit, &why).help(help))
        }
    }
}

/// Returns the error for a unit that isn't given the credential that it asks for. The help shows
/// how to list the credential under `listed`, the unit or a pattern.
fn refused_credential(
    SystemdCredential { unit, name }: &SystemdCredential,
    listed: &str,
    why: &str,
) -> Problem {
    Problem::configuration(format!(
        "\"{unit}\" was not given the credential \"{name}\", because {why}"
    ))
    .help(format!(
        "add it to the declaration, as in credentials: {{ {listed}: {{ {name}: prod/api:token }} }}"
    ))
}
