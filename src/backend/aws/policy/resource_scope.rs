//! The partition, region and account in the ARN of a resource.

use std::collections::BTreeSet;

use super::identity::Identity;
use super::notice::PolicyNotice;
use crate::backend::aws::config::Settings;
use crate::backend::aws::protocol::{COMMERCIAL, partition_of};
use crate::model::options::PolicyOptions;
use crate::model::reference::{Arn, Locator, Region};

/// Any region or account, also an empty one.
const ANY: &str = "*";

/// The scope of the ARNs of one locator in one region.
#[derive(Clone, Debug)]
pub struct ResourceScope {
    partition: String,
    /// `None` for any region.
    pub region: Option<Region>,
    account: String,
}

impl ResourceScope {
    /// Returns the ARN of a resource, as a policy names it.
    pub fn arn(&self, service: &str, resource: &str) -> Arn {
        let Self { partition, region, account } = self;
        let region = region.as_ref().map_or(ANY, Region::as_str);
        Arn::new(partition, service, region, account, resource)
    }

    /// The same scope for a resource of AWS itself, in whose ARN the account is empty.
    #[must_use]
    pub fn in_any_account(&self) -> Self {
        Self { account: ANY.to_owned(), ..self.clone() }
    }
}

/// Finds the scopes of locators, and keeps notices about them.
pub struct ResourceScopes<'a> {
    settings: &'a Settings,
    /// The partition of resources whose region does not tell it.
    partition: String,
    /// The account of resources that are named without one.
    account: String,
    notices: BTreeSet<PolicyNotice>,
}

impl<'a> ResourceScopes<'a> {
    /// A name is that of a resource in the account of the identity that reads it.
    pub fn new(
        settings: &'a Settings,
        locators: &BTreeSet<&Locator>,
        identity: &Identity,
        options: &PolicyOptions,
    ) -> Self {
        let of_role = identity.role().and_then(Arn::account);
        let given = options.account.as_deref();
        let mut notices = BTreeSet::new();
        if let (Some(role), Some(of_role), Some(given)) = (identity.role(), of_role, given)
            && of_role != given
        {
            let is_used = !identity.is_named();
            notices.insert(PolicyNotice::OtherAccount { role: role.clone(), given: given.to_owned(), is_used });
        }
        // The profile here may not be that of the identity whose policy is wanted, so `--account` precedes its account.
        let account = if identity.is_named() { of_role.or(given) } else { given.or(of_role) };
        let arns = identity.role().into_iter().chain(&options.kms_keys);
        let arns = arns.chain(locators.iter().filter_map(|locator| locator.id.arn()));
        let of_regions = settings.fallback_regions.iter().filter_map(partition_of).map(|partition| partition.name);
        let partition = arns.map(Arn::partition).chain(of_regions).next().unwrap_or(COMMERCIAL.name);
        Self { settings, partition: partition.to_owned(), account: account.unwrap_or(ANY).to_owned(), notices }
    }

    /// Returns the scope of a locator in its own region and in each fallback region.
    pub fn of(&mut self, locator: &Locator) -> Vec<ResourceScope> {
        match locator.region.as_ref().or(self.settings.region.as_ref()) {
            Some(region) => {
                self.settings.regions(region).into_iter().map(|region| self.scope(locator, Some(region))).collect()
            }
            // Any region includes the fallback regions.
            None => {
                let scope = self.scope(locator, None);
                self.notices.insert(PolicyNotice::AnyRegion { partition: scope.partition.clone() });
                vec![scope]
            }
        }
    }

    fn scope(&mut self, locator: &Locator, region: Option<Region>) -> ResourceScope {
        let of_region = region.as_ref().and_then(partition_of).map(|partition| partition.name);
        let arn = locator.id.arn();
        let partition = arn.map(Arn::partition).or(of_region).unwrap_or(&self.partition).to_owned();
        if let Some(region) = &region {
            self.note_region(region, of_region, &partition);
        }
        let account = arn.and_then(Arn::account).unwrap_or(&self.account).to_owned();
        ResourceScope { partition, region, account }
    }

    fn note_region(&mut self, region: &Region, of_region: Option<&str>, partition: &str) {
        if of_region.is_none() {
            let (region, partition) = (region.clone(), partition.to_owned());
            self.notices.insert(PolicyNotice::UnknownRegion { region, partition });
        }
        if of_region.is_some_and(|of_region| of_region != partition) {
            let (region, partition) = (region.clone(), partition.to_owned());
            self.notices.insert(PolicyNotice::OtherPartition { region, partition });
        }
    }

    pub fn into_notices(self) -> Vec<PolicyNotice> {
        self.notices.into_iter().collect()
    }
}
