//! `--wait`: late credentials and networks are waited for, permanent failures are not.

use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use crate::support::aws::fault::{self, Fault};
use crate::support::aws::secret::Secret;
use crate::support::aws::{Aws, CONTAINER_KEY};
use crate::support::deadline::{ends_within, waits_for};
use crate::support::proxy;
use crate::support::pty::{left, on_a_terminal};
use crate::support::sandbox::{ACCESS_SECRET, Sandbox, sandbox};

fn served() -> Aws {
    Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#))
}

/// A launch whose only credentials are those of a container's endpoint.
fn in_container(aws: &Aws) -> Sandbox {
    sandbox(aws)
        .env_remove("AWS_ACCESS_KEY_ID")
        .env_remove("AWS_SECRET_ACCESS_KEY")
        .env("AWS_CONTAINER_CREDENTIALS_FULL_URI", aws.container_credentials())
}

#[test]
fn a_refusal_of_credentials_that_ends_in_time_is_waited_for() {
    // EKS Pod Identity answers 404 until the association has propagated.
    let aws = served().fails_for("/credentials", Duration::from_millis(1500), fault::status(404));
    in_container(&aws).run().refused(77);
    let aws = served().fails_for("/credentials", Duration::from_millis(1500), fault::status(404));
    in_container(&aws).args(["--wait", "20s"]).run().launched_silently().has("A", "v");
    assert_eq!(aws.only_read().access_key(), CONTAINER_KEY);
}

#[test]
fn a_token_that_is_written_late_is_waited_for() {
    let aws = served();
    let sandbox = in_container(&aws).env_remove("AWS_CONTAINER_CREDENTIALS_FULL_URI").args(["--wait", "20s"]);
    let token = sandbox.path("token");
    let sandbox =
        sandbox.env("AWS_WEB_IDENTITY_TOKEN_FILE", &token).env("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/App");
    let running = sandbox.spawn();
    thread::sleep(Duration::from_millis(700));
    std::fs::write(token, "token-of-the-test").unwrap();
    running.wait().launched_silently().has("A", "v");
}

#[test]
fn an_endpoint_that_comes_up_late_is_waited_for() {
    let aws = served();
    // A port that refuses connections until the fake is put behind it.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let running =
        sandbox(&aws).endpoint(&format!("http://127.0.0.1:{port}")).args(["--wait", "20s", "--timeout", "1s"]);
    let running = running.spawn();
    thread::sleep(Duration::from_millis(2200));
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let address = aws.address();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (client, server) = (stream.unwrap(), TcpStream::connect(address).unwrap());
            thread::spawn(|| proxy::join(client, server));
        }
    });
    running.wait().launched_silently().has("A", "v");
}

#[test]
fn waiting_in_vain_for_credentials_is_75_and_ends_in_time() {
    let aws = served().fails("/credentials", fault::status(404));
    let run = waits_for(Duration::from_secs(2), in_container(&aws).args(["--timeout", "20s"]));
    run.refused(75).says(["A (", "no AWS credentials after waiting 2s (--wait)", "container: "]);
    assert!(aws.reads().is_empty());
}

#[test]
fn waiting_in_vain_for_credentials_that_nobody_has_is_75() {
    let aws = served();
    let sandbox = in_container(&aws).env_remove("AWS_CONTAINER_CREDENTIALS_FULL_URI").args(["--wait", "1s"]);
    sandbox.run().refused(75).says(["environment: ", "profile: ", "--wait"]);
}

#[test]
fn waiting_in_vain_for_the_network_is_75_and_ends_in_time() {
    let aws = served();
    let sandbox = sandbox(&aws).endpoint("http://127.0.0.1:1").args(["--timeout", "20s"]);
    let run = waits_for(Duration::from_secs(2), sandbox);
    run.refused(75).says(["A (", "not reachable", "127.0.0.1:1"]);
}

#[test]
fn the_time_runs_when_the_waiting_ends() {
    // The network is available at once, so --timeout begins at once.
    let aws = Aws::start().secret("x", Secret::failing(Fault::Hang));
    ends_within(Duration::from_secs(1), sandbox(&aws).args(["--wait", "40s"])).refused(75).says(["A ("]);
    // --timeout begins after the wait for credentials.
    let aws = served().fails_for("/credentials", Duration::from_millis(1500), fault::status(404));
    in_container(&aws).args(["--wait", "20s", "--timeout", "1s"]).run().launched();
}

#[test]
fn what_is_wrong_for_good_is_not_waited_for() {
    let absent = Aws::start();
    let denied = Aws::start().secret("x", Secret::failing(fault::denied("x")));
    for (aws, status) in [(absent, 78), (denied, 77)] {
        sandbox(&aws).args(["--wait", "30s"]).run().refused(status);
        assert_eq!(aws.reads().len(), 1);
    }
    let run = sandbox(&served()).args(["--wait", "30s", "--profile", "nobody"]).run();
    run.refused(64);
}

#[test]
fn the_region_of_the_instance_is_waited_for() {
    let aws = served().fails_for("/latest/api/token", Duration::from_millis(1500), fault::status(503));
    let sandbox = sandbox(&aws)
        .env_remove("AWS_REGION")
        .env_remove("AWS_EC2_METADATA_DISABLED")
        .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", aws.instance_metadata());
    sandbox.args(["--wait", "20s"]).run().launched().has("A", "v");
}

#[test]
fn attempts_are_not_counted_while_something_is_waited_for() {
    let aws = served().fails_for("/credentials", Duration::from_millis(1500), fault::status(500));
    in_container(&aws).env("AWS_MAX_ATTEMPTS", "1").args(["--wait", "20s"]).run().launched();
}

#[test]
fn a_terminal_is_told_what_is_waited_for_after_two_seconds() {
    let aws = served().fails_for("/credentials", Duration::from_millis(3000), fault::status(404));
    let run = on_a_terminal(in_container(&aws).args(["--wait", "25s"])).run();
    run.launched().says(["waiting up to 2", "s for 1 answer"]);
    assert!(left(&run).is_empty(), "{run}");
    let quiet = served().fails_for("/credentials", Duration::from_millis(3000), fault::status(404));
    on_a_terminal(in_container(&quiet).args(["--wait", "25s", "-q"])).run().launched_silently();
}

#[test]
fn metadata_that_is_silent_at_first_is_waited_for() {
    let aws = served().fails_first("/latest/api/token", 1, Fault::Hang);
    let sandbox = sandbox(&aws).env_remove("AWS_REGION").env_remove("AWS_EC2_METADATA_DISABLED");
    let sandbox = sandbox.env("AWS_EC2_METADATA_SERVICE_ENDPOINT", aws.instance_metadata());
    sandbox.args(["--wait", "20s"]).run().launched().has("A", "v");
}

#[test]
fn a_short_wait_is_not_told() {
    let aws = served();
    on_a_terminal(sandbox(&aws).args(["--wait", "25s"])).run().launched_silently();
}

#[test]
fn a_wait_of_nothing_is_a_usage_error() {
    sandbox(&served()).args(["--wait", "0s"]).run().refused(64).says(["--wait"]);
}

#[test]
fn fallback_regions_do_not_shorten_the_wait() {
    let aws = served().fails_for("/credentials", Duration::from_millis(2500), fault::status(404));
    let sandbox = in_container(&aws).args(["--wait", "4s", "--fallback-region", "us-west-2"]);
    sandbox.run().launched().has("A", "v");
}

#[test]
fn a_credentials_file_that_is_written_late_is_waited_for() {
    let aws = served();
    let sandbox = in_container(&aws).env_remove("AWS_CONTAINER_CREDENTIALS_FULL_URI").args(["--wait", "20s"]);
    let folder = sandbox.home().join(".aws");
    std::fs::create_dir_all(&folder).unwrap();
    let running = sandbox.spawn();
    thread::sleep(Duration::from_millis(700));
    let keys = format!("[default]\naws_access_key_id = AKIALATE\naws_secret_access_key = {ACCESS_SECRET}\n");
    std::fs::write(folder.join("half"), keys).unwrap();
    std::fs::rename(folder.join("half"), folder.join("credentials")).unwrap();
    running.wait().launched_silently();
    assert_eq!(aws.only_read().access_key(), "AKIALATE");
}

#[test]
fn a_token_that_is_only_half_written_is_waited_for() {
    let invalid = fault::sts(400, "InvalidIdentityToken", "The token is not valid JSON");
    let aws = served().fails_for("AssumeRoleWithWebIdentity", Duration::from_millis(1500), invalid);
    let sandbox = in_container(&aws).env_remove("AWS_CONTAINER_CREDENTIALS_FULL_URI").file("token", "half");
    let token = sandbox.path("token");
    let sandbox = sandbox.env("AWS_WEB_IDENTITY_TOKEN_FILE", token);
    let sandbox = sandbox.env("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/App");
    sandbox.run().refused(77).says(["web identity: ", "InvalidIdentityToken"]);
    sandbox.args(["--wait", "20s"]).run().launched().has("A", "v");
}

#[test]
fn half_a_pair_of_keys_is_not_waited_for() {
    // The sandbox kills a run that waits so long.
    let run = sandbox(&served()).env_remove("AWS_SECRET_ACCESS_KEY").args(["--wait", "1h"]).run();
    run.refused(77)
        .says(["environment: AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not"])
        .says_nothing_of("waited");
}
