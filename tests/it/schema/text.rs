//! The text types of a declaration, each with a pattern that accepts what the program's parser accepts.

use schemars::JsonSchema;
use serde_json::Value;

/// Text. A scalar is text as written, in quotes or not.
#[derive(JsonSchema)]
#[schemars(extend("type" = ["string", "number", "boolean"]))]
pub struct Text(String);

/// SECRET[:KEY[:STAGE[:VERSION-ID]]]: one key of a secret, or without KEY the whole value. SECRET is a name, an ARN or an alias.
#[derive(JsonSchema)]
#[schemars(extend("pattern" = format!("^{}{}$", secret(), fields()), "examples" = ["db:password", "prod/db:$.hosts[0]"]))]
pub struct Reference(String);

/// A secret's name or ARN, without KEY, STAGE and VERSION-ID, which are written in references.
#[derive(JsonSchema)]
#[schemars(extend("pattern" = format!("^{}$", secret()), "examples" = ["prod/db", "${STAGE:-prod}/db"]))]
pub struct SecretId(String);

/// The name of a variable or an alias.
#[derive(JsonSchema)]
#[schemars(inline, extend("pattern" = "^[A-Za-z_][A-Za-z0-9_]*$"))]
pub struct Name(String);

/// The name of a unit of systemd, or a pattern of names.
#[derive(JsonSchema, PartialEq, Eq, PartialOrd, Ord)]
#[schemars(
    inline,
    extend("pattern" = r"^([A-Za-z0-9:_.\\@-]+\.(service|socket|mount|swap)|(?=.*[*?[])[A-Za-z0-9:_.\\@*?\[\]!-]+)$")
)]
pub struct Unit(String);

/// The name of a credential.
#[derive(JsonSchema, PartialEq, Eq, PartialOrd, Ord)]
#[schemars(inline, extend("pattern" = r"^(?!\.{1,2}$)[ -.0-9;-~]{1,255}$"))]
pub struct CredentialName(String);

#[derive(JsonSchema)]
#[schemars(inline, extend("pattern" = "^[A-Za-z0-9_]+$"))]
pub struct NamePart(String);

#[derive(JsonSchema)]
#[schemars(inline, extend("type" = ["string", "number", "boolean"], "pattern" = format!("^{LABEL}$")))]
pub struct Label(String);

/// A version id of a secret, or the version number of a parameter.
#[derive(JsonSchema)]
#[schemars(
    inline,
    extend("type" = ["string", "integer"], "pattern" = format!("^{VERSION}$"), "minimum" = 1, "examples" = [3])
)]
pub struct VersionId(String);

/// A region code.
#[derive(JsonSchema)]
#[schemars(inline, extend("pattern" = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", "examples" = ["us-east-1"]))]
pub struct Region(String);

#[derive(JsonSchema)]
#[schemars(
    inline,
    extend(
        "pattern" = "^arn:aws[^:]*:iam::[0-9]{12}:role/.+$",
        "examples" = ["arn:aws:iam::123456789012:role/Reader"]
    )
)]
pub struct RoleArn(String);

#[derive(JsonSchema)]
#[schemars(
    inline,
    extend("pattern" = r"^https?://[^/?#:\s]\S*$", "examples" = ["https://secretsmanager.us-east-1.amazonaws.com"])
)]
pub struct Url(String);

#[derive(JsonSchema)]
#[schemars(inline, extend("pattern" = format!(r"^(?=.*[1-9])({DURATION})+\s*$"), "examples" = ["20s", "1m30s"]))]
pub struct Duration(String);

#[derive(JsonSchema)]
#[schemars(inline, extend("pattern" = format!(r"^(({DURATION})+\s*|0)$"), "examples" = ["1m", "0s"]))]
pub struct DurationOrZero(String);

/// The names of signals, in either case, that a command can handle.
const SIGNAL: &str = concat!(
    "([Ss][Ii][Gg])?([Hh][Uu][Pp]|[Ii][Nn][Tt]|[Qq][Uu][Ii][Tt]|[Tt][Rr][Aa][Pp]|[Aa][Bb][Rr][Tt]|[Uu][Ss][Rr][12]",
    "|[Aa][Ll][Rr][Mm]|[Tt][Ee][Rr][Mm]|[Ss][Tt][Kk][Ff][Ll][Tt]|[Cc][Oo][Nn][Tt]|[Tt][Ss][Tt][Pp]|[Uu][Rr][Gg]|[Xx][Cc][Pp][Uu]",
    "|[Xx][Ff][Ss][Zz]|[Vv][Tt][Aa][Ll][Rr][Mm]|[Pp][Rr][Oo][Ff]|[Ww][Ii][Nn][Cc][Hh]|[Ii][Oo]|[Pp][Ww][Rr]|[Ss][Yy][Ss])"
);

/// A signal that a command can handle.
#[derive(JsonSchema)]
#[schemars(inline, extend("pattern" = format!("^{SIGNAL}$"), "examples" = ["TERM", "QUIT"]))]
pub struct Signal(String);

/// As [`Signal`], but not TERM, INT or CONT, which are the command's.
#[derive(JsonSchema)]
#[schemars(
    inline,
    extend(
        "pattern" = format!("^(?!([Ss][Ii][Gg])?([Tt][Ee][Rr][Mm]|[Ii][Nn][Tt]|[Cc][Oo][Nn][Tt])$){SIGNAL}$"),
        "examples" = ["USR1"]
    )
)]
pub struct PollSignal(String);

#[derive(JsonSchema)]
#[schemars(inline, extend("pattern" = format!("^(restart|exit|signal={SIGNAL})$"), "examples" = ["restart", "signal=HUP", "exit"]))]
pub struct OnRotation(String);

#[derive(JsonSchema)]
#[schemars(inline, extend("examples" = ["APP_*"]))]
pub struct Glob(String);

#[derive(JsonSchema)]
#[schemars(
    inline,
    extend(
        "type" = ["string", "integer"],
        "pattern" = "^([!-9;-~]+(:[!-9;-~]+)?|:[!-9;-~]+)$",
        "minimum" = 0,
        "maximum" = 4_294_967_294_u32,
        "examples" = ["app:app", 1000]
    )
)]
pub struct Owner(String);

/// One number and its unit, as in the crate `humantime`.
const DURATION: &str = concat!(
    r"\s*[0-9]+(\.[0-9]+)?\s*(ns|nsec|nanos|us|µs|usec|ms|msec|millis|s|secs?|seconds?|m|mins?|minutes?",
    r"|hr?|hrs|hours?|d|days?|w|wk|wks|weeks?|M|months?|y|yrs?|years?)"
);

const LABEL: &str = r"\S{1,256}";

const VERSION: &str = r"([^:\s]{32,64}|0*[1-9][0-9]{0,18})";

/// The fields after SECRET. A JSONPath may contain any character; a key must not begin with `$`.
fn fields() -> String {
    format!(r"(:(\$.*|([^:$][^:]*)?(:[^:\s]{{0,256}}(:{VERSION}?)?)?))?")
}

/// The pattern of SECRET, in which `${NAME}` and `${NAME:-default}` are one token.
fn secret() -> String {
    const VARIABLE: &str = r"\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\}";
    let name = format!("([A-Za-z0-9/_+=.@!-]|{VARIABLE})+");
    let field = format!("([a-z0-9-]|{VARIABLE})+");
    let arn = format!("arn:{field}:(secretsmanager:{field}:{field}:secret:|ssm:{field}:{field}:parameter/){name}");
    format!("((?!(arn|ssm):){name}|ssm:{name}|{arn})")
}

/// The reserved words, which are not valid as aliases, from the only list of them.
pub fn reserved_words() -> Value {
    let source = include_str!("../../../src/model/reference/alias.rs");
    let (_, list) = source
        .split_once("const RESERVED: &[&str] = &[")
        .expect("src/model/reference/alias.rs lists the reserved words");
    let (list, _) = list.split_once("];").expect("the list ends");
    list.split('"').skip(1).step_by(2).collect()
}
