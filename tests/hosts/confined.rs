//! Containers with few privileges: values arrive, or the error says what is missing.

use std::fs;

use super::podman::{self, Container, repository};
use crate::support::aws::Aws;
use crate::support::aws::secret::Secret;
use crate::support::tls::Authority;

/// Asserts by a script that the container is confined, and that a variable and a file in memory arrive.
fn delivers_under(options: &[&str], check: &str) {
    if !podman::works() {
        return;
    }
    let container =
        Container::of("localhost/host").local().words(["secrets-exec", "-e", "A=x:k", "--as-file", "F=x:k"]);
    let container = options.iter().fold(container, |container, option| container.option(option));
    let run = container.script(&format!("{check} && printf %s \"$A\" && cat \"$F\"")).run();
    run.launched().printed("vv");
}

#[test]
#[ignore = "by make test-hosts"]
fn values_arrive_where_nothing_can_be_written() {
    let check = "! touch /x /tmp/x /dev/shm/x /run/x 2>/dev/null";
    delivers_under(&["--read-only", "--read-only-tmpfs=false", "--tmpfs=/dev/shm:ro"], check);
}

#[test]
#[ignore = "by make test-hosts"]
fn values_arrive_for_a_user_that_has_no_name() {
    delivers_under(&["--user=65532:65532"], "test $(id -u) = 65532");
}

#[test]
#[ignore = "by make test-hosts"]
fn values_arrive_without_a_single_capability() {
    let check = "grep -q '^CapBnd:.0000000000000000' /proc/self/status && grep -q '^NoNewPrivs:.1' /proc/self/status";
    delivers_under(&["--cap-drop=all", "--security-opt=no-new-privileges"], check);
}

#[test]
#[ignore = "by make test-hosts"]
fn values_arrive_under_the_default_seccomp_profile() {
    delivers_under(&[], "grep -q '^Seccomp:.2' /proc/self/status");
}

#[test]
#[ignore = "by make test-hosts"]
fn values_arrive_in_16_mebibytes() {
    delivers_under(&["--memory=16m", "--memory-swap=16m"], "true");
}

#[test]
#[ignore = "by make test-hosts"]
fn a_request_over_tls_fits_into_16_mebibytes() {
    let Some(authority) = Authority::new() else { return };
    if podman::works() {
        let aws = Aws::start_tls(authority.acceptor()).secret("x", Secret::json(r#"{"k":"v"}"#));
        let bundle = fs::read_to_string(authority.bundle()).unwrap();
        let container = Container::of("localhost/host").aws(&aws).file("ca.pem", &bundle);
        let container = container.option("--memory=16m").option("--memory-swap=16m");
        let container = container.words(["secrets-exec", "--ca-bundle", "/shared/ca.pem", "-e", "A=x:k"]);
        container.shows_environment().run().launched_silently().has("A", "v");
    }
}

#[test]
#[ignore = "by make test-hosts"]
fn values_arrive_under_all_of_it_together() {
    let options = ["--read-only", "--read-only-tmpfs=false", "--user=65532", "--cap-drop=all", "--memory=16m"];
    delivers_under(&options, "test $(id -u) = 65532");
}

/// A container under a seccomp profile that forbids memfd_create.
fn without_memory_files(option: &str, binding: &str) -> Container {
    let profile = repository("tests/hosts/seccomp.json");
    Container::of("localhost/host")
        .local()
        .option(format!("--security-opt=seccomp={}", profile.display()))
        .words(["secrets-exec", option, binding])
        .shows_environment()
}

#[test]
#[ignore = "by make test-hosts"]
fn a_file_in_memory_that_seccomp_forbids_is_78_and_names_it() {
    if podman::works() {
        without_memory_files("--as-file", "F=x:k").run().refused(78).says([
            "F",
            "files in memory are not allowed here",
            "`path`",
        ]);
    }
}

#[test]
#[ignore = "by make test-hosts"]
fn variables_need_no_file_in_memory() {
    if podman::works() {
        without_memory_files("--env", "A=x:k").run().launched().has("A", "v");
    }
}
