//! Files in memory (`--as-file`, and `files:` without `path`) and files at a `path`.

mod path;

::rows::files!("tests/it/files", failed memory);
