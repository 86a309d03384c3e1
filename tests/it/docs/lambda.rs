//! docs/lambda.md: the wrapper of `examples/lambda` starts AWS's runtime for Python (PyPI's
//! `awslambdaric`), which gets its invocations from a fake of Lambda's Runtime API.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::page::Page;
use crate::peers::interpreter;
use crate::support::aws::http::Response;
use crate::support::*;

#[test]
fn docs_lambda_md_shows_the_same_script_as_the_example() {
    assert_eq!(
        Page::read("docs/lambda.md").blocks("sh")[0],
        repository_file("examples/lambda/secrets-wrapper")
    );
}

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

fn documented_secrets() -> Aws {
    let db = Secret::text(r#"{"host":"db.example.com","password":"p-4c7a1e"}"#);
    Aws::start()
        .secret("prod/db", db)
        .secret("prod/api-token", Secret::text("token-4c7a1e"))
}

/// The wrapper in an environment like Lambda's, with the runtime as its arguments, for
/// [`Sandbox::control`].
fn function(api: &Aws, aws: &Aws, python: PathBuf) -> Sandbox {
    let wrapper = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/lambda/secrets-wrapper");
    let sandbox =
        Sandbox::new().executable("bin/secrets-exec", "#!/bin/sh\nexec \"$PROGRAM\" \"$@\"\n");
    let path = format!(
        "{}:/usr/local/bin:/usr/bin:/bin",
        sandbox.path("bin").display()
    );
    let runtime = ["-B", "-m", "awslambdaric", "app.handler"].map(PathBuf::from);
    sandbox
        .aws(aws)
        .file(
            "secrets-exec.yaml",
            repository_file("examples/lambda/secrets-exec.yaml"),
        )
        .file("app.py", FUNCTION)
        .env("PATH", path)
        .env("PROGRAM", program())
        .env("LAMBDA_TASK_ROOT", ".")
        .env("_HANDLER", "app.handler")
        .env("AWS_LAMBDA_FUNCTION_NAME", "app")
        .env("AWS_LAMBDA_RUNTIME_API", api.address().to_string())
        .command([wrapper, python].into_iter().chain(runtime))
}

#[test]
fn two_invocations_of_a_lambda_function_use_secrets_that_are_read_only_once() {
    let Some(python) = interpreter() else { return };
    let (api, aws) = (runtime_api(), documented_secrets());
    function(&api, &aws, python).control().launched_silently();
    let answers = answers(&api);
    assert_eq!((answers.len(), aws.reads().len()), (2, 2), "{answers:?}");
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
    let Some(python) = interpreter() else { return };
    let names = "AWS_ACCESS_KEY_ID,AWS_SECRET_ACCESS_KEY,AWS_SESSION_TOKEN";
    assert!(repository_file("docs/lambda.md").contains(names));
    for (option, value) in [
        ("SECRETS_EXEC_UNSET", names),
        ("SECRETS_EXEC_CLEAN_ENV", "1"),
    ] {
        let (api, aws) = (runtime_api(), documented_secrets());
        let function =
            function(&api, &aws, python.clone()).env("AWS_EXECUTION_ENV", "AWS_Lambda_python3.13");
        // The runtime writes its log to this descriptor, and removes the variable.
        let function = function.env("_LAMBDA_TELEMETRY_LOG_FD", "2");
        function.env(option, value).control().launched_silently();
        let variables = &answers(&api)[0];
        assert_eq!(
            variables["AWS_EXECUTION_ENV"], "AWS_Lambda_python3.13",
            "{option}"
        );
        assert!(
            variables.get("AWS_ACCESS_KEY_ID").is_none()
                && variables["API_TOKEN"] == "token-4c7a1e",
            "{variables}"
        );
    }
}
