//! `docker run` as the command, as docs/migrating.md shows it. The program called docker is podman.

use std::env;

use super::podman::{self, repository};
use crate::support::sandbox::{CANARY, Sandbox};

#[test]
#[ignore = "by make test-hosts"]
fn docker_run_as_the_command_passes_a_variable_on_and_reads_a_file_in_memory_as_its_env_file() {
    if !podman::works() {
        return;
    }
    let hosts = env::var("SECRETS_EXEC_HOSTS").unwrap();
    let podman = repository("tests/hosts/podman").display().to_string();
    let docker = format!(
        "#!/bin/sh\nshift\nSECRETS_EXEC_HOSTS='{hosts}' exec '{podman}' run --rm --pull=never --network=none \"$@\"\n"
    );
    // The token is the canary.
    let declaration = r#"
env: { TOKEN: prod/token }
files: [{ env: ENV_FILE, template: "SAME={{ token }}\nLEVEL=info\n" }]
secrets: { token: prod/token }
"#;
    let sandbox = Sandbox::new()
        .prints_values()
        .declaration(declaration)
        .local(&format!(r#"{{"prod/token":"{CANARY}"}}"#))
        .executable("bin/docker", docker);
    let programs = sandbox.path("bin");
    let path = format!("{}:/usr/sbin:/usr/bin:/bin", programs.display());
    let script =
        "exec docker run -e TOKEN --env-file \"$ENV_FILE\" localhost/host cat /proc/self/environ";
    let sandbox = sandbox.env("PATH", path).command(["sh", "-c", script]);
    let run = sandbox.run();
    run.launched()
        .has("TOKEN", CANARY)
        .has("SAME", CANARY)
        .has("LEVEL", "info");
    run.has_no("ENV_FILE");
}
