//! `get`: bytes, and terminals. `names.rows` has all other tests, and `mistakes` has the messages.

use crate::support::*;

::rows::rows!("tests/it/cli/names.rows");

fn get(aws: &Aws, reference: &str) -> Sandbox {
    Sandbox::new()
        .aws(aws)
        .args(["get", reference])
        .prints_values()
        .bare()
}

#[test]
fn get_prints_a_binary_secret_byte_for_byte() {
    let bytes = b"\xff\xfe\0v-4c7a1e\n";
    let arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:bytes-AbCdEf";
    let aws = Aws::start().secret(arn, Secret::binary(bytes));
    get(&aws, arn).run().launched_silently().printed(bytes);
}

#[test]
fn get_shows_a_value_on_a_terminal_only_with_reveal_and_adds_a_line_feed() {
    let aws = served();
    for (options, shown) in [
        (&[][..], "[status 64]"),
        (&["--reveal"], "v-4c7a1e\n[status 0]"),
    ] {
        let sandbox = or_skip!(at_a_terminal(get(&aws, "x:k").args(options), &[], "", ""));
        let run = sandbox.run();
        assert!(run.stdout().contains(shown), "{run}");
        let is_shown = run.stdout().contains("v-4c7a1e");
        assert_eq!(is_shown, !options.is_empty(), "{run}");
    }
}
