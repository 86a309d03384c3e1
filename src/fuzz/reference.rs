//! Fuzzes the parser of references. A reference that is printed and parsed again must be equal to
//! the first one, and every error in a plan that uses it must have a message.

use super::support::{message, plan};
use crate::model::entry::EntrySource;
use crate::model::env_variables::Inherited;
use crate::model::reference::{Alias, Aliases, Reference, Version};

/// Parses `data` as a reference, and makes a plan with it.
pub fn reference(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(reference) = Reference::parse(text) else {
        return;
    };
    let printed = reference.to_string();
    assert_eq!(
        Reference::parse(&printed),
        Ok(reference.clone()),
        "{printed:?} is read as something else"
    );
    check_lookup(&reference);
    let planned = super::support::layer(EntrySource::Reference(reference)).map(plan);
    for error in planned.and_then(Result::err).into_iter().flatten() {
        assert!(!message(&error).is_empty());
    }
}

/// Looks up the reference with some variables and an alias. Checks that no placeholder is left in
/// the id and that, since neither the reference nor the alias has a region, exactly an ARN gives
/// the request one.
fn check_lookup(reference: &Reference) {
    let arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf";
    let variables = [("A", "a"), ("ARN", arn), ("R", "us-east-1"), ("EMPTY", "")];
    let inherited = Inherited::new(
        variables
            .into_iter()
            .map(|(name, value)| (name.into(), value.into())),
    );
    let mut aliases = Aliases::default();
    let version = Version::Stage("AWSPREVIOUS".to_owned());
    aliases.insert(
        "db".to_owned(),
        Alias {
            id: "${ARN}".to_owned(),
            version,
            region: None,
            role: None,
        },
    );
    if let Ok(found) = reference.locate(&aliases, &inherited) {
        let id = found.locator.id.to_string();
        assert!(!id.contains("${"), "{id:?} was not expanded");
        assert_eq!(
            id.starts_with("arn:"),
            found.locator.region.is_some(),
            "the region of {id:?}"
        );
    }
}
