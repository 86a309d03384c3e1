//! Standard streams that are closed, full or broken: no panic, the right status, the right descriptors.

use crate::support::*;

::rows::rows!("tests/it/process/streams.rows");

fn launching(redirection: &str) -> Sandbox {
    local().prepared_by(&format!("exec \"$@\" {redirection}"))
}

#[test]
fn a_closed_standard_stream_is_dev_null_in_the_command_and_no_file_takes_its_number() {
    for (descriptor, redirection) in [(0, "<&-"), (1, ">&-"), (2, "2>&-")] {
        let sandbox = launching(redirection).script(&format!(
            "found=$(readlink /proc/$$/fd/{descriptor}); echo $found > found"
        ));
        sandbox.run().launched();
        assert_eq!(
            std::fs::read_to_string(sandbox.path("found")).unwrap(),
            "/dev/null\n",
            "{redirection}"
        );
    }
    let sandbox = launching("<&- >&- 2>&-").script("ls -l /proc/$$/fd > found; exit 7");
    sandbox.run().ended(Status::Exit(7));
    let found = std::fs::read_to_string(sandbox.path("found")).unwrap();
    assert!(
        !found.contains("local.json") && !found.contains("socket"),
        "{found}"
    );
}
