//! Templates: rendering ends, its output is limited, and no error quotes a value.

use super::support::{CANARY, SECRET, assert_hold_no_value, assert_quotes_no_value, layer, plan, resolve_all};
use crate::model::entry::EntrySource;
use crate::model::reference::{Alias, Aliases, Version};
use crate::model::template::Template;
use crate::report::Failure;

/// `data` is a template in which every name is an alias of one secret.
pub fn template(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    // An error may quote the template itself.
    let Ok(template) = Template::parse(text) else { return };
    if text.contains(CANARY) {
        return;
    }
    // MiniJinja panics at some slices that go backwards, and a template's author may take all memory by doubling a text
    // or by giving a repeated list to a filter.
    let is_repeated = text.contains('*') && text.contains('|');
    if text.contains("namespace") || is_repeated || text.contains('[') && text.matches(':').count() > 1 {
        return;
    }
    let is_alias = |name: &&str| Aliases::check_name(name).is_ok();
    let names = template.required_names(|name| name == "db").into_iter();
    let names: Vec<String> = names.filter(is_alias).map(str::to_owned).collect();
    let Some(mut layer) = layer(EntrySource::Template(template)) else { return };
    for name in names {
        let alias = Alias { id: "secret".to_owned(), version: Version::Current, region: None, role: None };
        layer.aliases.insert(name, alias);
    }
    match plan(layer) {
        Err(errors) => errors.into_iter().map(Failure::Plan).for_each(|error| assert_quotes_no_value(&error)),
        Ok(plan) => {
            for body in [SECRET, CANARY] {
                let outcome = resolve_all(&plan, body.as_bytes());
                assert!(outcome.resolved.variables.iter().all(|variable| variable.value.len() <= 1 << 20));
                assert_hold_no_value(outcome.errors);
            }
        }
    }
}
