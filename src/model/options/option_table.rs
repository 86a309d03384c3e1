//! The table of options, with one row for each, in the order of `--help`. The command line,
//! `SECRETS_EXEC_*` and `defaults:` all follow from it.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;
use std::time::Duration;

use glob::Pattern;

use super::option_value::{
    AgentChoice, Expected, KeyExchange, LogFormat, OnRotation, SignalNumber, parse_agent,
    parse_duration, parse_duration_or_zero, parse_flag, parse_key_exchange, parse_level,
    parse_log_format, parse_name_pattern, parse_on_rotation, parse_path, parse_poll_interval,
    parse_poll_signal, parse_region, parse_role, parse_signal, parse_text, parse_url,
};
use crate::model::env_variables::OWN_PREFIX;
use crate::model::reference::{Region, Role};
use crate::model::url::HttpUrl;

/// A row of the table.
#[derive(Debug)]
pub struct OptionSpec {
    pub id: OptionId,
    /// The long name, without `--`. It is also the key under `defaults:`.
    pub name: &'static str,
    pub short: Option<char>,
    pub takes: Takes,
    /// Parses a value and puts it into its field. For [`Takes::Texts`], adds it to the list in the
    /// field.
    pub set: fn(&mut TypedOptions, &OsStr) -> Result<(), Expected>,
    /// The description in `--help`.
    pub help: &'static str,
    /// The heading in `--help`.
    pub heading: &'static str,
}

/// The kind of value that an option takes. The text is the name of the value in `--help`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// One piece of text.
    Text(&'static str),
    /// No value: the option is a flag. A variable sets it to `1` or `0`, and a declaration to
    /// `true` or `false`.
    Nothing,
    /// No value, but the option can be repeated. A variable sets it to `0`, `1` or `2`, and a
    /// declaration also to `true` or `false`.
    Level,
    /// One value for each use of the option. In a variable, commas separate the values. A
    /// declaration has a list, or one value.
    Texts(&'static str),
    /// No value or, after an equals sign, one value.
    Optional(&'static str),
}

impl OptionSpec {
    /// Returns the variable that sets the option: `SECRETS_EXEC_` and the long name in upper case,
    /// with underscores instead of hyphens.
    pub fn variable(&self) -> String {
        format!("{OWN_PREFIX}{}", self.name.to_uppercase().replace('-', "_"))
    }

    /// True if `defaults:` can set the option. A declaration must not replace AWS by a local file.
    pub fn in_declaration(&self) -> bool {
        self.id != OptionId::Local
    }
}

/// Returns the option with this long name, if there is one.
pub fn find_option(name: &str) -> Option<&'static OptionSpec> {
    OPTIONS.iter().find(|option| option.name == name)
}

/// Sets the field of an option, and replaces an earlier value.
fn set_value<T>(field: &mut Option<T>, value: T) {
    *field = Some(value);
}

/// Adds a value to the field of a repeatable option.
fn add_value<T>(field: &mut Option<Vec<T>>, value: T) {
    field.get_or_insert_default().push(value);
}

/// Makes the table, the struct [`TypedOptions`] and the enum [`OptionId`] from rows of this form:
///
/// `field: type = set_value(Variant name, takes, parser, help);`
macro_rules! options {
    ($($heading:literal { $($field:ident: $type:ty = $put:ident($id:ident $name:literal $($short:literal)?, $takes:expr, $parse:ident, $help:literal);)* })*) => {
        /// The id of an option.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum OptionId { $($($id,)*)* }

        impl Display for OptionId {
            /// Writes the option's name.
            fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
                formatter.write_str(match self { $($(Self::$id => $name,)*)* })
            }
        }

        /// The options that one place sets: the command line, the variables `SECRETS_EXEC_*`, or
        /// one declaration. Options that it doesn't set are `None`.
        #[derive(Clone, Debug, Default)]
        pub struct TypedOptions {
            $($(#[doc = $help] pub $field: Option<$type>,)*)*
            /// The position of each option that a declaration sets, such as `app.yaml:3:5`. Options
            /// of other places aren't in the map.
            pub positions: BTreeMap<OptionId, String>,
            /// A line for each option that a place with higher precedence has turned off.
            pub turned_off: Vec<String>,
            /// A warning for each option that is ignored, because the option that it belongs to has
            /// been set in a place with higher precedence.
            pub ignored: Vec<String>,
        }

        impl TypedOptions {
            /// Adds the options of `lower`, a place with lower precedence, except those that these
            /// options set or exclude.
            #[must_use]
            pub fn over(mut self, mut lower: Self) -> Self {
                lower.turn_off_below(&self);
                lower.positions.retain(|option, _| !self.sets(*option));
                self.positions.append(&mut lower.positions);
                self.turned_off.append(&mut lower.turned_off);
                self.ignored.append(&mut lower.ignored);
                Self { $($($field: self.$field.or(lower.$field),)*)* ..self }
            }

            /// True if this place sets the option.
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
        region: Region = set_value(Region "region", Takes::Text("REGION"), parse_region,
            "The AWS region, unless an ARN or alias names another");
        fallback_regions: Vec<Region> = add_value(FallbackRegion "fallback-region", Takes::Texts("REGION"), parse_region,
            "A region to read from if a secret's own region is unavailable (repeatable)");
        profile: String = set_value(Profile "profile", Takes::Text("NAME"), parse_text,
            "The profile to use from the AWS configuration files");
        role_arn: Role = set_value(RoleArn "role-arn", Takes::Text("ARN"), parse_role,
            "The IAM role to assume before reading secrets");
        external_id: String = set_value(ExternalId "external-id", Takes::Text("ID"), parse_text,
            "The external ID that the role's trust policy requires");
        endpoint_url: HttpUrl = set_value(EndpointUrl "endpoint-url", Takes::Text("URL"), parse_url,
            "The URL of Secrets Manager, to use instead of AWS's own endpoint");
        ca_bundle: PathBuf = set_value(CaBundle "ca-bundle", Takes::Text("FILE"), parse_path,
            "A PEM file of root certificates to trust instead of the default ones");
        key_exchange: KeyExchange = set_value(KeyExchange "key-exchange", Takes::Text("MODE"), parse_key_exchange,
            "The TLS key exchange: hybrid (post-quantum), or classical for firewalls that drop a large ClientHello [default: hybrid]");
        timeout: Duration = set_value(Timeout "timeout", Takes::Text("DURATION"), parse_duration,
            "Give up reading after this time [default: 30s; on Lambda: 8s]");
        wait: Duration = set_value(Wait "wait", Takes::Text("DURATION"), parse_duration,
            "Keep trying for this long while credentials are missing or the network is unreachable; each attempt has its own --timeout");
        agent: AgentChoice = set_value(Agent "agent", Takes::Optional("URL"), parse_agent,
            "Read secrets through the AWS Secrets Manager Agent (http://127.0.0.1:2773 unless a URL is given)");
        agent_fallback: bool = set_value(AgentFallback "agent-fallback", Takes::Nothing, parse_flag,
            "Ask AWS directly if the agent is unavailable (with --agent)");
        local: PathBuf = set_value(Local "local", Takes::Text("FILE"), parse_path,
            "Read secrets from a YAML or JSON file instead of AWS");
        cache: PathBuf = set_value(Cache "cache", Takes::Text("DIR"), parse_path,
            "Cache AWS's responses for later launches in this directory, which must be in memory (tmpfs)");
        cache_ttl: Duration = set_value(CacheTtl "cache-ttl", Takes::Text("DURATION"), parse_duration_or_zero,
            "Use a cached response without asking AWS if it is at most this old [default: 0s]");
        cache_stale: Duration = set_value(CacheStale "cache-stale", Takes::Text("DURATION"), parse_duration_or_zero,
            "If AWS is unavailable, use a cached response that is at most this old [default: 24h]");
        notify_ready: bool = set_value(NotifyReady "notify-ready", Takes::Nothing, parse_flag,
            "When the command starts, tell systemd that the service is ready (Type=notify)");
    }
    "What the command gets" {
        keep_existing: bool = set_value(KeepExisting "keep-existing", Takes::Nothing, parse_flag,
            "Don't overwrite variables that are already set and not empty");
        clean_env: bool = set_value(CleanEnv "clean-env", Takes::Nothing, parse_flag,
            "Pass on only PATH, HOME, the locale and a few others");
        pass: Vec<Pattern> = add_value(Pass "pass", Takes::Texts("GLOB"), parse_name_pattern,
            "With --clean-env, also pass on variables whose names match GLOB (repeatable)");
        unset: Vec<Pattern> = add_value(Unset "unset", Takes::Texts("GLOB"), parse_name_pattern,
            "Don't pass on variables whose names match GLOB, for example AWS_SECRET_ACCESS_KEY (repeatable)");
    }
    "Rotation" {
        on_rotation: OnRotation = set_value(OnRotation "on-rotation", Takes::Text("MODE"), parse_on_rotation,
            "When a secret changes: restart, signal=NAME or exit");
        poll_interval: Duration = set_value(PollInterval "poll-interval", Takes::Text("DURATION"), parse_poll_interval,
            "How long to wait before reading the secrets again, at least 10s [default: 5m]");
        splay: Duration = set_value(Splay "splay", Takes::Text("DURATION"), parse_duration_or_zero,
            "The maximum random delay before acting on a change, so that hosts don't all act at the same time [default: 0s]");
        stop_signal: SignalNumber = set_value(StopSignal "stop-signal", Takes::Text("SIGNAL"), parse_signal,
            "The signal that stops the command [default: TERM]");
        grace: Duration = set_value(Grace "grace", Takes::Text("DURATION"), parse_duration_or_zero,
            "How long the command may take to stop before it is killed [default: 30s]");
        poll_signal: SignalNumber = set_value(PollSignal "poll-signal", Takes::Text("SIGNAL"), parse_poll_signal,
            "The signal that makes secrets-exec read the secrets immediately");
    }
    "Output" {
        verbose: u8 = set_value(Verbose "verbose" 'v', Takes::Level, parse_level,
            "Print where the values come from; -vv: also the requests");
        quiet: bool = set_value(Quiet "quiet" 'q', Takes::Nothing, parse_flag,
            "Hide warnings, notes and the progress line");
        log_format: LogFormat = set_value(LogFormat "log-format", Takes::Text("FORMAT"), parse_log_format,
            "The format of messages on standard error: text or json [default: text]");
    }
}
