//! The pages of `docs/`: their commands run, and print what the pages say.

mod ci;
mod commands;
mod links;
mod local;
mod picture;
mod session;
