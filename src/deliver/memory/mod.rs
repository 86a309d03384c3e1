//! Files in memory: memfds on Linux, and none on macOS.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "macos")]
mod macos;

#[cfg(target_os = "linux")]
pub use linux::MemoryFile;
#[cfg(target_os = "macos")]
pub use macos::MemoryFile;
