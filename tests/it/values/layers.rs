//! Layers whose values are covered while they are read. `layers.rows` has all others.

use crate::support::*;

::rows::rows!("tests/it/values/layers.rows");

fn two_sources() -> Aws {
    Aws::start()
        .secret("one", Secret::text(r#"{"a":"1a-4c7a1e","b":"1b-4c7a1e"}"#))
        .secret("two", Secret::text(r#"{"a":"2a-4c7a1e","c":"2c-4c7a1e"}"#))
        .secret("key", Secret::text(r#"{"k":"3k-4c7a1e"}"#))
}

#[test]
fn values_that_a_later_layer_may_cover_are_requested_together_with_those_that_cover_them() {
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
