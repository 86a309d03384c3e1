//! Events of the cache that keep no command from running.

use nix::errno::Errno;

use super::directory::FileProblem;
use super::entry::Defect;
use crate::model::reference::Locator;

/// An entry that is not used, kept or removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheNotice {
    pub locator: Locator,
    pub problem: EntryProblem,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryProblem {
    /// The file is not one of ours.
    File(FileProblem),
    /// The content is no answer to this request.
    Content(Defect),
    /// It was fetched later than now, so that its age is unknown.
    Future,
    /// The new answer is not in the cache.
    NotKept(Errno),
    /// The entry should have been removed, and is still there.
    NotRemoved(Errno),
}
