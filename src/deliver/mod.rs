//! Delivery of files, all or none: each is complete, with its owner and mode, before the first gets its name.

mod access;
mod directory;
mod disk;
#[cfg(target_os = "linux")]
mod memory;
mod staging;
#[cfg(test)]
pub mod testing;
#[cfg(target_os = "linux")]
mod written;

pub use disk::install;
pub use staging::{Delivery, Files};
#[cfg(target_os = "linux")]
pub use written::{PlacedFile, WrittenFiles};

/// macOS has no files in memory that a command could open by a path.
#[cfg(not(target_os = "linux"))]
mod memory {
    use std::convert::Infallible;
    use std::os::fd::BorrowedFd;
    use std::path::Path;

    use crate::deliver::access::Access;
    use crate::model::problem::Problem;
    use crate::model::secret_value::SecretValue;

    /// A file in memory, which is never made.
    #[derive(Debug)]
    pub struct MemoryFile(Infallible);

    impl MemoryFile {
        /// # Errors
        /// Always.
        pub fn create(_: &Access, _: &SecretValue) -> Result<Self, Problem> {
            let text = "macOS has no files in memory that a command could open by a path; give the entry a `path`";
            Err(Problem::configuration(text))
        }

        pub fn descriptor(&self) -> BorrowedFd<'_> {
            match self.0 {}
        }

        pub fn path(&self) -> &Path {
            match self.0 {}
        }
    }
}
