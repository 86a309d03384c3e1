//! The binary: argv and the environment enter here, and nowhere else.

use std::process::ExitCode;

fn main() -> ExitCode {
    secrets_exec::run(std::env::args_os().skip(1).collect(), std::env::vars_os())
}
