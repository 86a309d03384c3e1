//! The main path: references become variables of the command, at the least number of requests.

use crate::support::aws::secret::{CURRENT_ID, PREVIOUS_ID, Secret};
use std::time::Duration;

use crate::support::aws::fault::{self, Fault};
use crate::support::aws::{Aws, Version};
use crate::support::sandbox::{CANARY, Sandbox};

fn database() -> Secret {
    Secret::json(r#"{"host":"db.internal","port":5432,"username":"app"}"#)
}

#[test]
fn values_arrive_in_the_environment_of_the_command() {
    let aws = Aws::start().secret("prod/db", database());
    let run = Sandbox::new().aws(&aws).resolve("DB_HOST=prod/db:host").args(["--env", "DB_PORT=prod/db:port"]).run();
    run.launched_silently().has("DB_HOST", "db.internal").has("DB_PORT", "5432");
}

#[test]
fn a_declaration_in_the_working_directory_is_read() {
    let aws = Aws::start().secret("prod/db", database());
    let run = Sandbox::new().aws(&aws).declaration("env:\n  DB_HOST: prod/db:host\n").run();
    run.launched_silently().has("DB_HOST", "db.internal");
}

#[test]
fn two_keys_of_one_secret_are_one_request() {
    let aws = Aws::start().secret("prod/db", database());
    let run = Sandbox::new().aws(&aws).resolve("A=prod/db:host").resolve("B=prod/db:username").run();
    run.launched().has("A", "db.internal").has("B", "app");
    assert_eq!(aws.calls().len(), 1);
}

#[test]
fn twenty_references_to_four_secrets_are_four_requests() {
    let members: Vec<String> = (0..5).map(|key| format!(r#""k{key}":"v{key}""#)).collect();
    let object = format!("{{{}}}", members.join(","));
    let mut aws = Aws::start();
    let mut sandbox = Sandbox::new();
    for secret in 0..4 {
        aws = aws.secret(&format!("s{secret}"), Secret::json(&object));
        for key in 0..5 {
            sandbox = sandbox.resolve(&format!("V{secret}{key}=s{secret}:k{key}"));
        }
    }
    let run = sandbox.aws(&aws).run();
    for secret in 0..4 {
        for key in 0..5 {
            run.launched().has(&format!("V{secret}{key}"), format!("v{key}"));
        }
    }
    assert_eq!(aws.calls().len(), 4);
    assert!(aws.counts().values().all(|count| *count == 1));
}

#[test]
fn one_reference_given_to_two_variables_reaches_both() {
    let aws = Aws::start().secret("prod/db", database());
    let run = Sandbox::new().aws(&aws).resolve("A=prod/db:host").resolve("B=prod/db:host").run();
    run.launched().has("A", "db.internal").has("B", "db.internal");
    assert_eq!(aws.calls().len(), 1);
}

#[test]
fn the_default_stage_written_out_is_the_same_request() {
    let aws = Aws::start().secret("prod/db", database());
    let run = Sandbox::new()
        .aws(&aws)
        .resolve("A=prod/db:host")
        .resolve("B=prod/db:username:AWSCURRENT:")
        .resolve("C=prod/db:port::")
        .run();
    run.launched().has("B", "app").has("C", "5432");
    assert_eq!(aws.calls().len(), 1);
}

#[test]
fn the_default_region_written_out_is_the_same_request() {
    let aws = Aws::start().secret("prod/db", database());
    let declaration = "secrets:\n  db: { id: prod/db, region: us-east-1 }\nenv:\n  A: db:host\n  B: prod/db:host\n";
    let run = Sandbox::new().aws(&aws).declaration(declaration).run();
    run.launched().has("A", "db.internal").has("B", "db.internal");
    assert_eq!(aws.calls().len(), 1);
}

#[test]
fn two_stages_of_one_secret_are_two_requests() {
    let older = Secret::json(r#"{"host":"old.internal"}"#);
    let aws = Aws::start().secret("prod/db", database().previous(older));
    let run = Sandbox::new().aws(&aws).resolve("NEW=prod/db:host").resolve("OLD=prod/db:host:AWSPREVIOUS").run();
    run.launched().has("NEW", "db.internal").has("OLD", "old.internal");
    assert_eq!(aws.calls().len(), 2);
}

#[test]
fn of_a_hundred_secrets_thirty_two_are_in_flight_together_and_never_more() {
    let mut aws = Aws::start().gathers(32);
    let mut sandbox = Sandbox::new();
    for number in 0..100 {
        aws = aws.secret(&format!("s{number}"), database());
        sandbox = sandbox.resolve(&format!("V{number}=s{number}:host"));
    }
    let run = sandbox.aws(&aws).run();
    run.launched().has("V0", "db.internal").has("V99", "db.internal");
    assert_eq!(aws.reads().len(), 100);
    assert_eq!(aws.most_in_flight(), 32);
}

#[test]
fn awscurrent_is_asked_for_by_name() {
    let aws = Aws::start().secret("prod/db", database());
    let sandbox = Sandbox::new().aws(&aws).resolve("A=prod/db:host");
    sandbox.run().launched();
    let read = aws.only_read();
    assert_eq!(read.secret_id(), "prod/db");
    assert_eq!(read.stage().as_deref(), Some("AWSCURRENT"));
    assert_eq!(read.version_id(), None);
}

#[test]
fn a_version_id_is_asked_for_without_a_stage() {
    let older = Secret::json(r#"{"host":"old.internal"}"#);
    let aws = Aws::start().secret("prod/db", database().previous(older));
    let run = Sandbox::new().aws(&aws).resolve(&format!("A=prod/db:host::{PREVIOUS_ID}")).run();
    run.launched().has("A", "old.internal");
    let read = aws.only_read();
    assert_eq!(read.version_id().as_deref(), Some(PREVIOUS_ID));
    assert_eq!(read.stage(), None);
}

#[test]
fn a_stage_and_a_version_id_are_both_asked_for() {
    let aws = Aws::start().secret("prod/db", database());
    let run = Sandbox::new().aws(&aws).resolve(&format!("A=prod/db:host:AWSCURRENT:{CURRENT_ID}")).run();
    run.launched().has("A", "db.internal");
    let read = aws.only_read();
    assert_eq!(read.version_id().as_deref(), Some(CURRENT_ID));
    assert_eq!(read.stage().as_deref(), Some("AWSCURRENT"));
}

#[test]
fn the_user_agent_names_the_program_and_its_version() {
    let aws = Aws::start().secret("prod/db", database());
    let sandbox = Sandbox::new().aws(&aws).resolve("A=prod/db:host");
    sandbox.run().launched();
    let read = aws.only_read();
    let wanted = concat!("app/secrets-exec-", env!("CARGO_PKG_VERSION"));
    let agents = ["user-agent", "x-amz-user-agent"].map(|name| read.header(name));
    let named = agents.iter().flatten().any(|agent| {
        let mut words = agent.split(' ');
        words.any(|word| word == wanted)
    });
    assert!(named, "{agents:?}");
}

#[test]
fn the_standard_output_is_the_commands_alone() {
    let aws = Aws::start().secret("prod/db", database());
    let run = Sandbox::new().aws(&aws).resolve("A=prod/db:host").script("printf '%s' \"$A\"").run();
    run.launched_silently().printed("db.internal");
}

#[test]
fn the_standard_input_is_the_commands_alone() {
    let aws = Aws::start().secret("prod/db", database());
    let run =
        Sandbox::new().aws(&aws).resolve("A=prod/db:host").stdin("first\nlast without newline").command(["cat"]).run();
    run.launched_silently().printed("first\nlast without newline");
}

#[test]
fn a_whole_secret_is_its_value_byte_for_byte() {
    let value = format!("  {CANARY} \"quoted\" <&> \\n\n\n");
    let aws = Aws::start().secret("prod/token", Secret::text(&value));
    let sandbox = Sandbox::new().aws(&aws).resolve("TOKEN=prod/token");
    sandbox.run().launched_silently().has("TOKEN", &value);
}

#[test]
fn literals_alone_need_neither_region_nor_credentials() {
    let run = Sandbox::new().declaration("env:\n  LEVEL: { value: info }\n").run();
    run.launched_silently().has("LEVEL", "info");
}

#[test]
fn a_command_named_like_one_of_ours_is_a_command() {
    let aws = Aws::start().secret("prod/db", database());
    let sandbox =
        Sandbox::new().aws(&aws).executable("bin/check", "#!/bin/sh\necho \"checked $A\"\n").resolve("A=prod/db:host");
    let path = sandbox.path("bin");
    let run = sandbox.env("PATH", path).command(["check"]).run();
    run.launched_silently().printed("checked db.internal\n");
}

#[test]
fn a_hundred_secrets_are_a_hundred_requests_over_at_most_32_connections() {
    let mut aws = Aws::start();
    let mut sandbox = Sandbox::new();
    for n in 0..100 {
        aws = aws.secret(&format!("s{n}"), Secret::json(r#"{"k":"v"}"#));
        sandbox = sandbox.resolve(&format!("V{n}=s{n}:k"));
    }
    sandbox.aws(&aws).run().launched_silently();
    assert_eq!(aws.reads().len(), 100);
    assert!(aws.connections() <= 32, "{} connections", aws.connections());
}

#[test]
fn connections_are_made_while_credentials_are_fetched() {
    // The first connection is for the credentials, which never come.
    let mut aws = Aws::start();
    let mut sandbox = Sandbox::new();
    for n in 0..3 {
        aws = aws.secret(&format!("s{n}"), Secret::json(r#"{"k":"v"}"#));
        sandbox = sandbox.resolve(&format!("V{n}=s{n}:k"));
    }
    let hang = format!("http://{}/hang", aws.address());
    let sandbox = sandbox.endpoint(&aws.endpoint()).region("us-east-1").env("AWS_CONTAINER_CREDENTIALS_FULL_URI", hang);
    sandbox.args(["--timeout", "2s"]).run().refused(75);
    assert_eq!((aws.connections(), aws.reads().len()), (4, 0));
}

#[test]
fn connections_are_made_while_a_role_is_assumed() {
    let role = "arn:aws:iam::210987654321:role/Reader";
    let aws = Aws::start().fails("AssumeRole", Fault::Hang);
    let sandbox = Sandbox::new().aws(&aws).args(["--role-arn", role, "--timeout", "1s"]);
    sandbox.resolve("A=s0:k").resolve("B=s1:k").resolve("C=s2:k").run().refused(75);
    // STS, which has the same address here, uses one of the connections that were opened for the secrets.
    assert_eq!((aws.connections(), aws.reads().len()), (3, 0));
}

#[test]
fn connections_that_were_made_early_are_those_that_are_used() {
    let mut aws = Aws::start();
    let mut sandbox = Sandbox::new();
    for n in 0..3 {
        aws = aws
            .secret(&format!("s{n}"), Secret::json(r#"{"k":"v"}"#))
            .parameter(&format!("/p{n}"), &[Version::bare("parameter")]);
        sandbox = sandbox.resolve(&format!("V{n}=s{n}:k")).resolve(&format!("P{n}=ssm:/p{n}"));
    }
    let sandbox = sandbox.endpoint(&aws.endpoint()).region("us-east-1");
    let sandbox = sandbox.env("AWS_CONTAINER_CREDENTIALS_FULL_URI", aws.container_credentials());
    sandbox.run().launched_silently();
    // One connection for the credentials, one for each secret, one for all parameters.
    assert_eq!(aws.connections(), 5);
}

#[test]
fn connections_that_were_made_too_early_stand_in_nobodys_way() {
    // The credentials take longer than a pre-opened connection is kept, and the secrets need every permit.
    let mut aws = Aws::start().fails_for("/credentials", Duration::from_millis(1600), fault::status(503));
    let mut sandbox = Sandbox::new();
    for n in 0..40 {
        aws = aws.secret(&format!("s{n}"), Secret::json(r#"{"k":"v"}"#));
        sandbox = sandbox.resolve(&format!("V{n}=s{n}:k"));
    }
    let sandbox = sandbox.endpoint(&aws.endpoint()).region("us-east-1").args(["--timeout", "10s"]);
    let sandbox = sandbox.env("AWS_CONTAINER_CREDENTIALS_FULL_URI", aws.container_credentials());
    sandbox.run().launched_silently();
    assert_eq!(aws.reads().len(), 40);
}
