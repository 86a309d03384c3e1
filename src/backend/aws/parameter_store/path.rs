//! GetParametersByPath: all parameters below a path, page by page.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;

use super::response::{Parameter, base_name};
use crate::backend::aws::protocol::{Client, call, read_object};
use crate::backend::retry::RetryBudget;
use crate::model::answer::{Document, FetchError, Missing, Outage, Refusal};
use crate::model::reference::{Locator, Region, SecretId};
use crate::model::secret_value::SecretValue;

/// The limit of GetParametersByPath.
const MAX_PAGE: u64 = 10;

/// The most parameters below a path, and the most bytes in all their values.
const MOST: (usize, usize) = (10_000, 64 << 20);

/// A response of GetParametersByPath, which is one page of the parameters.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    parameters: Vec<Parameter>,
    next_token: Option<String>,
}

/// The parameters of a page, each with the rest of its name, and the token of the next page.
type PageContents = (Vec<(String, Document)>, Option<String>);

/// Reads every parameter below the path of `request` in the client's region.
///
/// A page may be empty although others follow. Only the last page has no token.
pub async fn get_below(
    client: &Client,
    request: &Locator,
    budget: &RetryBudget,
) -> Result<Document, FetchError> {
    let mut found = BTreeMap::new();
    let mut token: Option<String> = None;
    let mut read = (0, 0);
    loop {
        let (parameters, next_token) = get_page(client, request, token.as_deref(), budget).await?;
        for (name, document) in parameters {
            read = (read.0 + 1, read.1 + document.body.expose().len());
            found.insert(name, document);
        }
        if read.0 > MOST.0 || read.1 > MOST.1 {
            let why = "more than 10,000 parameters or 64 MiB are below the path: name a longer one";
            return Err(FetchError::Refused(Refusal::Request(why.into())));
        }
        if next_token.is_none() {
            break;
        }
        token = next_token;
    }
    if found.is_empty() {
        return Err(FetchError::not_found(Missing::Secret));
    }
    let region = Some(client.region.clone());
    Ok(Document {
        region,
        parameters: found.into_iter().collect(),
        ..Document::new(SecretValue::new(""))
    })
}

async fn get_page(
    client: &Client,
    request: &Locator,
    token: Option<&str>,
    budget: &RetryBudget,
) -> Result<PageContents, FetchError> {
    let path = path(&request.id);
    let mut input =
        json!({ "Path": path, "Recursive": true, "WithDecryption": true, "MaxResults": MAX_PAGE });
    if let Some(token) = token {
        input["NextToken"] = token.into();
    }
    let read = |body: &[u8]| read_page(body, request, &client.region);
    call(
        client,
        "AmazonSSM.GetParametersByPath",
        path,
        &input,
        budget,
        read,
    )
    .await
}

/// Reads the body of a response to a request for the parameters below a path.
///
/// # Errors
/// [`OutageKind::MalformedResponse`](crate::model::answer::OutageKind) for a body that is no such response, or has a parameter of another
/// path, region or account; a refusal for a parameter without a value.
pub fn read_page(
    body: &[u8],
    request: &Locator,
    region: &Region,
) -> Result<PageContents, FetchError> {
    let page: Page = read_object(body)
        .ok_or_else(|| Outage::malformed("a response that is no list of parameters"))?;
    let path = path(&request.id);
    let mut parameters = Vec::new();
    for parameter in page.parameters {
        let rest = parameter
            .name()
            .filter(|_| parameter.agrees_with_arn(&request.id, region))
            .and_then(|name| base_name(name).strip_prefix(base_name(&path)));
        let Some(rest) = rest.filter(|rest| !rest.is_empty()).map(str::to_owned) else {
            return Err(Outage::malformed(
                "a response with a parameter of another path, region or account",
            )
            .into());
        };
        let document = parameter.into_document(&request.version, region)?;
        parameters.push((rest, document));
    }
    Ok((
        parameters,
        page.next_token.filter(|token| !token.is_empty()),
    ))
}

/// The path with a slash at both ends. AWS authorizes it as it is written, and most policies name `parameter/PATH/*`.
fn path(id: &SecretId) -> String {
    match id {
        SecretId::Name(name) => name.clone(),
        SecretId::Arn(_) => format!("/{}", id.name()),
    }
}
