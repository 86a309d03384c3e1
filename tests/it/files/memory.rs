//! Files in memory hold any bytes. `memory.rows` has all other tests.

use crate::support::*;

::rows::rows!("tests/it/files/memory.rows");

#[test]
fn a_file_in_memory_holds_binary_and_text_secrets_byte_for_byte() {
    let bytes: Vec<u8> = (0..=255).cycle().take(65_536).collect();
    let text = format!("\r\n {CANARY}\0 \"quoted\" é\n\n");
    for (secret, value) in [
        (Secret::binary(bytes.clone()), bytes),
        (Secret::text(&text), text.into_bytes()),
    ] {
        let aws = Aws::start().secret("x", secret);
        let sandbox = Sandbox::new()
            .aws(&aws)
            .args(["--as-file", "F=x"])
            .script("cat \"$F\"")
            .prints_values();
        sandbox.run().launched_silently().printed(value);
    }
}
