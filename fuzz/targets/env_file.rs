//! See `secrets_exec::fuzz::env_file`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| secrets_exec::fuzz::env_file(data));
