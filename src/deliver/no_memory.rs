//! Files in memory where the kernel has none that a command could open by a path: macOS.

use std::convert::Infallible;
use std::os::fd::BorrowedFd;
use std::path::Path;

use nix::errno::Errno;

use super::access::Access;
use super::problem::DeliverProblem;
use crate::model::secret_value::SecretValue;

/// A file in memory, which is never made.
#[derive(Debug)]
pub struct MemoryFile(Infallible);

impl MemoryFile {
    /// # Errors
    /// Always.
    pub fn create(_: &Access, _: &SecretValue) -> Result<Self, DeliverProblem> {
        Err(DeliverProblem::MemoryNotAllowed(Errno::ENOSYS))
    }

    pub fn descriptor(&self) -> BorrowedFd<'_> {
        match self.0 {}
    }

    pub fn path(&self) -> &Path {
        match self.0 {}
    }
}
