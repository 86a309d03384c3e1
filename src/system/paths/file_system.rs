//! Kinds of file systems.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileSystem {
    Memory,
    Disk,
    /// One in which the kernel alone creates files, such as proc. macOS has none.
    Kernel,
}
