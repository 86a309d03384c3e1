//! docs/lambda.md: the wrapper of the layer, with a runtime that prints its variables.
//! `tests/hosts/lambda.rs` has functions in AWS's emulator, with AWS's runtime clients.

use std::os::unix::fs::symlink;

use super::page::Page;
use crate::support::*;

/// The variable that docs/lambda.md sets in its first step.
const DB_PASSWORD: &str =
    "arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/db-AbCdEf:password::";

fn documented_secrets() -> Aws {
    let db = || Secret::text(r#"{"host":"db.example.com","password":"p-4c7a1e"}"#);
    Aws::start()
        .secret("prod/db", db())
        .secret(DB_PASSWORD.strip_suffix(":password::").unwrap(), db())
        .secret("prod/api-token", Secret::text("token-4c7a1e"))
}

/// The wrapper of the layer in an environment like Lambda's, with a runtime that prints its
/// variables.
fn variables(aws: &Aws) -> Sandbox {
    let wrapper = repository_file("packaging/secrets-exec-wrapper");
    let sandbox = Sandbox::new()
        .executable("opt/secrets-exec", "#!/bin/sh\nexec \"$PROGRAM\" \"$@\"\n")
        .executable("opt/secrets-exec-wrapper", wrapper);
    let wrapper = sandbox.path("opt/secrets-exec-wrapper");
    sandbox
        .aws(aws)
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("PROGRAM", program())
        .env("LAMBDA_TASK_ROOT", ".")
        .env("AWS_LAMBDA_FUNCTION_NAME", "app")
        .env("DB_PASSWORD", DB_PASSWORD)
        .command([wrapper, "/bin/cat".into(), "/proc/self/environ".into()])
        .prints_values()
}

#[test]
fn a_lambda_function_starts_with_the_layer_without_any_secret() {
    let aws = documented_secrets();
    let run = variables(&aws).env("DB_PASSWORD", "unused").control();
    run.launched_silently().has("DB_PASSWORD", "unused");
    let blank = variables(&aws).env("SECRETS_EXEC_WRAPPER_VARIABLES", " ");
    let run = blank.control();
    run.launched_silently().has("DB_PASSWORD", "p-4c7a1e");
}

#[test]
fn a_lambda_function_keeps_an_arn_that_its_list_of_variables_leaves_out() {
    let aws = documented_secrets();
    let kept = DB_PASSWORD.strip_suffix(":password::").unwrap();
    for list in ["DB_*,API_TOKEN", "DB_PASSWORD, API_*"] {
        let run = variables(&aws)
            .env("API_TOKEN", "{{resolve:secretsmanager:prod/api-token}}")
            .env("SECRET_ARN", kept)
            .env("SECRETS_EXEC_WRAPPER_VARIABLES", list)
            .control();
        run.launched_silently()
            .has("DB_PASSWORD", "p-4c7a1e")
            .has("API_TOKEN", "token-4c7a1e")
            .has("SECRET_ARN", kept);
    }
}

#[test]
fn a_lambda_function_gets_a_variable_for_each_key_of_a_secret_given_by_its_arn() {
    let aws = documented_secrets();
    let arn = DB_PASSWORD.strip_suffix(":password::").unwrap();
    let page = Page::read("docs/lambda.md");
    let function = || {
        variables(&aws)
            .declaration(page.block_from("yaml", "env-from:"))
            .env("SECRET_ARN", arn)
    };
    let run = function().control();
    run.launched_silently()
        .has("host", "db.example.com")
        .has("password", "p-4c7a1e")
        .has("SECRET_ARN", arn);
    let object = r#"{"host":"db.example.com","password":"p-4c7a1e"}"#;
    let run = function()
        .env("SECRETS_EXEC_WRAPPER_VARIABLES", "*,SECRET_ARN")
        .control();
    run.launched_silently()
        .has("host", "db.example.com")
        .has("SECRET_ARN", object);
}

#[test]
fn a_lambda_function_is_not_started_with_two_declarations_or_a_dangling_link() {
    let aws = documented_secrets();
    let several = variables(&aws)
        .file("secrets-exec.yaml", "env: { A: prod/api-token }")
        .file("secrets-exec.json", "{}")
        .control();
    several.refused(78, ["several declarations", "keep only one"]);

    let sandbox = variables(&aws);
    symlink("gone.yaml", sandbox.path("secrets-exec.yaml")).unwrap();
    let dangling = sandbox.control();
    dangling.refused(78, ["is a link to a file that doesn't exist"]);
}

#[test]
fn a_lambda_function_reads_the_declaration_of_its_variable_instead_of_its_package() {
    let aws = documented_secrets();
    let run = variables(&aws)
        .file("secrets-exec.yaml", "env: { PACKAGED: prod/gone }")
        .file("other.yaml", "env: { TOKEN: prod/api-token }")
        .env("SECRETS_EXEC_FILE", "other.yaml")
        .control();
    run.launched().has("TOKEN", "token-4c7a1e");
    run.says(["note: ./secrets-exec.yaml isn't read, because SECRETS_EXEC_FILE is set"]);
}

/// A script for a second wrapper, and one for functions in Go and Rust. They start a program in the
/// function's package, with the layer in `opt` of the sandbox.
#[test]
fn the_scripts_of_docs_lambda_md_start_the_program_with_its_values() {
    let page = Page::read("docs/lambda.md");
    for script in page.blocks("sh") {
        let aws = documented_secrets();
        let sandbox = variables(&aws);
        let opt = format!("{}/", sandbox.path("opt").display());
        let sandbox = sandbox
            .executable("opt/otel-handler", "#!/bin/sh\nexec \"$@\"\n")
            .executable("app", "#!/bin/sh\nexec cat /proc/self/environ\n")
            .executable("script", script.replace("/opt/", &opt))
            .command(["./script", "/bin/cat", "/proc/self/environ"]);
        let run = sandbox.control();
        run.launched_silently().has("DB_PASSWORD", "p-4c7a1e");
    }
}
