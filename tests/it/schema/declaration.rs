//! The declaration as types: add a key here, with a comment that helps in an editor, and generate the schema again.
//!
//! The program does not deserialize its declarations into types, because it reports every error with its line. These
//! types exist for the schema alone; the tests of the parent module compare the two.

use std::collections::BTreeMap;

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use super::text::{
    Duration, Glob, Label, Name, NamePart, Owner, Reference, Region, RoleArn, SecretId, Text, Url, reserved_words,
};

/// The schema, with its keys in the order of the file.
pub fn schema() -> Value {
    let settings = SchemaSettings::draft2020_12().with_transform(RecursiveTransform(without_null));
    let generated = settings.into_generator().into_root_schema_for::<Declaration>().to_value();
    // Title and description first, for people who open the file.
    let mut schema: Map<String, Value> =
        ["$schema", "title", "description"].map(|key| (key.to_owned(), generated[key].clone())).into_iter().collect();
    schema.extend(generated.as_object().expect("a schema is an object").clone());
    schema.into()
}

/// Removes null from the types: an `Option` is a key that may be left out, and a null is an error everywhere.
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

/// The variables and files that secrets-exec gives to a command, and the secrets of AWS Secrets Manager they come from.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields, title = "Declaration of secrets-exec")]
pub struct Declaration {
    /// Defaults of options, which the command line and `SECRETS_EXEC_*` variables override.
    defaults: Option<Defaults>,
    /// Aliases: names for secrets that are used more than once, or in a template. They apply to this file and all later ones.
    secrets: Option<Secrets>,
    /// Variables, by name.
    env: Option<Env>,
    /// JSON secrets of which each top-level key becomes a variable.
    env_from: Option<Vec<EnvFrom>>,
    /// Values that are delivered as files.
    files: Option<Vec<File>>,
}

/// Options of the command line about resolving, the command's environment and the output, by their long names.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct Defaults {
    /// The region of secrets that name none.
    region: Option<Region>,
    /// Regions to read from, in this order, during an outage of a secret's own region; not after a denial or an absence.
    fallback_regions: Option<Vec<Region>>,
    /// The profile of the AWS configuration files.
    profile: Option<Text>,
    /// A role to assume before reading.
    role_arn: Option<RoleArn>,
    /// The external id that the role's trust policy asks for.
    external_id: Option<Text>,
    /// Secrets Manager's endpoint, in place of AWS's own.
    endpoint_url: Option<Url>,
    /// A file of root certificates (PEM), in place of the system's.
    ca_bundle: Option<String>,
    /// The time limit of resolving. 30s by default.
    timeout: Option<Duration>,
    /// The longest wait for credentials and the network, before `timeout` begins.
    wait: Option<Duration>,
    /// Read through the AWS Secrets Manager Agent: `true`, or its URL.
    agent: Option<Agent>,
    /// With `agent`: when the agent cannot be reached, ask AWS.
    agent_fallback: Option<bool>,
    /// Leave variables alone that are already set and not empty.
    keep_existing: Option<bool>,
    /// Pass on nothing but PATH, HOME, locale, and what systemd set.
    clean_env: Option<bool>,
    /// With `clean-env`: variables to pass on, too.
    pass: Option<Vec<Glob>>,
    /// Variables not to pass on.
    unset: Option<Vec<Glob>>,
    /// Say for each variable which version of which secret it is.
    verbose: Option<bool>,
    /// No warnings.
    quiet: Option<bool>,
}

/// The AWS Secrets Manager Agent: `true` for its default address, or its URL.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Agent {
    On(bool),
    At(Url),
}

/// Names for secrets.
#[derive(JsonSchema)]
#[schemars(inline, extend("propertyNames" = { "not": { "enum": reserved_words() } }))]
struct Secrets(BTreeMap<Name, Alias>);

/// A secret: its name or ARN, or a table that also says which version of it and where.
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
    /// A staging label; a STAGE or VERSION-ID where the alias is used replaces it.
    stage: Option<Label>,
    /// A version's id; a STAGE or VERSION-ID where the alias is used replaces it.
    version_id: Option<Label>,
    /// The secret's region, unless `id` is an ARN.
    region: Option<Region>,
    /// A role to assume for reading it, in place of the one for all.
    role_arn: Option<RoleArn>,
    /// The external id that the role's trust policy asks for.
    external_id: Option<Text>,
}

/// Variables, by name.
#[derive(JsonSchema)]
#[schemars(inline, deny_unknown_fields)]
struct Env {
    /// PATH decides which command runs, so it takes only a `value`.
    #[schemars(rename = "PATH")]
    path: Option<Path>,
    #[schemars(flatten)]
    others: BTreeMap<Name, Variable>,
}

#[derive(JsonSchema)]
#[schemars(inline, deny_unknown_fields)]
struct Path {
    /// The value itself.
    value: Text,
}

/// A variable: a reference, or a table.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Variable {
    Short(Reference),
    Table(VariableTable),
}

/// A variable: exactly one of `from`, `value` and `template`, and what is done with it.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("oneOf" = one_source(), "not" = default_and_optional()))]
struct VariableTable {
    #[schemars(flatten)]
    value: ValueFields,
}

/// A file with exactly one of `from`, `value` and `template` in it: at `path`, or in memory without it. `env` names the variable that holds its path.
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
    /// The path of the file. Its directory must exist, and should be on tmpfs.
    #[schemars(length(min = 1))]
    path: Option<String>,
    /// The variable that holds the file's path.
    env: Option<Name>,
    /// The file's permissions: three or four octal digits, in quotes, since YAML 1.1 reads 0400 as octal. "0400" by default.
    #[schemars(regex(pattern = "^0?[0-7]{3}$"))]
    mode: Option<String>,
    /// Its owner, when that is not secrets-exec's own.
    owner: Option<Owner>,
    #[schemars(flatten)]
    value: ValueFields,
}

/// The keys that a variable and a file have in common.
#[derive(JsonSchema)]
struct ValueFields {
    /// The value of a secret.
    from: Option<Reference>,
    /// The value itself.
    value: Option<Text>,
    /// A template (Jinja) over the aliases: {{ db.password | urlencode }}.
    template: Option<String>,
    /// Decodes the value first.
    decode: Option<Encoding>,
    /// Encodes the value.
    encode: Option<Encoding>,
    /// The value when the secret, its version or its key does not exist.
    default: Option<Text>,
    /// With `true`, the entry is ignored when the secret, its version or its key does not exist.
    optional: Option<bool>,
}

fn one_source() -> Value {
    json!([{ "required": ["from"] }, { "required": ["value"] }, { "required": ["template"] }])
}

fn default_and_optional() -> Value {
    json!({ "required": ["default", "optional"] })
}

/// A JSON secret of which each top-level key becomes a variable: a reference, or a table.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum EnvFrom {
    Short(Reference),
    Table(EnvFromTable),
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct EnvFromTable {
    /// The secret, or the key of one, that is a JSON object.
    from: Reference,
    /// The prefix of each name, used as written.
    #[schemars(regex(pattern = "^([A-Za-z_][A-Za-z0-9_]*)?$"))]
    prefix: Option<String>,
    /// The keys that are taken; without it all.
    only: Option<Vec<Text>>,
    /// The keys that are left out.
    except: Option<Vec<Text>>,
    /// The name that follows the prefix, by key, used as written.
    rename: Option<BTreeMap<String, NamePart>>,
    /// The case of names: `upper` (the default) converts keys to upper case, `keep` does not.
    case: Option<Case>,
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
