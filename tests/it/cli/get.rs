//! `get`: one value on standard output, byte for byte. `mistakes` have its messages.

use crate::support::aws::secret::Secret;
use crate::support::aws::{Aws, Version};
use crate::support::sandbox::Sandbox;
use crate::support::terminal::at_a_terminal;

const ARN: &str = "arn:aws:secretsmanager:us-east-1:123456789012:secret:bytes-AbCdEf";
const BYTES: &[u8] = b"\xff\xfe\0v-4c7a1e\n";

fn aws() -> Aws {
    let aws = Aws::start().secret("x", Secret::text(r#"{"k":"v-4c7a1e","n":1.10,"o":{"a":[1]},"empty":""}"#));
    aws.secret(ARN, Secret::binary(BYTES)).parameter("/p", &[Version::text("v-4c7a1e\n")])
}

fn get(aws: &Aws, reference: &str) -> Sandbox {
    Sandbox::new().aws(aws).args(["get", reference]).prints_values().bare()
}

#[test]
fn the_value_is_printed_as_it_is() {
    let aws = aws();
    for (reference, printed) in [
        ("x:k", &b"v-4c7a1e"[..]),
        ("x:n", b"1.10"),
        ("x:$.o", b"{\"a\":[1]}"),
        ("x::AWSCURRENT", br#"{"k":"v-4c7a1e","n":1.10,"o":{"a":[1]},"empty":""}"#),
        (ARN, BYTES),
        ("ssm:/p", b"v-4c7a1e\n"),
    ] {
        get(&aws, reference).case(reference).run().launched_silently().printed(printed);
    }
    get(&aws, "x:empty").run().launched().printed("").says(["empty"]);
    let run = get(&aws, "x:k").arg("-v").run();
    run.launched()
        .printed("v-4c7a1e")
        .says(["note: the value (get, x:k): secret x, version ", "1 value of 1 secret in "]);
}

#[test]
fn of_declarations_only_the_defaults_and_the_aliases_count() {
    let aws = aws();
    let declaration = "defaults: { region: eu-west-1 }\nsecrets: { db: { id: x } }\nenv: { A: [wrong], B: absent:k }\n\
                       env-from: 3\nfiles: { }\ncredentials: 1\n";
    let run = get(&aws, "db:k").env_remove("AWS_REGION").declaration(declaration).run();
    run.launched_silently().printed("v-4c7a1e");
    assert_eq!((aws.only_read().secret_id().as_str(), aws.only_read().region().as_str()), ("x", "eu-west-1"));
    get(&aws, "db:k").declaration("defaults: { regio: x }\n").run().refused(78).printed("").says(["regio"]);
}

#[test]
fn nothing_is_printed_if_the_value_cannot_be_read() {
    let aws = aws();
    for (reference, status, said) in [
        ("x:absent", 78, "has no key \"absent\""),
        ("none", 78, "secret none, region us-east-1: does not exist"),
        ("x:k:a:b:c", 64, "REF: "),
        ("ssm:/path/", 64, "the reference stands for all parameters below a path"),
    ] {
        let run = get(&aws, reference).case(reference).run();
        run.refused(status).printed("").says([said]).says_nothing_of("declare the entry");
    }
    get(&aws, "x:k").prepared_by("exec \"$@\" >/dev/full").run().says(["no space left"]);
}

#[test]
fn a_terminal_shows_the_value_only_with_reveal_and_then_ends_its_line() {
    let aws = aws();
    for (options, shown) in [(&[][..], "[status 64]"), (&["--reveal"], "v-4c7a1e\n[status 0]")] {
        let Some(sandbox) = at_a_terminal(get(&aws, "x:k").args(options), &[], "", "") else { return };
        let run = sandbox.run();
        assert!(run.stdout().contains(shown), "{run}");
        assert_eq!(run.stdout().contains("v-4c7a1e"), !options.is_empty(), "{run}");
    }
}
