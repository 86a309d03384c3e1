//! The main path: references become variables of the command, with as few requests as possible.

use std::collections::HashSet;
use std::time::Duration;

use crate::support::*;

::rows::rows!("tests/it/cli/launch.rows");

/// The fake with `count` secrets `s0`, `s1`, …, and a run with a variable `V0`, `V1`, … for each of
/// them, without credentials.
fn many(mut aws: Aws, count: usize) -> (Aws, Sandbox) {
    let mut sandbox = Sandbox::new().endpoint(&aws.endpoint()).region("us-east-1");
    for n in 0..count {
        aws = aws.secret(&format!("s{n}"), Secret::text(r#"{"k":"v-4c7a1e"}"#));
        sandbox = sandbox.resolve(&format!("V{n}=s{n}:k"));
    }
    (aws, sandbox)
}

#[test]
fn a_hundred_secrets_are_read_with_at_most_32_requests_at_the_same_time() {
    let (aws, sandbox) = many(Aws::start().gathers(32), 100);
    let run = sandbox.resolve("AGAIN=s7:k").keys().run();
    run.launched_silently()
        .has("V0", "v-4c7a1e")
        .has("V99", "v-4c7a1e")
        .has("AGAIN", "v-4c7a1e");
    let asked: HashSet<String> = aws.reads().iter().map(Call::secret_id).collect();
    assert_eq!((aws.calls().len(), asked.len()), (100, 100));
    assert_eq!((aws.most_in_flight(), aws.connections()), (32, 32));
}

#[test]
fn the_user_agent_names_secrets_exec_and_the_configured_application_id() {
    const VERSION: &str = env!("CARGO_PKG_VERSION");
    let profile = "[default]\nsdk_ua_app_id = of-profile\n";
    for (config, variable, application) in [
        ("", None, &*format!("secrets-exec-{VERSION}")),
        (profile, None, "of-profile"),
        (profile, Some("my shop/2"), "my-shop-2"),
    ] {
        let aws = served();
        let sandbox = Sandbox::new().endpoint(&aws.endpoint()).on_instance(&aws);
        let mut sandbox = sandbox.region("us-east-1").config(config).resolve("A=x:k");
        if let Some(id) = variable {
            sandbox = sandbox.env("AWS_SDK_UA_APP_ID", id);
        }
        sandbox.run().launched_silently();
        let wanted = format!("secrets-exec/{VERSION} app/{application}");
        let calls = aws.calls();
        // The first request is for instance metadata.
        assert!(calls.len() > 2, "{calls:?}");
        for call in calls {
            assert_eq!(call.header("user-agent"), Some(&*wanted), "{call:?}");
        }
    }
}

#[test]
fn a_connection_that_was_opened_before_the_credentials_arrived_is_used_or_replaced() {
    let slow = |aws: Aws| {
        aws.fails_for(
            "/credentials",
            Duration::from_millis(1200),
            fault::status(500),
        )
    };
    let (aws, sandbox) = many(slow(Aws::start()), 40);
    let sandbox = sandbox.in_container(&aws).timeout("50s");
    sandbox.run().launched_silently();
    // One connection is for the credentials.
    assert_eq!((aws.connections(), aws.reads().len()), (33, 40));
    let (aws, wire) = (slow(Aws::start()), scripted(&["cut", "read; send {right}"]));
    let sandbox = keyless(&aws)
        .endpoint(&format!("http://localhost:{}", wire.port()))
        .in_container(&aws);
    sandbox.run().launched_with_value();
    assert_eq!(wire.connections(), 2);
}

#[test]
fn values_are_read_on_connections_that_were_opened_before_the_credentials_arrived() {
    let (mut aws, mut sandbox) = many(Aws::start(), 3);
    for n in 0..3 {
        aws = aws.parameter(&format!("/p{n}"), &[Version::text("p-4c7a1e")]);
        sandbox = sandbox.resolve(&format!("P{n}=ssm:/p{n}"));
    }
    sandbox.in_container(&aws).run().launched_silently();
    // One connection for the credentials, one for each secret, and one for all parameters.
    assert_eq!(aws.connections(), 5);
}
