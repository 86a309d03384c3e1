//! The binary, the only place that reads argv and the environment of the process.

use std::ffi::OsString;
use std::process::ExitCode;

/// With musl's own allocator a launch with many secrets takes a quarter longer.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> ExitCode {
    let environment: Vec<_> = std::env::vars_os().collect();
    remove_unset_aws_variables(&environment);
    secrets_exec::run(std::env::args_os().skip(1).collect(), environment.into_iter())
}

/// Removes AWS variables that count as not set from the process's environment, which the SDK reads by itself.
///
/// To the AWS CLI an empty variable is not set; the SDK takes it for a value, or panics (AWS_ENDPOINT_URL). The SDK's credential
/// providers also use AWS_ENDPOINT_URL despite AWS_IGNORE_CONFIGURED_ENDPOINT_URLS. The command gets the environment unchanged.
fn remove_unset_aws_variables(environment: &[(OsString, OsString)]) {
    let ignores_endpoints = environment
        .iter()
        .any(|(name, value)| name == "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS" && value.eq_ignore_ascii_case("true"));
    for (name, value) in environment {
        let Some(text) = name.to_str() else { continue };
        if value.is_empty() && text.starts_with("AWS_") || ignores_endpoints && text.starts_with("AWS_ENDPOINT_URL") {
            // SAFETY: no other thread exists yet.
            #[allow(clippy::disallowed_methods, reason = "the SDK reads the process's environment")]
            #[allow(unsafe_code, reason = "std has no safe call that changes it")]
            unsafe {
                std::env::remove_var(name);
            }
        }
    }
}
