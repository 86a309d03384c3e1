//! Resource limits that are too low for a launch (getrlimit(2)): each is named, with the way to raise it.

use crate::support::aws::Aws;
use crate::support::aws::secret::Secret;
use crate::support::outcome::Status;
use crate::support::sandbox::{CANARY, Sandbox, sandbox};
use crate::support::skip;

fn served() -> Aws {
    Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#))
}

fn limited(sandbox: Sandbox, limit: &str) -> Sandbox {
    sandbox.prepared_by(&format!("ulimit {limit}; exec \"$@\""))
}

#[test]
fn a_limit_of_descriptors_that_leaves_none_for_requests_is_75_and_named() {
    limited(sandbox(&served()), "-n 5").run().refused(75).says([
        "no request can be sent",
        "RLIMIT_NOFILE is 5",
        "raise it",
    ]);
}

/// Launches with each limit on descriptors, from one that lets nothing work to one that suffices.
fn launches_or_names_the_limit(sandbox: impl Fn() -> Sandbox) {
    let mut has_launched = false;
    for limit in 5..20 {
        let run = limited(sandbox().args(["--timeout", "500ms"]), &format!("-n {limit}")).run();
        if run.status == Status::Exit(0) {
            has_launched = true;
        } else {
            run.refused(75).says(["RLIMIT_NOFILE"]);
        }
    }
    assert!(has_launched);
}

#[test]
fn every_limit_of_descriptors_suffices_or_is_75_and_named() {
    let aws = served();
    let endpoint = aws.endpoint().replace("127.0.0.1", "localhost");
    launches_or_names_the_limit(|| sandbox(&aws).endpoint(&endpoint));
}

#[test]
fn every_limit_of_descriptors_suffices_for_a_profile_or_is_75_and_named() {
    let aws = served();
    let process = format!(
        "[default]\ncredential_process = echo '{{\"Version\":1,\"AccessKeyId\":\"AKIAEXAMPLE\",\"SecretAccessKey\":\"{CANARY}\"}}'\n"
    );
    launches_or_names_the_limit(|| {
        let sandbox = sandbox(&aws).env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
        sandbox.home_file(".aws/config", &process)
    });
}

#[test]
fn every_limit_of_descriptors_suffices_for_declared_files_or_is_75_and_named() {
    let aws = served();
    launches_or_names_the_limit(|| {
        let sandbox = sandbox(&aws);
        let path = sandbox.path("out");
        sandbox.declaration(&format!("files:\n  - {{ from: 'x:k', path: {} }}\n", path.display())).arg("-q")
    });
}

#[test]
fn a_limit_of_processes_that_leaves_no_thread_is_75() {
    let other_user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "prlimit", "--nproc=0:0"];
    if !skip::can(&[&other_user[..], &["true"]].concat(), "a limit of processes") {
        return;
    }
    let run = sandbox(&served()).arg("--no-file").through(other_user).spawn_copy().wait();
    run.refused(75).says(["cannot start a thread: "]);
}
