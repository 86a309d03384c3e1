//! secrets-exec resolves references to secrets and then executes the command that uses them.
//!
//! ```text
//! argv ───┐
//! files ──┼─ input ─▶ Layers ─ plan ─▶ Plan ─ backend ─▶ Fetched ─ resolve ─▶ Outcomes ─ deliver ─▶ Environment ─ exec ─▶ (the command)
//! environ ┘  files           pure         async, I/O            pure                 files         pure        never returns
//! ```
//!
//! The model is the data on the arrows; each stage is an arrow; the commands put the stages in order.
//! `model` and `resolve` are functions from value to value; `input` reads files; `backend` uses the network and may run a
//! credential process. ARCHITECTURE.md has the table of the modules that each may import.

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
compile_error!("secrets-exec runs on Linux and macOS");

// Grouped by layer: the data, the parts that stages share, the stages, the report, the commands.
mod model;

mod net;
mod system;
mod time;

mod backend;
mod deliver;
mod exec;
mod input;
mod resolve;
#[cfg_attr(
    not(target_os = "linux"),
    allow(dead_code, reason = "only Linux has --on-rotation")
)]
mod supervise;

mod report;

mod commands;

// The properties that the fuzz targets check.
#[cfg(any(fuzzing, test))]
pub mod fuzz;

use std::ffi::OsString;

use commands::check::check;
use commands::credential::{credential, refuse_others, take_connection};
use commands::export::export;
use commands::get::get;
use commands::launch::launch;
use commands::migrate::migrate;
use commands::policy::policy;
use commands::{finish, install, install_panic_hook};
use input::cli::{self, Invocation, completion_script, man_page};
use model::inherited::Inherited;
use model::problem::Status;
use report::{Report, terminal};

/// Runs secrets-exec with `arguments`, without the program's own name, and `environment`.
///
/// A successful launch becomes the command. Otherwise this process ends with status 0 after help or version, with `--on-rotation` with
/// the command's exit status, or with one of docs/reference.md (sysexits(3)).
pub fn run(arguments: Vec<OsString>, environment: impl Iterator<Item = (OsString, OsString)>) -> ! {
    // First of all: what is printed on a credential's connection would become the credential.
    if let Err(status) = take_connection(&arguments) {
        finish(Ok(status));
    }
    install_panic_hook();
    let inherited = Inherited::new(environment);
    terminal::use_variables(&inherited);
    finish(dispatch(arguments, &inherited))
}

/// Runs the command that the arguments name, and returns the exit status.
fn dispatch(arguments: Vec<OsString>, inherited: &Inherited) -> Result<u8, Report> {
    let invocation = cli::parse(arguments, inherited);
    let invocation = invocation.map_err(|errors| errors.into_iter().collect::<Report>())?;
    refuse_others(&invocation)?;
    let done = match invocation {
        Invocation::Launch { inputs, command } => return launch(*inputs, &command, inherited),
        Invocation::Usage(text) => {
            terminal::print_text(&text);
            return Ok(Status::Usage as u8);
        }
        Invocation::Print(text) => terminal::output(text).map_err(Into::into),
        Invocation::Get { inputs, reveal } => get(*inputs, reveal, inherited),
        Invocation::Check {
            inputs,
            command,
            arguments,
        } => check(*inputs, command.as_ref(), arguments, inherited),
        Invocation::Policy { inputs, arguments } => policy(*inputs, arguments, inherited),
        Invocation::Export { inputs, arguments } => export(*inputs, &arguments, inherited),
        Invocation::Migrate(arguments) => migrate(&arguments, inherited),
        Invocation::Completions(arguments) => {
            terminal::output(completion_script(arguments.shell)).map_err(Into::into)
        }
        Invocation::Man => terminal::output(man_page()).map_err(Into::into),
        Invocation::Credential { inputs } => credential(*inputs, inherited),
        Invocation::Install(arguments) => install(&arguments.directory),
    };
    done.map(|()| 0)
}
