//! Calls of the kernel that differ between Linux and macOS.

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
compile_error!("secrets-exec runs on Linux and macOS");

mod file_system;
mod link;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "macos")]
mod macos;
mod names;

pub use file_system::FileSystem;
#[cfg(target_os = "linux")]
pub use linux::{
    COMPONENT, NOT_SUPPORTED, exchange, file_system, link_open, open_own, open_program, read_link, rename_to_free,
};
#[cfg(target_os = "macos")]
pub use macos::{
    COMPONENT, NOT_SUPPORTED, exchange, file_system, link_open, open_own, open_program, read_link, rename_to_free,
};
