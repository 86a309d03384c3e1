//! Names of parameters in requests and responses: a name, with or without a leading slash, or an ARN.

use crate::backend::aws::request::SecretRequest;
use crate::model::reference::{Arn, Region};

/// Returns the part that all forms of a parameter's name share.
pub fn base_name(name: &str) -> &str {
    let name = if Arn::is_meant(name) { name.split_once(":parameter/").map_or(name, |(_, name)| name) } else { name };
    name.trim_start_matches('/')
}

/// Returns the secret that Parameter Store reads for a parameter, both by name.
///
/// <https://docs.aws.amazon.com/systems-manager/latest/userguide/integration-ps-secretsmanager.html>
pub fn referenced_secret(name: &str) -> Option<&str> {
    base_name(name).strip_prefix("aws/reference/secretsmanager/").filter(|secret| !secret.is_empty())
}

/// Returns `NAME`, `NAME:LABEL` or `NAME:VERSION`, each with a name or an ARN, as GetParameters takes it.
pub fn requested_name(request: &SecretRequest, region: &Region) -> String {
    let id = request.id_in(region);
    match version_selector(request) {
        Some(selector) => format!("{id}:{selector}"),
        None => id.to_string(),
    }
}

/// Returns the requested label or version number. Without one, AWS returns the newest version.
pub fn version_selector(request: &SecretRequest) -> Option<&str> {
    request.version.label().or(request.version.id())
}
