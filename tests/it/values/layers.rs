//! Several declarations, the command line and `env-from`: later entries win, and what is overridden is not fetched.

use super::sets;
use crate::support::aws::fault::{self, Fault};
use crate::support::aws::secret::Secret;
use crate::support::aws::{Aws, Call};
use crate::support::sandbox::Sandbox;

fn two_sources() -> Aws {
    Aws::start()
        .secret("one", Secret::text(r#"{"a":"1a-4c7a1e","b":"1b-4c7a1e"}"#))
        .secret("two", Secret::text(r#"{"a":"2a-4c7a1e","c":"2c-4c7a1e"}"#))
        .secret("key", Secret::text(r#"{"k":"3k-4c7a1e"}"#))
}

/// Two sources that both give `A`.
const SOURCES: &str = "env-from: [one, two]";

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
        ("an optional entry that is there overrides", a, optional, "", "A=3k~", "key one"),
        ("an absent one uncovers", a, absent, "", "A=1a~", "key one"),
        ("a key beats what is inherited", keys, "", "", "A=1a~ B=1b~", "one"),
        ("an entry beats a key of its file", &both(key), "", "", "A=3k~ B=1b~", "key one"),
        ("an entry beats a key", "", "", "--env-from one -e A=key:k", "A=3k~ B=1b~", "key one"),
        ("a literal beats a key", &both(literal), "", "", "A=v B=1b~", "one"),
        ("a file beats a key", &both("files: [{ value: v, env: A }]"), "", "", "A=/proc/self/fd/100", "one"),
        ("an absent entry uncovers the key", &both(absent), "", "", "A=1a~", "key one"),
        ("so does one of a later file", keys, absent, "", "A=1a~", "key one"),
        ("an entry beats both of two keys", SOURCES, literal, "", "A=v B=1b~ C=2c~", "one two"),
        ("so does one of their file", &format!("{SOURCES}\n{literal}"), "", "", "A=v B=1b~ C=2c~", "one two"),
        ("an entry of a later file beats a key", keys, key, "", "A=3k~ B=1b~", "key one"),
        ("a key of a later file beats an entry", key, keys, "", "A=1a~ B=1b~", "key one"),
        ("what a key does not override is set", "env: { C: 'key:k' }", keys, "", "A=1a~ C=3k~", "key one"),
        ("a key of a later file beats a key", "env-from: [two]", keys, "", "A=1a~ B=1b~ C=2c~", "one two"),
        ("the command line beats both", "env-from: [two]", keys, "--env-from two", "A=2a~ B=1b~", "one two"),
        ("a chosen key overrides", key, chosen, "", "A=1a~", "key one"),
        ("of two sources the later one counts", SOURCES, "", "", "A=2a~ B=1b~ C=2c~", "one two"),
        ("also on the command line", "", "", "--env-from two --env-from one", "A=1a~ B=1b~ C=2c~", "one two"),
        ("an object whose chosen keys are overridden", chosen, key, "", "A=3k~", "key"),
        ("an object that is not there and overridden", gone, "", "", "P_B=v", ""),
        ("what is set is kept unless it is empty", keys, "", "--keep-existing", "A=inherited B=1b~", "one"),
        ("what is kept is not looked up", unset, "", "--keep-existing", "A=inherited C=3k~", "key"),
        ("an object whose chosen keys are kept", chosen, "", "--keep-existing", "A=inherited", ""),
    ] {
        let aws = two_sources();
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
fn the_failure_of_what_turns_out_to_be_covered_is_none() {
    for (case, failing, timeout) in [
        ("denied", Secret::failing(fault::denied("covered")), "60s"),
        ("down", Secret::failing(fault::unavailable()), "60s"),
        ("without an answer before the deadline", Secret::failing(Fault::Hang), "4s"),
        ("absent", Secret::failing(fault::not_found()), "60s"),
    ] {
        let aws = two_sources().secret("covered", failing);
        let launch = || {
            let sandbox = Sandbox::new().aws(&aws).attempts(1).case(case).timeout(timeout);
            let sandbox = sandbox.args(["-f", "a.yaml", "-f", "b.yaml"]);
            let sandbox = sandbox.file("a.yaml", "env: { A: covered, B: covered, C: 'key:k' }");
            sandbox.file("b.yaml", "env: { B: { from: 'one:b', optional: true } }\nenv-from: [one]")
        };
        // `--wait` waits for what the launch lacks alone.
        let run = launch().args(["--wait", "1h"]).run();
        sets(run.launched_silently(), "A=1a~ B=1b~ C=3k~");
        let uncovered = launch().resolve("D=covered").run();
        uncovered.says(["D (", "covered"]).says_nothing_of("A (");
        assert!(uncovered.stdout.is_empty(), "{uncovered}");
    }
    let role = "{ id: key, role-arn: 'arn:aws:iam::210987654321:role/Reader' }";
    let aws = two_sources().denies_roles();
    let declaration = format!("secrets: {{ other: {role} }}\nenv: {{ A: 'other:k' }}\n");
    let sandbox = Sandbox::new().aws(&aws).file("a.yaml", declaration).args(["-f", "a.yaml", "-f", "b.yaml"]);
    sets(sandbox.file("b.yaml", "env-from: [one]").run().launched_silently(), "A=1a~ B=1b~");
}

#[test]
fn what_may_be_covered_is_read_at_the_same_time() {
    let aws = two_sources().gathers(3);
    let sandbox = Sandbox::new().aws(&aws).file("a.yaml", "env: { A: 'key:k' }\nenv-from: [two]");
    sandbox.file("b.yaml", "env-from: [one]").args(["-f", "a.yaml", "-f", "b.yaml"]).run().launched_silently();
    assert_eq!((aws.most_in_flight(), aws.reads().len()), (3, 3));
}
