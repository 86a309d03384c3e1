//! The pages of `docs/` are held against the program.

mod page;

mod systemd;
mod troubleshooting;
