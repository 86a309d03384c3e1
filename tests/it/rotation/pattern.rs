//! `pattern` in a rotation: if a new value doesn't match, the poll fails.

use super::*;

#[test]
fn the_command_is_not_restarted_for_a_new_value_that_does_not_match_its_pattern() {
    for mode in ["restart", "exit"] {
        let aws = first_version();
        let declaration = "env: { A: { from: \"x:k\", pattern: \"^[a-z]\" } }\n";
        let sandbox = Sandbox::new().aws(&aws).declaration(declaration);
        let run = Rotating::start(polled_on_request(sandbox, mode).script(SLEEPER));
        let first = run.command(0);
        run.rotate(&aws, "v2", "2-4c7a1e");
        assert_eq!(run.children(), [first], "{mode}");
        assert_eq!(run.values(1), ["one-4c7a1e"], "{mode}");
        run.rotate(&aws, "v3", "three-4c7a1e");
        let outcome = if mode == "restart" {
            assert_eq!(run.values(2), ["one-4c7a1e", "three-4c7a1e"]);
            run.end()
        } else {
            run.running.wait()
        };
        // The sandbox asserts that no value is printed.
        let failure = "the value doesn't match the pattern \"^[a-z]\"";
        outcome.says(["a poll failed", failure, "polls succeed again"]);
    }
}
