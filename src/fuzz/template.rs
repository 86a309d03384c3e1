//! Fuzzes templates. Rendering must end, and no error may show a value.

use super::support::{
    CANARY, SECRET, assert_hold_no_value, assert_quotes_no_value, layer, plan, reasons, resolve_all,
};
use crate::model::entry::EntrySource;
use crate::model::entry::template::Template;
use crate::model::reference::{Alias, Version, validate_alias_name};
use crate::resolve::invalid_template_outcomes;

/// Renders `data` as a template in which every name is an alias of the same secret.
pub fn template(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    // A syntax error may show the template itself.
    let Ok(template) = Template::parse(text) else {
        return;
    };
    if is_excluded(text) {
        return;
    }

    let names = template.names.clone();
    let Some(mut layer) = layer(EntrySource::Template(template)) else {
        return;
    };
    for name in names
        .into_iter()
        .filter(|name| validate_alias_name(name).is_ok())
    {
        let alias = Alias {
            id: "secret".to_owned(),
            version: Version::Current,
            region: None,
            role: None,
        };
        layer.aliases.insert(name, alias);
    }

    match plan(layer) {
        Err(errors) => errors
            .into_iter()
            .for_each(|error| assert_quotes_no_value(&error)),
        Ok(plan) => {
            invalid_template_outcomes(&plan);
            for body in [SECRET, CANARY] {
                assert_hold_no_value(reasons(&resolve_all(&plan, body.as_bytes())));
            }
        }
    }
}

/// True for a template that isn't rendered. docs/reference.md excludes slices with a negative step,
/// and a namespace that contains itself. It also says that a template can use up all memory: by
/// repeating text, by printing lists of printed lists (quoting doubles the backslashes each time),
/// or by a large width. A canary in the template itself may be shown.
fn is_excluded(text: &str) -> bool {
    let may_have_step = text.contains('[') && text.matches(':').count() > 1;
    let has_large_number = text
        .split(|c: char| !c.is_ascii_digit())
        .any(|digits| digits.len() > 4);
    let repeats_again = text.matches("join").count() + text.matches("replace").count() > 1;
    let has_many_filters = text.matches('|').count() > 12;
    let has_excluded_part = ["*", "namespace", CANARY]
        .iter()
        .any(|part| text.contains(part));
    may_have_step || has_large_number || repeats_again || has_many_filters || has_excluded_part
}
