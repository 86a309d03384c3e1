//! What a policy cannot say, or says more widely than the requests are.

use crate::model::reference::Region;

/// A notice about a policy, for the person who attaches it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PolicyNotice {
    /// No region is known without a request, so the policy names any.
    AnyRegion { partition: String },
    /// A region that is not on the list; its partition is assumed.
    UnknownRegion { region: Region, partition: String, nearest: Option<&'static str> },
    /// An ARN whose region is in another partition.
    OtherPartition { region: Region, partition: String },
    /// IAM accepts the ARNs of one partition only, and credentials are valid in one.
    Partitions(Vec<String>),
    /// `--account` is not the account of the role, in which it finds names.
    AccountOfRole { role: String, given: String },
    /// A key in a region in which the identity reads nothing.
    UnusedKey(String),
    /// More characters than a managed policy may have.
    Size { characters: usize, limit: usize },
    /// No request needs a permission.
    Empty,
    /// The caller is the last of these roles, which a profile assumes.
    ProfileRoles(Vec<String>),
    /// A role that the identity assumes.
    OtherRole(String),
    /// The agent's role needs the policy; with `has_fallback` the caller as well.
    Agent { has_fallback: bool },
}
