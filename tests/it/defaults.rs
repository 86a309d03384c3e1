//! The sources of options (flag, variable, `defaults:`), and the declaration that is read by default.

use std::os::unix::fs::chown;

use crate::support::aws::Aws;
use crate::support::aws::secret::Secret;
use crate::support::sandbox::Sandbox;
use crate::support::skip;

const DECLARATION: &str = "env:\n  A: x:k\n";

fn served() -> Aws {
    Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#))
}

/// The region that is asked when each of these sources names one.
fn region(flag: bool, variable: bool, default: bool, aws_region: bool) -> String {
    let aws = served();
    let mut sandbox = Sandbox::new().aws(&aws).env_remove("AWS_REGION");
    if flag {
        sandbox = sandbox.args(["--region", "flag-1"]);
    }
    if variable {
        sandbox = sandbox.env("SECRETS_EXEC_REGION", "variable-1");
    }
    if aws_region {
        sandbox = sandbox.env("AWS_REGION", "aws-region-1");
    }
    let defaults = match default {
        true => "defaults:\n  region: default-1\n",
        false => "",
    };
    let sandbox = sandbox.env("AWS_DEFAULT_REGION", "aws-default-1");
    let sandbox = sandbox.declaration(&format!("{defaults}{DECLARATION}"));
    sandbox.run().launched();
    aws.only_read().region()
}

#[test]
fn a_flag_wins_over_all() {
    assert_eq!(region(true, true, true, true), "flag-1");
}

#[test]
fn a_variable_of_ours_wins_over_the_declaration() {
    assert_eq!(region(false, true, true, true), "variable-1");
}

#[test]
fn the_declaration_wins_over_aws_region() {
    assert_eq!(region(false, false, true, true), "default-1");
}

#[test]
fn aws_region_wins_over_aws_default_region() {
    assert_eq!(region(false, false, false, true), "aws-region-1");
    assert_eq!(region(false, false, false, false), "aws-default-1");
}

#[test]
fn a_later_declaration_wins_over_an_earlier_one() {
    let aws = served();
    Sandbox::new()
        .aws(&aws)
        .file("a.yaml", "defaults: { region: first-1 }\n")
        .file("b.yaml", format!("defaults: {{ region: second-1 }}\n{DECLARATION}"))
        .args(["-f", "a.yaml", "-f", "b.yaml"])
        .run()
        .launched();
    assert_eq!(aws.only_read().region(), "second-1");
}

#[test]
fn what_the_target_gets_can_be_said_by_variables() {
    let aws = served();
    let run = Sandbox::new()
        .aws(&aws)
        .env("SECRETS_EXEC_CLEAN_ENV", "1")
        .env("SECRETS_EXEC_PASS", "ONE_*,TWO")
        .env("ONE_A", "1")
        .env("TWO", "2")
        .env("THREE", "3")
        .resolve("A=x:k")
        .run();
    run.launched().has("ONE_A", "1").has("TWO", "2").lacks("THREE");
}

#[test]
fn what_the_target_gets_can_be_said_by_a_declaration() {
    let aws = served();
    let defaults = "defaults:\n  clean-env: true\n  pass: [\"ONE_*\", TWO]\n";
    let run = Sandbox::new()
        .aws(&aws)
        .env("ONE_A", "1")
        .env("TWO", "2")
        .env("THREE", "3")
        .declaration(&format!("{defaults}{DECLARATION}"))
        .run();
    run.launched().has("ONE_A", "1").has("TWO", "2").lacks("THREE");
}

#[test]
fn a_variable_of_zero_turns_a_default_off() {
    let aws = served();
    let run = Sandbox::new()
        .aws(&aws)
        .env("SECRETS_EXEC_KEEP_EXISTING", "0")
        .env("A", "inherited")
        .declaration(&format!("defaults: {{ keep-existing: true }}\n{DECLARATION}"))
        .run();
    run.launched().has("A", "v");
}

#[test]
fn a_variable_of_ours_that_is_wrong_is_a_usage_error() {
    for (name, value) in [
        ("SECRETS_EXEC_KEEP_EXISTING", "perhaps"),
        ("SECRETS_EXEC_CLEAN_ENV", "2"),
        ("SECRETS_EXEC_TIMEOUT", "soon"),
        ("SECRETS_EXEC_ENDPOINT_URL", "not a url"),
    ] {
        let aws = served();
        let sandbox = Sandbox::new().aws(&aws).env(name, value);
        sandbox.resolve("A=x:k").run().refused(64).says([name]);
        assert!(aws.calls().is_empty(), "{name}");
    }
}

#[test]
fn a_default_that_is_wrong_is_an_error_with_its_line() {
    for default in ["timeout: soon", "keep-existing: perhaps", "pass: { a: b }"] {
        let run = Sandbox::new().declaration(&format!("defaults:\n  {default}\n{DECLARATION}")).run();
        run.refused(78).says(["secrets-exec.yaml:2"]);
    }
}

#[test]
fn unknown_variables_of_our_prefix_are_ignored() {
    let aws = served();
    let run = Sandbox::new()
        .aws(&aws)
        .env("SECRETS_EXEC_PORT", "tcp://10.0.0.1:80")
        .env("SECRETS_EXEC_SERVICE_HOST", "10.0.0.1")
        .resolve("A=x:k")
        .run();
    run.launched_silently().has("A", "v");
}

#[test]
fn a_variable_cannot_choose_what_is_read() {
    let aws = served();
    let run = Sandbox::new()
        .aws(&aws)
        .env("SECRETS_EXEC_ENV", "B=y:k")
        .env("SECRETS_EXEC_ENV_FROM", "y")
        .resolve("A=x:k")
        .run();
    run.launched().has("A", "v").lacks("B");
    assert_eq!(aws.only_read().secret_id(), "x");
}

#[test]
fn a_variable_names_the_declaration_when_no_option_does() {
    let aws = served();
    let sandbox = Sandbox::new().aws(&aws).file("here/app.yaml", DECLARATION).env("SECRETS_EXEC_FILE", "here/app.yaml");
    sandbox.run().launched().has("A", "v");
}

#[test]
fn an_option_that_names_the_declaration_wins_over_the_variable() {
    let aws = served();
    let run = Sandbox::new()
        .aws(&aws)
        .file("a.yaml", DECLARATION)
        .env("SECRETS_EXEC_FILE", "nowhere.yaml")
        .args(["-f", "a.yaml"])
        .run();
    run.launched().has("A", "v");
}

#[test]
fn a_named_declaration_replaces_the_default_one() {
    let aws = served();
    let run = Sandbox::new()
        .aws(&aws)
        .declaration("env:\n  B: y:k\n")
        .file("a.yaml", DECLARATION)
        .args(["-f", "a.yaml"])
        .run();
    run.launched().has("A", "v").lacks("B");
}

#[test]
fn every_default_name_is_found() {
    for (name, declaration) in [
        ("secrets-exec.yaml", DECLARATION),
        ("secrets-exec.yml", DECLARATION),
        ("secrets-exec.json", r#"{"env":{"A":"x:k"}}"#),
    ] {
        let aws = served();
        let sandbox = Sandbox::new().aws(&aws).file(name, declaration);
        sandbox.run().launched_silently().has("A", "v");
    }
}

#[test]
fn two_default_files_are_an_error() {
    let aws = served();
    let run =
        Sandbox::new().aws(&aws).declaration(DECLARATION).file("secrets-exec.json", r#"{"env":{"A":"x:k"}}"#).run();
    run.refused(78).says(["secrets-exec.yaml", "secrets-exec.json"]);
    assert!(aws.calls().is_empty());
}

#[test]
fn a_default_file_that_anyone_may_write_is_refused() {
    let aws = served();
    let run = Sandbox::new().aws(&aws).declaration(DECLARATION).mode("secrets-exec.yaml", 0o666).run();
    run.refused(78).says(["secrets-exec.yaml", "-f"]);
    assert!(aws.calls().is_empty());
}

#[test]
fn a_file_that_anyone_may_write_is_read_when_it_is_named() {
    let aws = served();
    let run = Sandbox::new()
        .aws(&aws)
        .declaration(DECLARATION)
        .mode("secrets-exec.yaml", 0o666)
        .args(["-f", "secrets-exec.yaml"])
        .run();
    run.launched().has("A", "v");
}

#[test]
fn a_default_file_of_another_user_is_refused() {
    let aws = served();
    let sandbox = Sandbox::new().aws(&aws).declaration(DECLARATION);
    if chown(sandbox.path("secrets-exec.yaml"), Some(12_345), None).is_err() {
        return skip::skipped("a default file of another user: only root can give files away");
    }
    sandbox.run().refused(78).says(["secrets-exec.yaml", "-f"]);
    assert!(aws.calls().is_empty());
}

#[test]
fn no_file_turns_the_default_file_off() {
    let aws = served();
    let run = Sandbox::new().aws(&aws).declaration("env:\n  B: y:k\n").args(["--no-file"]).resolve("A=x:k").run();
    run.launched().has("A", "v").lacks("B");
}

#[test]
fn nothing_to_resolve_is_a_usage_error_that_says_what_was_looked_for() {
    let run = Sandbox::new().run();
    run.refused(64).says(["secrets-exec.yaml"]);
}

#[test]
fn quiet_and_verbose_are_options_of_every_kind() {
    let aws = served();
    let run = Sandbox::new().aws(&aws).env("SECRETS_EXEC_VERBOSE", "1").resolve("A=x:k").run();
    run.launched().says(["A", "x"]);
}

#[test]
fn a_pipe_under_a_default_name_is_refused_and_not_waited_for() {
    let aws = served();
    let sandbox = Sandbox::new().aws(&aws);
    nix::unistd::mkfifo(&sandbox.path("secrets-exec.yaml"), nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
    sandbox.run().refused(78).says(["secrets-exec.yaml", "-f"]);
}
