//! Refusals of `migrate`: by AWS, and of its command line. Nothing is changed, written or printed.

use nix::sys::signal::Signal;

use crate::support::aws::Aws;
use crate::support::aws::fault::{self, Fault};
use crate::support::aws::secret::Secret;
use crate::support::outcome::Outcome;
use crate::support::sandbox::{CANARY, Sandbox};

fn migrating(aws: &Aws, options: &[&str]) -> Sandbox {
    let file = format!("A=\"{CANARY}\\n\"\nB={CANARY}\n");
    let sandbox = Sandbox::new().aws(aws).file(".env", file).args(["migrate", ".env", "--secret", "app"]);
    sandbox.args(["--output", "new.yaml", "--timeout", "5s"]).args(options).bare()
}

/// Asserts that it is refused with this status and these facts, and that there is no declaration.
fn refused(aws: &Aws, options: &[&str], status: i32, facts: &[&str]) -> Outcome {
    let sandbox = migrating(aws, options);
    let run = sandbox.run();
    run.refused(status).says(facts.iter().copied());
    assert!(!sandbox.path("new.yaml").exists(), "{run}");
    run
}

fn denied(action: &str) -> Fault {
    Fault::Error {
        status: 400,
        code: "AccessDeniedException",
        message: format!(
            "User: arn:aws:iam::123456789012:user/app is not authorized to perform: secretsmanager:{action} on resource: app \
             because no identity-based policy allows the secretsmanager:{action} action"
        ),
    }
}

fn present() -> Aws {
    Aws::start().secret("app", Secret::json("{}"))
}

#[test]
fn a_denial_names_the_permission_that_is_missing() {
    let aws = || Aws::start().fails("CreateSecret", denied("CreateSecret"));
    refused(&aws(), &["--apply"], 77, &["denied: ", "perform secretsmanager:CreateSecret on it"]);
    refused(&aws(), &["--apply", "--tag", "a=b"], 77, &["secretsmanager:CreateSecret and secretsmanager:TagResource"]);
    let aws = present().fails("PutSecretValue", denied("PutSecretValue"));
    refused(&aws, &["--apply", "--update"], 77, &["perform secretsmanager:PutSecretValue on it"]);
    assert_eq!(aws.versions_of("app"), 1);
    let aws = Aws::start().secret("app", Secret::failing(fault::denied("app")));
    let run = refused(&aws, &["--apply", "--update"], 77, &["AWS also answers this if the secret does not exist"]);
    run.says_nothing_of("secrets-exec policy");
}

#[test]
fn a_key_that_may_not_be_used_is_told_with_its_permissions() {
    let aws = Aws::start().fails("CreateSecret", fault::denied_by_kms());
    refused(&aws, &["--apply", "--kms-key", "k"], 77, &["kms:GenerateDataKey and kms:Decrypt"]);
}

#[test]
fn a_secret_that_is_marked_for_deletion_is_an_error() {
    let aws = Aws::start().secret("app", Secret::failing(fault::marked_for_deletion()));
    refused(&aws, &["--apply", "--update"], 78, &["marked for deletion"]);
    refused(&aws, &[], 78, &["marked for deletion"]);
    let message = "You can't create this secret because a secret with this name is already scheduled for deletion.";
    let fault = Fault::Error { status: 400, code: "InvalidRequestException", message: message.to_owned() };
    refused(&Aws::start().fails("CreateSecret", fault), &["--apply"], 78, &["marked for deletion"]);
}

#[test]
fn a_message_of_aws_that_quotes_a_value_is_not_printed() {
    let message = format!("1 validation error detected: Value '{CANARY}' at 'secretString' failed");
    let fault = Fault::Error { status: 400, code: "ValidationException", message };
    refused(&Aws::start().fails("CreateSecret", fault.clone()), &["--apply"], 78, &["refused: ValidationException"]);
    refused(&present().fails("PutSecretValue", fault), &["--apply", "--update"], 78, &["refused: ValidationException"]);
}

#[test]
fn a_message_of_aws_that_quotes_an_escaped_value_or_a_number_is_not_printed() {
    for (name, file) in
        [(".env", format!("A=\"it's \\\"{CANARY}\\\" x\"\n")), ("a.json", r#"{"A":4111111111111111}"#.to_owned())]
    {
        for (code, status) in [("InvalidParameterException", 78), ("AccessDeniedException", 77)] {
            let object = if name == ".env" { format!(r#"{{"A":"it's \"{CANARY}\" x"}}"#) } else { file.clone() };
            let fault =
                Fault::Error { status: 400, code, message: format!("Value '{object}' at 'secretString' failed") };
            let aws = Aws::start().fails("CreateSecret", fault);
            let sandbox =
                Sandbox::new().aws(&aws).file(name, &file).args(["migrate", name, "--secret", "app", "--apply"]);
            sandbox
                .bare()
                .run()
                .refused(status)
                .says([code])
                .says_nothing_of("at 'secretString'")
                .says_nothing_of("4111");
        }
    }
}

#[test]
fn a_signal_says_what_may_be_written() {
    let interrupted = |aws: Aws, options: &[&str], calls: usize, facts: &str| {
        let sandbox = migrating(&aws, options).args(["--timeout", "60s"]);
        let running = sandbox.spawn();
        aws.await_calls(calls);
        running.ends_by(Signal::SIGTERM).says([facts]);
    };
    let aws = || Aws::start().fails("CreateSecret", Fault::Hang);
    interrupted(aws(), &["--apply"], 1, "it may have been created all the same; run this again with --update");
    let aws = || present().fails("PutSecretValue", Fault::Hang);
    interrupted(
        aws(),
        &["--apply", "--update"],
        2,
        "it may have been changed all the same; run this again with --update",
    );
    let aws = || Aws::start().fails("GetSecretValue", Fault::Hang);
    interrupted(aws(), &["--apply"], 2, "the secret is written; run this again with --update");
    interrupted(aws(), &[], 1, "nothing was started");
}

#[test]
fn a_secret_that_appears_meanwhile_is_updated() {
    let aws = present().fails_first("GetSecretValue", 1, fault::not_found());
    migrating(&aws, &["--apply", "--update"]).run().launched().says(["was changed, version "]);
    let aws = present().fails("GetSecretValue", fault::not_found());
    let run = refused(
        &aws,
        &["--apply", "--update"],
        78,
        &["exists, and no value of it can be read yet", "put-secret-value"],
    );
    run.says_nothing_of("add --update");
}

#[test]
fn an_outage_is_retried_and_told_with_what_may_have_happened() {
    let aws = Aws::start().fails_first("CreateSecret", 2, fault::internal_error());
    migrating(&aws, &["--apply"]).run().launched();
    let aws = Aws::start().fails("CreateSecret", fault::internal_error());
    refused(&aws, &["--apply", "--timeout", "1s"], 75, &["it may have been created all the same", "--update"]);
    let aws = present().fails("PutSecretValue", fault::internal_error());
    refused(&aws, &["--apply", "--update", "--timeout", "1s"], 75, &["it may have been changed all the same"]);
}

#[test]
fn a_secret_that_nothing_can_be_added_to_stays_as_it_is() {
    let aws = Aws::start().secret("app", Secret::text(&format!("text {CANARY}")));
    refused(&aws, &["--apply", "--update", "--overwrite"], 78, &["its value is no JSON object"]);
    assert_eq!(aws.versions_of("app"), 1);
    let aws = Aws::start().secret("app", Secret::binary(*b"{}"));
    refused(&aws, &["--apply", "--update", "--overwrite"], 78, &["its value is binary"]);
    assert_eq!(aws.versions_of("app"), 1);
}

#[test]
fn no_credentials_and_no_region_are_told_as_for_a_launch() {
    let aws = Aws::start();
    let sandbox = migrating(&aws, &["--apply"]).env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    sandbox.run().refused(77).says(["no AWS credentials", "AWS_PROFILE"]);
    migrating(&aws, &["--apply"])
        .env_remove("AWS_REGION")
        .run()
        .refused(78)
        .says(["no AWS region", "set --region or AWS_REGION"])
        .says_nothing_of("ARN");
    assert!(aws.calls().is_empty());
}

#[test]
fn a_wrong_command_line_is_told_before_anything_is_read() {
    let aws = Aws::start();
    let all: [(&[&str], &[&str]); 12] = [
        (&[], &["migrate requires FILE --secret ID", "secrets-exec migrate FILE --secret ID"]),
        (&[".env"], &["migrate requires FILE --secret ID"]),
        (&["--secret", "x"], &["migrate requires FILE --secret ID"]),
        (&[".env", "--secret", "ssm:/x"], &["--secret: \"ssm:/x\" is not the name or the ARN of a secret"]),
        (&[".env", "--secret", "a b"], &["--secret:"]),
        (&[".env", "--secret", "${X}"], &["--secret:"]),
        (&[".env", "--secret", "x", "--overwrite"], &["--overwrite requires --update"]),
        (&[".env", "--secret", "x", "--tag", "a"], &["--tag: \"a\" is not KEY=VALUE"]),
        (&[".env", "--secret", "x", "--only", "["], &["--only:"]),
        (&[".env", "--secret", "x", "--local", "f"], &["--local is an option of a launch", "not of migrate"]),
        (&[".env", "other", "--secret", "x"], &["unexpected \"other\"", "one file, and options"]),
        (&[".env", "--secret", "x", "--", "app"], &["migrate takes no command"]),
    ];
    for (words, facts) in all {
        let run = Sandbox::new().aws(&aws).file(".env", "A=1\n").arg("migrate").args(words).bare().run();
        run.refused(64).says(facts.iter().copied());
    }
    assert!(aws.calls().is_empty());
}
