//! Steps with resolved values that several commands share.

use crate::model::credential::MAX_LENGTH;
use crate::model::environment::{Limits, check_variable};
use crate::model::problem::{Lacks, Problem};
use crate::model::resolved::{CredentialValue, Resolved};

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
