//! SSM Parameter Store: GetParameters, decrypted, ten names in one request.

use crate::backend::aws::request::Request;
use crate::model::reference::Region;

/// A parameter's name as its ARN, its plain name and its name with a leading slash have it in common.
pub fn base(name: &str) -> &str {
    let name = name.strip_prefix("ssm:").unwrap_or(name);
    let of_arn = || name.starts_with("arn:").then(|| name.split_once(":parameter/")).flatten();
    let name = of_arn().map_or(name, |(_, name)| name);
    name.strip_prefix("parameter/").unwrap_or(name).trim_start_matches('/')
}

/// `NAME`, `NAME:LABEL` or `NAME:VERSION`, or the same of an ARN.
pub fn name(request: &Request, region: &Region) -> String {
    let id = request.id_in(region);
    let name = id.strip_prefix("ssm:").unwrap_or(&id);
    match selector(request) {
        Some(selector) => format!("{name}:{selector}"),
        None => name.to_owned(),
    }
}

/// A label or a version number. A parameter has no staging labels; the newest version is asked for by naming none.
pub fn selector(request: &Request) -> Option<&str> {
    request.version.label().or(request.version.id())
}
