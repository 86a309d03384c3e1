//! Every option that can be given in three places, in the order of `--help`.

use super::spec::{Expected, OptionSpec, Set, Takes, duration, role, url};
use crate::model::reference::Region;

const HOW: &str = "How to resolve";

const TARGET: &str = "What the command gets";

const TALK: &str = "Talking";

const fn spec(heading: &'static str, name: &'static str, takes: Takes, set: Set, help: &'static str) -> OptionSpec {
    OptionSpec { name, key: name, short: None, takes, set, help, heading, in_declaration: true }
}

/// Every such option, in the order of `--help`.
pub const OPTIONS: &[OptionSpec] = &[
    spec(
        HOW,
        "region",
        Takes::Text("REGION"),
        |options, given| {
            put(&mut options.region, given.parsed(|text| Region::parse(&text).map_err(|_| Region::EXPECTED)))
        },
        "Where secrets are read that name no region themselves",
    ),
    OptionSpec {
        key: "fallback-regions",
        ..spec(
            HOW,
            "fallback-region",
            Takes::Texts("REGION"),
            |options, given| put(&mut options.fallback_regions, given.regions()),
            "Where to read what its own region fails to give: an outage, no denial and no absence",
        )
    },
    spec(
        HOW,
        "profile",
        Takes::Text("NAME"),
        |options, given| put(&mut options.profile, given.text()),
        "The profile of the AWS configuration files",
    ),
    spec(
        HOW,
        "role-arn",
        Takes::Text("ARN"),
        |options, given| put(&mut options.role_arn, given.parsed(role)),
        "A role to assume before reading",
    ),
    spec(
        HOW,
        "external-id",
        Takes::Text("ID"),
        |options, given| put(&mut options.external_id, given.text()),
        "The external id that the role's trust policy asks for",
    ),
    spec(
        HOW,
        "endpoint-url",
        Takes::Text("URL"),
        |options, given| put(&mut options.endpoint_url, given.parsed(url)),
        "Secrets Manager's endpoint, in place of AWS's own",
    ),
    spec(
        HOW,
        "ca-bundle",
        Takes::Text("FILE"),
        |options, given| put(&mut options.ca_bundle, given.path()),
        "Root certificates (PEM) in place of the system's",
    ),
    spec(
        HOW,
        "timeout",
        Takes::Text("DURATION"),
        |options, given| put(&mut options.timeout, given.parsed(duration)),
        "How long resolving may take in all [default: 30s]",
    ),
    spec(
        HOW,
        "wait",
        Takes::Text("DURATION"),
        |options, given| put(&mut options.wait, given.parsed(duration)),
        "Wait so long for credentials and the network; --timeout starts after it",
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
        "With --agent: when it cannot be reached, ask AWS itself",
    ),
    OptionSpec {
        in_declaration: false,
        ..spec(
            HOW,
            "local",
            Takes::Text("FILE"),
            |options, given| put(&mut options.local, given.path()),
            "Read secrets from this YAML, TOML or JSON file, with no AWS at all",
        )
    },
    spec(
        TARGET,
        "keep-existing",
        Takes::Nothing,
        |options, given| put(&mut options.keep_existing, given.flag()),
        "Leave variables alone that are already set and not empty",
    ),
    spec(
        TARGET,
        "clean-env",
        Takes::Nothing,
        |options, given| put(&mut options.clean_env, given.flag()),
        "Pass on nothing but PATH, HOME, locale, and what systemd set",
    ),
    spec(
        TARGET,
        "pass",
        Takes::Texts("GLOB"),
        |options, given| put(&mut options.pass, given.patterns()),
        "With --clean-env: pass these variables on, too",
    ),
    spec(
        TARGET,
        "unset",
        Takes::Texts("GLOB"),
        |options, given| put(&mut options.unset, given.patterns()),
        "Do not pass these variables on, 'AWS_*' say",
    ),
    OptionSpec {
        short: Some('v'),
        ..spec(
            TALK,
            "verbose",
            Takes::Nothing,
            |options, given| put(&mut options.verbose, given.flag()),
            "Say for each variable which version of which secret it is",
        )
    },
    OptionSpec {
        short: Some('q'),
        ..spec(TALK, "quiet", Takes::Nothing, |options, given| put(&mut options.quiet, given.flag()), "No warnings")
    },
];

/// The option with that key under `defaults:`.
pub fn find_option(key: &str) -> Option<&'static OptionSpec> {
    OPTIONS.iter().find(|option| option.key == key)
}

fn put<T>(field: &mut Option<T>, value: Result<T, Expected>) -> Result<(), Expected> {
    *field = Some(value?);
    Ok(())
}
