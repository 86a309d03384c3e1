//! `env-from` beside other entries: precedence, secrets that are not fetched, and `--keep-existing`.

use crate::support::aws::Aws;
use crate::support::aws::secret::Secret;
use crate::support::sandbox::Sandbox;

fn served() -> Aws {
    Aws::start()
        .secret("first", Secret::json(r#"{"a":"from the first","b":"b of the first"}"#))
        .secret("second", Secret::json(r#"{"a":"from the second","c":"c of the second"}"#))
        .secret("single", Secret::json(r#"{"k":"from a single key"}"#))
}

fn layers(aws: &Aws, earlier: &str, later: &str) -> Sandbox {
    let sandbox = Sandbox::new().aws(aws).file("a.yaml", earlier).file("b.yaml", later);
    sandbox.args(["-f", "a.yaml", "-f", "b.yaml"])
}

const EXCEPT: &str = "except: [zz_canary]";

#[test]
fn an_explicit_variable_beats_a_key_in_one_file() {
    let aws = served();
    let run = Sandbox::new().aws(&aws).declaration("env-from: [first]\nenv: { A: \"single:k\" }\n").run();
    run.launched_silently().has("A", "from a single key").has("B", "b of the first");
}

#[test]
fn an_explicit_variable_beats_a_key_on_the_command_line() {
    let aws = served();
    let run = Sandbox::new().aws(&aws).resolve("A=single:k").args(["--env-from", "first"]).run();
    run.launched_silently().has("A", "from a single key").has("B", "b of the first");
}

#[test]
fn a_literal_beats_a_key_in_one_file() {
    let aws = served();
    let run = Sandbox::new().aws(&aws).declaration("env-from: [first]\nenv: { A: { value: plain } }\n").run();
    run.launched_silently().has("A", "plain");
}

#[test]
fn the_variable_of_a_file_beats_a_key_in_one_file() {
    let aws = served();
    let run =
        Sandbox::new().aws(&aws).declaration("env-from: [first]\nfiles: [{ from: \"single:k\", env: A }]\n").run();
    run.launched_silently().has("A", "/proc/self/fd/100");
}

#[test]
fn an_explicit_optional_variable_that_is_absent_uncovers_the_key() {
    let aws = served();
    let declaration = "env-from: [first]\nenv: { A: { from: \"single:nope\", optional: true } }\n";
    let run = Sandbox::new().aws(&aws).declaration(declaration).run();
    run.launched_silently().has("A", "from the first");
}

#[test]
fn two_entries_of_one_file_that_make_one_name_are_an_error() {
    let aws = served();
    let declaration = format!("env-from:\n  - {{ from: first, {EXCEPT} }}\n  - {{ from: second, {EXCEPT} }}\n");
    let run = Sandbox::new().aws(&aws).declaration(&declaration).run();
    run.refused(78).says(["secrets-exec.yaml:3", "first", "second", "\"a", "variable A"]);
}

#[test]
fn two_entries_of_the_command_line_that_make_one_name_are_an_error() {
    let aws = served();
    let run = Sandbox::new().aws(&aws).args(["--env-from", "first", "--env-from", "second"]).run();
    run.refused(78).says(["--env-from", "first", "second", "\"a", "variable A"]);
}

#[test]
fn two_keys_of_one_name_are_no_error_where_an_explicit_variable_beats_both() {
    let aws = served();
    let declaration = format!(
        "env-from:\n  - {{ from: first, {EXCEPT} }}\n  - {{ from: second, {EXCEPT} }}\nenv: {{ A: {{ value: mine }} }}\n"
    );
    Sandbox::new()
        .aws(&aws)
        .declaration(&declaration)
        .run()
        .launched_silently()
        .has("A", "mine")
        .has("C", "c of the second");
}

#[test]
fn a_later_file_beats_keys_and_keys_beat_an_earlier_file() {
    let aws = served();
    let run = layers(&aws, "env-from: [first]\n", "env: { A: \"single:k\" }\n").run();
    run.launched_silently().has("A", "from a single key").has("B", "b of the first");
    let run = layers(&aws, "env: { A: \"single:k\" }\n", "env-from: [first]\n").run();
    run.launched_silently().has("A", "from the first");
}

#[test]
fn the_keys_of_a_later_layer_beat_those_of_an_earlier_one() {
    let aws = served();
    let run = layers(&aws, "env-from: [second]\n", "env-from: [first]\n").run();
    run.launched_silently().has("A", "from the first").has("B", "b of the first").has("C", "c of the second");
    let run = layers(&aws, "env-from: [second]\n", "env-from: [first]\n").args(["--env-from", "second"]).run();
    run.launched_silently().has("A", "from the second");
}

#[test]
fn what_a_key_of_a_later_layer_overrides_is_not_fetched() {
    let aws = served();
    let run = layers(&aws, "env: { A: \"single:k\" }\n", "env-from: [{ from: first, only: [a] }]\n").run();
    run.launched_silently().has("A", "from the first");
    assert_eq!(aws.only_read().secret_id(), "first");
}

#[test]
fn what_a_key_might_override_and_does_not_is_fetched() {
    let aws = served();
    let run = layers(&aws, "env: { C: \"single:k\" }\n", "env-from: [first]\n").run();
    run.launched_silently().has("C", "from a single key");
    assert_eq!(aws.reads().len(), 2);
}

#[test]
fn an_object_whose_chosen_keys_are_all_overridden_is_not_fetched() {
    let aws = served();
    let run = layers(&aws, "env-from: [{ from: first, only: [a] }]\n", "env: { A: \"single:k\" }\n").run();
    run.launched_silently().has("A", "from a single key");
    assert_eq!(aws.only_read().secret_id(), "single");
}

#[test]
fn keep_existing_drops_only_the_names_that_are_set() {
    let aws = served();
    let sandbox = Sandbox::new().aws(&aws).args(["--keep-existing", "--env-from", "first"]);
    let run = sandbox.env("A", "inherited").env("B", "").run();
    run.launched_silently().has("A", "inherited").has("B", "b of the first");
}

#[test]
fn keep_existing_does_not_fetch_an_object_whose_chosen_keys_are_all_set() {
    let aws = served();
    let sandbox = Sandbox::new().aws(&aws).declaration("env-from: [{ from: first, only: [a, b] }]\n");
    let run = sandbox.args(["--keep-existing"]).env("A", "x").env("B", "y").run();
    run.launched_silently().has("A", "x").has("B", "y");
    assert!(aws.calls().is_empty());
}

#[test]
fn a_key_beats_what_is_inherited() {
    let aws = served();
    let run = Sandbox::new().aws(&aws).env("A", "inherited").args(["--env-from", "first"]).run();
    run.launched_silently().has("A", "from the first");
}

#[test]
fn an_object_that_is_not_there_is_not_missed_where_its_chosen_keys_are_overridden() {
    let aws = served();
    for declaration in [
        "env-from: [{ from: gone, only: [a] }]\nenv: { A: { value: mine } }\n",
        "env-from: [{ from: gone, only: [a], prefix: P_, rename: { a: B } }]\nenv: { P_B: { value: mine } }\n",
    ] {
        Sandbox::new().aws(&aws).declaration(declaration).run().launched_silently();
    }
    assert!(aws.calls().is_empty());
}

#[test]
fn an_optional_variable_of_a_later_file_that_is_absent_uncovers_the_key() {
    let aws = served();
    let later = "env: { A: { from: \"single:nope\", optional: true } }\n";
    layers(&aws, "env-from: [first]\n", later).run().launched_silently().has("A", "from the first");
}
