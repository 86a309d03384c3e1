//! Notices about a policy: its limits, and other policies that the launch needs.

use crate::model::reference::{Arn, Region};

/// A notice about a policy, for the person who attaches it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PolicyNotice {
    /// No region is known without a request, so the policy names any.
    AnyRegion { partition: String },
    /// A region that is not on the list; its partition is assumed.
    UnknownRegion { region: Region, partition: String },
    /// An ARN whose region is in another partition.
    OtherPartition { region: Region, partition: String },
    /// ARNs of several partitions, of which IAM accepts only its own.
    Partitions(Vec<String>),
    /// `--account` is not the account of the identity's role, in which it finds names; `is_used` if the policy names it nevertheless.
    OtherAccount { role: Arn, given: String, is_used: bool },
    /// A key in a region in which the identity reads nothing.
    UnusedKey(Arn),
    /// More characters than a managed policy may have.
    Size { characters: usize, limit: usize },
    /// No request needs a permission.
    Empty,
    /// The caller is the last of these roles: that of a web identity, and those that a profile then assumes.
    CallerRoles { web_identity: Option<Arn>, profile_roles: Vec<Arn> },
    /// A role that the identity assumes.
    OtherRole(Arn),
    /// The agent's role needs the policy; with `has_fallback` the caller as well.
    Agent { has_fallback: bool },
}
