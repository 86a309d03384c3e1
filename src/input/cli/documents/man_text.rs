//! The prose of the man page that `--help` lacks. Text between backquotes is bold.

/// The day on which the prose of the page last changed.
pub const DATE: &str = "2026-11-21";

pub const DESCRIPTION: &[&str] = &[
    "secrets-exec resolves references to secrets of AWS Secrets Manager and to SSM parameters, puts the values into the environment, and \
     executes COMMAND in its own place: the process id stays the same, and no process is left behind. If a value is missing, COMMAND is \
     not started, and all errors are reported at once. With `--on-rotation` it stays as COMMAND's parent, and acts when a secret changes.",
    "Options and declarations say what to resolve. `--` is always required before COMMAND. Values are printed by `export` alone.",
];

pub const REFERENCES: &str = "A reference (REF) has the form SECRET[:KEY[:STAGE[:VERSION-ID]]].";

pub const REFERENCE_PARTS: &[(&str, &str)] = &[
    (
        "SECRET",
        "The name of a secret, its ARN, an alias from a declaration, or `ssm:` and the name of a parameter. `${NAME}` and \
         `${NAME:-default}` expand to an inherited variable.",
    ),
    (
        "KEY",
        "A key at the top of the secret's JSON object, taken literally; with a leading `$`, an RFC 9535 JSONPath. Without KEY, the whole \
         value.",
    ),
    ("STAGE", "A staging label; `AWSCURRENT` if neither STAGE nor VERSION-ID is given. A label of a parameter."),
    ("VERSION-ID", "A version id; of a parameter, a version's number."),
];

/// A paragraph, and the example below it.
pub const DECLARATION: (&str, &str) = (
    "A declaration is YAML, of which JSON is a part. docs/reference.md in the sources of secrets-exec describes it, \
     secrets-exec.schema.json is its JSON Schema.",
    r#"defaults:
  region: us-east-1
secrets:
  db: prod/database
env:
  DB_HOST: db:host
  DB_PORT: { from: "db:port", default: "5432" }
  LOG_LEVEL: { value: info }
  DB_URL: { template: "postgresql://{{ db.host }}/app" }
env-from:
  - { from: prod/stripe, prefix: STRIPE_ }
files:
  - { from: "prod/tls:key", env: TLS_KEY_FILE }
credentials:
  app.service:
    db-password: db:password"#,
);

pub const ENVIRONMENT: &[(&str, &str)] = &[
    (
        "`AWS_REGION`, `AWS_PROFILE`, `AWS_ENDPOINT_URL`, `HTTPS_PROXY`, ...",
        "The variables of the AWS CLI, with the same meaning. An invalid value is an error.",
    ),
    ("`NO_COLOR`", "Print no colours on a terminal."),
    ("`NOTIFY_SOCKET`", "The socket of systemd for `--notify-ready` and for extensions of the start timeout."),
    ("`SECRETS_EXEC_FILE`", "A declaration, unless `-f` names one."),
];

pub const FILES: &[(&str, &str)] = &[
    (
        "secrets-exec.yaml, secrets-exec.yml, secrets-exec.json",
        "The declaration in the working directory, read unless `-f`, `SECRETS_EXEC_FILE` or `--no-file` is given. One that another user \
         could have put there is refused.",
    ),
    ("~/.aws/config, ~/.aws/credentials", "The profiles and credentials of the AWS CLI."),
    ("/var/run/awssmatoken", "The token for `--agent`, unless `AWS_TOKEN` has it."),
    ("/proc/self/fd/N", "A file in memory, of `--as-file` and of `files` without a path."),
];

pub const SEE_ALSO: &str = "`env`(1), `aws`(1), `systemd.service`(5), `environ`(7)";
