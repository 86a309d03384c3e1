//! See `secrets_exec::fuzz::declaration`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| secrets_exec::fuzz::declaration(data));
