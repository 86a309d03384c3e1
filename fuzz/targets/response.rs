//! See `secrets_exec::fuzz::response`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| secrets_exec::fuzz::response(data));
