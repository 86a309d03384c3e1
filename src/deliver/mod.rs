//! The delivery of files, all or none.
//!
//! What goes in are the files of a launch with their values. What comes out are files on disk under
//! their own names, memfds that the command inherits, and the variables with their paths. A launch
//! that fails must not leave a new file behind. Nobody may be able to open a file under its
//! temporary name that they could not open later. And no other user's symbolic link may redirect a
//! file.
//!
//! ```text
//! Files::open_directories     opens the directory of each file, without following links of other
//!      │                      users (`directory`, `system/paths`)
//! Delivery::write_temporary   writes each file, with its owner and mode, under a temporary name or
//!      │                      into a memfd (`access`, `disk`, `memory`). If one file fails, the
//!      │                      temporary files of all are removed.
//! Delivery::rename_all        renames each file to its own name. If one rename fails, the files
//!      │                      whose names were free are removed again. Files that were replaced
//!      │                      stay replaced.
//!    execve                   keeps everything. If it fails, dropping the `Delivery` removes the
//!                             new files.
//! ```
//!
//! Each directory is looked up once and stays open, so a path that changes in between can't lead a
//! file elsewhere.
//!
//! `append` is for `export`, and `install` for the subcommand of that name. `written` removes the
//! files of a command that runs under `--on-rotation`, when it has ended.

mod access;
mod append;
mod delivery;
mod directory;
mod disk;
#[cfg(target_os = "linux")]
mod memory;
#[cfg(test)]
pub mod testing;
#[cfg(target_os = "linux")]
mod written;

pub use append::{AppendedFile, NamedBy};
pub use delivery::{Delivery, Files};
pub use disk::install;
#[cfg(target_os = "linux")]
pub use written::{PlacedFile, remove_files};
