//! `${NAME}` and `${NAME:-default}` in the name of a secret, from the inherited environment.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use super::{ARN, declared};
use crate::support::aws::Aws;
use crate::support::aws::secret::Secret;
use crate::support::sandbox::Sandbox;

fn served_database(id: &str) -> Aws {
    Aws::start().secret(id, Secret::text(r#"{"host":"db.internal","${STAGE}":"literal-4c7a1e"}"#))
}

/// A sandbox with these variables, as `NAME=VALUE` separated by blanks.
fn inheriting(aws: &Aws, variables: &str) -> Sandbox {
    let variables = variables.split_whitespace().map(|variable| variable.split_once('=').unwrap());
    variables.fold(Sandbox::new().aws(aws), |sandbox, (name, value)| sandbox.env(name, value))
}

#[test]
fn a_variable_stands_in_a_name() {
    let arn = |variable: &str| format!("{variable}={ARN}");
    for (case, reference, variables, id) in [
        ("a variable", "${STAGE}/db:host", "STAGE=prod", "prod/db"),
        ("a default for what is unset", "${STAGE:-prod}/db:host", "", "prod/db"),
        ("a default for what is set", "${STAGE:-prod}/db:host", "STAGE=test", "test/db"),
        ("several in one name", "${TEAM}/${STAGE:-prod}/db:host", "TEAM=acme", "acme/prod/db"),
        ("an ARN, which is not split again", "${DB_ARN}:host", &arn("DB_ARN"), ARN),
        ("a default with the colons of an ARN", &format!("${{DB_ARN:-{ARN}}}:host"), "", ARN),
        (
            "in any field of an ARN",
            "arn:${P:-aws}:secretsmanager:${R:-us-east-1}:${ACCOUNT}:secret:${STAGE:-prod}/db-AbCdEf:host::",
            "ACCOUNT=123456789012",
            ARN,
        ),
    ] {
        for entry in [format!("env:\n  A: {reference:?}\n"), format!("env:\n  A: {{ from: {reference:?} }}\n")] {
            let aws = served_database(id);
            let sandbox = inheriting(&aws, variables).env("AWS_REGION", "eu-west-1").case(case);
            let run = sandbox.declaration(&entry).resolve(&format!("B={reference}")).run();
            run.launched().has("A", "db.internal").has("B", "db.internal");
            let region = if id == ARN { "us-east-1" } else { "eu-west-1" };
            assert_eq!((&*aws.only_read().secret_id(), &*aws.only_read().region()), (id, region), "{case}");
        }
    }
    for alias in ["\"${STAGE}/db\"", "{ id: \"${STAGE:-test}/db\" }"] {
        let aws = served_database("prod/db");
        let declaration = format!("secrets:\n  db: {alias}\nenv:\n  A: db:host\n");
        declared(&aws, &declaration).env("STAGE", "prod").run().launched().has("A", "db.internal");
    }
    let aws = served_database("prod/db");
    let sandbox = inheriting(&aws, "STAGE=prod").args(["--unset", "STAGE"]).resolve("A=${STAGE}/db:host");
    sandbox.run().launched().has("A", "db.internal").lacks("STAGE");
    inheriting(&aws, "STAGE=host").resolve("A=prod/db:$['${STAGE}']").run().launched().has("A", "literal-4c7a1e");
}

#[test]
fn a_variable_that_makes_no_name_is_an_error_before_any_request() {
    let aws = served_database("prod/db");
    for (case, variable, reference, facts) in [
        ("an ARN with a key", &*format!("{ARN}:host::"), "${V}", &["more fields than the ARN itself"][..]),
        ("a name with a key", "prod/db:host", "${V}", &["no secret's name"]),
        ("an unset variable", "x", "${STAGE}/db:host", &["STAGE is not set"]),
        ("an empty default", "x", "${STAGE:-}", &["is empty"]),
        ("what may be a password", "s3cr3t:pw!", "${V}:k", &["no secret's name"]),
        ("a parameter's prefix", "ssm:/prod/level", "${V}", &["V", "ssm:${V}"]),
        ("a default with a parameter's prefix", "x", "${P:-ssm:/prod/level}", &["P", "ssm:"]),
        ("an ARN beside other text", ARN, "${V:-prod}/db:host", &["V", "colon"]),
        ("an ARN after other text", ARN, "x${V}", &["V", "colon"]),
        ("an ARN after a prefix", ARN, "ssm:${V}", &["V", "colon"]),
        ("an ARN beside a variable", ARN, "${V}${NONE:-}", &["V", "colon"]),
        ("a parameter beside other text", "ssm:/prod", "${V:-prod}/db:host", &["V", "colon"]),
        ("a parameter's ARN", "arn:aws:ssm:eu-west-1:123456789012:parameter/x", "x${V}", &["V", "colon"]),
        ("a name with a colon", "prod:db", "${V}/db", &["V", "colon"]),
    ] {
        let sandbox = || Sandbox::new().aws(&aws).case(case).env("V", variable);
        let run = sandbox().resolve(&format!("A={reference}")).run();
        run.refused(64).says(["A"]).says(facts.iter().copied());
        if variable != "x" {
            run.says_nothing_of(variable);
        }
        let run = sandbox().declaration(&format!("env:\n  A: {{ from: {reference:?}, default: d }}\n")).run();
        run.refused(78).says(["secrets-exec.yaml:2"]).says(facts.iter().copied());
    }
    let run = Sandbox::new().aws(&aws).env("STAGE", OsStr::from_bytes(b"pro\xffd")).resolve("A=${STAGE}/db:host").run();
    run.refused(64).says(["A"]);
    let alias = declared(&aws, "secrets: { db: '${V:-prod}/db' }\nenv: { A: 'db:host' }\n").env("V", ARN);
    alias.run().refused(78).says(["V", "colon"]);
    assert!(aws.calls().is_empty());
}
