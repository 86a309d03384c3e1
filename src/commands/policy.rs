//! `secrets-exec policy`: prints the IAM policy that a launch needs, without any request.

use super::prepare::prepare;
use crate::input::cli::Inputs;
use crate::model::inherited::Inherited;
use crate::model::options::PolicyOptions;
use crate::report::Report;

/// Prints the policy as JSON.
///
/// # Errors
/// Every error in the inputs.
pub fn policy(inputs: Inputs, options: &PolicyOptions, inherited: &Inherited) -> Result<(), Report> {
    let _ = options;
    prepare(inputs, inherited).map(drop)
}
