//! secrets-exec resolves references to secrets and becomes the command that needs them.
//!
//! ```text
//! argv ───┐
//! files ──┼─ cli, manifest ─▶ Plan ─ source ─▶ Fetched ─ resolve ─▶ Resolved ─ deliver ─▶ Environment ─ exec ─▶ (the command)
//! environ ┘   inherited       pure   async, I/O          pure                  files         pure        never returns
//! ```
//!
//! Words (data and its invariants) flow along the arrows; stages are the arrows; commands put the stages in order.
//! ARCHITECTURE.md says which may know which.

mod backend;
mod commands;
mod deliver;
mod exec;
mod input;
mod model;
mod net;
mod report;
mod resolve;
mod system;
mod time;

#[cfg(any(fuzzing, test))]
pub mod fuzz;

use std::ffi::OsString;
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;

use commands::launch;
use input::cli::{self, Request};
use model::inherited::Inherited;
use report::{Failure, Report};

/// Does what the command line (without the program's own name) and the environment ask for.
///
/// A launch that succeeds does not return. What is returned is an exit status: 0 after help, else one of those that the
/// README lists.
pub fn run(arguments: Vec<OsString>, environment: impl Iterator<Item = (OsString, OsString)>) -> ExitCode {
    exec::die_of_signals();
    // The message of a panic may hold a value, its place does not.
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(|place| format!(" at {}:{}", place.file(), place.line())).unwrap_or_default();
        report::say([format!("this is a bug in secrets-exec {}{place}; please report it", env!("CARGO_PKG_VERSION"))]);
    }));
    let inherited = Inherited::new(environment);
    match panic::catch_unwind(AssertUnwindSafe(|| dispatch(arguments, &inherited))) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(report)) => report.tell(),
        Err(_) => ExitCode::from(report::BUG),
    }
}

fn dispatch(arguments: Vec<OsString>, inherited: &Inherited) -> Result<(), Report> {
    match cli::parse(arguments, inherited)
        .map_err(|errors| errors.into_iter().map(Failure::Usage).collect::<Report>())?
    {
        Request::Print(text) => {
            report::print(&text);
            Ok(())
        }
        Request::Launch(invocation) => match launch::launch(*invocation, inherited) {
            Ok(never) => match never {},
            Err(report) => Err(report),
        },
    }
}
