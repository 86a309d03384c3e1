//! Templates: rendering ends, and no error quotes a value.

use super::support::{CANARY, SECRET, assert_hold_no_value, assert_quotes_no_value, layer, plan, resolve_all};
use crate::model::entry::EntrySource;
use crate::model::entry::template::Template;
use crate::model::reference::{Alias, Aliases, Version};

/// `data` is a template in which every name is an alias of one secret.
pub fn template(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    // An error may quote the template itself.
    let Ok(template) = Template::parse(text) else { return };
    // MiniJinja panics at some slices that go backwards and at a division by zero, and a template's author may take all
    // memory by repeating a text, by a large width or by a namespace that contains itself.
    let may_slice = text.contains('[') && text.matches(':').count() > 1;
    let has_large_number = text.split(|c: char| !c.is_ascii_digit()).any(|digits| digits.len() > 4);
    let is_excluded = ["*", "divisibleby", "namespace", CANARY].iter().any(|part| text.contains(part));
    if may_slice || has_large_number || is_excluded {
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
        Err(errors) => errors.into_iter().for_each(|error| assert_quotes_no_value(&error)),
        Ok(plan) => {
            for body in [SECRET, CANARY] {
                assert_hold_no_value(resolve_all(&plan, body.as_bytes()).errors);
            }
        }
    }
}
