//! `Dockerfile.example`, built without changes on images that replace its base images.

use super::podman::{self, Container};
use crate::support::sandbox::CANARY;

/// The example's image, run without AWS as the first lines of the Dockerfile show.
fn example() -> Container {
    Container::from_image("localhost/example").local_examples()
}

#[test]
#[ignore = "by make test-hosts"]
fn a_command_in_the_image_of_dockerfile_example_gets_the_values_as_user_65532() {
    if podman::works() {
        let version = concat!("secrets-exec ", env!("CARGO_PKG_VERSION"), "\n");
        example().run().launched().printed(version);
        let script =
            "id -u; echo $DB_HOST, ${#API_TOKEN}, ${SECRETS_EXEC_FILE-none}; wc -c <$KEYSTORE_FILE";
        let container = example().busybox().words(["sh", "-c", script]);
        let printed = format!("65532\ndb.example.com, {}, none\n17\n", CANARY.len());
        container.prints_values().run().launched().printed(printed);
    }
}
