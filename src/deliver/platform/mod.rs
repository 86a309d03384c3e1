//! Calls of the kernel that differ between Linux and macOS.

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
compile_error!("secrets-exec runs on Linux and macOS");

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "macos")]
mod macos;
mod names;

#[cfg(target_os = "linux")]
pub use linux::{NOT_SUPPORTED, exchange, open_own, open_program, rename_to_free};
#[cfg(target_os = "macos")]
pub use macos::{NOT_SUPPORTED, exchange, open_own, open_program, rename_to_free};
