//! Resource limits that are too low for a launch (getrlimit(2)): each is named, with the way to raise it.

use crate::support::aws::served;
use crate::support::outcome::Status;
use crate::support::sandbox::{CANARY, Sandbox, sandbox};
use crate::support::skip;

fn limited(sandbox: Sandbox, descriptors: usize) -> Sandbox {
    sandbox.prepared_by(&format!("ulimit -n {descriptors}; exec \"$@\""))
}

#[test]
fn a_limit_of_descriptors_that_leaves_none_for_requests_is_75_and_named() {
    let run = limited(sandbox(&served()), 5).run();
    run.refused(75).says(["no value can be resolved", "RLIMIT_NOFILE is 5", "raise it"]);
}

#[test]
fn every_limit_of_descriptors_suffices_or_is_75_and_named() {
    let aws = served();
    let process = format!(
        "[default]\ncredential_process = echo '{{\"Version\":1,\"AccessKeyId\":\"AKIAEXAMPLE\",\"SecretAccessKey\":\"{CANARY}\"}}'\n"
    );
    let with_profile = || {
        let sandbox = sandbox(&aws).env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
        sandbox.home_file(".aws/config", &process)
    };
    let with_file = || {
        let path = |sandbox: &Sandbox| sandbox.path("out").display().to_string();
        let sandbox = sandbox(&aws);
        let declaration = format!("files:\n  - {{ from: 'x:k', path: {} }}\n", path(&sandbox));
        sandbox.declaration(&declaration)
    };
    for launch in [&with_profile as &dyn Fn() -> Sandbox, &with_file] {
        // At once: with too few, a launch tries until its timeout.
        let launches: Vec<_> = (5..20)
            .map(|limit| limited(launch().args(["--timeout", "5s"]).case(format!("{limit} descriptors")), limit))
            .collect();
        let running: Vec<_> = launches.iter().map(Sandbox::spawn).collect();
        let runs: Vec<_> = running.into_iter().map(|running| running.wait()).collect();
        for run in runs.iter().filter(|run| run.status != Status::Exit(0)) {
            run.refused(75).says(["RLIMIT_NOFILE"]);
        }
        runs.last().unwrap().launched();
    }
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
