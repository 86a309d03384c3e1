//! The permissions that the request of one locator needs in one scope.

use super::document::StatementKind;
use super::resource_scope::ResourceScope;
use crate::backend::aws::parameter_store::{base_name, referenced_secret};
use crate::model::reference::{Arn, Locator, SecretId, Store};

/// One permission.
pub struct Grant {
    pub kind: StatementKind,
    pub resource: Arn,
    /// The service that may call KMS for it.
    pub decrypted_by: Option<Store>,
}

/// Returns the permissions for a locator. A permission covers every version.
pub fn grants(locator: &Locator, scope: &ResourceScope) -> Vec<Grant> {
    match (locator.store, locator.is_path()) {
        (Store::SecretsManager, _) => secret(&locator.id, scope),
        (Store::ParameterStore, false) => parameter(&locator.id, scope),
        (Store::ParameterStore, true) => below(&locator.id, scope),
    }
}

/// AWS authorizes the complete ARN, whichever way a request names the secret.
fn secret(id: &SecretId, scope: &ResourceScope) -> Vec<Grant> {
    let mut grants = vec![secret_grant(StatementKind::Secrets, &format!("{}-??????", id.name()), scope)];
    if id.may_be_complete() {
        grants.push(secret_grant(StatementKind::Secrets, id.name(), scope));
    }
    grants
}

fn secret_grant(kind: StatementKind, name: &str, scope: &ResourceScope) -> Grant {
    let resource = scope.arn(Store::SecretsManager.service(), &format!("secret:{name}"));
    Grant { kind, resource, decrypted_by: Some(Store::SecretsManager) }
}

fn parameter(id: &SecretId, scope: &ResourceScope) -> Vec<Grant> {
    let own = parameter_grant(StatementKind::Parameters, id, base_name(id.name()), scope);
    match referenced_secret(id.name()) {
        Some(name) => {
            let secret = secret_grant(StatementKind::ReferencedSecrets, &format!("{name}-??????"), scope);
            vec![Grant { decrypted_by: None, ..own }, secret]
        }
        None => vec![own],
    }
}

/// AWS authorizes the path as it is written, with or without its last slash.
fn below(id: &SecretId, scope: &ResourceScope) -> Vec<Grant> {
    let path = base_name(id.name());
    let all = parameter_grant(StatementKind::Paths, id, &format!("{path}*"), scope);
    match path.strip_suffix('/') {
        Some(path) => vec![parameter_grant(StatementKind::Paths, id, path, scope), all],
        None => vec![all],
    }
}

/// The ARN of a parameter has no doubled slash. AWS's public parameters are in no account of ours, and are not encrypted.
fn parameter_grant(kind: StatementKind, id: &SecretId, name: &str, scope: &ResourceScope) -> Grant {
    let (service, resource) = (Store::ParameterStore.service(), format!("parameter/{name}"));
    if id.arn().is_none() && name.starts_with("aws/service") {
        return Grant { kind, resource: scope.in_any_account().arn(service, &resource), decrypted_by: None };
    }
    Grant { kind, resource: scope.arn(service, &resource), decrypted_by: Some(Store::ParameterStore) }
}
