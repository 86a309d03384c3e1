//! `env-from`: variables from the keys of an object.

use super::{ARN, declared, expanded, sets};
use crate::support::aws::Aws;
use crate::support::aws::secret::{CURRENT_ID, Secret};
use crate::support::outcome::Outcome;
use crate::support::sandbox::{CANARY, Sandbox};

/// Launches `env-from: [{ from: prod/app, SETTINGS }]` over the object, in which `~` is `-4c7a1e`.
fn expand(object: &str, settings: &str) -> Outcome {
    expanded(object, &format!("env-from:\n  - {{ from: prod/app{settings} }}\n"))
}

/// Launches `--env-from ARGUMENT` over a secret with this id.
fn argument(id: &str, secret: Secret, argument: &str) -> Outcome {
    Sandbox::new().aws(&Aws::start().secret(id, secret)).case(argument).args(["--env-from", argument]).run()
}

#[test]
fn keys_become_variables_as_the_settings_say() {
    for (object, settings, variables) in [
        (
            r#"{"host":"h~","api-Key.v2":"k~","_x":"u~","straße":"s~"}"#,
            "",
            "HOST=h~ API_KEY_V2=k~ _X=u~ STRA_E=s~ -host",
        ),
        (r#"{"key":"v~"}"#, ", prefix: Stripe_", "Stripe_KEY=v~ -KEY"),
        (r#"{"apiKey":"k~","a-b":"v~"}"#, ", case: keep, prefix: p_", "p_apiKey=k~ p_a_b=v~"),
        (r#"{"a":"1~","b":"2~","A":"3~"}"#, ", only: [a]", "A=1~ -B"),
        (r#"{"a":"1~","b":"2~"}"#, ", except: [b, not-there]", "A=1~ -B"),
        (r#"{"a":"1~","b":"2~"}"#, ", only: [a, b], except: [b]", "A=1~ -B"),
        (r#"{"api_key":"k~"}"#, ", prefix: STRIPE_, rename: { api_key: Key }", "STRIPE_Key=k~ -STRIPE_API_KEY"),
        (r#"{"a-b":"1~","a.b":"2~"}"#, ", rename: { a.b: OTHER }", "A_B=1~ OTHER=2~"),
        (r#"{"1st":"x~"}"#, ", prefix: P", "P1ST=x~"),
        (r#"{"none":null,"a":"1~"}"#, "", "A=1~ -NONE"),
        (r#"{"a":"first~","a":"last~"}"#, "", "A=last~"),
        ("{}", ", except: [gone]", "-GONE"),
        (r#"{"port":5432,"price":1.10,"zero":-0,"on":true}"#, "", "PORT=5432 PRICE=1.10 ZERO=-0 ON=true"),
        (r#"{"list":[1.10, null],"map":{ "b": 1 }}"#, "", r#"LIST=[1.10,null] MAP={"b":1}"#),
    ] {
        sets(expand(object, settings).launched_silently(), variables);
    }
    sets(expand(r#"{"empty":""}"#, "").launched().says(["warning: empty values were read: EMPTY ("]), "EMPTY=");
}

#[test]
fn what_the_argument_names_gives_the_keys() {
    let nested = r#"{"db":{"host":"h-4c7a1e","pool":{"max":10}},"a":"1-4c7a1e"}"#;
    let old = Secret::text(r#"{"k":"new-4c7a1e"}"#).previous(Secret::text(r#"{"k":"old-4c7a1e"}"#));
    let (key, binary) = (Secret::text(r#"{"k":"v-4c7a1e"}"#), Secret::binary(format!(r#"{{"k":"{CANARY}"}}"#)));
    for (id, secret, option, variables) in [
        ("prod/app", key.clone(), "Stripe_=prod/app", "Stripe_K=v~ -K"),
        ("prod/app", Secret::text(nested), "DB_=prod/app:db", r#"DB_HOST=h~ DB_POOL={"max":10} -DB_A"#),
        ("prod/app", Secret::text(nested), "prod/app:$.db.pool", "MAX=10"),
        ("prod/app", old, "OLD_=prod/app::AWSPREVIOUS", "OLD_K=old~"),
        ("bytes", binary, "bytes", &format!("K={CANARY}")),
        (ARN, key.clone(), ARN, "K=v~"),
        ("A=b=", key.clone(), "=A=b=", "K=v~"),
        // What is no name before an equals sign belongs to the id.
        ("prod/a=b", key.clone(), "prod/a=b", "K=v~"),
        ("1X=app", key.clone(), "1X=app", "K=v~"),
        ("a-b=c", key, "a-b=c", "K=v~"),
    ] {
        sets(argument(id, secret, option).launched_silently(), variables);
    }
}

#[test]
fn whole_secrets_their_aliases_and_single_keys_share_one_request() {
    let aws = Aws::start().secret("prod/app", Secret::text(r#"{"a":"1-4c7a1e","b":"2-4c7a1e"}"#));
    let sandbox = declared(&aws, "secrets: { app: prod/app }\nenv-from: [app]\n").args(["--env-from", "P_=prod/app"]);
    sets(sandbox.resolve("X=prod/app:a").run().launched(), "X=1~ P_B=2~ B=2~");
    assert_eq!(aws.calls().len(), 1);
}

#[test]
fn verbose_tells_where_each_variable_came_from() {
    let aws = Aws::start().secret("prod/app", Secret::text(r#"{"host":"h-4c7a1e"}"#));
    let run = Sandbox::new().aws(&aws).args(["-v", "--env-from", "prod/app"]).run();
    run.launched().says(["HOST", "prod/app", CURRENT_ID, "AWSCURRENT", "us-east-1"]);
}
