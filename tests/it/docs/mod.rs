//! The pages of `docs/` are held against the program.

mod page;

mod comparison;
mod migrating;
mod security;
mod systemd;
mod troubleshooting;
