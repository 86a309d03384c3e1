//! Several declarations, the command line and `env-from`: later entries win, and what is overridden is not fetched.

use super::{declared, sets};
use crate::support::aws::secret::Secret;
use crate::support::aws::{Aws, Call};
use crate::support::sandbox::Sandbox;

fn served() -> Aws {
    Aws::start()
        .secret("one", Secret::text(r#"{"a":"1a-4c7a1e","b":"1b-4c7a1e"}"#))
        .secret("two", Secret::text(r#"{"a":"2a-4c7a1e","c":"2c-4c7a1e"}"#))
        .secret("key", Secret::text(r#"{"k":"3k-4c7a1e"}"#))
}

/// Two keys of one name.
const CLASH: &str = "env-from: [one, two]";

#[test]
fn the_later_of_two_entries_wins_and_what_is_overridden_is_not_fetched() {
    let (key, a, keys) = ("env: { A: 'key:k' }", "env: { A: 'one:a' }", "env-from: [one]");
    let optional = "env: { A: { from: 'key:k', optional: true } }";
    let absent = "env: { A: { from: 'key:x', optional: true } }";
    let unset = "env: { A: '${UNSET}/x:k', C: 'key:k' }";
    let (chosen, literal) = ("env-from: [{ from: one, only: [a] }]", "env: { A: { value: v } }");
    let both = |later: &str| format!("{keys}\n{later}");
    let gone = "env-from: [{ from: gone, only: [a], prefix: P_, rename: { a: B } }]\nenv: { P_B: { value: v } }";
    for (case, earlier, later, options, variables, asked) in [
        ("the later file wins", a, key, "", "A=3k~", "key"),
        ("the order of the files decides", key, a, "", "A=1a~", "one"),
        ("the command line wins", a, "", "-e A=key:k", "A=3k~", "key"),
        ("the command line adds", "env: { C: 'one:a' }", "", "-e A=key:k", "C=1a~ A=3k~", "key one"),
        ("a literal wins over a reference", key, literal, "", "A=v", ""),
        ("an alias serves later files", "secrets: { s: one }", "env: { A: 's:a' }", "", "A=1a~", "one"),
        ("and no earlier one", a, "secrets: { one: two }", "-e C=one:c", "A=1a~ C=2c~", "one two"),
        ("a variable in an overridden name may be unset", unset, key, "", "A=3k~ C=3k~", "key"),
        ("an optional entry that is there overrides", a, optional, "", "A=3k~", "key"),
        ("an absent one uncovers", a, absent, "", "A=1a~", "key one"),
        ("a key beats what is inherited", keys, "", "", "A=1a~ B=1b~", "one"),
        ("an entry beats a key of its file", &both(key), "", "", "A=3k~ B=1b~", "key one"),
        ("an entry beats a key", "", "", "--env-from one -e A=key:k", "A=3k~ B=1b~", "key one"),
        ("a literal beats a key", &both(literal), "", "", "A=v B=1b~", "one"),
        ("a file beats a key", &both("files: [{ value: v, env: A }]"), "", "", "A=/proc/self/fd/100", "one"),
        ("an absent entry uncovers the key", &both(absent), "", "", "A=1a~", "key one"),
        ("so does one of a later file", keys, absent, "", "A=1a~", "key one"),
        ("an entry beats two keys of one name", CLASH, literal, "", "A=v B=1b~ C=2c~", "one two"),
        ("so does one of their file", &format!("{CLASH}\n{literal}"), "", "", "A=v B=1b~ C=2c~", "one two"),
        ("an entry of a later file beats a key", keys, key, "", "A=3k~ B=1b~", "key one"),
        ("a key of a later file beats an entry", key, keys, "", "A=1a~ B=1b~", "one"),
        ("what keys might override is fetched after them", "env: { C: 'key:k' }", keys, "", "A=1a~ C=3k~", "key one"),
        ("a key of a later file beats a key", "env-from: [two]", keys, "", "A=1a~ B=1b~ C=2c~", "one two"),
        ("the command line beats both", "env-from: [two]", keys, "--env-from two", "A=2a~ B=1b~", "one two"),
        ("a chosen key overrides", key, chosen, "", "A=1a~", "one"),
        ("an object whose chosen keys are overridden", chosen, key, "", "A=3k~", "key"),
        ("an object that is not there and overridden", gone, "", "", "P_B=v", ""),
        ("what is set is kept unless it is empty", keys, "", "--keep-existing", "A=inherited B=1b~", "one"),
        ("what is kept is not looked up", unset, "", "--keep-existing", "A=inherited C=3k~", "key"),
        ("an object whose chosen keys are kept", chosen, "", "--keep-existing", "A=inherited", ""),
    ] {
        let aws = served();
        let sandbox = Sandbox::new().aws(&aws).case(case).env("A", "inherited").env("B", "");
        let sandbox = sandbox.file("a.yaml", earlier).file("b.yaml", later).args(["-f", "a.yaml", "-f", "b.yaml"]);
        let run = sandbox.args(options.split_whitespace()).run();
        sets(run.launched_silently(), variables);
        let mut ids: Vec<String> = aws.calls().iter().map(Call::secret_id).collect();
        ids.sort_unstable();
        assert_eq!(ids.join(" "), asked, "{case}");
    }
}

#[test]
fn two_keys_of_one_layer_that_make_one_name_are_an_error() {
    let aws = served();
    let facts = ["one", "two", "\"a", "both give the variable A"];
    declared(&aws, CLASH).run().refused(78).says(["secrets-exec.yaml:1"]).says(facts);
    let sandbox = Sandbox::new().aws(&aws).args(["--env-from", "one", "--env-from", "two"]);
    sandbox.run().refused(78).says(["--env-from"]).says(facts);
}
