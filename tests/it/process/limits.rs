//! Resource limits that are too low for a launch (getrlimit(2)): the error names the limit, and how
//! to raise it.

use crate::support::*;

#[test]
fn a_launch_with_too_few_file_descriptors_fails_with_75_and_names_the_limit() {
    let run = sandbox(&served())
        .prepared_by("ulimit -n 5; exec \"$@\"")
        .run();
    run.refused(75)
        .says(["no value can be resolved", "raise the limit (ulimit -n"]);
}

#[test]
fn a_launch_that_cannot_start_a_thread_fails_with_75() {
    let nobody = or_skip!(skip::as_nobody());
    let limit = or_skip!(skip::wrapper(
        ["prlimit", "--nproc=0:0"],
        "a limit of processes"
    ));
    let run = sandbox(&served())
        .arg("--no-file")
        .through([&nobody[..], &limit].concat())
        .spawn_copy()
        .wait();
    run.refused(75).says(["no thread can be started ("]);
}
