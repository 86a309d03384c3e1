//! The binary: argv and the environment enter here, and nowhere else.

use std::process::ExitCode;

fn main() -> ExitCode {
    let environment: Vec<_> = std::env::vars_os().collect();
    for (name, value) in &environment {
        // To every AWS tool an empty variable is one that is not set. The SDK reads the environment by itself and takes it
        // for a value, or panics.
        if value.is_empty() && name.to_str().is_some_and(|name| name.starts_with("AWS_")) {
            // SAFETY: there is no other thread yet that could read the environment.
            #[allow(clippy::disallowed_methods, reason = "the command gets the environment as it was handed down")]
            unsafe {
                std::env::remove_var(name);
            }
        }
    }
    secrets_exec::run(std::env::args_os().skip(1).collect(), environment.into_iter())
}
