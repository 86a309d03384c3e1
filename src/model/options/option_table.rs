//! The table of options, one row for each, in the order of `--help`. For example, the row
//!
//! ```text
//! /// The AWS region, unless an ARN or alias names another
//! region: Region = set(Region "region", General, Text("REGION"), text(parse_region));
//! ```
//!
//! declares the option `--region REGION`, the variable `SECRETS_EXEC_REGION`, the key `region`
//! under `defaults:`, the field `region` of [`TypedOptions`], and the line in `--help`. Wherever
//! the value comes from, the parser parses its text, and `set` stores the result in the field.

use std::ffi::OsStr;
use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;
use std::time::Duration;

use glob::Pattern;
use nix::sys::signal::Signal;

use crate::model::environment::{OWN_PREFIX, parse_pattern};
use crate::model::message::{Place, Placed, Record};
use crate::model::reference::{Region, Role};
use crate::model::url::{HttpUrl, is_loopback};

#[derive(Debug)]
pub struct OptionSpec {
    pub id: OptionId,
    /// The long name without `--`, such as `region`. It is also the key under `defaults:`.
    pub name: &'static str,
    pub short: Option<char>,
    pub topic: Topic,
    pub takes: Takes,
    /// Parses a value, and stores it in the option's field of [`TypedOptions`]. If the option can
    /// be repeated ([`Takes::Texts`]), the field is a list, and the value is appended. `None` only
    /// creates the empty list.
    pub(super) set: fn(&mut TypedOptions, Option<&OsStr>, &Place) -> Parsed<()>,
    pub help: &'static str,
    pub heading: &'static str,
}

/// The topic of an option. A subcommand's help leaves out options on topics that the subcommand
/// ignores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// Any option without a more specific topic, such as `--region`. No subcommand ignores these.
    General,
    /// Requests to AWS: endpoints, time limits, the cache. `policy` ignores these options, because
    /// it doesn't send requests.
    Requests,
    /// Which inherited variables the command gets.
    Variables,
    /// The time after the command has started: `--notify-ready`, and the options for rotations.
    Running,
}

/// The kind of value that an option takes. The string is the value's placeholder in `--help`, such
/// as `FORMAT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// Exactly one value.
    Text(&'static str),
    /// No value: the option is a flag, such as `--clean-env`. In a variable, it is `1` or `0`, and
    /// in a declaration `true` or `false`.
    Nothing,
    /// No value, but the flag can be repeated, as in `-vv`. A variable or a declaration sets the
    /// level: `0`, `1` or `2`.
    Level,
    /// One value each time the option is used. A variable lists the values, separated by commas. A
    /// declaration has a list or a single value.
    Texts(&'static str),
    /// An optional value after an equals sign: `--agent` or `--agent=URL`.
    Optional(&'static str),
}

impl OptionSpec {
    /// True if a declaration can set the option under `defaults:`. Only `--local` is excluded: a
    /// declaration must not replace AWS with a local file.
    pub fn is_for_declarations(&self) -> bool {
        self.id != OptionId::Local
    }
}

impl OptionId {
    /// The name of the variable that sets the option, such as `SECRETS_EXEC_REGION`.
    pub fn variable(self) -> String {
        let name = format!("{OWN_PREFIX}{self}");
        name.to_uppercase().replace('-', "_")
    }
}

/// The value of an option, without the place where it was set.
pub(super) fn value<T: Clone>(option: &Option<Placed<T>>) -> Option<T> {
    option.as_ref().map(|set| set.value.clone())
}

pub fn find_option(name: &str) -> Option<&'static OptionSpec> {
    OPTIONS.iter().find(|option| option.name == name)
}

fn set<T>(field: &mut Option<Placed<T>>, value: Option<T>, place: &Place) {
    *field = value.map(|value| Placed::new(value, place));
}

fn add<T>(field: &mut Option<Placed<List<T>>>, value: Option<T>, place: &Place) {
    let list = field.get_or_insert_with(|| Placed::new(Vec::new(), place));
    list.value
        .extend(value.map(|value| Placed::new(value, place)));
}

/// The values of a repeatable option, each with the place where it was set.
type List<T> = Vec<Placed<T>>;

/// Generates [`OPTIONS`], [`TypedOptions`] and [`OptionId`] from a table of all options.
///
/// The rows are grouped by their headings in `--help`, and a row's doc comment is the option's text
/// there. A row has this form:
///
/// `field: type = set(Variant "name" 'short', topic, takes, parser);`
macro_rules! options {
    ($($heading:literal {
        $($(#[doc = $help:literal])+ $field:ident: $type:ty = $put:ident(
            $id:ident $name:literal $($short:literal)?, $topic:ident,
            $takes:ident $(($value:literal))?, $parse:expr);)*
    })*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum OptionId { $($($id,)*)* }

        impl Display for OptionId {
            fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
                formatter.write_str(match self { $($(Self::$id => $name,)*)* })
            }
        }

        /// The options set in one place, or merged from several places. A place is the command
        /// line, the `SECRETS_EXEC_*` variables, or a declaration. Options that aren't set are
        /// `None`.
        #[derive(Clone, Debug, Default)]
        pub struct TypedOptions {
            $($($(#[doc = $help])+ pub(super) $field: Option<Placed<$type>>,)*)*
            /// Notes and warnings about options that have no effect.
            ///
            /// - A note says that an option is turned off, because an option with higher precedence
            ///   excludes it, or because it requires Linux. Notes are printed only with
            ///   `--verbose`.
            /// - A warning says that an external id is ignored, because the role comes from a place
            ///   with higher precedence.
            pub notices: Vec<Record>,
            /// The patterns of `pass` that have no effect, because a place with higher precedence
            /// sets `pass` or `clean-env`.
            pub ignored_pass: Vec<Placed<Pattern>>,
        }

        impl TypedOptions {
            /// Merges these options with `lower`, the options of a place with lower precedence.
            ///
            /// If both set an option, the value in `self` is used. Options in `lower` that conflict
            /// with `self` are turned off ([`Self::turn_off_below`]).
            ///
            /// Only the patterns of `unset` are combined. Otherwise, the command would get
            /// variables that the list in `lower` is meant to remove.
            #[must_use]
            pub fn over(mut self, mut lower: Self) -> Self {
                lower.turn_off_below(&self);
                // `unset: []` is meant to undo the `unset` of earlier declarations.
                if let Some(unset) = &mut self.unset && !unset.value.is_empty() {
                    unset.value.extend(value(&lower.unset).unwrap_or_default());
                }
                self.ignored_pass.append(&mut lower.ignored_pass);
                self.notices.append(&mut lower.notices);
                Self { $($($field: self.$field.or(lower.$field),)*)* ..self }
            }

            /// The place where an option is set.
            pub fn place(&self, option: OptionId) -> Option<&Place> {
                match option {
                    $($(OptionId::$id => self.$field.as_ref().map(|set| &set.place),)*)*
                }
            }

            pub fn unset(&mut self, option: OptionId) {
                match option { $($(OptionId::$id => self.$field = None,)*)* }
            }
        }

        pub const OPTIONS: &[OptionSpec] = &[$($(OptionSpec {
            id: OptionId::$id,
            name: $name,
            // The first element is the row's short name, if it has one, and `None` otherwise.
            short: [$(Some($short),)? None][0],
            topic: Topic::$topic,
            takes: Takes::$takes $(($value))?,
            set: |options, value, place| {
                $put(&mut options.$field, value.map($parse).transpose()?, place);
                Ok(())
            },
            // Every line of a doc comment begins with a space.
            help: concat!($($help),+).trim_ascii_start(),
            heading: $heading,
        },)*)*];
    };
}

options! {
    "How to read" {
        /// The AWS region, unless an ARN or alias names another
        region: Region = set(Region "region", General, Text("REGION"), text(parse_region));
        /// A region to read from if a secret's own region is unavailable (repeatable)
        fallback_regions: List<Region> = add(FallbackRegion "fallback-region", General,
            Texts("REGION"), text(parse_region));
        /// The profile to use from the AWS configuration files
        profile: String = set(Profile "profile", General, Text("NAME"),
            text(|name| Ok(name.to_owned())));
        /// The IAM role to assume before reading secrets
        role_arn: Role = set(RoleArn "role-arn", General, Text("ARN"),
            text(Role::parse));
        /// The external id that the role's trust policy requires
        external_id: String = set(ExternalId "external-id", General, Text("ID"),
            text(Role::check_external_id));
        /// The URL of Secrets Manager, to use instead of AWS's own endpoint (for Parameter Store,
        /// set AWS_ENDPOINT_URL_SSM)
        endpoint_url: HttpUrl = set(EndpointUrl "endpoint-url", Requests, Text("URL"),
            text(HttpUrl::parse_endpoint));
        /// A PEM file of root certificates to trust instead of the default ones
        ca_bundle: PathBuf = set(CaBundle "ca-bundle", Requests, Text("FILE"), parse_path);
        /// The TLS key exchange: hybrid (post-quantum), or classical for firewalls that drop a
        /// large ClientHello [default: hybrid]
        key_exchange: KeyExchange = set(KeyExchange "key-exchange", Requests, Text("MODE"),
            choice(KEY_EXCHANGES, "hybrid or classical"));
        /// Give up reading after this time [default: 30s; on Lambda: 8s]
        timeout: Duration = set(Timeout "timeout", Requests, Text("DURATION"), parse_duration);
        /// Keep trying for this long while credentials are missing or the network is unreachable;
        /// each attempt has its own --timeout
        wait: Duration = set(Wait "wait", Requests, Text("DURATION"), parse_duration);
        /// Read secrets through the AWS Secrets Manager Agent (http://127.0.0.1:2773 unless a URL
        /// is given)
        agent: AgentChoice = set(Agent "agent", General, Optional("URL"), parse_agent);
        /// Read secrets from a YAML or JSON file instead of AWS
        local: PathBuf = set(Local "local", Requests, Text("FILE"), parse_path);
        /// Cache AWS's responses for later launches in this directory, which must be in memory
        /// (tmpfs)
        cache: PathBuf = set(Cache "cache", Requests, Text("DIR"), parse_path);
        /// Use a cached response without asking AWS if it is at most this old [default: 0s]
        cache_ttl: Duration = set(CacheTtl "cache-ttl", Requests, Text("DURATION"),
            text(parse_duration_or_zero));
        /// If AWS is unavailable, use a cached response that is at most this old [default: 24h]
        cache_stale: Duration = set(CacheStale "cache-stale", Requests, Text("DURATION"),
            text(parse_duration_or_zero));
        /// When the command starts, tell systemd that the service is ready (Type=notify)
        notify_ready: bool = set(NotifyReady "notify-ready", Running, Nothing, parse_flag);
    }
    "What the command gets" {
        /// Don't overwrite variables that are already set and not empty
        keep_existing: bool = set(KeepExisting "keep-existing", Variables, Nothing, parse_flag);
        /// Pass on only PATH, HOME, the locale and a few others
        clean_env: bool = set(CleanEnv "clean-env", Variables, Nothing, parse_flag);
        /// With --clean-env, also pass on variables whose names match GLOB (repeatable)
        pass: List<Pattern> = add(Pass "pass", Variables, Texts("GLOB"), text(parse_pattern));
        /// Don't pass on variables whose names match GLOB, for example AWS_SECRET_ACCESS_KEY
        /// (repeatable)
        unset: List<Pattern> = add(Unset "unset", Variables, Texts("GLOB"), text(parse_pattern));
    }
    "Rotation" {
        /// When a secret changes: restart, signal=NAME or exit
        on_rotation: OnRotation = set(OnRotation "on-rotation", Running, Text("MODE"),
            text(parse_on_rotation));
        /// How long to wait before reading the secrets again, at least 10s [default: 5m]
        poll_interval: Duration = set(PollInterval "poll-interval", Running, Text("DURATION"),
            parse_poll_interval);
        /// The signal that stops the command [default: TERM]
        stop_signal: SignalNumber = set(StopSignal "stop-signal", Running, Text("SIGNAL"),
            text(SignalNumber::parse));
        /// How long the command may take to stop before it is killed [default: 30s]
        grace: Duration = set(Grace "grace", Running, Text("DURATION"),
            text(parse_duration_or_zero));
        /// The signal that makes secrets-exec read the secrets immediately
        poll_signal: SignalNumber = set(PollSignal "poll-signal", Running, Text("SIGNAL"),
            text(parse_poll_signal));
    }
    "Output" {
        /// Print where values come from; -vv: also the requests
        verbose: u8 = set(Verbose "verbose" 'v', General, Level, parse_level);
        /// Hide notes and --local's warning; -qq: all warnings
        quiet: Quiet = set(Quiet "quiet" 'q', General, Level, parse_quiet);
        /// The format of messages on standard error: text or json [default: text]
        log_format: LogFormat = set(LogFormat "log-format", General, Text("FORMAT"),
            choice(LOG_FORMATS, "text or json"));
    }
}

/// A parsed value or, if the value is invalid, a description of valid ones, such as `a path`, for
/// the message "… must be …". If the value looks like a misspelled word from the description, the
/// help text suggests that word.
pub type Parsed<T> = Result<T, &'static str>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AgentChoice {
    /// `--agent=0` or `--agent=false`: don't use the agent, even if a place with lower precedence
    /// turns it on.
    Off,
    At(HttpUrl),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnRotation {
    /// Stop the command and start it again with the new values.
    Restart,
    /// Replace the files that contain secrets, and then send this signal to the command.
    Signal(SignalNumber),
    /// Stop the command and exit.
    Exit,
}

impl OnRotation {
    /// The signal that tells the command to read its files again.
    pub fn signal(self) -> Option<SignalNumber> {
        match self {
            Self::Signal(signal) => Some(signal),
            Self::Restart | Self::Exit => None,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    #[default]
    Text,
    /// Print each message as one line of JSON.
    Json,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyExchange {
    /// X25519MLKEM768 or, if the server doesn't support it, a classical group. This makes the first
    /// TLS message longer than one packet, and some firewalls drop such messages.
    #[default]
    Hybrid,
    /// Only classical groups, for firewalls that drop a long first TLS message.
    Classical,
}

/// A signal's number on Linux (signal(7)). The constants don't fit Alpha, SPARC, MIPS and PA-RISC,
/// where some numbers differ. Real-time signals have no names here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SignalNumber(pub i32);

/// The condition for forwarding a signal that secrets-exec receives to the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forwarding {
    Always,
    /// Only if a process sent the signal (`si_code` is 0 or less, see sigaction(2)). A signal that
    /// comes from the kernel reports a fault in secrets-exec itself.
    IfSent,
    /// Never, because the signal is only for secrets-exec itself, or can't be handled (SIGKILL,
    /// SIGSTOP).
    Never,
}

impl SignalNumber {
    pub const INT: Self = Self(2);
    pub const KILL: Self = Self(9);
    pub const ALRM: Self = Self(14);
    pub const TERM: Self = Self(15);
    pub const CONT: Self = Self(18);
    pub const STOP: Self = Self(19);
    pub const TTIN: Self = Self(21);
    pub const TTOU: Self = Self(22);

    /// Parses the name of a signal that a command can handle, such as `HUP` or `sighup`.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let upper = text.to_ascii_uppercase();
        let name = upper.strip_prefix("SIG").unwrap_or(&upper);
        let signal: Option<Signal> = format!("SIG{name}").parse().ok();
        signal
            .map(|signal| Self(signal as i32))
            .filter(|signal| signal.forwarding() == Forwarding::Always)
            .ok_or("a signal that a program can handle (HUP, INT, QUIT, TRAP, ABRT, USR1, USR2, ALRM, TERM, CONT, TSTP, URG, XCPU, XFSZ, VTALRM, PROF, WINCH, IO, PWR, SYS)")
    }

    /// Decides when secrets-exec passes this signal on to the command that it supervises.
    pub fn forwarding(self) -> Forwarding {
        use Signal::*;
        match Signal::try_from(self.0) {
            Ok(SIGKILL | SIGSTOP | SIGCHLD | SIGTTIN | SIGTTOU | SIGPIPE) => Forwarding::Never,
            Ok(SIGSEGV | SIGBUS | SIGFPE | SIGILL) => Forwarding::IfSent,
            _ => Forwarding::Always,
        }
    }
}

impl Display for SignalNumber {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match Signal::try_from(self.0) {
            Ok(signal) => f.write_str(signal.as_str()),
            Err(_) => write!(f, "signal {}", self.0),
        }
    }
}

/// Turns a parser of text into a parser of option values, which may be arbitrary bytes. The new
/// parser rejects a value that isn't UTF-8.
fn text<T>(parse: fn(&str) -> Parsed<T>) -> impl Fn(&OsStr) -> Parsed<T> {
    move |value| parse(value.to_str().ok_or("text in UTF-8")?)
}

fn parse_path(value: &OsStr) -> Parsed<PathBuf> {
    if value.is_empty() {
        return Err("a path");
    }
    Ok(value.into())
}

/// Creates a parser that looks up a name in `choices`, and rejects any other text.
fn choice<T: Copy>(choices: &[(&str, T)], expected: &'static str) -> impl Fn(&OsStr) -> Parsed<T> {
    move |value| {
        choices
            .iter()
            .find(|(name, _)| value == *name)
            .map(|(_, choice)| *choice)
            .ok_or(expected)
    }
}

/// The values that turn a flag on or off in a variable, as in `SECRETS_EXEC_CLEAN_ENV=1`. On the
/// command line and in a declaration, flags are converted to `1` or `0` first.
const FLAG: &[(&str, bool)] = &[("1", true), ("0", false), ("true", true), ("false", false)];

fn parse_flag(value: &OsStr) -> Parsed<bool> {
    choice(FLAG, "1, 0, true or false")(value)
}

/// The values of `--verbose` or `--quiet` in a variable, as in `SECRETS_EXEC_VERBOSE=2`.
const LEVELS: &[(&str, u8)] = &[("0", 0), ("1", 1), ("2", 2), ("false", 0), ("true", 1)];

fn parse_level(value: &OsStr) -> Parsed<u8> {
    choice(LEVELS, "0, 1 or 2")(value)
}

/// What `--quiet` hides. A greater value also hides what the smaller ones hide.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quiet {
    #[default]
    Nothing,
    Notes,
    Warnings,
}

impl Quiet {
    /// What `--quiet` hides if it is given `level` times.
    pub fn from_level(level: u8) -> Self {
        match level {
            0 => Self::Nothing,
            1 => Self::Notes,
            2.. => Self::Warnings,
        }
    }
}

pub fn parse_quiet(value: &OsStr) -> Parsed<Quiet> {
    parse_level(value).map(Quiet::from_level)
}

const KEY_EXCHANGES: &[(&str, KeyExchange)] = &[
    ("hybrid", KeyExchange::Hybrid),
    ("classical", KeyExchange::Classical),
];

const LOG_FORMATS: &[(&str, LogFormat)] = &[("text", LogFormat::Text), ("json", LogFormat::Json)];

const DEFAULT_AGENT: &str = "http://127.0.0.1:2773";

/// Parses the value of `--agent`: a URL, `0` for off, or `1` for the default URL.
///
/// An agent on a different host must use https, because requests to it contain a token, and its
/// answers contain secrets.
fn parse_agent(value: &OsStr) -> Parsed<AgentChoice> {
    let url = match value.to_str().unwrap_or_default() {
        "0" | "false" => return Ok(AgentChoice::Off),
        "1" | "true" => DEFAULT_AGENT,
        other => other,
    };
    HttpUrl::parse_endpoint(url)
        .ok()
        .filter(|url| is_loopback(url.uri()) || url.is_https())
        .map(AgentChoice::At)
        .ok_or(
            "a URL such as http://127.0.0.1:2773, without a user name, password or query (use \
             https if the agent is on another host)",
        )
}

/// Parses a region code. Any code of the right form is accepted, because emulators can have regions
/// that AWS doesn't have.
pub fn parse_region(code: &str) -> Parsed<Region> {
    Region::parse(code).ok_or(Region::EXPECTED)
}

/// The upper limit for durations: a century. Longer durations are cut to this limit, so that adding
/// up several can't overflow.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// Parses a duration such as `1m30s`. Zero is allowed.
fn parse_duration_or_zero(text: &str) -> Parsed<Duration> {
    match humantime::parse_duration(text) {
        Ok(duration) => Ok(duration.min(LONGEST)),
        Err(_) => Err("a duration with a unit, such as 30s, 1m30s or 0s"),
    }
}

fn parse_duration(value: &OsStr) -> Parsed<Duration> {
    match value.to_str().map(parse_duration_or_zero) {
        Some(Ok(duration)) if !duration.is_zero() => Ok(duration),
        _ => Err("a duration with a unit, longer than 0s, such as 30s or 1m30s"),
    }
}

/// Parses the value of `--poll-interval`. Rejects anything below ten seconds, because polling so
/// often would cost money and reach AWS's quotas.
fn parse_poll_interval(value: &OsStr) -> Parsed<Duration> {
    match parse_duration(value) {
        Ok(interval) if interval >= Duration::from_secs(10) => Ok(interval),
        _ => Err("a duration with a unit, at least 10s, such as 30s or 5m"),
    }
}

/// Parses `restart`, `exit` or `signal=NAME`.
fn parse_on_rotation(mode: &str) -> Parsed<OnRotation> {
    let expected = "restart, exit or signal=NAME, such as signal=HUP";
    match mode {
        "restart" => Ok(OnRotation::Restart),
        "exit" => Ok(OnRotation::Exit),
        _ => {
            let name = mode.strip_prefix("signal=").ok_or(expected)?;
            let signal = SignalNumber::parse(name).map_err(|_| expected)?;
            Ok(OnRotation::Signal(signal))
        }
    }
}

/// Parses the value of `--poll-signal`. Rejects TERM, INT and CONT, because secrets-exec has to
/// pass them on to the command.
fn parse_poll_signal(name: &str) -> Parsed<SignalNumber> {
    match SignalNumber::parse(name) {
        Err(_) | Ok(SignalNumber::TERM | SignalNumber::INT | SignalNumber::CONT) => Err(
            "a signal that a program can handle, other than TERM, INT and CONT (HUP, QUIT, TRAP, ABRT, USR1, USR2, ALRM, TSTP, URG, XCPU, XFSZ, VTALRM, PROF, WINCH, IO, PWR, SYS)",
        ),
        free => free,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use nix::libc;

    #[test]
    fn a_signal_that_concerns_only_secrets_exec_is_not_forwarded_to_the_command() {
        let never = [
            libc::SIGCHLD,
            libc::SIGTTIN,
            libc::SIGTTOU,
            libc::SIGPIPE,
            libc::SIGKILL,
            libc::SIGSTOP,
        ];
        let faults = [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL];
        for number in 1..32 {
            let expected = match number {
                number if never.contains(&number) => Forwarding::Never,
                number if faults.contains(&number) => Forwarding::IfSent,
                _ => Forwarding::Always,
            };
            assert_eq!(SignalNumber(number).forwarding(), expected, "{number}");
        }
    }
}
