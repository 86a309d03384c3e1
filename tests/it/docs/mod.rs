//! The pages of `docs/`: their commands run, and print what the pages say.

pub mod console;
mod page;
mod session;

mod ci;
mod commands;
mod comparison;
mod containers;
mod kubernetes;
mod lambda;
pub mod links;
mod local;
mod migrating;
mod picture;
mod security;
mod systemd;
mod troubleshooting;
