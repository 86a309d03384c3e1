//! Warnings about references that may be misspelled aliases. Only a request tells that no secret has such a name.

use crate::model::entry::Subject;
use crate::model::plan::Plan;
use crate::model::suggest;
use crate::report::line::Line;

/// Returns a line for each reference whose secret is similar to an alias and is none.
pub fn alias_warnings(plan: &Plan) -> Vec<Line> {
    let aliases = || plan.aliases().names();
    let warning = |(_, subject, _)| {
        let subject: &Subject = subject;
        let name = subject.reference()?.split(':').next().filter(|name| !["ssm", "arn"].contains(name))?;
        let nearest = suggest::nearest(name, aliases().filter(|alias| *alias != name))?;
        let is_alias = aliases().any(|alias| alias == name);
        (!is_alias).then(|| {
            Line::warning(format!(
                "{subject}: {name} is no alias, so it names a secret; did you mean the alias {nearest}?"
            ))
        })
    };
    plan.references().filter_map(warning).collect()
}
