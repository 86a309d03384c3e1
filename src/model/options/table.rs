//! The options that the command line, `SECRETS_EXEC_*` and `defaults:` share: one row each, in the order of `--help`.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;
use std::time::Duration;

use glob::Pattern;

use super::value::{
    AgentChoice, Expected, KeyExchange, LogFormat, OnRotation, SignalNumber, agent, duration,
    duration_or_zero, flag, key_exchange, level, log_format, mode, path, pattern, poll_interval,
    poll_signal, region, role, signal, text, url,
};
use crate::model::env_name::OWN_PREFIX;
use crate::model::reference::{Region, Role};
use crate::model::url::HttpUrl;

/// An option of the table.
#[derive(Debug)]
pub struct OptionSpec {
    pub id: OptionId,
    /// The long name, without `--`, and the key under `defaults:`.
    pub name: &'static str,
    pub short: Option<char>,
    pub takes: Takes,
    /// Parses a value into its field; of a [`Takes::Texts`], adds one to the field's list.
    pub set: fn(&mut TypedOptions, &OsStr) -> Result<(), Expected>,
    /// The description in `--help`.
    pub help: &'static str,
    /// The heading in `--help`.
    pub heading: &'static str,
}

/// The kind of value; the text is the value's name in `--help`. A flag's value is `1` or `0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// One text.
    Text(&'static str),
    /// None; in a declaration `true` or `false`.
    Nothing,
    /// None; repeating the option says more. In a variable `0`, `1` or `2`, in a declaration also `true` or `false`.
    Level,
    /// One text for each use of the option; in a variable separated by commas, in a declaration a list, or one text.
    Texts(&'static str),
    /// None or, after an equals sign, one text.
    Optional(&'static str),
}

impl OptionSpec {
    /// Returns the variable that sets the option: `SECRETS_EXEC_` and the long name in upper case.
    pub fn variable(&self) -> String {
        format!("{OWN_PREFIX}{}", self.name.to_uppercase().replace('-', "_"))
    }

    /// True if `defaults:` may set the option. A declaration must not replace AWS by a local file.
    pub fn in_declaration(&self) -> bool {
        self.id != OptionId::Local
    }
}

/// Returns the option with this long name.
pub fn find_option(name: &str) -> Option<&'static OptionSpec> {
    OPTIONS.iter().find(|option| option.name == name)
}

fn set_value<T>(field: &mut Option<T>, value: T) {
    *field = Some(value);
}

fn add_value<T>(field: &mut Option<Vec<T>>, value: T) {
    field.get_or_insert_default().push(value);
}

/// Makes the table, the struct and the enum of rows `field: type = set_value(Variant name, takes, parser, help);`.
macro_rules! options {
    ($($heading:literal { $($field:ident: $type:ty = $put:ident($id:ident $name:literal $($short:literal)?, $takes:expr, $parse:ident, $help:literal);)* })*) => {
        /// An option of the table.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum OptionId { $($($id,)*)* }

        impl Display for OptionId {
            /// Writes the option's name.
            fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
                formatter.write_str(match self { $($(Self::$id => $name,)*)* })
            }
        }

        /// The options that one place sets, the command line, `SECRETS_EXEC_*` or one declaration; `None` for the others.
        #[derive(Clone, Debug, Default)]
        pub struct TypedOptions {
            $($(#[doc = $help] pub $field: Option<$type>,)*)*
            /// The place of each option that a declaration sets.
            pub places: BTreeMap<OptionId, String>,
            /// A line for each option that a higher place has turned off.
            pub turned_off: Vec<String>,
            /// A warning for each option that goes with one of a higher place, and so is ignored.
            pub ignored: Vec<String>,
        }

        impl TypedOptions {
            /// Adds the options of `lower` that these do not set or exclude.
            #[must_use]
            pub fn over(mut self, mut lower: Self) -> Self {
                lower.turn_off_below(&self);
                lower.places.retain(|option, _| !self.sets(*option));
                self.places.append(&mut lower.places);
                self.turned_off.append(&mut lower.turned_off);
                self.ignored.append(&mut lower.ignored);
                Self { $($($field: self.$field.or(lower.$field),)*)* ..self }
            }

            /// True if the option has a value.
            pub fn sets(&self, option: OptionId) -> bool {
                match option { $($(OptionId::$id => self.$field.is_some(),)*)* }
            }

            /// Removes the value of the option.
            pub fn unset(&mut self, option: OptionId) {
                match option { $($(OptionId::$id => self.$field = None,)*)* }
            }
        }

        pub const OPTIONS: &[OptionSpec] = &[$($(OptionSpec {
            id: OptionId::$id,
            name: $name,
            short: [$(Some($short),)? None][0],
            takes: $takes,
            set: |options, value| { $put(&mut options.$field, $parse(value)?); Ok(()) },
            help: $help,
            heading: $heading,
        },)*)*];
    };
}

options! {
    "How to resolve" {
        region: Region = set_value(Region "region", Takes::Text("REGION"), region,
            "The AWS region to read from, unless an ARN names one");
        fallback_regions: Vec<Region> = add_value(FallbackRegion "fallback-region", Takes::Texts("REGION"), region,
            "A region to read from if a secret's own region is unavailable (repeatable)");
        profile: String = set_value(Profile "profile", Takes::Text("NAME"), text,
            "The profile to use from the AWS configuration files");
        role_arn: Role = set_value(RoleArn "role-arn", Takes::Text("ARN"), role,
            "The IAM role to assume before reading secrets");
        external_id: String = set_value(ExternalId "external-id", Takes::Text("ID"), text,
            "The external id that the role's trust policy requires");
        endpoint_url: HttpUrl = set_value(EndpointUrl "endpoint-url", Takes::Text("URL"), url,
            "The URL of Secrets Manager, to use instead of AWS's own endpoint");
        ca_bundle: PathBuf = set_value(CaBundle "ca-bundle", Takes::Text("FILE"), path,
            "A PEM file of root certificates to trust instead of the default ones");
        key_exchange: KeyExchange = set_value(KeyExchange "key-exchange", Takes::Text("MODE"), key_exchange,
            "The TLS key exchange: hybrid (post-quantum), or classical for firewalls that drop a long ClientHello [default: hybrid]");
        timeout: Duration = set_value(Timeout "timeout", Takes::Text("DURATION"), duration,
            "Give up after this time [default: 30s; Lambda: 8s]");
        wait: Duration = set_value(Wait "wait", Takes::Text("DURATION"), duration,
            "Keep trying for this long while credentials are missing or the network is unreachable; each try has its own --timeout");
        agent: AgentChoice = set_value(Agent "agent", Takes::Optional("URL"), agent,
            "Read secrets through the AWS Secrets Manager Agent [default: http://127.0.0.1:2773]");
        agent_fallback: bool = set_value(AgentFallback "agent-fallback", Takes::Nothing, flag,
            "With --agent: ask AWS directly if the agent is unavailable");
        local: PathBuf = set_value(Local "local", Takes::Text("FILE"), path,
            "Read secrets from a YAML or JSON file instead of AWS");
        cache: PathBuf = set_value(Cache "cache", Takes::Text("DIR"), path,
            "Keep AWS's answers for later launches in this directory on an in-memory file system (tmpfs)");
        cache_ttl: Duration = set_value(CacheTtl "cache-ttl", Takes::Text("DURATION"), duration_or_zero,
            "With --cache: use an answer younger than this without asking AWS [default: 0s]");
        cache_stale: Duration = set_value(CacheStale "cache-stale", Takes::Text("DURATION"), duration_or_zero,
            "With --cache: use an answer younger than this if AWS is unavailable [default: 24h]");
        notify_ready: bool = set_value(NotifyReady "notify-ready", Takes::Nothing, flag,
            "When the command starts, tell systemd that the service is ready (Type=notify)");
    }
    "What the command gets" {
        keep_existing: bool = set_value(KeepExisting "keep-existing", Takes::Nothing, flag,
            "Don't overwrite variables that are already set and not empty");
        clean_env: bool = set_value(CleanEnv "clean-env", Takes::Nothing, flag,
            "Pass on only PATH, HOME, the locale and a few others");
        pass: Vec<Pattern> = add_value(Pass "pass", Takes::Texts("GLOB"), pattern,
            "With --clean-env: also pass on variables with a matching name (repeatable)");
        unset: Vec<Pattern> = add_value(Unset "unset", Takes::Texts("GLOB"), pattern,
            "Don't pass on variables with a matching name, for example AWS_SECRET_ACCESS_KEY (repeatable)");
    }
    "Rotation" {
        on_rotation: OnRotation = set_value(OnRotation "on-rotation", Takes::Text("MODE"), mode,
            "When a secret changes: restart, signal=NAME or exit");
        poll_interval: Duration = set_value(PollInterval "poll-interval", Takes::Text("DURATION"), poll_interval,
            "How long to wait before reading the secrets again, at least 10s [default: 5m]");
        splay: Duration = set_value(Splay "splay", Takes::Text("DURATION"), duration_or_zero,
            "The longest random delay before acting on a change, so that not all hosts act at the same time [default: 0s]");
        stop_signal: SignalNumber = set_value(StopSignal "stop-signal", Takes::Text("SIGNAL"), signal,
            "The signal that stops the command [default: TERM]");
        grace: Duration = set_value(Grace "grace", Takes::Text("DURATION"), duration_or_zero,
            "How long the command may take to stop before it is killed [default: 30s]");
        poll_signal: SignalNumber = set_value(PollSignal "poll-signal", Takes::Text("SIGNAL"), poll_signal,
            "The signal that makes secrets-exec read the secrets immediately");
    }
    "Output" {
        verbose: u8 = set_value(Verbose "verbose" 'v', Takes::Level, level,
            "Print where the values come from; -vv: also the requests");
        quiet: bool = set_value(Quiet "quiet" 'q', Takes::Nothing, flag,
            "Hide warnings, notes and the progress line");
        log_format: LogFormat = set_value(LogFormat "log-format", Takes::Text("FORMAT"), log_format,
            "The format of messages on standard error: text or json [default: text]");
    }
}
