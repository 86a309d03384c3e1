//! The roles that a session assumes.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_credential_types::Credentials;
use futures_util::future::join_all;

use super::protocol::{Api, expires_soon};
use super::session::Session;
use super::sts::{self, AssumedRole};
use crate::model::answer::{FetchError, Outage};
use crate::model::reference::{Region, Role};
use crate::time::retry::RetryBudget;

impl Session {
    /// Assumes those of `roles` that are not assumed yet or whose credentials expire soon, all at the same time.
    ///
    /// Each has a limit if only requests need it that have one.
    pub async fn assume(&mut self, roles: BTreeMap<Role, Option<Duration>>, region: &Region, base: &Credentials) {
        let is_missing = |role: &Role| match self.roles.get(role) {
            Some(known) => known.as_ref().is_ok_and(|assumed| expires_soon(&assumed.credentials)),
            None => true,
        };
        let missing = roles.into_iter().filter(|(role, _)| is_missing(role));
        let assumed = missing.map(|(role, limit)| {
            let budget = limit.map_or_else(|| self.budget.clone(), |limit| self.budget.limited(limit));
            self.assume_one(role, budget, region, base)
        });
        let assumed = join_all(assumed).await;
        self.roles.extend(assumed);
    }

    async fn assume_one(
        &self,
        role: Role,
        budget: RetryBudget,
        region: &Region,
        base: &Credentials,
    ) -> (Role, Result<AssumedRole, FetchError>) {
        let _awaited = self.deadline.progress().awaits(format!("the role {}", role.arn));
        let regions = self.sts_regions(region);
        let mut assumed = Err(FetchError::Unavailable(Outage::unanswered()));
        for (index, region) in regions.iter().enumerate() {
            let budget = budget.share(regions.len() - index);
            assumed = match self.clients.client(Api::Sts, region, base).await {
                Ok(client) => sts::assume(&client, &role, &budget).await,
                Err(error) => Err(error),
            };
            if !matches!(assumed, Err(FetchError::Unavailable(_))) {
                break;
            }
        }
        (role, assumed)
    }
}
