//! `Dockerfile.scratch`, built unchanged on a substitute of its base image.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use super::podman::{self, Container};
use crate::support::directory::Directory;

#[test]
#[ignore = "by make test-hosts"]
fn the_image_has_the_binary_and_no_other_file() {
    if !podman::works() {
        return;
    }
    let run = Container::of("localhost/scratch")
        .option("--mount=type=image,source=localhost/alone,destination=/image")
        .option("--entrypoint=/busybox")
        .words(["sh", "-c", "cd /image && /busybox find . -mindepth 1 -exec /busybox stat -c '%F %a %n' {} +"])
        .run();
    run.launched().printed("regular file 755 ./secrets-exec\n");
}

#[test]
#[ignore = "by make test-hosts"]
fn its_binary_launches_as_a_user_who_is_not_root() {
    if !podman::works() {
        return;
    }
    let busybox = "--mount=type=image,source=localhost/scratch,destination=/app";
    let run = Container::of("localhost/alone").local().option(busybox);
    run.words(["-e", "A=x:k", "--", "/app/busybox", "sh", "-c", "/app/busybox id -u; echo $A"])
        .run()
        .launched()
        .printed("65532\nv\n");
}

#[test]
#[ignore = "by make test-hosts"]
fn as_an_init_container_it_writes_a_file_that_its_user_alone_can_read() {
    if !podman::works() {
        return;
    }
    let directory = Directory::new();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let container = Container::of("localhost/alone").local().file("secrets-exec.yaml", "env:\n  A: x:k\n");
    container
        .option(format!("--volume={}:/out", directory.path().display()))
        .words(["export", "-f", "/shared/secrets-exec.yaml", "--format", "dotenv", "--output", "/out/app.env"])
        .run()
        .launched();
    let file = directory.path().join("app.env");
    let metadata = fs::metadata(&file).unwrap();
    assert_eq!((metadata.uid(), metadata.mode() & 0o7777), (65532, 0o600));
    assert_eq!(fs::read_to_string(file).unwrap().trim_end().replace(['\'', '"'], ""), "A=v");
}
