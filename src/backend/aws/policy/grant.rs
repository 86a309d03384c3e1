//! The permissions that the request of one locator needs in one place.

use super::document::Kind;
use super::place::Place;
use crate::backend::aws::parameter_store::{base_name, referenced_secret};
use crate::model::reference::{Locator, SecretId, Store};

/// One permission.
pub struct Grant {
    pub kind: Kind,
    pub resource: String,
    /// The service that may call KMS for it.
    pub decrypted_by: Option<Store>,
}

/// Returns the permissions for a locator. A permission covers every version.
pub fn grants(locator: &Locator, place: &Place) -> Vec<Grant> {
    match (locator.store, locator.is_path()) {
        (Store::SecretsManager, _) => secret(&locator.id, place),
        (Store::ParameterStore, false) => parameter(&locator.id, place),
        (Store::ParameterStore, true) => below(&locator.id, place),
    }
}

/// AWS authorizes the complete ARN, whichever way a request names the secret.
fn secret(id: &SecretId, place: &Place) -> Vec<Grant> {
    let mut grants = vec![secret_grant(Kind::Secrets, &format!("{}-??????", id.name()), place)];
    if id.may_be_complete() {
        grants.push(secret_grant(Kind::Secrets, id.name(), place));
    }
    grants
}

fn secret_grant(kind: Kind, name: &str, place: &Place) -> Grant {
    let resource = place.arn(Store::SecretsManager.service(), &format!("secret:{name}"));
    Grant { kind, resource, decrypted_by: Some(Store::SecretsManager) }
}

fn parameter(id: &SecretId, place: &Place) -> Vec<Grant> {
    let own = parameter_grant(Kind::Parameters, id, base_name(id.name()), place);
    match referenced_secret(id.name()) {
        Some(name) => {
            let secret = secret_grant(Kind::ReferencedSecrets, &format!("{name}-??????"), place);
            vec![Grant { decrypted_by: None, ..own }, secret]
        }
        None => vec![own],
    }
}

/// AWS authorizes the path as it is written, with or without its last slash.
fn below(id: &SecretId, place: &Place) -> Vec<Grant> {
    let path = base_name(id.name());
    let all = parameter_grant(Kind::Paths, id, &format!("{path}*"), place);
    match path.strip_suffix('/') {
        Some(path) => vec![parameter_grant(Kind::Paths, id, path, place), all],
        None => vec![all],
    }
}

/// The ARN of a parameter has no doubled slash. AWS's public parameters are in no account of ours, and are not encrypted.
fn parameter_grant(kind: Kind, id: &SecretId, name: &str, place: &Place) -> Grant {
    let (service, resource) = (Store::ParameterStore.service(), format!("parameter/{name}"));
    if id.arn().is_none() && name.starts_with("aws/service") {
        return Grant { kind, resource: place.in_any_account().arn(service, &resource), decrypted_by: None };
    }
    Grant { kind, resource: place.arn(service, &resource), decrypted_by: Some(Store::ParameterStore) }
}
