//! `credential`, on a connection like the one that systemd makes. `tests/hosts` tests it with the
//! real systemd.

pub mod credential;
