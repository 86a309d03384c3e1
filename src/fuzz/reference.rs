//! References: each parses from its own printed form.

use super::support::{message, plan};
use crate::model::entry::EntrySource;
use crate::model::inherited::Inherited;
use crate::model::reference::{Alias, Aliases, Reference, Version};

/// `data` is a reference.
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
    locate(&reference);
    let planned = super::support::layer(EntrySource::Reference(reference)).map(plan);
    for error in planned.and_then(Result::err).into_iter().flatten() {
        assert!(!message(&error).is_empty());
    }
}

/// Looks the reference up, with variables and an alias.
fn locate(reference: &Reference) {
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
