//! Files in memory (`--as-file`, and `files:` without `path`) and files at a `path`.

mod failed {
    rows::rows!("tests/it/files/failed.rows");
}
mod memory {
    rows::rows!("tests/it/files/memory.rows");
}
mod path;
