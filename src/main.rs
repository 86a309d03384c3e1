//! The binary: argv and the environment enter here, and nowhere else.

use std::process::ExitCode;

fn main() -> ExitCode {
    let environment: Vec<_> = std::env::vars_os().collect();
    let ignores_endpoints = environment
        .iter()
        .any(|(name, value)| name == "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS" && value.eq_ignore_ascii_case("true"));
    for (name, value) in &environment {
        let Some(text) = name.to_str() else { continue };
        // To every AWS tool an empty variable is one that is not set. The SDK reads the environment by itself and takes it
        // for a value, or panics; and its sources of credentials take an endpoint that is to be ignored.
        if value.is_empty() && text.starts_with("AWS_") || ignores_endpoints && text.starts_with("AWS_ENDPOINT_URL") {
            // SAFETY: there is no other thread yet that could read the environment.
            #[allow(clippy::disallowed_methods, reason = "the command gets the environment as it was handed down")]
            unsafe {
                std::env::remove_var(name);
            }
        }
    }
    secrets_exec::run(std::env::args_os().skip(1).collect(), environment.into_iter())
}

/// C's `pow`, which is all that is wanted of libm.so: `**` in a template. A library costs time at every start, and each C
/// library rounds a little differently; this way a template has one value everywhere.
// SAFETY: it has the type and the meaning that C gives this name.
#[unsafe(no_mangle)]
extern "C" fn pow(base: f64, exponent: f64) -> f64 {
    libm::pow(base, exponent)
}
