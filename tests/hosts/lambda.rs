//! The layer of docs/lambda.md, in AWS's emulator of Lambda, with AWS's runtime clients for Python
//! and Node.js. `prepare` builds the emulator and the client for Node.js.

use std::fs;
use std::net::TcpListener;
use std::process::Command;

use serde_json::Value;

use super::podman::{self, Container, Started};
use crate::architecture::repository;
use crate::peers::{interpreter, node, node_folder};
use crate::support::directory::Directory;
use crate::support::record::await_fact;
use crate::support::*;

const ARN: &str = "arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/db-AbCdEf";

/// Starts the runtime as the images of AWS do, which have this script as `/var/runtime/bootstrap`.
const BOOTSTRAP: &str =
    "#!/bin/sh\nexec ${AWS_LAMBDA_EXEC_WRAPPER:+\"$AWS_LAMBDA_EXEC_WRAPPER\"} \"$@\"\n";

/// A runtime client, with a function that answers with its variables.
struct Runtime {
    /// The name and the code of the function's file.
    name: &'static str,
    code: &'static str,
    /// The command of the runtime.
    command: &'static str,
    /// The volume with the client.
    volume: String,
}

/// AWS's client for Python, from the venv of `make test`.
fn python() -> Option<Runtime> {
    let venv = interpreter()?.parent()?.parent()?.join("lib");
    let libraries = fs::read_dir(venv).unwrap().next().unwrap().unwrap().path();
    Some(Runtime {
        name: "app.py",
        code: "import os\n\ndef handler(event, context):\n    return dict(os.environ)\n",
        command: "python3 -B -m awslambdaric",
        volume: format!("{}/site-packages:/clients", libraries.display()),
    })
}

/// AWS's client for Node.js, with the Node.js of `make test`.
fn nodejs() -> Option<Runtime> {
    let folder = node_folder("dotenv", "Lambda's client for Node.js")?;
    let program = fs::canonicalize(node(&folder).get_program()).unwrap();
    Some(Runtime {
        name: "app.js",
        code: "exports.handler = async () => process.env;\n",
        command: "/node /lambda/node_modules/aws-lambda-ric/index.mjs",
        volume: format!("{}:/node", program.display()),
    })
}

/// A port that nothing listens on.
fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// A function in the emulator, with the layer and its one variable.
struct Function {
    container: Started,
    port: u16,
    /// `opt` has the unpacked layer, and `task` the code.
    _folders: Directory,
}

impl Function {
    fn start(runtime: Runtime, aws: &Aws, reference: &str) -> Self {
        let folders = Directory::new();
        let path = |name: &str| folders.path().join(name);
        let hosts = std::env::var("SECRETS_EXEC_HOSTS").unwrap();
        let folder = folders.path().display();
        let layer = repository("packaging/layer");
        let script = format!(
            "'{}' {folder}/layer.zip '{hosts}/static/secrets-exec' && unzip -q {folder}/layer.zip -d {folder}/opt && mkdir {folder}/task",
            layer.display()
        );
        let made = Command::new("sh").args(["-c", &script]).status();
        assert!(made.unwrap().success(), "{script}");
        let declaration = "env: { API_TOKEN: prod/api-token }\n";
        fs::write(path("task/secrets-exec.yaml"), declaration).unwrap();
        fs::write(path("task").join(runtime.name), runtime.code).unwrap();
        fs::write(path("bootstrap"), BOOTSTRAP).unwrap();

        let [port, runtime_port] = [free_port(), free_port()];
        let mut container = Container::from_image("localhost/debian")
            .aws(aws)
            .env("AWS_LAMBDA_EXEC_WRAPPER", "/opt/secrets-exec-wrapper")
            .env("LAMBDA_TASK_ROOT", "/var/task")
            .env("PYTHONPATH", "/clients")
            .env("DB_PASSWORD", reference)
            .option("--workdir=/var/task")
            .target_writes_stderr();
        for volume in [
            format!("{folder}/opt:/opt"),
            format!("{folder}/task:/var/task"),
            format!("{folder}/bootstrap:/var/runtime/bootstrap"),
            format!("{hosts}/lambda:/lambda"),
            runtime.volume,
        ] {
            container = container.option(format!("--volume={volume}:ro"));
        }
        let line = format!(
            "/lambda/aws-lambda-rie --runtime-interface-emulator-address=127.0.0.1:{port} \
             --runtime-api-address=127.0.0.1:{runtime_port} /bin/sh /var/runtime/bootstrap {} app.handler",
            runtime.command
        );
        let container = container.words(line.split(' ')).start();
        let function = Self {
            container,
            port,
            _folders: folders,
        };
        await_fact("the emulator listens", || {
            std::net::TcpStream::connect(("127.0.0.1", function.port)).is_ok()
        });
        function
    }

    /// The variables that the function answers an event with.
    fn variables(&self) -> Value {
        let script = "\
import http.client, sys
connection = http.client.HTTPConnection('127.0.0.1', int(sys.argv[1]))
connection.request('POST', '/2015-03-31/functions/function/invocations', '{}')
print(connection.getresponse().read().decode())
";
        let port = self.port.to_string();
        let answer = self.container.exec(["python3", "-c", script, &port]);
        answer.document()
    }

    /// Stops the emulator. Its log is on standard error, and the function's log, with the lines of
    /// secrets-exec, on standard output.
    fn end(self) -> Outcome {
        self.container.stop();
        self.container.wait()
    }
}

#[test]
#[ignore = "by make test-hosts"]
fn in_lambda_s_emulator_a_function_gets_its_secrets_with_the_layer_and_one_variable() {
    if !podman::works() {
        return;
    }
    for runtime in [python(), nodejs()].into_iter().flatten() {
        let db = Secret::text(r#"{"host":"db.example.com","password":"p-4c7a1e"}"#);
        let token = Secret::text("token-4c7a1e");
        let aws = Aws::start().secret(ARN, db).secret("prod/api-token", token);
        let reference = format!("{ARN}:password::");
        let function = Function::start(runtime, &aws, &reference);
        for _ in 0..2 {
            let variables = function.variables();
            assert_eq!(variables["DB_PASSWORD"], "p-4c7a1e", "{variables}");
            assert_eq!(variables["API_TOKEN"], "token-4c7a1e");
            assert_eq!(variables["_HANDLER"], "app.handler");
        }
        assert_eq!(aws.reads().len(), 2);
        function.end();
    }
}
