//! docs/lambda.md: the wrapper of the layer starts AWS's runtime for Python (PyPI's
//! `awslambdaric`), which gets its invocations from a fake of Lambda's Runtime API.
//! `tests/hosts/lambda.rs` uses AWS's emulator instead.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::page::Page;
use crate::peers::interpreter;
use crate::support::aws::http::Response;
use crate::support::directory::Directory;
use crate::support::skip::can;
use crate::support::*;

/// The code of the function. It answers with its environment, and ends the runtime after the last
/// event.
const FUNCTION: &str = "\
import os

events = iter(range(2))

def handler(event, context):
    if next(events, None) is None:
        os._exit(0)
    return dict(os.environ)
";

const INVOCATION: &str = "/2018-06-01/runtime/invocation";

/// Lambda's Runtime API, which sends one event after another.
fn runtime_api() -> Aws {
    let headers = vec![("Lambda-Runtime-Aws-Request-Id", "id".to_owned())];
    let event = Response {
        headers,
        ..Response::new(200, "application/json", "\"event\"")
    };
    let api = Aws::start().fails(&format!("{INVOCATION}/next"), Fault::Exactly(event));
    api.fails(&format!("{INVOCATION}/id/response"), fault::status(202))
}

/// The variables that the function sent as its answer to each event.
fn answers(api: &Aws) -> Vec<Value> {
    api.calls_of(&format!("{INVOCATION}/id/response"))
        .iter()
        .map(Call::body)
        .collect()
}

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

/// The wrapper of the layer in an environment like Lambda's, with this command of the runtime.
fn wrapped<A: Into<PathBuf>>(aws: &Aws, runtime: impl IntoIterator<Item = A>) -> Sandbox {
    let wrapper = repository_file("packaging/secrets-exec-wrapper");
    let sandbox = Sandbox::new()
        .executable("opt/secrets-exec", "#!/bin/sh\nexec \"$PROGRAM\" \"$@\"\n")
        .executable("opt/secrets-exec-wrapper", wrapper);
    let wrapper = [sandbox.path("opt/secrets-exec-wrapper")].into_iter();
    sandbox
        .aws(aws)
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("PROGRAM", program())
        .env("LAMBDA_TASK_ROOT", ".")
        .env("AWS_LAMBDA_FUNCTION_NAME", "app")
        .env("DB_PASSWORD", DB_PASSWORD)
        .command(wrapper.chain(runtime.into_iter().map(Into::into)))
}

/// The wrapper with a runtime that prints its variables.
fn variables(aws: &Aws) -> Sandbox {
    wrapped(aws, ["/bin/cat", "/proc/self/environ"]).prints_values()
}

/// The wrapper with AWS's runtime for Python, and the declaration of docs/lambda.md, for
/// [`Sandbox::control`].
fn function(api: &Aws, aws: &Aws, python: PathBuf) -> Sandbox {
    let runtime = ["-B", "-m", "awslambdaric", "app.handler"].map(PathBuf::from);
    let page = Page::read("docs/lambda.md");
    wrapped(aws, [python].into_iter().chain(runtime))
        .declaration(page.block_from("yaml", "env:"))
        .file("app.py", FUNCTION)
        .env("_HANDLER", "app.handler")
        .env("AWS_LAMBDA_RUNTIME_API", api.address().to_string())
}

#[test]
fn a_lambda_function_gets_the_values_of_the_arns_in_its_variables_without_a_declaration() {
    let aws = documented_secrets();
    let run = variables(&aws).control();
    run.launched_silently().has("DB_PASSWORD", "p-4c7a1e");
}

#[test]
fn a_lambda_function_without_any_secret_starts_with_the_layer() {
    let aws = Aws::start();
    let run = variables(&aws).env("DB_PASSWORD", "unused").control();
    run.launched_silently().has("DB_PASSWORD", "unused");
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
fn a_list_of_variables_that_is_blank_is_the_default() {
    let aws = documented_secrets();
    let list = "SECRETS_EXEC_WRAPPER_VARIABLES";
    let run = variables(&aws).env(list, " ").control();
    run.launched_silently().has("DB_PASSWORD", "p-4c7a1e");
}

#[test]
fn a_lambda_function_is_not_started_with_two_declarations_or_one_that_is_a_link_to_nothing() {
    let aws = documented_secrets();
    let several = variables(&aws)
        .file("secrets-exec.yaml", "env: { A: prod/api-token }")
        .file("secrets-exec.json", "{}")
        .control();
    several
        .refused(78)
        .says(["several declarations", "keep only one"]);

    let sandbox = variables(&aws);
    symlink("gone.yaml", sandbox.path("secrets-exec.yaml")).unwrap();
    let dangling = sandbox.control();
    dangling
        .refused(78)
        .says(["is a link to \"gone.yaml\", which doesn't exist"]);
}

#[test]
fn a_lambda_function_reads_the_declaration_that_its_variable_names_instead_of_the_one_in_its_package()
 {
    let aws = documented_secrets();
    let run = variables(&aws)
        .file("secrets-exec.yaml", "env: { PACKAGED: prod/gone }")
        .file("other.yaml", "env: { TOKEN: prod/api-token }")
        .env("SECRETS_EXEC_FILE", "other.yaml")
        .control();
    run.launched_silently().has("TOKEN", "token-4c7a1e");
}

#[test]
fn a_lambda_function_is_not_started_if_its_variable_names_a_key_that_the_secret_does_not_have() {
    let aws = documented_secrets();
    let typo = DB_PASSWORD.replace("password", "pasword");
    let run = variables(&aws).env("DB_PASSWORD", typo).control();
    run.refused(78).says(["has no key \"pasword\""]);
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

#[test]
fn a_layer_has_both_programs_executable_at_its_root_and_the_same_bytes_in_every_build() {
    if !can(&["python3", "-c", "import zipfile"], "the layer") {
        return;
    }
    let directory = Directory::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let layers = ["022", "077"].map(|umask| {
        let layer = directory.path().join(umask);
        let script = "umask $0; exec \"$1/packaging/layer\" \"$2\" /bin/true";
        let built = Command::new("sh")
            .args(["-c", script, umask])
            .args([root, &layer])
            .env("SOURCE_DATE_EPOCH", "1600000000")
            .status();
        assert!(built.unwrap().success());
        layer
    });
    let bytes = layers.each_ref().map(|layer| std::fs::read(layer).unwrap());
    assert!(bytes[0] == bytes[1]);
    let list = "import sys, zipfile
for entry in zipfile.ZipFile(sys.argv[1]).infolist():
    print(entry.filename, oct(entry.external_attr >> 16), *entry.date_time)";
    let list = ["-c", list, layers[0].to_str().unwrap()];
    let listed = Command::new("python3").args(list).output().unwrap();
    let facts = "0o100755 2020 9 13 12 26 40";
    let expected = format!("secrets-exec {facts}\nsecrets-exec-wrapper {facts}\n");
    assert_eq!(String::from_utf8_lossy(&listed.stdout), expected);
}

#[test]
fn two_invocations_of_a_lambda_function_use_secrets_that_are_read_only_once() {
    let python = or_skip!(interpreter());
    let (api, aws) = (runtime_api(), documented_secrets());
    function(&api, &aws, python).control().launched_silently();
    let answers = answers(&api);
    assert_eq!((answers.len(), aws.reads().len()), (2, 3), "{answers:?}");
    for variables in answers {
        assert_eq!(variables["DB_HOST"], "db.example.com");
        assert_eq!(variables["DB_PASSWORD"], "p-4c7a1e");
        assert_eq!(variables["API_TOKEN"], "token-4c7a1e");
        assert_eq!(variables["AWS_LAMBDA_FUNCTION_NAME"], "app");
        assert_eq!(variables["AWS_ACCESS_KEY_ID"], "AKIAIOSFODNN7EXAMPLE");
    }
}

#[test]
fn a_lambda_function_works_even_if_the_keys_of_its_role_are_removed_from_the_environment() {
    let python = or_skip!(interpreter());
    let names = "AWS_ACCESS_KEY_ID,AWS_SECRET_ACCESS_KEY,AWS_SESSION_TOKEN";
    assert!(repository_file("docs/lambda.md").contains(names));
    let runtime = "AWS_Lambda_python3.13";
    for (option, value) in [("UNSET", names), ("CLEAN_ENV", "1")] {
        let (api, aws) = (runtime_api(), documented_secrets());
        // The runtime writes its log to the descriptor, and removes that variable.
        let function = function(&api, &aws, python.clone())
            .env("AWS_EXECUTION_ENV", runtime)
            .env("_LAMBDA_TELEMETRY_LOG_FD", "2")
            .env(format!("SECRETS_EXEC_{option}"), value);
        function.control().launched_silently();
        let variables = &answers(&api)[0];
        assert_eq!(variables["AWS_EXECUTION_ENV"], runtime, "{option}");
        assert!(variables.get("AWS_ACCESS_KEY_ID").is_none());
        assert_eq!(variables["API_TOKEN"], "token-4c7a1e", "{option}");
    }
}
