//! The sources of options (flag, variable, `defaults:`), and the declaration that is read by default.

use crate::support::aws::{Aws, served};
use crate::support::sandbox::{CANARY, Sandbox, local, sandbox};

const DECLARATION: &str = "env:\n  A: x:k\n";

#[test]
fn of_the_sources_of_a_region_a_flag_comes_first_and_aws_default_region_last() {
    for (sources, region) in [(4, "flag-1"), (3, "variable-1"), (2, "default-1"), (1, "aws-region-1"), (0, "aws-1")] {
        let aws = served();
        let defaults = if sources >= 2 { "defaults:\n  region: default-1\n" } else { "" };
        let mut sandbox = Sandbox::new().aws(&aws).env_remove("AWS_REGION").env("AWS_DEFAULT_REGION", "aws-1");
        if sources >= 1 {
            sandbox = sandbox.env("AWS_REGION", "aws-region-1");
        }
        if sources >= 3 {
            sandbox = sandbox.env("SECRETS_EXEC_REGION", "variable-1");
        }
        if sources >= 4 {
            // Of an option that is given twice, the last applies.
            sandbox = sandbox.args(["--region", "first-1", "--region", "flag-1"]);
        }
        sandbox.declaration(&format!("{defaults}{DECLARATION}")).run().launched();
        assert_eq!(aws.only_read().region(), region);
    }
}

#[test]
fn a_later_declaration_wins_over_an_earlier_one() {
    let aws = served();
    let sandbox = Sandbox::new().aws(&aws).file("a.yaml", "defaults: { region: first-1 }\n");
    let sandbox = sandbox.file("b.yaml", format!("defaults: {{ region: second-1 }}\n{DECLARATION}"));
    sandbox.args(["-f", "a.yaml", "-f", "b.yaml"]).run().launched();
    assert_eq!(aws.only_read().region(), "second-1");
}

#[test]
fn what_the_target_gets_can_be_said_by_variables_and_by_a_declaration() {
    let aws = served();
    let target = || Sandbox::new().aws(&aws).env("ONE_A", "1").env("TWO", "2").env("THREE", "3");
    let by_variables =
        target().env("SECRETS_EXEC_CLEAN_ENV", "1").env("SECRETS_EXEC_PASS", "ONE_*,TWO").resolve("A=x:k");
    let defaults = "defaults:\n  clean-env: true\n  pass: [\"ONE_*\", TWO]\n";
    let by_a_declaration = target().declaration(&format!("{defaults}{DECLARATION}"));
    for sandbox in [by_variables, by_a_declaration] {
        sandbox.run().launched().has("ONE_A", "1").has("TWO", "2").lacks("THREE");
    }
}

#[test]
fn a_variable_of_zero_turns_a_default_off_and_an_empty_one_is_unset() {
    let aws = served();
    let sandbox = || {
        let declaration = format!("defaults: {{ keep-existing: true }}\n{DECLARATION}");
        Sandbox::new().aws(&aws).env("A", "inherited").declaration(&declaration)
    };
    sandbox().env("SECRETS_EXEC_KEEP_EXISTING", "0").run().launched().has("A", "v-4c7a1e");
    let empty = sandbox().env("SECRETS_EXEC_KEEP_EXISTING", "").env("SECRETS_EXEC_TIMEOUT", "");
    empty.run().launched().has("A", "inherited");
}

#[test]
fn an_unknown_variable_of_our_prefix_is_ignored_and_chooses_nothing_to_read() {
    let aws = served();
    let sandbox = sandbox(&aws).env("SECRETS_EXEC_PORT", "tcp://10.0.0.1:80").env("SECRETS_EXEC_ENV", "B=y:k");
    sandbox.env("SECRETS_EXEC_ENV_FROM", "y").run().launched_silently().has("A", "v-4c7a1e").lacks("B");
    assert_eq!(aws.only_read().secret_id(), "x");
}

#[test]
fn an_option_precedes_a_variable_for_the_declaration_and_both_the_default_name() {
    let aws = served();
    let sandbox = || Sandbox::new().aws(&aws).declaration("env:\n  B: y:k\n").file("here/app.yaml", DECLARATION);
    let by_variable = sandbox().env("SECRETS_EXEC_FILE", "here/app.yaml");
    let by_option = sandbox().env("SECRETS_EXEC_FILE", "nowhere.yaml").args(["-f", "here/app.yaml"]);
    let by_none = sandbox().args(["--no-file"]).resolve("A=x:k");
    let by_list =
        sandbox().file("none.yaml", "env: { A: \"x:nope\" }\n").env("SECRETS_EXEC_FILE", "none.yaml, here/app.yaml");
    for sandbox in [by_variable, by_list, by_option, by_none] {
        sandbox.run().launched().has("A", "v-4c7a1e").lacks("B");
    }
}

#[test]
fn an_option_of_a_higher_place_turns_off_what_it_excludes_below() {
    let cache = "{ cache: /run/nowhere, cache-ttl: 5m }";
    let declared = |defaults: &str| format!("defaults: {defaults}\n{DECLARATION}");
    let run = local().declaration(&declared(cache)).arg("-v").run();
    run.launched().has("A", CANARY).says([
        "note: secrets-exec.yaml:1:13: cache is off, since --local is given, and only what AWS itself answers is cached",
    ]);
    local().declaration(&declared(cache)).run().launched().says_nothing_of("cache");
    local().env("SECRETS_EXEC_CACHE", "/run/nowhere").run().launched().has("A", CANARY);
    let aws = served();
    let sandbox = Sandbox::new().region("us-east-1").args(["--endpoint-url", &aws.endpoint()]).keys();
    sandbox.declaration(&declared("{ fallback-region: eu-west-1 }")).run().launched().has("A", "v-4c7a1e");
    // In one place they are an error.
    let both = "{ endpoint-url: 'https://aws.example', fallback-region: eu-west-1 }";
    let run = Sandbox::new().declaration(&declared(both)).run();
    run.refused(78).says(["secrets-exec.yaml:1:11: defaults: endpoint-url and fallback-region exclude each other"]);
}

#[test]
fn every_default_name_is_found() {
    let json = r#"{"env":{"A":"x:k"}}"#;
    for (name, declaration) in
        [("secrets-exec.yaml", DECLARATION), ("secrets-exec.yml", DECLARATION), ("secrets-exec.json", json)]
    {
        let aws = served();
        Sandbox::new().aws(&aws).file(name, declaration).run().launched_silently().has("A", "v-4c7a1e");
    }
}

#[test]
fn verbose_is_an_option_of_every_kind_and_quiet_keeps_the_line_of_a_local_file() {
    let aws = served();
    sandbox(&aws).env("SECRETS_EXEC_VERBOSE", "1").run().launched().says(["A (--env, x:k)"]);
    for option in ["-q", "--quiet"] {
        local().args([option, "-q"]).run().launched_silently().has("A", CANARY);
    }
    for sandbox in [
        local().args(["-v", "--verbose"]),
        local().env("SECRETS_EXEC_QUIET", "1"),
        local().env("SECRETS_EXEC_QUIET", "1").env("SECRETS_EXEC_LOCAL", "local.json"),
        local().declaration("defaults: { quiet: true }\n"),
    ] {
        sandbox.run().launched().has("A", CANARY).says(["local.json"]);
    }
}

#[test]
fn of_several_patterns_or_regions_the_wrong_one_is_named() {
    let aws = Aws::start();
    let sandbox = || sandbox(&aws);
    for option in ["--unset", "--pass", "--resolve-env"] {
        let run = sandbox().args([option, "GOOD_*", option, "["]).run();
        run.refused(64).says([option, "its value is not a glob pattern"]).says_nothing_of("GOOD_");
    }
    let run = sandbox().declaration("defaults: { unset: ['GOOD_*', ''] }\n").run();
    run.refused(78).says(["\"\" is not a glob pattern"]).says_nothing_of("GOOD_");
    sandbox().env("SECRETS_EXEC_UNSET", "^A").run().refused(64).says(["SECRETS_EXEC_UNSET"]);
    let run = sandbox().args(["--fallback-region", "eu-west-1", "--fallback-region", "eu_west"]).run();
    run.refused(64).says(["\"eu_west\" is not"]).says_nothing_of("eu-west-1,");
    assert!(aws.calls().is_empty());
}
