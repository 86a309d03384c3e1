//! The declaration as types. To add a key, add it here with a comment for editors, and regenerate the schema.
//!
//! The program parses declarations with its own reader (`src/input/declaration`), which reports all errors with their lines. These types
//! exist only for the schema; the tests of the parent module check that both accept the same declarations.

use std::collections::BTreeMap;

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use super::text::{
    CredentialName, Duration, DurationOrZero, Glob, Label, Name, NamePart, OnRotation, Owner, PollSignal, Reference,
    Region, RoleArn, SecretId, Signal, Text, Unit, Url, VersionId, reserved_words,
};

/// The schema, as in the repository's file.
pub fn schema() -> Value {
    let settings = SchemaSettings::draft2020_12().with_transform(RecursiveTransform(without_null));
    let generated = settings.into_generator().into_root_schema_for::<Declaration>().to_value();
    // A reader of the file needs these first.
    let mut schema: Map<String, Value> =
        ["$schema", "title", "description"].map(|key| (key.to_owned(), generated[key].clone())).into_iter().collect();
    schema.extend(generated.as_object().expect("a schema is an object").clone());
    schema.into()
}

/// Removes `null` from the schema: an `Option` is a key that may be omitted, and null is always an error.
fn without_null(schema: &mut Schema) {
    let null = json!({ "type": "null" });
    let Some(object) = schema.as_object_mut() else { return };
    for (key, gone) in [("anyOf", &null), ("type", &json!("null")), ("enum", &Value::Null)] {
        let Some(Value::Array(choices)) = object.get_mut(key) else { continue };
        choices.retain(|choice| choice != gone);
        if let ([Value::Object(only)], "anyOf") = (choices.as_slice(), key) {
            let only = only.clone();
            object.remove(key);
            object.extend(only);
        } else if let ([only @ Value::String(_)], "type") = (choices.as_slice(), key) {
            object[key] = only.clone();
        }
    }
}

/// The variables and files that secrets-exec makes for a command from secrets in AWS Secrets Manager.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields, title = "Declaration of secrets-exec")]
pub struct Declaration {
    /// Default values of options. The command line and `SECRETS_EXEC_*` variables override them.
    defaults: Option<Defaults>,
    /// Aliases: names for secrets that are used more than once or in a template. They are valid in this file and all later files.
    secrets: Option<Secrets>,
    /// Environment variables, by name.
    env: Option<Env>,
    /// JSON secrets and paths of SSM parameters. Each top-level key or parameter becomes a variable.
    env_from: Option<Vec<EnvFrom>>,
    /// Values delivered as files.
    files: Option<Vec<File>>,
    /// Credentials of systemd's units, by unit, which `secrets-exec credential` sends. A launch ignores them.
    credentials: Option<BTreeMap<Unit, Credentials>>,
    /// The schema of this file, for editors.
    #[schemars(rename = "$schema")]
    schema: Option<String>,
}

/// Command-line options by their long names: how to resolve, what the command gets, rotation, and output.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct Defaults {
    /// The region of secrets that do not name a region.
    region: Option<Region>,
    /// Regions to read from, in this order, if a secret's own region is unavailable. Not used after an access denial or an absence.
    fallback_region: Option<OneOrMore<Region>>,
    /// A profile of the AWS configuration files.
    profile: Option<Text>,
    /// The role to assume before reading secrets.
    role_arn: Option<RoleArn>,
    /// The external id that the role's trust policy requires.
    external_id: Option<Text>,
    /// The endpoint of Secrets Manager, instead of AWS's own.
    endpoint_url: Option<Url>,
    /// A file of root certificates (PEM), instead of the system's.
    ca_bundle: Option<String>,
    /// The time limit for resolving all values, with all retries. Default: 30s; 8s in Lambda.
    timeout: Option<Duration>,
    /// The time limit for credentials and the network to become available. `timeout` starts after that.
    wait: Option<Duration>,
    /// Reads through the AWS Secrets Manager Agent: `true` or its URL.
    agent: Option<Agent>,
    /// Requests from AWS if `agent` is set and the agent is unavailable.
    agent_fallback: Option<bool>,
    /// A directory in memory that keeps what AWS answers for the next launch.
    cache: Option<String>,
    /// Answers in `cache` that are younger are used without a request. Default: 0s.
    cache_ttl: Option<DurationOrZero>,
    /// Answers in `cache` that are younger are used if AWS is unavailable. Default: 24h.
    cache_stale: Option<DurationOrZero>,
    /// Tells systemd when the command starts that the service is ready (`Type=notify`).
    notify_ready: Option<bool>,
    /// Keeps variables that are already set and not empty.
    keep_existing: Option<bool>,
    /// Passes on only PATH, HOME, USER, LOGNAME, SHELL, TERM, TZ, LANG, LC_*, TMPDIR, and the variables of systemd and Lambda.
    clean_env: Option<bool>,
    /// Variables that are also passed on with `clean-env`.
    pass: Option<OneOrMore<Glob>>,
    /// Variables that are not passed on.
    unset: Option<OneOrMore<Glob>>,
    /// Stays as the parent of the command, and when a secret changes, restarts the command, sends it a signal or exits.
    on_rotation: Option<OnRotation>,
    /// The time between two reads of the secrets, at least 10s. Default: 5m.
    poll_interval: Option<Duration>,
    /// The limit of the random delay after a change. Default: 0s.
    splay: Option<DurationOrZero>,
    /// The signal that stops the command. Default: TERM.
    stop_signal: Option<Signal>,
    /// The time between the stop signal and KILL. Default: 30s.
    grace: Option<DurationOrZero>,
    /// The signal to secrets-exec that makes it read the secrets at once.
    poll_signal: Option<PollSignal>,
    /// Prints the secret and version of each variable; 2 also the source of the credentials, requests and times.
    verbose: Option<Level>,
    /// Suppresses warnings, notes and the progress line.
    quiet: Option<bool>,
    /// The format of the lines on standard error. Default: text.
    log_format: Option<LogFormat>,
}

// Inline and without a description, which would replace the field's own.
#[derive(JsonSchema)]
#[schemars(inline, untagged)]
enum OneOrMore<T> {
    One(T),
    More(Vec<T>),
}

#[derive(JsonSchema)]
#[schemars(inline, rename_all = "lowercase")]
enum LogFormat {
    Text,
    Json,
}

/// `true` for the AWS Secrets Manager Agent at its default URL, `false` for none, or its URL.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Agent {
    On(bool),
    At(Url),
}

/// `true` or 1, `false` or 0, or 2 for more.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Level {
    On(bool),
    Number(#[schemars(range(min = 0, max = 2))] u8),
}

/// Names for secrets.
#[derive(JsonSchema)]
#[schemars(inline, extend("propertyNames" = { "not": { "enum": reserved_words() } }))]
struct Secrets(BTreeMap<Name, Alias>);

/// A secret: its name or ARN, or a table with its version, region and role.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Alias {
    Id(SecretId),
    Table(AliasTable),
}

#[derive(JsonSchema)]
#[schemars(
    rename_all = "kebab-case",
    deny_unknown_fields,
    extend("dependentRequired" = { "external-id": ["role-arn"] })
)]
struct AliasTable {
    /// The secret's name or ARN.
    id: SecretId,
    /// A staging label. A STAGE or VERSION-ID in a reference replaces it.
    stage: Option<Label>,
    /// A version id. A STAGE or VERSION-ID in a reference replaces it.
    version_id: Option<VersionId>,
    /// The secret's region, unless `id` is an ARN.
    region: Option<Region>,
    /// The role to assume to read this secret, instead of the one for all secrets.
    role_arn: Option<RoleArn>,
    /// The external id that the role's trust policy requires.
    external_id: Option<Text>,
}

/// Environment variables, by name.
#[derive(JsonSchema)]
#[schemars(inline, deny_unknown_fields)]
struct Env {
    /// Accepts only a `value`, because the command is looked up in it.
    #[schemars(rename = "PATH")]
    path: Option<Path>,
    #[schemars(flatten)]
    others: BTreeMap<Name, Variable>,
}

#[derive(JsonSchema)]
#[schemars(inline, deny_unknown_fields)]
struct Path {
    /// A literal value.
    value: Text,
}

/// A variable: a reference, or a table.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Variable {
    Short(Reference),
    Table(VariableTable),
}

/// A variable: exactly one of `from`, `value` and `template`, with options.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("oneOf" = one_source(), "not" = default_and_optional()))]
struct VariableTable {
    #[schemars(flatten)]
    value: ValueFields,
}

/// A file whose content is exactly one of `from`, `value` and `template`. Without `path`, it is in memory. `env` names the variable that holds its path.
#[derive(JsonSchema)]
#[schemars(
    deny_unknown_fields,
    extend(
        "anyOf" = [{ "required": ["path"] }, { "required": ["env"] }],
        "oneOf" = one_source(),
        "not" = default_and_optional()
    )
)]
struct File {
    /// The path of the file. The directory must exist and should be on tmpfs.
    #[schemars(length(min = 1))]
    path: Option<String>,
    /// The variable that holds the file's path.
    env: Option<Name>,
    /// The file's mode: three or four octal digits in quotes, because YAML parsers read 0400 without quotes differently. Default: "0400".
    #[schemars(regex(pattern = "^0?[0-7]{3}$"))]
    mode: Option<String>,
    /// The owner: USER, USER:GROUP or :GROUP, by name or number. Default: the user and group of secrets-exec.
    owner: Option<Owner>,
    #[schemars(flatten)]
    value: ValueFields,
}

/// The keys that variables and files have in common.
#[derive(JsonSchema)]
struct ValueFields {
    /// A reference to a secret or to one of its keys.
    from: Option<Reference>,
    /// A literal value.
    value: Option<Text>,
    /// A Jinja template that uses aliases, and inherited variables as `env`: {{ db.password | urlencode }}@{{ env.DB_HOST }}.
    template: Option<String>,
    /// Decodes the value, before `encode`.
    decode: Option<Encoding>,
    /// Encodes the value.
    encode: Option<Encoding>,
    /// The value to set, as written, if the secret, its version or its key does not exist.
    default: Option<Text>,
    /// Ignores the entry if the secret, its version or its key does not exist.
    optional: Option<bool>,
}

fn one_source() -> Value {
    json!([{ "required": ["from"] }, { "required": ["value"] }, { "required": ["template"] }])
}

fn default_and_optional() -> Value {
    json!({ "required": ["default", "optional"] })
}

/// A JSON secret whose top-level keys become variables, or a path whose SSM parameters do: a reference, or a table.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum EnvFrom {
    Short(Reference),
    Table(EnvFromTable),
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct EnvFromTable {
    /// A reference to a JSON object (a secret, or a key of one), or `ssm:/path/` for all parameters below it.
    from: Reference,
    /// The start of each variable name, as written.
    #[schemars(regex(pattern = "^([A-Za-z_][A-Za-z0-9_]*)?$"))]
    prefix: Option<String>,
    /// The keys to use; for a path, the rest of the parameters' names. Default: all.
    only: Option<Vec<Text>>,
    /// The keys to leave out.
    except: Option<Vec<Text>>,
    /// For each key, the variable name after the prefix, as written.
    rename: Option<BTreeMap<String, NamePart>>,
    /// The letter case of variable names: `upper` converts keys to upper case, `keep` does not. Default: `upper`.
    case: Option<Case>,
}

/// Credentials, by the name in LoadCredential=.
#[derive(JsonSchema)]
#[schemars(inline)]
struct Credentials(BTreeMap<CredentialName, Credential>);

/// A credential: a reference, or a table.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Credential {
    Short(Reference),
    Table(CredentialTable),
}

/// A credential: exactly one of `from` and `template`, with options.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("oneOf" = [{ "required": ["from"] }, { "required": ["template"] }]))]
struct CredentialTable {
    /// A reference to a secret or to one of its keys.
    from: Option<Reference>,
    /// A Jinja template that uses aliases, and inherited variables as `env`: {{ db.password | urlencode }}@{{ env.DB_HOST }}.
    template: Option<String>,
    /// Decodes the value.
    decode: Option<Encoding>,
    /// The value to send, as written, if the secret, its version or its key does not exist.
    default: Option<Text>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase", inline)]
enum Case {
    Upper,
    Keep,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase", inline)]
enum Encoding {
    Base64,
}
