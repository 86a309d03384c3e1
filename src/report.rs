//! Failures to lines on standard error, with what to do about them, and to an exit status; the only place that punctuates.

mod declaring;
mod delivering;
mod extracting;
mod fetching;
mod starting;
mod usage;

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use crate::binding::{Origin, Subject};
use crate::cli::UsageError;
use crate::command::CommandLine;
use crate::deliver::DeliverError;
use crate::environment::EnvironmentError;
use crate::exec::{ExecError, ProgramError};
use crate::fetched::Fetched;
use crate::inherited::InheritedError;
use crate::manifest::ManifestError;
use crate::plan::{Plan, PlanError};
use crate::reference::{Locator, Store};
use crate::resolve::ResolveError;
use crate::resolved::Resolved;
use crate::source::{Awaited, LocalError, SetupError, VariableError, Waiting};

/// The command line, a reference on it, or a variable of ours or of AWS's is wrong.
const USAGE: u8 = 64;
/// A bug in secrets-exec.
pub const BUG: u8 = 70;
/// Trying later may help.
const TEMPORARY: u8 = 75;
/// No credentials, or AWS denied the request.
const DENIED: u8 = 77;
/// The declaration, a secret, a key or a value is wrong or absent.
const CONFIGURATION: u8 = 78;
/// The command cannot be executed.
const NOT_EXECUTABLE: u8 = 126;
/// The command was not found.
const NOT_FOUND: u8 = 127;

/// One reason why the command does not run.
#[derive(Debug)]
pub enum Failure {
    /// In the command line or a variable of ours.
    Usage(UsageError),
    /// In a variable of AWS's.
    Variable(VariableError),
    /// In AWS's own configuration files.
    Setup(SetupError),
    /// In a declaration.
    Manifest(ManifestError),
    /// In the file of `--local`.
    Local(LocalError),
    /// In an inherited variable that has references in it.
    Inherited(InheritedError),
    /// In a reference.
    Plan(PlanError),
    /// There is no such command.
    Program {
        /// As it was named.
        command: String,
        /// Why not.
        error: ProgramError,
    },
    /// The kernel did not give what an event loop needs.
    Runtime(String),
    /// Values that cannot be had, gathered by what they have in common.
    Resolve(Vec<ResolveError>, Vec<String>),
    /// A value that cannot be passed on.
    Environment(EnvironmentError),
    /// A file that cannot be delivered, or taken back.
    Deliver(DeliverError),
    /// The kernel did not take the command.
    Exec {
        /// What was found.
        program: PathBuf,
        /// Why not.
        error: ExecError,
    },
}

/// Every reason why the command does not run.
#[derive(Debug)]
pub struct Report {
    failures: Vec<Failure>,
    /// Said last: what it all means.
    conclusion: Option<String>,
}

impl FromIterator<Failure> for Report {
    fn from_iter<T: IntoIterator<Item = Failure>>(failures: T) -> Self {
        Self { failures: failures.into_iter().collect(), conclusion: None }
    }
}

impl From<Failure> for Report {
    fn from(failure: Failure) -> Self {
        Self::from_iter([failure])
    }
}

impl Report {
    /// Of values that cannot be had or passed on, with the plan's aliases to suggest from; empty when there are none.
    pub fn of_resolving(
        errors: Vec<ResolveError>,
        unfit: Vec<EnvironmentError>,
        plan: &Plan,
        command: &CommandLine,
    ) -> Self {
        let missing = match errors.len() + unfit.len() {
            0 => return Self::from_iter([]),
            1 => "1 value is missing".to_owned(),
            count => format!("{count} values are missing"),
        };
        let conclusion = format!("{missing}: {} was not started", command.program().to_string_lossy());
        let aliases = plan.aliases().names().map(str::to_owned).collect();
        let resolve = (!errors.is_empty()).then_some(Failure::Resolve(errors, aliases));
        let failures = resolve.into_iter().chain(unfit.into_iter().map(Failure::Environment)).collect();
        Self { failures, conclusion: Some(conclusion) }
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.failures.is_empty()
    }

    /// Says everything and gives the exit status.
    pub fn tell(self) -> ExitCode {
        let status = self.failures.iter().map(Failure::status).max().unwrap_or(BUG);
        say(self.failures.iter().flat_map(Failure::lines).chain(self.conclusion));
        ExitCode::from(status)
    }
}

impl Failure {
    /// The exit status when this is the only failure; of several the highest counts.
    fn status(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::Variable(_) | Self::Setup(_) => USAGE,
            Self::Plan(error) => by_origin(&error.subject.origin),
            Self::Manifest(_) | Self::Local(_) | Self::Inherited(_) | Self::Environment(_) => CONFIGURATION,
            Self::Program { error, .. } => match error {
                ProgramError::NotFound { .. } => NOT_FOUND,
                ProgramError::NotExecutable { .. } => NOT_EXECUTABLE,
            },
            Self::Runtime(_) => TEMPORARY,
            Self::Resolve(errors, _) => errors.iter().map(fetching::status).max().unwrap_or(BUG),
            Self::Deliver(error) => delivering::status(error),
            Self::Exec { .. } => NOT_EXECUTABLE,
        }
    }

    /// What is said of it, a line each; a line that belongs to the one before it is indented.
    pub fn lines(&self) -> Vec<String> {
        match self {
            Self::Usage(error) => usage::usage(error),
            Self::Variable(error) => usage::variable(error),
            Self::Setup(error) => usage::setup(error),
            Self::Manifest(error) => vec![declaring::manifest(error)],
            Self::Local(error) => vec![declaring::local(error)],
            Self::Inherited(error) => vec![declaring::inherited(error)],
            Self::Plan(PlanError { subject, written, error }) => {
                vec![format!("{} ({}): {}", subject.label, subject.origin, declaring::reference(written, error))]
            }
            Self::Program { command, error } => vec![starting::program(command, error)],
            Self::Runtime(why) => vec![format!("cannot wait for answers: {why}")],
            Self::Resolve(errors, aliases) => fetching::lines(errors, aliases),
            Self::Environment(error) => vec![starting::environment(error)],
            Self::Deliver(error) => vec![delivering::line(error)],
            Self::Exec { program, error } => vec![starting::exec(program, error)],
        }
    }
}

/// What is wrong on the command line is a matter of usage; what is wrong in a file, of configuration.
fn by_origin(origin: &Origin) -> u8 {
    match origin {
        Origin::Argument(_) => USAGE,
        Origin::File { .. } | Origin::Inherited => CONFIGURATION,
    }
}

/// For each variable and file, where its value comes from: `--verbose`.
pub fn provenance(resolved: &Resolved, fetched: &Fetched) -> Vec<String> {
    let read = |locator: &Locator| {
        let document = fetched.get(locator)?.as_ref().ok()?;
        let version = document.version_id.as_deref().unwrap_or("without id");
        let stages = document.stages.join(", ");
        let place =
            document.region.as_ref().map_or_else(|| "local file".to_owned(), |region| format!("region {region}"));
        let stages = match locator.store {
            Store::SecretsManager => format!(", stage {stages}"),
            Store::ParameterStore if stages.is_empty() => String::new(),
            Store::ParameterStore => format!(", label {stages}"),
        };
        let passed_over = document.passed_over.iter();
        let instead =
            passed_over.map(|passed| format!(", in place of {} ({})", passed.region, fetching::outage(&passed.outage)));
        Some(format!("{}, version {version}{stages}, {place}{}", fetching::name(locator), instead.collect::<String>()))
    };
    let line = |(subject, read_from): &(Subject, Vec<Locator>)| match (read_from.as_slice(), &subject.written) {
        ([], None) => format!("{subject}: literal"),
        ([], Some(_)) => format!("{subject}: absent, so its default is set"),
        (read_from, _) => format!("{subject}: {}", read_from.iter().filter_map(read).collect::<Vec<_>>().join("; ")),
    };
    let not_set = resolved.omitted.iter().filter(|subject| !resolved.has(&subject.label));
    let not_set = not_set.map(|subject| format!("{subject}: not set, since it is optional and absent"));
    resolved.sources.iter().map(line).chain(not_set).collect()
}

/// Said on every launch that does not read from AWS.
pub fn local_notice(path: &Path) -> String {
    format!("secrets are read from {}, not from AWS (--local)", path.display())
}

/// Said of a wait that is long enough for somebody to wonder. Nobody looks at what is not a terminal while it happens.
pub fn waiting(waiting: &Waiting) {
    if !std::io::stderr().is_terminal() {
        return;
    }
    let left = humantime::format_duration(Duration::from_secs(waiting.left.as_secs_f64().ceil() as u64));
    let (what, why) = match &waiting.awaited {
        Awaited::Credentials(why) => ("AWS credentials", why),
        Awaited::Network(why) => ("a connection to AWS", why),
    };
    let why = why.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
    say([format!("waiting up to {left} for {what}{why}")]);
}

/// Said, as the last thing that is done, when the time is over and something on this machine still does not answer.
pub fn overdue() {
    say([
        "timed out: a file does not answer (AWS's configuration, a token, root certificates), or a path or template has no end"
            .to_owned(),
        "  is there a file system that hangs, or a pipe that nobody writes to? nothing was started".to_owned(),
    ]);
    std::process::exit(TEMPORARY.into());
}

/// Said of each file whose values outlive a power cut.
pub fn disk_notice(path: &Path, origin: &Origin) -> String {
    format!("{} ({origin}): written to a disk; a path on tmpfs, under /run say, keeps values off it", path.display())
}

/// Writes lines to standard error, each with our name before it. A write that fails is ignored.
///
/// Control characters, and those that change the direction of text or have no width, are escaped: a name, a path or a server's
/// message can neither end the line nor disguise it.
pub fn say(lines: impl IntoIterator<Item = String>) {
    let mut text = String::new();
    for line in lines {
        text.push_str("secrets-exec: ");
        line.chars().for_each(|c| match c {
            // Printable, though `escape_debug` escapes them.
            '\'' | '"' | '\\' => text.push(c),
            // Letters without any ink (Default_Ignorable_Code_Point of Unicode), and the empty pattern of Braille.
            '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}' => {
                text.extend(c.escape_unicode());
            }
            c => text.extend(c.escape_debug()),
        });
        text.push('\n');
    }
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// Writes a text to standard output.
pub fn print(text: &str) {
    let mut stdout = std::io::stdout();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}
