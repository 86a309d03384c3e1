//! `default` and `optional`: they apply to an absent secret, version or key, and to no other failure.

use crate::support::aws::Aws;
use crate::support::aws::fault;
use crate::support::aws::secret::Secret;
use crate::support::outcome::Outcome;
use crate::support::sandbox::{CANARY, Sandbox};

fn database() -> Secret {
    Secret::json(r#"{"host":"db.internal","none":null,"empty":""}"#)
}

fn launch(declaration: &str) -> Outcome {
    let aws = Aws::start().secret("prod/db", database());
    Sandbox::new().aws(&aws).declaration(declaration).run()
}

#[test]
fn a_default_is_used_when_the_key_is_absent() {
    launch("env:\n  A: { from: \"prod/db:nope\", default: d }\n").launched_silently().has("A", "d");
}

#[test]
fn a_default_is_used_when_the_path_matches_nothing() {
    launch("env:\n  A: { from: \"prod/db:$.a[0].b\", default: d }\n").launched().has("A", "d");
}

#[test]
fn a_default_is_used_when_the_value_is_null() {
    launch("env:\n  A: { from: \"prod/db:none\", default: d }\n").launched().has("A", "d");
}

#[test]
fn a_default_is_used_when_the_secret_does_not_exist() {
    launch("env:\n  A: { from: \"prod/gone:host\", default: d }\n").launched().has("A", "d");
}

#[test]
fn a_default_is_used_when_the_stage_does_not_exist() {
    launch("env:\n  A: { from: \"prod/db:host:AWSPENDING\", default: d }\n").launched().has("A", "d");
}

#[test]
fn a_default_is_used_when_the_version_does_not_exist() {
    let declaration = "env:\n  A: { from: \"prod/db:host::d0d0d0d0-1111-4222-8333-444455556666\", default: d }\n";
    launch(declaration).launched().has("A", "d");
}

#[test]
fn a_default_is_not_used_for_an_empty_string() {
    launch("env:\n  A: { from: \"prod/db:empty\", default: d }\n").launched().has("A", "");
}

#[test]
fn a_default_may_be_empty() {
    launch("env:\n  A: { from: \"prod/db:nope\", default: \"\" }\n").launched().has("A", "");
}

#[test]
fn an_optional_entry_that_is_absent_is_as_if_not_written() {
    launch("env:\n  A: { from: \"prod/gone:host\", optional: true }\n  B: prod/db:host\n")
        .launched_silently()
        .lacks("A")
        .has("B", "db.internal");
}

#[test]
fn an_optional_entry_that_is_absent_leaves_the_inherited_value() {
    let aws = Aws::start().secret("prod/db", database());
    let run = Sandbox::new()
        .aws(&aws)
        .env("A", "inherited")
        .declaration("env:\n  A: { from: \"prod/db:nope\", optional: true }\n")
        .run();
    run.launched().has("A", "inherited");
}

#[test]
fn optional_false_is_required() {
    launch("env:\n  A: { from: \"prod/db:nope\", optional: false }\n").refused(78).says(["A", "nope"]);
}

/// Asserts that neither a default nor `optional` hides this failure.
fn is_never_an_absence(secret: &Secret, status: i32) {
    for absence in ["default: d", "optional: true"] {
        let aws = Aws::start().secret("prod/db", secret.clone());
        let declaration = format!("env:\n  A: {{ from: \"prod/db:key\", {absence} }}\n");
        let sandbox = Sandbox::new().aws(&aws).declaration(&declaration);
        let run = sandbox.args(["--timeout", "2s"]).run();
        run.refused(status).says(["A", "prod/db"]);
    }
}

#[test]
fn a_denial_is_never_an_absence() {
    is_never_an_absence(&Secret::failing(fault::denied("prod/db")), 77);
}

#[test]
fn an_outage_is_never_an_absence() {
    is_never_an_absence(&Secret::failing(fault::unavailable()), 75);
}

#[test]
fn a_secret_marked_for_deletion_is_never_an_absence() {
    is_never_an_absence(&Secret::failing(fault::marked_for_deletion()), 78);
}

#[test]
fn a_malformed_secret_is_never_an_absence() {
    is_never_an_absence(&Secret::text(&format!("no json {CANARY}")), 78);
}

#[test]
fn a_secret_without_a_value_is_never_an_absence() {
    is_never_an_absence(&Secret::empty(), 78);
}
