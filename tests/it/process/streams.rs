//! Standard streams that are closed, full or broken: no panic, the right exit status, and the right
//! descriptors.

use crate::support::*;

::rows::rows!("tests/it/process/streams.rows");

/// Command lines, and the statuses with which they end if nobody reads their output. Sometimes a
/// person needs only the beginning of a page (`| head`). Half a value or half a declaration,
/// however, is useless.
const UNREAD: &str = "
0: --help | -h | --version | help | version | man | schema | completions bash | install . | policy --region us-east-1 -e A=x
0: check --local local.json -e A=x | --local local.json -e A=x -- true
64: credential | check --no-such-option
78: get x --local local.json | export --format json --local local.json -e A=x | --local local.json -e A=x -e B=gone -- true
78: migrate .env --secret prod/app | migrate .env --secret prod/app --values | migrate .env --secret prod/app --for-local
";

#[test]
fn each_subcommand_ends_with_a_documented_status_if_nobody_reads_its_output() {
    for (status, lines) in UNREAD.lines().filter_map(|line| line.split_once(": ")) {
        for line in lines.split(" | ") {
            for redirection in [">&4", ">&4 2>&4"] {
                let prepare = format!(
                    "mkfifo pipe && exec 3<>pipe 4>pipe 3<&- && exec \"$@\" {redirection} 4>&-"
                );
                let sandbox = Sandbox::new()
                    .file("local.json", format!(r#"{{"x":"{CANARY}"}}"#))
                    .file(".env", "A=b\n")
                    .args(line.split(' '))
                    .bare()
                    .prints_values()
                    .prepared_by(&prepare)
                    .case(format!("{line} {redirection}"));
                let status = status.parse().unwrap();
                sandbox.run().ended(Status::Exit(status));
            }
        }
    }
}
