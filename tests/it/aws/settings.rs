//! Values that could be URLs, which are never printed. `settings.rows` has all other tests of
//! settings.

use crate::support::*;

::rows::rows!("tests/it/aws/settings.rows");

#[test]
fn the_password_of_a_malformed_url_in_an_endpoint_or_proxy_variable_is_not_printed() {
    for value in [
        "http://u:hunter2%40host:1",
        "http://u:hunter2",
        "u:hunter2",
        "http://h /?t=hunter2",
        "u:hunter2＠h",
        "/x?t=hunter2",
    ] {
        for name in [
            "AWS_ENDPOINT_URL",
            "HTTPS_PROXY",
            "SECRETS_EXEC_ENDPOINT_URL",
            "AWS_EC2_METADATA_SERVICE_ENDPOINT",
        ] {
            let aws = served();
            let launch = sandbox(&aws).env(name, value).case(name);
            launch.run().says_nothing_of("hunter2");
        }
    }
}
