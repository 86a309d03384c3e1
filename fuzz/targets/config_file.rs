//! See `secrets_exec::fuzz::config_file`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| secrets_exec::fuzz::config_file(data));
