//! `env-from`: variables from the keys of an object; start with `expand`, which launches one entry over one object.

use crate::support::aws::Aws;
use crate::support::aws::fault;
use crate::support::aws::secret::{CURRENT_ID, Secret};
use crate::support::outcome::Outcome;
use crate::support::sandbox::{CANARY, Sandbox};

/// Launches `env-from: [{ from: prod/app, SETTINGS }]` over the object, which also has a key with the canary.
fn expand(object: &str, settings: &str) -> Outcome {
    let aws = Aws::start().secret("prod/app", Secret::json(object));
    let declaration = format!("env-from:\n  - {{ from: prod/app{settings} }}\n");
    Sandbox::new().aws(&aws).declaration(&declaration).run()
}

/// Launches `--env-from ARGUMENT` over an object that is served under this id.
fn expand_on_the_command_line(id: &str, object: &str, argument: &str) -> Outcome {
    let aws = Aws::start().secret(id, Secret::json(object));
    Sandbox::new().aws(&aws).args(["--env-from", argument]).run()
}

#[test]
fn each_key_becomes_an_upper_case_variable() {
    let run = expand(r#"{"host":"h","api-Key.v2":"k","_x":"u","straße":"s"}"#, "");
    run.launched_silently().has("HOST", "h").has("API_KEY_V2", "k").has("_X", "u").has("STRA_E", "s");
    run.lacks("host");
}

#[test]
fn nothing_but_the_keys_is_added() {
    let aws = Aws::start().secret("prod/app", Secret::json(r#"{"host":"h"}"#));
    let sandbox = Sandbox::new().aws(&aws).args(["--env-from", "prod/app"]);
    let mut names = sandbox.control().names();
    names.extend(["HOST".to_owned(), "ZZ_CANARY".to_owned()]);
    names.sort_unstable();
    assert_eq!(sandbox.run().launched_silently().names(), names);
}

#[test]
fn a_prefix_stands_before_each_name_as_it_is_written() {
    expand(r#"{"key":"v"}"#, ", prefix: Stripe_").launched().has("Stripe_KEY", "v").lacks("KEY");
    expand_on_the_command_line("prod/app", r#"{"key":"v"}"#, "Stripe_=prod/app").launched().has("Stripe_KEY", "v");
}

#[test]
fn case_keep_keeps_letters_and_replaces_the_rest() {
    let run = expand(r#"{"apiKey":"k","a-b":"v"}"#, ", case: keep, prefix: p_");
    run.launched().has("p_apiKey", "k").has("p_a_b", "v");
}

#[test]
fn only_takes_the_keys_that_it_names() {
    expand(r#"{"a":"1","b":"2","A":"3"}"#, ", only: [a]").launched().has("A", "1").lacks("B").lacks("ZZ_CANARY");
}

#[test]
fn except_takes_all_others() {
    expand(r#"{"a":"1","b":"2"}"#, ", except: [b, not-there]").launched().has("A", "1").lacks("B");
}

#[test]
fn rename_gives_what_follows_the_prefix_as_it_is_written() {
    let run = expand(r#"{"api_key":"k"}"#, ", prefix: STRIPE_, rename: { api_key: Key }");
    run.launched().has("STRIPE_Key", "k").lacks("STRIPE_API_KEY");
}

#[test]
fn rename_keeps_two_keys_apart() {
    let run = expand(r#"{"a-b":"1","a.b":"2"}"#, ", rename: { a.b: OTHER }");
    run.launched().has("A_B", "1").has("OTHER", "2");
}

#[test]
fn values_become_variables_as_those_of_single_keys_do() {
    let object = r#"{"port":5432,"price":1.10,"big":12345678901234567890,"zero":-0,"on":true,"off":false,
        "empty":"","list":[1.10, null],"map":{ "b": 1, "a": "x" }}"#;
    let run = expand(object, "");
    run.launched_silently()
        .has("PORT", "5432")
        .has("PRICE", "1.10")
        .has("BIG", "12345678901234567890")
        .has("ZERO", "-0");
    run.has("ON", "true").has("OFF", "false").has("EMPTY", "");
    run.has("LIST", "[1.10,null]").has("MAP", r#"{"b":1,"a":"x"}"#);
}

#[test]
fn texts_are_neither_trimmed_nor_escaped_nor_read_again() {
    let object = r#"{"html":"<a href=\"x\">&amp;</a>","lines":"\n one\\n \r\n\n","equals":"a=b==c",
        "json":"{\"x\": 1}","dollar":"$HOME `id` $(id)","unicode":"пароль \ud83d\udd11"}"#;
    let run = expand(object, "");
    run.launched_silently().has("HTML", "<a href=\"x\">&amp;</a>").has("LINES", "\n one\\n \r\n\n");
    run.has("EQUALS", "a=b==c").has("JSON", "{\"x\": 1}").has("DOLLAR", "$HOME `id` $(id)").has("UNICODE", "пароль 🔑");
}

#[test]
fn the_only_key_of_an_object_keeps_its_text() {
    let value = format!("\"{CANARY}\" <&> 'x'");
    let aws = Aws::start().secret("one", Secret::text(&serde_json::json!({ "K": value }).to_string()));
    let run = Sandbox::new().aws(&aws).args(["--env-from", "one"]).run();
    run.launched_silently().has("K", &value);
}

#[test]
fn null_keys_are_skipped() {
    expand(r#"{"none":null,"a":"1"}"#, "").launched_silently().has("A", "1").lacks("NONE");
}

#[test]
fn of_two_equal_keys_the_last_counts() {
    expand(r#"{"a":"first","a":"last"}"#, "").launched_silently().has("A", "last");
}

#[test]
fn an_object_without_keys_sets_nothing() {
    expand("{}", ", except: [zz_canary]").launched_silently().lacks("ZZ_CANARY");
}

#[test]
fn a_reference_with_a_key_takes_the_object_there() {
    let object = r#"{"db":{"host":"h","pool":{"max":10}},"a":"1"}"#;
    let run = expand_on_the_command_line("prod/app", object, "DB_=prod/app:db");
    run.launched().has("DB_HOST", "h").has("DB_POOL", r#"{"max":10}"#).lacks("DB_A");
    expand_on_the_command_line("prod/app", object, "prod/app:$.db.pool").launched().has("MAX", "10");
}

#[test]
fn a_reference_with_a_stage_takes_the_keys_of_that_version() {
    let secret = Secret::json(r#"{"k":"new"}"#).previous(Secret::json(r#"{"k":"old"}"#));
    let aws = Aws::start().secret("prod/app", secret);
    let run = Sandbox::new().aws(&aws).args(["--env-from", "OLD_=prod/app::AWSPREVIOUS"]).run();
    run.launched().has("OLD_K", "old");
}

#[test]
fn an_alias_gives_its_keys() {
    let aws = Aws::start().secret("prod/app", Secret::json(r#"{"k":"v"}"#));
    let run = Sandbox::new().aws(&aws).declaration("secrets: { app: prod/app }\nenv-from: [app]\n").run();
    run.launched().has("K", "v");
}

#[test]
fn a_binary_secret_that_holds_json_gives_its_keys() {
    let aws = Aws::start().secret("bytes", Secret::binary(format!(r#"{{"k":"{CANARY}"}}"#)));
    Sandbox::new().aws(&aws).args(["--env-from", "bytes"]).run().launched_silently().has("K", CANARY);
}

#[test]
fn an_equals_sign_first_means_no_prefix_and_an_id_that_holds_others() {
    expand_on_the_command_line("A=b=", r#"{"k":"v"}"#, "=A=b=").launched().has("K", "v");
}

#[test]
fn what_is_no_name_before_an_equals_sign_belongs_to_the_id() {
    for id in ["prod/a=b", "1X=app", "a-b=c"] {
        expand_on_the_command_line(id, r#"{"k":"v"}"#, id).launched().has("K", "v");
    }
}

#[test]
fn whole_secrets_and_single_keys_share_one_request() {
    let aws = Aws::start().secret("prod/app", Secret::json(r#"{"a":"1","b":"2"}"#));
    let sandbox = Sandbox::new().aws(&aws).args(["--env-from", "prod/app", "--env-from", "P_=prod/app"]);
    sandbox.resolve("X=prod/app:a").run().launched().has("X", "1").has("P_B", "2").has("B", "2");
    assert_eq!(aws.calls().len(), 1);
}

#[test]
fn a_key_of_only_that_is_not_there_is_missing() {
    let run = expand(r#"{"api_key":"k"}"#, ", only: [api_kye]");
    run.refused(78).says(["secrets-exec.yaml:2", "prod/app", "\"api_kye\"", "\"api_key\""]);
}

#[test]
fn a_key_of_only_that_is_null_is_missing() {
    expand(r#"{"none":null}"#, ", only: [none]").refused(78).says(["secrets-exec.yaml:2", "prod/app", "none", "null"]);
}

#[test]
fn a_key_that_is_no_name_is_an_error_and_a_prefix_the_way_out() {
    expand(r#"{"1st":"x"}"#, "").refused(78).says(["secrets-exec.yaml:2", "prod/app", "1st", "prefix"]);
    expand(r#"{"1st":"x"}"#, ", prefix: P").launched().has("P1ST", "x");
    expand(r#"{"":"x"}"#, "").refused(78).says(["secrets-exec.yaml:2", "prod/app", "\"\""]);
}

#[test]
fn two_keys_that_make_one_name_are_an_error_that_names_all_three() {
    let run = expand(r#"{"a-b":"1","a.b":"2"}"#, "");
    run.refused(78).says(["secrets-exec.yaml:2", "\"a-b\"", "\"a.b\"", "A_B"]);
    let run = expand(r#"{"a":"1","b":"2"}"#, ", prefix: P_, rename: { b: A }");
    run.refused(78).says(["secrets-exec.yaml:2", "\"a\"", "\"b\"", "P_A"]);
}

#[test]
fn a_prefix_that_makes_no_name_is_an_error() {
    for prefix in ["1X", "A-", "\"A B\"", "é"] {
        let run = expand(r#"{"k":"v"}"#, &format!(", prefix: {prefix}"));
        run.refused(78).says(["secrets-exec.yaml:2", prefix.trim_matches('"')]);
    }
}

#[test]
fn what_is_no_object_is_an_error_that_names_what_it_is() {
    let of = |secret: Secret, reference: &str| {
        let aws = Aws::start().secret("prod/app", secret);
        Sandbox::new().aws(&aws).args(["--env-from", reference]).run()
    };
    of(Secret::text(&format!("plain {CANARY}")), "prod/app").refused(78).says(["prod/app", "JSON"]);
    of(Secret::text(&format!(r#"["{CANARY}"]"#)), "prod/app").refused(78).says(["prod/app", "array"]);
    of(Secret::text(&format!(r#""{CANARY}""#)), "prod/app").refused(78).says(["prod/app", "string"]);
    of(Secret::bare("1234567890"), "prod/app").refused(78).says(["prod/app", "number"]);
    of(Secret::json(r#"{"list":[1]}"#), "prod/app:list").refused(78).says(["prod/app", "list", "array"]);
    let nested = format!(r#"{{"text":"{{\"k\":\"{CANARY}\"}}"}}"#);
    of(Secret::text(&nested), "prod/app:text").refused(78).says(["prod/app", "text", "string"]);
}

#[test]
fn an_object_that_is_not_there_is_an_error() {
    let aws = Aws::start().secret("prod/app", Secret::json("{}"));
    let launch = |reference: &str| Sandbox::new().aws(&aws).args(["--env-from", reference]).run();
    launch("prod/ap").refused(78).says(["--env-from", "prod/ap"]);
    launch("prod/app:db").refused(78).says(["--env-from", "prod/app", "db"]);
}

#[test]
fn a_denial_of_an_object_is_a_denial() {
    let aws = Aws::start().secret("prod/app", Secret::failing(fault::denied("prod/app")));
    Sandbox::new().aws(&aws).args(["--env-from", "prod/app"]).run().refused(77).says(["prod/app"]);
}

#[test]
fn a_value_with_a_nul_is_an_error_that_names_the_variable() {
    let run = expand(&format!(r#"{{"k":"{CANARY}\u0000"}}"#), "");
    run.refused(78).says(["K", "prod/app", "base64"]);
}

#[test]
fn every_mistake_of_an_entry_is_told_at_once() {
    let run = expand(r#"{"1st":"x","path":"x","a-b":"1","a.b":"2"}"#, ", except: [gone]");
    run.refused(78).says(["1st", "PATH", "A_B"]);
}

#[test]
fn verbose_tells_where_each_variable_came_from() {
    let aws = Aws::start().secret("prod/app", Secret::json(r#"{"host":"h"}"#));
    let run = Sandbox::new().aws(&aws).args(["-v", "--env-from", "prod/app"]).run();
    run.launched().says(["HOST", "ZZ_CANARY", "prod/app", CURRENT_ID, "AWSCURRENT", "us-east-1"]);
}
