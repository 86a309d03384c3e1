//! The binary, the only place that reads argv and the environment of the process.

use std::process::ExitCode;

/// With musl's own allocator a launch with many secrets takes a quarter longer.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> ExitCode {
    secrets_exec::run(std::env::args_os().skip(1).collect(), std::env::vars_os())
}
