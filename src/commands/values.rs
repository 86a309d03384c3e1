//! Steps with resolved values that several commands share.

use crate::deliver::Files;
use crate::model::credential::MAX_LENGTH;
use crate::model::environment::{Limits, check_variable};
use crate::model::options::Options;
use crate::model::problem::{Lacks, Problem};
use crate::model::resolved::{CredentialValue, Resolved};
use crate::report::{self, terminal};

/// Returns the reason of each variable and each credential that cannot have its value.
pub fn unusable(resolved: &Resolved, limits: Limits) -> Vec<Problem> {
    let variables = resolved.variables.iter().filter_map(|variable| check_variable(variable, limits));
    variables.chain(resolved.credentials.iter().filter_map(too_long)).collect()
}

fn too_long(CredentialValue { value, subject }: &CredentialValue) -> Option<Problem> {
    let length = value.len();
    let text = format!("the value has {length} bytes, and a credential at most {MAX_LENGTH}");
    let problem = || Problem::configuration(text).code("too-long").of(subject.clone(), Lacks::Delivery);
    (length > MAX_LENGTH).then(problem)
}

/// Prints a notice for each file on a disk, unless `--quiet` is given.
pub fn print_disk_notices(files: &Files, options: &Options) {
    let persistent = files.persistent_files();
    terminal::print_notices(persistent.map(|(path, origin)| report::disk_notice(path, origin)), options);
}
