//! `default` and `optional`: they apply to an absent secret, version or key, and to no other failure.

use super::{declared, sets};
use crate::support::aws::Aws;
use crate::support::aws::fault;
use crate::support::aws::secret::Secret;
use crate::support::sandbox::CANARY;

#[test]
fn an_absent_value_has_its_default_or_is_not_set_or_is_an_error() {
    let aws = Aws::start().secret("prod/db", Secret::text(r#"{"host":"db.internal","none":null,"empty":""}"#));
    for (what, reference) in [
        ("a key", "prod/db:nope"),
        ("a path", "prod/db:$.a[0].b"),
        ("a null", "prod/db:none"),
        ("a secret", "prod/gone:host"),
        ("a stage", "prod/db:host:AWSPENDING"),
        ("a version", "prod/db:host::d0d0d0d0-1111-4222-8333-444455556666"),
    ] {
        for (settings, variables) in [
            ("default: d", "A=d B=db.internal"),
            ("default: \"\"", "A= B=db.internal"),
            ("optional: true", "-A B=db.internal"),
        ] {
            let entries = format!("env:\n  A: {{ from: \"{reference}\", {settings} }}\n  B: prod/db:host\n");
            let run = declared(&aws, &entries).case(format!("{what}, {settings}")).run();
            sets(run.launched_silently(), variables);
        }
        let required = format!("env:\n  A: {{ from: \"{reference}\", optional: false }}\n");
        declared(&aws, &required).case(what).run().refused(78).says(["A (secrets-exec.yaml:2, "]);
    }
    let optional = "env:\n  A: { from: \"prod/db:nope\", optional: true }\n";
    declared(&aws, optional).env("A", "inherited").run().launched().has("A", "inherited");
    declared(&aws, "env:\n  A: { from: \"prod/db:empty\", default: d }\n").run().launched().has("A", "");
}

#[test]
fn no_other_failure_is_an_absence() {
    for (what, secret, status) in [
        ("a denial", Secret::failing(fault::denied("prod/db")), 77),
        ("an outage", Secret::failing(fault::unavailable()), 75),
        ("a secret that is marked for deletion", Secret::failing(fault::marked_for_deletion()), 78),
        ("a malformed secret", Secret::text(&format!("no json {CANARY}")), 78),
        ("a secret without a value", Secret::empty(), 78),
    ] {
        for settings in ["default: d", "optional: true"] {
            let aws = Aws::start().secret("prod/db", secret.clone());
            let sandbox = declared(&aws, &format!("env:\n  A: {{ from: \"prod/db:key\", {settings} }}\n"));
            let run = sandbox.case(format!("{what}, {settings}")).attempts(1).run();
            run.refused(status).says(["A", "prod/db"]);
        }
    }
}
