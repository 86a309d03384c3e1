//! Default names of a declaration, and options that silence or announce. `options.rows` has all other sources of options.

use crate::support::*;

::rows::rows!("tests/it/cli/options.rows");

#[test]
fn an_endpoint_turns_off_the_fallback_region_of_a_declaration() {
    let aws = served();
    let sandbox = Sandbox::new().region("us-east-1").args(["--endpoint-url", &aws.endpoint()]).keys();
    let declaration = "defaults: { fallback-region: eu-west-1 }\nenv: { A: 'x:k' }\n";
    sandbox.declaration(declaration).run().launched().has("A", "v-4c7a1e");
}

#[test]
fn every_default_name_is_found() {
    let json = r#"{"env":{"A":"x:k"}}"#;
    for (name, declaration) in [
        ("secrets-exec.yaml", "env:\n  A: x:k\n"),
        ("secrets-exec.yml", "env:\n  A: x:k\n"),
        ("secrets-exec.json", json),
    ] {
        let aws = served();
        Sandbox::new().aws(&aws).file(name, declaration).run().launched_silently().has("A", "v-4c7a1e");
    }
}

#[test]
fn verbose_is_an_option_of_every_kind_and_quiet_keeps_the_line_of_a_local_file() {
    let aws = served();
    sandbox(&aws).env("SECRETS_EXEC_VERBOSE", "1").run().launched().says(["A (--env, x:k)"]);
    for sandbox in [
        local().args(["-v", "--verbose"]),
        local().env("SECRETS_EXEC_QUIET", "1"),
        local().env("SECRETS_EXEC_QUIET", "1").env("SECRETS_EXEC_LOCAL", "local.json"),
        local().declaration("defaults: { quiet: true }\n"),
    ] {
        sandbox.run().launched().has("A", CANARY).says(["local.json"]);
    }
}
