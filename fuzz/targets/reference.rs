//! See `secrets_exec::fuzz::reference`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| secrets_exec::fuzz::reference(data));
