//! The command line of `migrate`.

use clap::builder::ValueParser;
use clap::{Arg, ArgAction, Command, ValueHint};

use super::launch_command::with_options;

/// The options of a launch that it has.
pub const SHARED: [&str; 10] = [
    "region",
    "profile",
    "role-arn",
    "external-id",
    "endpoint-url",
    "ca-bundle",
    "timeout",
    "wait",
    "verbose",
    "quiet",
];

pub fn migrate(command: Command) -> Command {
    let file = Arg::new("file").value_name("FILE").value_parser(ValueParser::os_string());
    let file =
        file.value_hint(ValueHint::FilePath).help("A .env file, or a JSON object of texts, numbers and booleans");
    let command = with_options(command.arg(file).args(own()), &SHARED, "How to reach AWS");
    command.mut_arg("verbose", |arg| arg.help("With -vv: print identity, requests and times"))
}

fn own() -> [Arg; 8] {
    let flag = |name: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue);
    let text = |name: &'static str, value: &'static str| Arg::new(name).long(name).value_name(value);
    let repeatable = |name, value| text(name, value).action(ArgAction::Append);
    [
        text("secret", "ID").help("Required: the name of the secret, or the ARN of one that exists"),
        flag("apply").help("Create or update the secret, instead of saying what would change"),
        flag("update").help("Add the variables to the JSON object of a secret that exists"),
        flag("overwrite").help("With --update: also change keys that have another value"),
        text("kms-key", "KEY").help("The key of a new secret: its id, ARN or alias [default: aws/secretsmanager]"),
        repeatable("tag", "KEY=VALUE").help("A tag of a new secret (repeatable)"),
        repeatable("only", "GLOB").help("Move only the variables with a matching name (repeatable)"),
        text("output", "FILE")
            .short('o')
            .value_parser(ValueParser::path_buf())
            .value_hint(ValueHint::FilePath)
            .help("With --apply: write the declaration to this file, which must not exist; - is standard output"),
    ]
}
