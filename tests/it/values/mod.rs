//! The value of a variable: references, templates, objects, absences, and the sources that name them.

use crate::support::aws::Aws;
use crate::support::aws::secret::Secret;
use crate::support::outcome::Outcome;
use crate::support::sandbox::Sandbox;

mod absence {
    rows::rows!("tests/it/values/absence.rows");
}
mod env_from;
mod expansion;
mod json;
mod layers;
mod local;
mod references;
mod resolve_env;
mod template_faults;
mod templates;

const ARN: &str = "arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/db-AbCdEf";

/// A launch with this declaration; its first line names the row of a failed assertion.
fn declared(aws: &Aws, declaration: &str) -> Sandbox {
    Sandbox::new().aws(aws).declaration(declaration).case(declaration)
}

/// Launches a declaration over the object `prod/app`, in which `~` is `-4c7a1e`.
fn expanded(object: &str, declaration: &str) -> Outcome {
    let aws = Aws::start().secret("prod/app", Secret::text(&object.replace('~', "-4c7a1e")));
    declared(&aws, declaration).case(format!("{object} {declaration}")).run()
}

/// Asserts the variables of a launch, separated by blanks: `A=v` has this value (`~` is `-4c7a1e`), `-A` is not set.
fn sets(run: &Outcome, variables: &str) {
    for word in variables.split_whitespace() {
        match (word.strip_prefix('-'), word.split_once('=')) {
            (Some(name), _) => run.lacks(name),
            (None, Some((name, value))) => run.has(name, value.replace('~', "-4c7a1e")),
            (None, None) => panic!("{word}"),
        };
    }
}
