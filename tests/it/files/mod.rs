//! Files in memory (`--as-file`, and `files:` without `path`) and files at a `path`.

mod failed {
    rows::rows!("tests/it/files/failed.rows");
}
mod memory;
mod path;
