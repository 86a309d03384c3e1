//! `docker run` as the command, as docs/migrating.md shows it. The program called docker is podman.

use std::env;

use super::podman::{self, repository};
use crate::support::sandbox::{CANARY, Sandbox};

/// A sandbox whose `docker run` starts a container without a network, and that reads this
/// declaration. The token is the canary.
fn with_docker(declaration: &str) -> Sandbox {
    let script = format!(
        "#!/bin/sh\nshift\nSECRETS_EXEC_HOSTS='{}' exec '{}' run --rm --pull=never --network=none \"$@\"\n",
        env::var("SECRETS_EXEC_HOSTS").unwrap(),
        repository("tests/hosts/podman").display()
    );
    let sandbox = Sandbox::new()
        .prints_values()
        .declaration(declaration)
        .local(&format!(r#"{{"prod/token":"{CANARY}"}}"#))
        .executable("bin/docker", script);
    let programs = sandbox.path("bin");
    sandbox.env(
        "PATH",
        format!("{}:/usr/sbin:/usr/bin:/bin", programs.display()),
    )
}

const CONTAINER: [&str; 3] = ["localhost/host", "cat", "/proc/self/environ"];

#[test]
#[ignore = "by make test-hosts"]
fn docker_run_as_the_command_passes_a_variable_on_by_its_name() {
    if podman::works() {
        let sandbox = with_docker("env: { TOKEN: prod/token }");
        let command = ["docker", "run", "-e", "TOKEN"].into_iter();
        let run = sandbox.command(command.chain(CONTAINER)).run();
        run.launched().has("TOKEN", CANARY);
    }
}

#[test]
#[ignore = "by make test-hosts"]
fn docker_run_as_the_command_reads_a_file_in_memory_as_its_env_file() {
    if podman::works() {
        let sandbox = with_docker(
            r#"files: [{ env: ENV_FILE, template: "TOKEN={{ token }}\nLEVEL=info\n" }]
secrets: { token: prod/token }"#,
        );
        let script = r#"exec docker run --env-file "$ENV_FILE" "$@""#;
        let command = ["sh", "-c", script, "sh"].into_iter();
        let run = sandbox.command(command.chain(CONTAINER)).run();
        run.launched().has("TOKEN", CANARY).has("LEVEL", "info");
        run.has_no("ENV_FILE");
    }
}
