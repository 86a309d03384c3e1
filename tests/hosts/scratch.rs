//! A static binary in an image without libc, shell, /etc and root certificates.

use std::fs;

use super::podman::{self, Container};
use crate::support::aws::Aws;
use crate::support::aws::secret::Secret;
use crate::support::tls::Authority;

/// The other file of the image, busybox.
const ENVIRONMENT: [&str; 4] = ["--", "/busybox", "cat", "/proc/self/environ"];

fn served(aws: Aws) -> Aws {
    aws.secret("x", Secret::json(r#"{"k":"v"}"#))
}

#[test]
#[ignore = "by make test-hosts"]
fn variables_and_files_in_memory_need_nothing_of_the_image() {
    if podman::works() {
        let container = Container::of("localhost/scratch").local().words(["-e", "A=x:k", "--as-file", "F=x:k"]);
        let script = ["--", "/busybox", "sh", "-c", "printf %s \"$A\"; /busybox cat \"$F\"; /busybox ls /"];
        let run = container.words(script).run();
        let listing = run.launched().stdout();
        assert!(listing.starts_with("vv") && !listing.contains("lib"), "{listing}");
    }
}

#[test]
#[ignore = "by make test-hosts"]
fn a_file_on_disk_gets_its_owner_by_number() {
    if podman::works() {
        let declaration = "files: [{ from: \"x:k\", path: /shared/key, mode: \"0440\", owner: \"7:8\" }]\n";
        let container = Container::of("localhost/scratch").local().file("d.yaml", declaration);
        let container = container.words(["-q", "-f", "/shared/d.yaml", "--", "/busybox", "stat", "-c", "%a %u %g"]);
        container.words(["/shared/key"]).run().launched().printed("440 7 8\n");
    }
}

#[test]
#[ignore = "by make test-hosts"]
fn a_host_is_looked_up_by_name_and_asked_over_http() {
    if podman::works() {
        let aws = served(Aws::start());
        let container = Container::of("localhost/scratch").aws(&aws).words(["-e", "A=x:k"]);
        container.words(ENVIRONMENT).prints_values().run().launched_silently().has("A", "v");
    }
}

#[test]
#[ignore = "by make test-hosts"]
fn without_any_roots_a_private_authority_is_refused_by_the_compiled_in_ones() {
    let Some(authority) = Authority::new() else { return };
    if podman::works() {
        let aws = served(Aws::start_tls(authority.acceptor()));
        let container = Container::of("localhost/scratch").aws(&aws).words(["-e", "A=x:k"]);
        let run = container.words(ENVIRONMENT).run();
        run.refused(78).says(["certificate", "localhost"]);
        assert!(aws.reads().is_empty());
    }
}

#[test]
#[ignore = "by make test-hosts"]
fn a_bundle_that_is_mounted_is_trusted() {
    let Some(authority) = Authority::new() else { return };
    if podman::works() {
        let aws = served(Aws::start_tls(authority.acceptor()));
        let bundle = fs::read_to_string(authority.bundle()).unwrap();
        let container = Container::of("localhost/scratch").aws(&aws).file("ca.pem", &bundle);
        let container = container.words(["--ca-bundle", "/shared/ca.pem", "-e", "A=x:k"]).words(ENVIRONMENT);
        container.prints_values().run().launched_silently().has("A", "v");
    }
}

#[test]
#[ignore = "by make test-hosts"]
fn a_script_is_run_by_no_shell_that_is_not_there() {
    if podman::works() {
        let container = Container::of("localhost/scratch").local().words(["-e", "A=x:k", "--", "sh", "-c", "echo"]);
        container.run().refused(127).says(["sh"]);
    }
}
