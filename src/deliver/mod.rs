//! The delivery of files, all or none.
//!
//! The input is the files of a launch with their values. The result is files on disk under their
//! own names, files in memory that the command inherits, and the variables with their paths. A
//! launch that fails must not leave a new file behind. Nobody may be able to open a file under its
//! temporary name that they could not open later. And no other user's symbolic link may redirect a
//! file.
//!
//! ```text
//! Files::open_directories     opens the directory of each file, without following links of other
//!      │                      users (`disk`, `system/paths`)
//! Delivery::write_temporary   writes each file, with its owner and mode, under a temporary name or
//!      │                      into a file in memory (`disk`, `memory`). If one file fails, the
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
//! `disk` also has what other commands do with files: `export` appends to one, `install` writes the
//! program, and `--on-rotation` removes the files when the command has ended.

mod delivery;
mod disk;
#[cfg(target_os = "linux")]
mod memory;
#[cfg(test)]
pub mod testing;

pub use delivery::{Delivery, Files};
pub use disk::{AppendedFile, NamedBy, install};
#[cfg(target_os = "linux")]
pub use disk::{PlacedFile, remove_files};
