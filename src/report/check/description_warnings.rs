//! Lines about secrets that could not be described, though a launch may read them.

use crate::model::answer::{DescribedSecret, FetchError};
use crate::report::fetch_errors::fetch_text;
use crate::report::line::Line;

/// Returns a warning for each failed request, and a remedy for all denials together.
pub fn description_warnings(secrets: &[DescribedSecret]) -> Vec<Line> {
    let failed = secrets.iter().filter(|secret| !secret.is_denied());
    let failed = failed.filter_map(|secret| Some((secret, secret.description.as_ref().err()?)));
    let warning = |(DescribedSecret { id, region, .. }, error): (&DescribedSecret, &FetchError)| {
        Line::warning(format!("secret {id}, region {region}: DescribeSecret: {}", fetch_text(error, None)))
    };
    let is_denied = secrets.iter().any(DescribedSecret::is_denied);
    let remedy = "for \"not permitted\" allow this identity to perform secretsmanager:DescribeSecret; \
                  secrets-exec policy --describe prints the policy";
    failed.map(warning).chain(is_denied.then(|| Line::help(remedy))).collect()
}
