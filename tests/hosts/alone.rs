//! `Dockerfile.scratch`, built unchanged on a substitute of its base image.

use super::podman::{self, Container};

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
