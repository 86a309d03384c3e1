//! The options of `--on-rotation` in the commands that have them; `mistakes/arguments.console` has their values and conflicts.

use super::*;

#[test]
fn check_reports_what_a_launch_would_and_export_and_policy_ask_for_no_file() {
    let check = |options: &[&str]| Sandbox::new().arg("check").local_secret().args(options).bare().run();
    assert_eq!(check(&["--on-rotation", "restart"]).launched().stderr().matches("error").count(), 0);
    check(&["--on-rotation", "signal=HUP"]).says(["error: ", "--on-rotation signal=", "path"]);
    check(&["--splay", "1s"]).says(["--splay requires --on-rotation"]);
    for command in [&["export", "--format", "json"][..], &["policy"]] {
        let run = Sandbox::new().args(command).args(["--no-file", "--on-rotation", "signal=HUP"]).resolve("A=x:k");
        run.region("us-east-1").bare().run().says_nothing_of("signal=");
    }
}
