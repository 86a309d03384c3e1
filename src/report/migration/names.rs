//! Names of variables in a message.

use std::path::Path;

use crate::model::env_name::EnvName;
use crate::report::line::list;

/// Joins names: `A, B and C`.
pub fn joined(names: &[EnvName]) -> String {
    list(&names.iter().map(EnvName::as_str).collect::<Vec<_>>())
}

/// Joins names with their places: `A (.env:1) and B (.env:3)`.
pub fn located(path: &Path, names: &[(EnvName, usize)]) -> String {
    let names: Vec<String> = names.iter().map(|(name, line)| format!("{name} ({}:{line})", path.display())).collect();
    list(&names.iter().map(String::as_str).collect::<Vec<_>>())
}
