//! Directories that are found component by component, and the file systems that they are on.

mod file_system;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "macos")]
mod macos;
mod walk;

pub use file_system::FileSystem;
#[cfg(target_os = "linux")]
pub use linux::{COMPONENT, file_system, link_open};
#[cfg(target_os = "macos")]
pub use macos::{COMPONENT, file_system, link_open};
pub use walk::{WalkError, open_directory, open_directory_itself};
