//! The part of the declarations that a command needs: all of it, what a launch delivers, the credential that a unit asks for, or no entry.

use std::collections::BTreeSet;

use crate::model::credential::{Credential, parse_unit};
use crate::model::entry::{Entry, Target};
use crate::model::plan::Layer;
use crate::model::problem::Problem;
use crate::model::suggest::{self, did_you_mean};

/// The part of the declarations that a command needs.
#[derive(Clone, Copy)]
pub enum EntryScope<'a> {
    /// The variables and files of a launch.
    Launch,
    /// These and all credentials.
    Everything,
    Credential(&'a Credential),
    /// Only the entry of the command line, with the options and aliases of the declarations.
    Argument,
}

impl EntryScope<'_> {
    /// Leaves in `layers` only the part that is needed.
    ///
    /// # Errors
    /// When the credential is not declared, or several patterns match its unit.
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
            Self::Credential(request) => select(layers, request),
        }
    }
}

/// Leaves in `layers` only the entries that answer `request`. A unit's own name beats every pattern, whichever file it is in.
///
/// # Errors
/// When no declaration lists the credential, or several patterns match the unit.
fn select(layers: &mut [Layer], request: &Credential) -> Result<(), Problem> {
    let unit = unit_of(layers, request)?;
    let mut names = BTreeSet::new();
    for layer in &mut *layers {
        layer.entries.retain_mut(|entry| {
            let Target::Credential(target) = &mut entry.target else {
                return false;
            };
            if target.unit != unit {
                return false;
            }
            names.insert(target.name.clone());
            // Messages name the unit that asks, not its pattern.
            target.unit.clone_from(&request.unit);
            let is_wanted = target.name == request.name;
            entry.subject.label = entry.target.to_string();
            is_wanted
        });
    }
    if layers.iter().any(|layer| !layer.entries.is_empty()) {
        return Ok(());
    }
    let names = if names.is_empty() {
        "none".to_owned()
    } else {
        Vec::from_iter(names).join(", ")
    };
    let why = format!("`credentials:` lists only {names} for it");
    Err(refused(request, &why))
}

/// Returns the unit of `credentials:`, a name or a pattern, that stands for the unit of `request`.
fn unit_of(layers: &[Layer], request: &Credential) -> Result<String, Problem> {
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
            Err(refused(request, why)
                .help("list the unit in the declaration that -f names")
                .replace_help(nearest))
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
            Err(refused(request, &why).help(help))
        }
    }
}

fn refused(Credential { unit, name }: &Credential, why: &str) -> Problem {
    Problem::configuration(format!(
        "\"{unit}\" does not get the credential \"{name}\", because {why}"
    ))
}
