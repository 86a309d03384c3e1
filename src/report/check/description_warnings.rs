//! Warnings about secrets that could not be described, although the role may do it.

use crate::model::answer::DescribedSecret;
use crate::model::suggest::Suggestions;
use crate::report::fetch_errors::fetching;
use crate::report::line::Line;

/// Returns a line for each failed request. A denial is no failure; the table says it.
pub fn description_warnings(secrets: &[DescribedSecret]) -> Vec<Line> {
    let failed = secrets.iter().filter(|secret| !secret.is_denied());
    let failed = failed.filter_map(|secret| Some((secret, secret.description.as_ref().err()?)));
    failed
        .map(|(DescribedSecret { id, region, .. }, error)| {
            let what = fetching(error, None, false, &[], &Suggestions::default(), None).0;
            Line::warning(format!("secret {id}, region {region}: DescribeSecret: {what}"))
        })
        .collect()
}
