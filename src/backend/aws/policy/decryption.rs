//! Decryption with customer managed keys, by the services that the identity reads from.

use std::collections::BTreeSet;

use super::notice::PolicyNotice;
use crate::backend::aws::protocol::{COMMERCIAL, partition_of};
use crate::model::reference::{Arn, Region, Store};

/// The services that decrypt, each in a region, or in any.
#[derive(Default)]
pub struct Decryption {
    users: BTreeSet<(Store, Option<Region>)>,
}

/// Keys, and the values of `kms:ViaService` with which they may be used.
#[derive(Default)]
pub struct DecryptionStatement {
    pub keys: BTreeSet<Arn>,
    pub services: BTreeSet<String>,
}

impl Decryption {
    pub fn add(&mut self, store: Store, region: Option<Region>) {
        self.users.insert((store, region));
    }

    /// Returns the statement for `keys`. A key serves the services of its own region only, so one that no service uses is left out.
    pub fn statement(&self, keys: &[Arn], notices: &mut Vec<PolicyNotice>) -> DecryptionStatement {
        let mut statement = DecryptionStatement::default();
        for key in keys {
            let services = key.region().map(|region| self.services(&region)).unwrap_or_default();
            if services.is_empty() {
                notices.push(PolicyNotice::UnusedKey(key.clone()));
            } else {
                statement.keys.insert(key.clone());
                statement.services.extend(services);
            }
        }
        statement
    }

    /// <https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service>
    fn services(&self, region: &Region) -> BTreeSet<String> {
        let suffix = partition_of(region).unwrap_or(COMMERCIAL).dns_suffix;
        let users = self.users.iter().filter(|(_, used)| used.as_ref().is_none_or(|used| used == region));
        users.map(|(store, _)| format!("{}.{region}.{suffix}", store.service())).collect()
    }
}
