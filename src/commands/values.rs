//! Steps with resolved values that several commands share.

use crate::deliver::Files;
use crate::model::environment::{EnvironmentError, Limits, check_variable};
use crate::model::options::Options;
use crate::model::plan::EntryId;
use crate::model::resolved::Resolved;
use crate::report::{self, terminal};

/// Returns the reason of each variable that no environment can hold, and its entry.
pub fn unusable(resolved: &Resolved, limits: Limits) -> Vec<(EntryId, EnvironmentError)> {
    let variables = resolved.variables.iter();
    variables.filter_map(|variable| Some((variable.entry, check_variable(variable, limits)?))).collect()
}

/// Prints a notice for each file on a disk, unless `--quiet` is given.
pub fn print_disk_notices(files: &Files, options: &Options) {
    if !options.quiet {
        let persistent = files.persistent_files();
        terminal::print_lines(persistent.map(|(path, origin)| report::disk_notice(path, origin)));
    }
}
