//! Standard streams that are closed, full or broken: no panic, the right exit status, and the right
//! descriptors.

use crate::support::*;

::rows::rows!("tests/it/process/streams.rows");

/// A launch with redirected or closed standard streams.
fn launch_with_streams(redirection: &str) -> Sandbox {
    local().prepared_by(&format!("exec \"$@\" {redirection}"))
}

#[test]
fn a_closed_standard_stream_is_dev_null_in_the_command_and_never_another_file() {
    for (descriptor, redirection) in [(0, "<&-"), (1, ">&-"), (2, "2>&-")] {
        let sandbox = launch_with_streams(redirection).script(&format!(
            "found=$(readlink /proc/$$/fd/{descriptor}); echo $found > found"
        ));
        sandbox.run().launched();
        assert_eq!(
            std::fs::read_to_string(sandbox.path("found")).unwrap(),
            "/dev/null\n",
            "{redirection}"
        );
    }
    let sandbox = launch_with_streams("<&- >&- 2>&-").script("ls -l /proc/$$/fd > found; exit 7");
    sandbox.run().ended(Status::Exit(7));
    let found = std::fs::read_to_string(sandbox.path("found")).unwrap();
    assert!(
        !found.contains("local.json") && !found.contains("socket"),
        "{found}"
    );
}

#[test]
fn each_subcommand_ends_with_a_documented_status_if_nobody_reads_its_output() {
    let local = "--local local.json -e A=x";
    // Sometimes a person needs only the beginning of a page (`| head`). Half a value or half a
    // declaration, however, is useless.
    for (line, status) in [
        ("--help", 0),
        ("-h", 0),
        ("--version", 0),
        ("help", 0),
        ("version", 0),
        ("man", 0),
        ("schema", 0),
        ("completions bash", 0),
        ("policy --region us-east-1 -e A=x", 0),
        ("install .", 0),
        (&format!("check {local}"), 0),
        ("get x --local local.json", 78),
        (&format!("export --format json {local}"), 78),
        ("migrate .env --secret prod/app", 78),
        ("migrate .env --secret prod/app --values", 78),
        ("migrate .env --secret prod/app --for-local", 78),
        ("credential", 64),
        ("check --no-such-option", 64),
        (&format!("{local} -- true"), 0),
        (&format!("{local} -e B=gone -- true"), 78),
    ] {
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
            sandbox.run().ended(Status::Exit(status));
        }
    }
}
