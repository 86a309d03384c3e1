//! secrets-exec replaces references to secrets with their values, and then becomes the command that
//! uses these values.
//!
//! ```text
//! argv ────┐
//! files ───┼─ input ─▶ Layers ─ plan ─▶ Plan ─ backend ─▶ Answers ─ resolve ─▶ Outcomes ─┐
//! environ ─┘  files             pure           I/O                  pure                 │
//!             never returns                       files                                  │
//!      (the command) ◀─ exec ─ Environment ◀─── deliver ─────────────────────────────────┘
//! ```
//!
//! Each arrow is a step of a launch, with its side effects above or below it. A pure step has none.
//! The data between the arrows are types of `model`. ARCHITECTURE.md says what each folder does,
//! and which module may import which.

#![cfg_attr(
    not(target_os = "linux"),
    allow(dead_code, reason = "only Linux has --on-rotation and files in memory")
)]

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
compile_error!("secrets-exec can be built only for Linux and macOS");

// The groups are, in this order, the foundations, the modules shared by several steps of a launch,
// the steps themselves, the report, and the code that runs a launch or a subcommand.
#[cfg(all(target_arch = "x86_64", any(target_env = "musl", test)))]
mod copy;
#[cfg(target_env = "musl")]
mod memory;
mod model;

mod net;
mod system;
mod time;

mod backend;
mod deliver;
mod exec;
mod input;
mod resolve;
mod supervise;

mod report;

mod commands;

// The functions behind the fuzz targets.
#[cfg(any(fuzzing, test))]
pub mod fuzz;

use std::ffi::OsString;

use commands::check::check;
use commands::export::export;
use commands::export_formats;
use commands::get::get;
use commands::install;
use commands::launch::{self, Mode};
use commands::migrate::migrate;
use commands::policy::policy;
#[cfg(target_os = "linux")]
use commands::rotation::supervise;
use commands::worker::{finish, install_panic_hook};
use input::cli::{self, Invocation};
use model::environment::Inherited;
use model::message::Status;
use report::{
    Report,
    terminal::{self, Patience},
};

/// Runs secrets-exec. `arguments` doesn't include the program's own name.
///
/// A launch becomes the command or, with `--on-rotation`, ends with the command's exit status.
/// Otherwise, the exit status is 0 or one from docs/options.md.
pub fn run(arguments: Vec<OsString>, environment: impl Iterator<Item = (OsString, OsString)>) -> ! {
    #[cfg(target_env = "musl")]
    memory::share_with_aws_lc();
    install_panic_hook();
    let inherited = Inherited::new(environment);
    terminal::use_early_settings(cli::early_value(&arguments, "--log-format"), &inherited);
    let is_for_shell = cli::is_export_for_shell(&arguments);
    let result = dispatch(arguments, &inherited);
    if let Err(report) = &result
        && is_for_shell
        && !terminal::is_output_terminal()
    {
        // A failed write doesn't matter, because `finish` reports the error in any case.
        let _ = terminal::output(export_formats::failure(report.exit_status()));
    }
    finish(result)
}

/// Runs a launch or a subcommand. The result is the exit status, unless this process becomes the
/// command.
fn dispatch(arguments: Vec<OsString>, inherited: &Inherited) -> Result<u8, Report> {
    let invocation = cli::parse_command_line(arguments, inherited)?;
    if !matches!(invocation, Invocation::Launch(..)) {
        terminal::wait_for_reader();
    }
    let notices = match invocation {
        Invocation::Launch(inputs, command) => {
            return match launch::read(*inputs, &command, inherited)? {
                // `become_program` returns only if it fails.
                Mode::Once(launch, values) => match launch.become_program(values, inherited)? {},
                #[cfg(target_os = "linux")]
                Mode::Supervised(launch, rotation) => supervise(rotation, launch, inherited),
            };
        }
        Invocation::Usage(text) => {
            // Print to standard error, because an empty command line is a mistake.
            terminal::print_help(&text);
            return Ok(Status::Usage as u8);
        }
        Invocation::Help(text) => {
            terminal::output_help(&text)?;
            Vec::new()
        }
        Invocation::Print(text) => {
            terminal::output(text)?;
            Vec::new()
        }
        Invocation::Get(inputs, arguments) => get(*inputs, &arguments, inherited)?,
        Invocation::Check(inputs, command, arguments) => {
            check(*inputs, command.as_ref(), arguments, inherited)?
        }
        Invocation::Policy(inputs, arguments) => policy(*inputs, arguments, inherited)?,
        Invocation::Export(inputs, arguments) => export(*inputs, &arguments, inherited)?,
        Invocation::Migrate(arguments) => migrate(&arguments, inherited)?,
        Invocation::Install(directory) => {
            install(&directory)?;
            Vec::new()
        }
    };
    terminal::print(Patience::Usual, notices);
    Ok(0)
}
