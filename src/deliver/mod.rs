//! Delivery of files, all or none: each is complete, with its owner and mode, before the first gets its name.

mod access;
mod append;
mod directory;
mod disk;
#[cfg(target_os = "linux")]
mod memory;
mod staging;
#[cfg(test)]
pub mod testing;
#[cfg(target_os = "linux")]
mod written;

pub use append::AppendedFile;
pub use disk::install;
pub use staging::{Delivery, Files};
#[cfg(target_os = "linux")]
pub use written::{PlacedFile, WrittenFiles};
