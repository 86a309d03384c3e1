//! The table of the options that the command line, `SECRETS_EXEC_*` and `defaults:` share, in the order of `--help`.

use super::rotation::{OnRotation, poll_interval, poll_signal};
use super::spec::{Expected, OptionSpec, Set, Takes, duration, duration_or_zero, log_format, role, signal, url};
use crate::model::reference::Region;

const HOW: &str = "How to resolve";

const ENVIRONMENT: &str = "What the command gets";

/// The heading of the options about a process that stays.
const ROTATION: &str = "Rotation";

/// The heading of the options about what is printed.
pub const OUTPUT: &str = "Output";

const fn spec(heading: &'static str, name: &'static str, takes: Takes, set: Set, help: &'static str) -> OptionSpec {
    OptionSpec { name, short: None, takes, set, help, heading, in_declaration: true }
}

pub const OPTIONS: &[OptionSpec] = &[
    spec(
        HOW,
        "region",
        Takes::Text("REGION"),
        |options, given| {
            put(&mut options.region, given.parsed(|text| Region::parse(&text).map_err(|_| Region::EXPECTED)))
        },
        "The region of secrets that name no region",
    ),
    spec(
        HOW,
        "fallback-region",
        Takes::Texts("REGION"),
        |options, given| put(&mut options.fallback_regions, given.regions()),
        "A region to read from if a secret's own region is unavailable (repeatable)",
    ),
    spec(
        HOW,
        "profile",
        Takes::Text("NAME"),
        |options, given| put(&mut options.profile, given.text()),
        "A profile of the AWS configuration files",
    ),
    spec(
        HOW,
        "role-arn",
        Takes::Text("ARN"),
        |options, given| put(&mut options.role_arn, given.parsed(role)),
        "The role to assume before reading secrets",
    ),
    spec(
        HOW,
        "external-id",
        Takes::Text("ID"),
        |options, given| put(&mut options.external_id, given.text()),
        "The external id that the role's trust policy requires",
    ),
    spec(
        HOW,
        "endpoint-url",
        Takes::Text("URL"),
        |options, given| put(&mut options.endpoint_url, given.parsed(url)),
        "The endpoint of Secrets Manager",
    ),
    spec(
        HOW,
        "ca-bundle",
        Takes::Text("FILE"),
        |options, given| put(&mut options.ca_bundle, given.path()),
        "Root certificates (PEM), the only ones to trust",
    ),
    spec(
        HOW,
        "timeout",
        Takes::Text("DURATION"),
        |options, given| put(&mut options.timeout, given.parsed(duration)),
        "The time limit for resolving all values, with all retries [default: 30s; 8s in Lambda]",
    ),
    spec(
        HOW,
        "wait",
        Takes::Text("DURATION"),
        |options, given| put(&mut options.wait, given.parsed(duration)),
        "The time limit for credentials and the network to become available; --timeout starts after that",
    ),
    spec(
        HOW,
        "agent",
        Takes::Optional("URL"),
        |options, given| put(&mut options.agent, given.agent()),
        "Read through the AWS Secrets Manager Agent [default: http://127.0.0.1:2773]",
    ),
    spec(
        HOW,
        "agent-fallback",
        Takes::Nothing,
        |options, given| put(&mut options.agent_fallback, given.flag()),
        "With --agent: request from AWS if the agent is unavailable",
    ),
    OptionSpec {
        in_declaration: false,
        ..spec(
            HOW,
            "local",
            Takes::Text("FILE"),
            |options, given| put(&mut options.local, given.path()),
            "Read secrets from this YAML or JSON file, without AWS",
        )
    },
    spec(
        HOW,
        "cache",
        Takes::Text("DIR"),
        |options, given| put(&mut options.cache, given.path()),
        "Keep what AWS answers in this directory in memory, for the next launch",
    ),
    spec(
        HOW,
        "cache-ttl",
        Takes::Text("DURATION"),
        |options, given| put(&mut options.cache_ttl, given.parsed(duration_or_zero)),
        "With --cache: use answers younger than this without a request [default: 0s]",
    ),
    spec(
        HOW,
        "cache-stale",
        Takes::Text("DURATION"),
        |options, given| put(&mut options.cache_stale, given.parsed(duration_or_zero)),
        "With --cache: use answers younger than this if AWS is unavailable [default: 24h]",
    ),
    spec(
        HOW,
        "notify-ready",
        Takes::Nothing,
        |options, given| put(&mut options.notify_ready, given.flag()),
        "Tell systemd when the command starts that the service is ready (Type=notify)",
    ),
    spec(
        ENVIRONMENT,
        "keep-existing",
        Takes::Nothing,
        |options, given| put(&mut options.keep_existing, given.flag()),
        "Keep variables that are already set and not empty",
    ),
    spec(
        ENVIRONMENT,
        "clean-env",
        Takes::Nothing,
        |options, given| put(&mut options.clean_env, given.flag()),
        "Pass on only PATH, HOME, locale and the like, and variables of systemd and Lambda",
    ),
    spec(
        ENVIRONMENT,
        "pass",
        Takes::Texts("GLOB"),
        |options, given| put(&mut options.pass, given.patterns()),
        "With --clean-env: also pass on these variables (repeatable)",
    ),
    spec(
        ENVIRONMENT,
        "unset",
        Takes::Texts("GLOB"),
        |options, given| put(&mut options.unset, given.patterns()),
        "Do not pass on these variables, for example 'AWS_*' (repeatable)",
    ),
    spec(
        ROTATION,
        "on-rotation",
        Takes::Text("MODE"),
        |options, given| put(&mut options.on_rotation, given.parsed(|text| OnRotation::parse(&text))),
        "Stay, and act when a secret changes: restart, signal=NAME or exit",
    ),
    spec(
        ROTATION,
        "poll-interval",
        Takes::Text("DURATION"),
        |options, given| put(&mut options.poll_interval, given.parsed(duration).and_then(poll_interval)),
        "The time between two reads of the secrets, at least 10s [default: 5m]",
    ),
    spec(
        ROTATION,
        "splay",
        Takes::Text("DURATION"),
        |options, given| put(&mut options.splay, given.parsed(duration_or_zero)),
        "The limit of the random delay after a change, which spreads a fleet [default: 0s]",
    ),
    spec(
        ROTATION,
        "stop-signal",
        Takes::Text("SIGNAL"),
        |options, given| put(&mut options.stop_signal, given.parsed(signal)),
        "The signal that stops the command [default: TERM]",
    ),
    spec(
        ROTATION,
        "grace",
        Takes::Text("DURATION"),
        |options, given| put(&mut options.grace, given.parsed(duration_or_zero)),
        "The time between that signal and KILL [default: 30s]",
    ),
    spec(
        ROTATION,
        "poll-signal",
        Takes::Text("SIGNAL"),
        |options, given| put(&mut options.poll_signal, given.parsed(|text| poll_signal(&text))),
        "The signal to secrets-exec that makes it read the secrets at once",
    ),
    OptionSpec {
        short: Some('v'),
        ..spec(
            OUTPUT,
            "verbose",
            Takes::Level,
            |options, given| put(&mut options.verbose, given.level()),
            "Print the secret and version of each variable, never its value; -vv also identity, requests and times",
        )
    },
    OptionSpec {
        short: Some('q'),
        ..spec(
            OUTPUT,
            "quiet",
            Takes::Nothing,
            |options, given| put(&mut options.quiet, given.flag()),
            "Print no warnings, no notes and no progress line",
        )
    },
    spec(
        OUTPUT,
        "log-format",
        Takes::Text("FORMAT"),
        |options, given| put(&mut options.log_format, given.parsed(log_format)),
        "The format of the lines on standard error: text or json [default: text]",
    ),
];

/// Returns the option with this long name.
pub fn find_option(name: &str) -> Option<&'static OptionSpec> {
    OPTIONS.iter().find(|option| option.name == name)
}

fn put<T>(field: &mut Option<T>, value: Result<T, Expected>) -> Result<(), Expected> {
    *field = Some(value?);
    Ok(())
}
