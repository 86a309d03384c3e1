//! docs/lambda.md: the wrapper of `examples/lambda` starts a stand-in runtime, which asks a stand-in of Lambda's Runtime API for
//! invocations.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;

use super::page::{Page, wrote_policy};
use crate::support::aws::Aws;
use crate::support::aws::secret::Secret;
use crate::support::outcome::Outcome;
use crate::support::sandbox::{Sandbox, program, repository_file};

fn page() -> Page {
    Page::read("docs/lambda.md")
}

#[test]
fn the_script_that_it_shows_is_the_example() {
    assert_eq!(page().blocks("sh"), [repository_file("examples/lambda/secrets-wrapper")]);
}

#[test]
fn its_commands_print_what_it_says() {
    let declaration = repository_file("examples/lambda/secrets-exec.yaml");
    let sandbox = page().runs(page().sandbox().file("secrets-exec.yaml", declaration));
    wrote_policy(&sandbox, &["prod/db", "prod/api-token"]);
}

/// Lambda's Runtime API with two invocations.
struct RuntimeApi {
    address: SocketAddr,
    /// The path of each request, and its body.
    requests: Arc<Mutex<Vec<(String, String)>>>,
}

impl RuntimeApi {
    fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        thread::spawn(move || {
            let mut invocations = ["first", "second", "last"].into_iter();
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let (path, body) = request(&stream);
                let identifier = if path.ends_with("/next") { invocations.next().unwrap_or("last") } else { "" };
                seen.lock().unwrap().push((path, body));
                let head = format!("HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: {identifier}\r\n");
                write!(stream, "{head}Content-Length: 2\r\nConnection: close\r\n\r\n{{}}").unwrap();
            }
        });
        Self { address, requests }
    }

    fn paths(&self) -> Vec<String> {
        self.requests.lock().unwrap().iter().map(|(path, _)| path.clone()).collect()
    }

    /// The answers to the invocations.
    fn answers(&self) -> Vec<Value> {
        let requests = self.requests.lock().unwrap();
        let answers = requests.iter().filter(|(path, _)| path.ends_with("/response"));
        answers.map(|(_, body)| serde_json::from_str(body).unwrap()).collect()
    }
}

/// Reads one request: its path and its body.
fn request(stream: &TcpStream) -> (String, String) {
    let mut reader = BufReader::new(stream);
    let (mut first, mut length) = (String::new(), 0);
    reader.read_line(&mut first).unwrap();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        match line.trim().to_ascii_lowercase().split_once(": ") {
            Some(("content-length", value)) => length = value.parse().unwrap(),
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    (first.split(' ').nth(1).unwrap().to_owned(), String::from_utf8(body).unwrap())
}

fn aws() -> Aws {
    let db = Secret::text(r#"{"host":"db.example.com","password":"p-4c7a1e"}"#);
    Aws::start().secret("prod/db", db).secret("prod/api-token", Secret::text("token-4c7a1e"))
}

/// The wrapper in an environment of Lambda, with the stand-in runtime as its arguments.
fn function(api: &RuntimeApi, aws: &Aws) -> Sandbox {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let wrapper = repository.join("examples/lambda/secrets-wrapper");
    let sandbox = Sandbox::new().executable("bin/secrets-exec", "#!/bin/sh\nexec \"$PROGRAM\" \"$@\"\n");
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", sandbox.path("bin").display());
    sandbox
        .aws(aws)
        .file("secrets-exec.yaml", repository_file("examples/lambda/secrets-exec.yaml"))
        .env("PATH", path)
        .env("PROGRAM", program())
        .env("LAMBDA_TASK_ROOT", ".")
        .env("_HANDLER", "app.handler")
        .env("AWS_LAMBDA_FUNCTION_NAME", "app")
        .env("AWS_LAMBDA_RUNTIME_API", api.address.to_string())
        .command([wrapper.as_os_str(), "python3".as_ref(), repository.join("tests/it/docs/runtime.py").as_os_str()])
}

/// Runs the wrapper itself, not the program.
fn start(sandbox: &Sandbox) -> Outcome {
    sandbox.control()
}

#[test]
fn the_runtime_answers_each_invocation_with_secrets_that_were_read_once() {
    let (api, aws) = (RuntimeApi::start(), aws());
    start(&function(&api, &aws)).launched_silently();
    let answers = api.answers();
    assert_eq!((answers.len(), aws.reads().len()), (2, 2), "{answers:?}");
    assert_eq!(answers[1]["invocations"], 2);
    for answer in answers {
        let variables = &answer["variables"];
        assert_eq!(variables["DB_HOST"], "db.example.com");
        assert_eq!(variables["DB_PASSWORD"], "p-4c7a1e");
        assert_eq!(variables["API_TOKEN"], "token-4c7a1e");
        assert_eq!(variables["AWS_LAMBDA_FUNCTION_NAME"], "app");
        assert_eq!(variables["AWS_ACCESS_KEY_ID"], "AKIAIOSFODNN7EXAMPLE");
    }
}

#[test]
fn without_a_value_the_runtime_does_not_start_and_the_log_has_the_reason() {
    let db = Secret::text(r#"{"host":"h-4c7a1e","password":"p-4c7a1e"}"#);
    let (api, aws) = (RuntimeApi::start(), Aws::start().secret("prod/db", db));
    start(&function(&api, &aws)).refused(78).says(["prod/api-token", "does not exist", "python3 was not started"]);
    assert!(api.paths().is_empty());
}

#[test]
fn the_keys_of_the_role_can_be_taken_from_the_code() {
    let (api, aws) = (RuntimeApi::start(), aws());
    let names = "AWS_ACCESS_KEY_ID,AWS_SECRET_ACCESS_KEY,AWS_SESSION_TOKEN";
    assert!(repository_file("docs/lambda.md").contains(names));
    start(&function(&api, &aws).env("SECRETS_EXEC_UNSET", names)).launched_silently();
    let variables = &api.answers()[0]["variables"];
    assert!(variables.get("AWS_ACCESS_KEY_ID").is_none() && variables["API_TOKEN"] == "token-4c7a1e", "{variables}");
}
