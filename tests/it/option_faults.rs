//! Options that are repeated, wrong, or given where they have no effect; and the output that `--quiet` suppresses.

use crate::support::aws::Aws;
use crate::support::aws::secret::Secret;
use crate::support::sandbox::{CANARY, Sandbox};

fn local() -> Sandbox {
    Sandbox::new().local(&format!(r#"{{"x":"{CANARY}"}}"#)).resolve("A=x")
}

#[test]
fn quiet_silences_the_line_of_a_local_file() {
    for option in ["-q", "--quiet"] {
        local().arg(option).run().launched_silently().has("A", CANARY);
    }
}

#[test]
fn quiet_in_a_variable_does_not_silence_the_line_of_a_local_file() {
    for (name, value) in [("A_", "1"), ("SECRETS_EXEC_LOCAL", "local.json")] {
        let run = local().env("SECRETS_EXEC_QUIET", "1").env(name, value).run();
        run.launched().has("A", CANARY).says(["local.json"]);
    }
}

#[test]
fn quiet_in_a_declaration_does_not_silence_the_line_of_a_local_file() {
    let run = local().declaration("defaults: { quiet: true }\n").run();
    run.launched().has("A", CANARY).says(["local.json"]);
}

#[test]
fn a_flag_may_be_given_twice() {
    for flags in [["-v", "-v"], ["--verbose", "-v"]] {
        local().args(flags).run().launched().has("A", CANARY);
    }
    local().args(["-q", "-q"]).run().launched_silently().has("A", CANARY);
}

#[test]
fn of_an_option_given_twice_the_last_counts() {
    let aws = Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#));
    let sandbox = Sandbox::new().aws(&aws).resolve("A=x:k");
    sandbox.args(["--region", "eu-west-1", "--region", "eu-west-2"]).run().launched();
    assert_eq!(aws.only_read().region(), "eu-west-2");
}

#[test]
fn a_pattern_that_is_not_closed_is_a_usage_error() {
    for option in ["--unset", "--pass", "--resolve-env"] {
        local().args([option, "["]).run().refused(64).says([option, "[", "invalid range pattern"]);
    }
    local().env("SECRETS_EXEC_UNSET", "^A").run().refused(64).says(["SECRETS_EXEC_UNSET", "^A"]);
}

#[test]
fn of_several_patterns_the_wrong_one_is_named() {
    for wrong in ["[", "X**", ""] {
        let named = format!("{wrong:?} is not a glob pattern");
        for option in ["--unset", "--pass", "--resolve-env"] {
            let run = local().args([option, "GOOD_*", option, wrong]).run();
            run.refused(64).says([option, &named]).says_nothing_of("GOOD_");
        }
        let declaration = format!("defaults:\n  unset: ['GOOD_*', '{wrong}']\n");
        local().declaration(&declaration).run().refused(78).says([named.as_str()]).says_nothing_of("GOOD_");
    }
}

#[test]
fn of_several_regions_the_wrong_one_is_named() {
    let sandbox = Sandbox::new().resolve("A=x");
    let run = sandbox.args(["--fallback-region", "eu-west-1", "--fallback-region", "eu west"]).run();
    run.refused(64).says(["\"eu west\" is not"]).says_nothing_of("eu-west-1,");
}
