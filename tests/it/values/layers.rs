//! Values that a later layer may override while they are being read. `layers.rows` has all other
//! tests of layers.

use crate::support::*;

::rows::rows!("tests/it/values/layers.rows");

#[test]
fn values_that_a_later_file_may_override_are_requested_together_with_the_others() {
    let object = || Secret::text(r#"{"k":"v-4c7a1e"}"#);
    let aws = ["one", "two", "key"]
        .iter()
        .fold(Aws::start(), |aws, id| aws.secret(id, object()));
    let aws = aws.gathers(3);
    Sandbox::new()
        .aws(&aws)
        .file("a.yaml", "env: { A: 'key:k' }\nenv-from: [two]")
        .file("b.yaml", "env-from: [one]")
        .args(["-f", "a.yaml", "-f", "b.yaml"])
        .run()
        .launched_silently();
    assert_eq!((aws.most_in_flight(), aws.reads().len()), (3, 3));
}
