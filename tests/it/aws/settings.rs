//! Values that could be URLs, which are never printed. `settings.rows` has all other settings.

use crate::support::*;

::rows::rows!("tests/it/aws/settings.rows");

#[test]
fn a_value_that_could_be_a_url_in_a_hurry_is_not_quoted() {
    for value in [
        "http://u:hunter2%40host:1",
        "http://u:hunter2",
        "u:hunter2",
        "http://h /?t=hunter2",
        "u:hunter2＠h",
        "/x?t=hunter2",
    ] {
        for name in
            ["AWS_ENDPOINT_URL", "HTTPS_PROXY", "SECRETS_EXEC_ENDPOINT_URL", "AWS_EC2_METADATA_SERVICE_ENDPOINT"]
        {
            let run = sandbox(&served()).env(name, value).timeout("1s").case(name).run();
            run.says_nothing_of("hunter2");
        }
    }
}
