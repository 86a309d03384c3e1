//! `Dockerfile.example`, built unchanged on substitutes of its base images.

use super::podman::{self, Container};
use crate::support::sandbox::{CANARY, repository_file};

/// The image, run without AWS as its first lines say, with busybox mounted for tests that need a program.
fn example() -> Container {
    let secrets = repository_file("examples/secrets.local.yaml").replace("not-a-real-token", CANARY);
    Container::of("localhost/example")
        .file("local.yaml", &secrets)
        .env("SECRETS_EXEC_LOCAL", "/shared/local.yaml")
        .option("--mount=type=image,source=localhost/scratch,destination=/app")
}

#[test]
#[ignore = "by make test-hosts"]
fn its_own_command_is_launched() {
    if !podman::works() {
        return;
    }
    example().run().launched().printed(concat!("secrets-exec ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
#[ignore = "by make test-hosts"]
fn another_command_gets_the_secrets_of_the_declaration() {
    if !podman::works() {
        return;
    }
    let run = example().words(["/app/busybox", "cat", "/proc/self/environ"]).prints_values().run();
    run.launched().has("API_TOKEN", CANARY).has("DB_HOST", "db.example.com").lacks("SECRETS_EXEC_FILE");
}

#[test]
#[ignore = "by make test-hosts"]
fn a_file_in_memory_is_readable_by_its_user_who_is_not_root() {
    if !podman::works() {
        return;
    }
    let script = "/app/busybox id -u; /app/busybox wc -c <\"$KEYSTORE_FILE\"";
    let run = example().words(["/app/busybox", "sh", "-c", script]).run();
    run.launched().printed("65532\n17\n");
}

#[test]
#[ignore = "by make test-hosts"]
fn there_is_no_shell_and_it_says_so() {
    if !podman::works() {
        return;
    }
    example().words(["sh", "-c", "echo"]).run().refused(127).says(["sh"]);
}

#[test]
#[ignore = "by make test-hosts"]
fn without_credentials_it_ends_with_77() {
    if !podman::works() {
        return;
    }
    let run = Container::of("localhost/example").env("AWS_REGION", "us-east-1").run();
    run.refused(77).says(["credentials", "was not started"]);
}
