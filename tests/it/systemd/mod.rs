//! `credential`, on a connection as systemd makes it. With the real systemd it is tested in `tests/hosts`.

mod credential;
