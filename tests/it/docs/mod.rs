//! The pages of `docs/` are held against the program.

mod page;

mod migrating;
mod systemd;
mod troubleshooting;
