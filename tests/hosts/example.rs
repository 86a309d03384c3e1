//! `Dockerfile.example`, built unchanged on substitutes of its base images.

use super::podman::{self, Container};
use crate::support::sandbox::CANARY;

/// The image, run without AWS as its first lines say.
fn example() -> Container {
    Container::of("localhost/example").local_examples()
}

#[test]
#[ignore = "by make test-hosts"]
fn the_images_command_or_another_command_gets_the_values_as_a_user_who_is_not_root() {
    if podman::works() {
        example().run().launched().printed(concat!("secrets-exec ", env!("CARGO_PKG_VERSION"), "\n"));
        let script = "id -u; echo $DB_HOST, ${#API_TOKEN}, ${SECRETS_EXEC_FILE-none}; wc -c <$KEYSTORE_FILE";
        let run = example().busybox().words(["sh", "-c", script]).prints_values().run();
        run.launched().printed(format!("65532\ndb.example.com, {}, none\n17\n", CANARY.len()));
    }
}

#[test]
#[ignore = "by make test-hosts"]
fn the_image_names_a_shell_and_credentials_that_are_missing() {
    if podman::works() {
        example().words(["sh", "-c", "echo"]).run().refused(127).says(["sh"]);
        let run = Container::of("localhost/example").env("AWS_REGION", "us-east-1").run();
        run.refused(77).says(["credentials", "was not started"]);
    }
}
