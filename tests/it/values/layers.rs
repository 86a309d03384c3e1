//! Values that a later layer may override while they are being read. `layers.rows` has all other
//! tests of layers.

use crate::support::*;

::rows::rows!("tests/it/values/layers.rows");

/// A fake with two secrets of several keys each, and one with a single key.
fn two_sources() -> Aws {
    Aws::start()
        .secret("one", Secret::text(r#"{"a":"1a-4c7a1e","b":"1b-4c7a1e"}"#))
        .secret("two", Secret::text(r#"{"a":"2a-4c7a1e","c":"2c-4c7a1e"}"#))
        .secret("key", Secret::text(r#"{"k":"3k-4c7a1e"}"#))
}

#[test]
fn values_that_a_later_file_may_override_are_requested_at_the_same_time_as_all_others() {
    let aws = two_sources().gathers(3);
    let sandbox = Sandbox::new()
        .aws(&aws)
        .file("a.yaml", "env: { A: 'key:k' }\nenv-from: [two]");
    sandbox
        .file("b.yaml", "env-from: [one]")
        .args(["-f", "a.yaml", "-f", "b.yaml"])
        .run()
        .launched_silently();
    assert_eq!((aws.most_in_flight(), aws.reads().len()), (3, 3));
}
