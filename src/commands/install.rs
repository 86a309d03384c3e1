//! `secrets-exec install`: copies the running program to a directory, for images that cannot be rebuilt.

use std::path::Path;

use crate::deliver;
use crate::report::{Failure, Report};

/// Copies the program.
///
/// # Errors
/// The reason why it cannot be read or written; nothing is changed then.
pub fn install(directory: &Path) -> Result<(), Report> {
    deliver::install(directory).map_err(|errors| errors.into_iter().map(Failure::Deliver).collect())
}
