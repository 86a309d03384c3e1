//! Names and ARNs of secrets and parameters.

use std::fmt;

use super::arn::{Arn, Region, Store};

/// The name or the ARN of a secret or parameter. The name of a parameter has no `ssm:`; the locator has the store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SecretId {
    Name(String),
    /// A secret's ARN may lack the six random characters at its end.
    Arn(Arn),
}

/// A defect of a reference or of a secret's id, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferenceError {
    /// The message. It quotes neither a text that may be a password in the place of a reference, nor the value of a variable.
    pub text: String,
    /// The defect as a predicate that quotes nothing.
    pub defect: &'static str,
    /// True if the text quotes more of the reference than one character or the name of a variable.
    pub is_quoting: bool,
    pub help: Option<String>,
}

impl ReferenceError {
    pub fn new(defect: &'static str, text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            defect,
            is_quoting: true,
            help: None,
        }
    }

    /// Adds the remedy.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Self {
        Self {
            help: Some(help.into()),
            ..self
        }
    }

    /// Quotes the text that has the defect.
    pub fn of(written: &str, defect: &'static str) -> Self {
        Self::new(defect, format!("{written:?} {defect}"))
    }

    /// Quotes nothing.
    pub fn of_reference(defect: &'static str) -> Self {
        Self::new(defect, format!("the reference {defect}"))
    }

    /// A variable that cannot be expanded, which the text names.
    pub fn of_variable(text: String) -> Self {
        Self {
            is_quoting: false,
            ..Self::new("has a variable that can't be expanded", text)
        }
    }

    /// A character that AWS allows in no name.
    pub fn of_character(character: char) -> Self {
        let text = format!("the name of a secret can't contain {character:?}");
        let text = text.replace("' '", "a space");
        let help = match character {
            '$' => "write a variable in a reference as ${NAME}",
            '{' => "write a template in a declaration, as in NAME: { template: \"…\" }",
            '#' => "write a colon before the key, as in prod/db:host",
            '"' | '\'' => "remove the quotes, which are part of the reference",
            '*' | '?' => "only IAM policies allow wildcards: write the secret's full name",
            _ => "for a plain value instead of a secret, write NAME: { value: … } in a declaration",
        };
        let error = Self::new(ILLEGAL_CHARACTER, text).help(help);
        Self {
            is_quoting: false,
            ..error
        }
    }

    /// Returns the message without any part of the reference, for the command line: it may be a password there.
    pub fn hidden(&self) -> String {
        if self.is_quoting {
            format!("the reference {}", self.defect)
        } else {
            self.text.clone()
        }
    }

    pub fn of_short_arn(arn: &str) -> Self {
        let help = "copy the whole ARN, as in arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/db-AbCdEf";
        Self::of(arn, "is an incomplete ARN").help(help)
    }
}

impl SecretId {
    /// Parses a secret's name, `ssm:` and a parameter's name, or an ARN of either, and returns the store that it names.
    ///
    /// # Errors
    /// An empty, overlong or illegal name, and a malformed ARN.
    pub fn parse(text: &str) -> Result<(Store, Self), ReferenceError> {
        if Arn::is_meant(text) {
            return parse_arn(text).map(|(store, arn)| (store, Self::Arn(arn)));
        }
        let (store, name) = match text.strip_prefix("ssm:") {
            Some(name) => (Store::ParameterStore, name),
            None => (Store::SecretsManager, text),
        };
        if name.is_empty() {
            return Err(
                ReferenceError::new("is empty", "the name of the secret is empty")
                    .help("write the name of a secret, as in prod/db:password"),
            );
        }
        if let Some(character) = name.chars().find(|c| !is_name_character(*c)) {
            return Err(ReferenceError::of_character(character));
        }
        let (longest, defect) = match store {
            Store::SecretsManager => (512, "is longer than the name of a secret can be"),
            Store::ParameterStore => (
                LONGEST_PARAMETER_NAME,
                "is longer than the name of a parameter can be",
            ),
        };
        if name.len() > longest {
            let text = format!("the name of a {store} can have at most {longest} characters");
            return Err(ReferenceError::new(defect, text));
        }
        if store == Store::ParameterStore && name.contains("//") {
            return Err(ReferenceError::of(text, TWO_SLASHES));
        }
        Ok((store, Self::Name(name.to_owned())))
    }

    pub fn arn(&self) -> Option<&Arn> {
        let Self::Arn(arn) = self else { return None };
        Some(arn)
    }

    /// The region that an ARN names.
    pub fn region(&self) -> Option<Region> {
        self.arn().and_then(Arn::region)
    }

    /// Returns the id of the replica in another region: an ARN with that region, or the same name.
    pub fn in_region(&self, region: &Region) -> Self {
        match self {
            Self::Name(_) => self.clone(),
            Self::Arn(arn) => Self::Arn(arn.in_region(region)),
        }
    }

    /// The name within an account and region: of an ARN, its resource without `secret:` or `parameter/`.
    pub fn name(&self) -> &str {
        match self {
            Self::Name(name) => name,
            Self::Arn(arn) => {
                let resource = arn.resource();
                resource
                    .strip_prefix("secret:")
                    .or_else(|| resource.strip_prefix("parameter/"))
                    .unwrap_or(resource)
            }
        }
    }

    /// True for the path of all parameters below it, which has a slash at its end; no parameter's own name has.
    pub fn is_path(&self, store: Store) -> bool {
        store == Store::ParameterStore && self.name().ends_with('/')
    }

    /// True for an ARN that ends in a hyphen and six characters, as a complete one does. A name may end so, too.
    pub fn may_be_complete(&self) -> bool {
        let ending = self.name().rfind('-').map(|at| &self.name()[at..]);
        self.arn().is_some() && ending.is_some_and(is_random_ending)
    }

    /// True if an answer with this name and ARN is for this id.
    ///
    /// AWS also accepts the ARN of a secret without the hyphen and six random characters at its end.
    pub fn is_answered_by(&self, name: Option<&str>, arn: Option<&Arn>) -> bool {
        let (answered, wanted) = match self {
            Self::Name(wanted) if name == Some(wanted) => return true,
            Self::Name(wanted) => (
                arn.and_then(|arn| arn.resource().strip_prefix("secret:")),
                wanted.as_str(),
            ),
            Self::Arn(wanted) => (
                arn.and_then(|arn| arn.resource_beside(wanted)),
                wanted.resource(),
            ),
        };
        let rest = answered.and_then(|answered| answered.strip_prefix(wanted));
        rest.is_some_and(|rest| rest.is_empty() || is_random_ending(rest))
    }
}

impl fmt::Display for SecretId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Arn(arn) => write!(f, "{arn}"),
        }
    }
}

/// True for a hyphen and six characters, which AWS appends to a secret's name in its ARN.
fn is_random_ending(text: &str) -> bool {
    text.strip_prefix('-').is_some_and(|random| {
        random.len() == 6 && random.bytes().all(|b| b.is_ascii_alphanumeric())
    })
}

/// True for the characters that CreateSecret allows, and `!`, which only services of AWS use (`rds!cluster-…`).
pub fn is_name_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || "/_+=.@!-".contains(c)
}

fn parse_arn(text: &str) -> Result<(Store, Arn), ReferenceError> {
    let service = text.split(':').nth(2).unwrap_or_default();
    let Some(store) = Store::of_service(service) else {
        return Err(match service {
            "" => ReferenceError::of_short_arn(text),
            _ => ReferenceError::of(
                text,
                "is the ARN of something other than a secret or parameter",
            ),
        });
    };
    let fields = text.split(':').count();
    let Some(arn) = Arn::parse(text).filter(|_| fields >= store.arn_fields()) else {
        return Err(ReferenceError::of_short_arn(text));
    };
    let prefix = match store {
        Store::SecretsManager => "secret:",
        Store::ParameterStore => "parameter/",
    };
    let Some(name) = arn.resource().strip_prefix(prefix) else {
        // Without its account, for example.
        return Err(ReferenceError::of_short_arn(text));
    };
    if name.contains(['*', '?']) {
        let help = "write only the secret's name, as in prod/db:password, or its full ARN";
        return Err(
            ReferenceError::of(text, "has wildcards, which only IAM policies allow").help(help),
        );
    }
    for (is_legal, defect) in [
        (
            fields == store.arn_fields(),
            "has a key, a stage or a version id after the ARN, which can't come from a variable",
        ),
        (
            arn.has_partition(),
            "has a second field that is not an AWS partition such as aws or aws-cn",
        ),
        (
            arn.region().is_some_and(|region| region.area().is_some()),
            "is an ARN whose fourth field is not a region code such as us-east-1",
        ),
        (
            arn.account().is_some(),
            "has a fifth field that is not an account id of 12 digits",
        ),
        (!name.is_empty(), "is an incomplete ARN"),
        (name.chars().all(is_name_character), ILLEGAL_CHARACTER),
        (
            store == Store::SecretsManager || !arn.resource().contains("//"),
            TWO_SLASHES,
        ),
    ] {
        if !is_legal {
            return Err(ReferenceError::of(text, defect));
        }
    }
    Ok((store, arn))
}

/// The most characters that a parameter's name can have. AWS allows 1011 characters for the whole ARN, and the shortest beginning,
/// `arn:aws:ssm:us-east-1:123456789012:parameter`, takes 44 of them before the name's first slash.
///
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html>
const LONGEST_PARAMETER_NAME: usize = 1011 - 44;

/// The defect of a parameter's id that AWS refuses. A secret's name may have two slashes in a row.
const TWO_SLASHES: &str =
    "has two slashes in a row, which AWS doesn't allow in the name of a parameter";

/// The defect of a name that AWS refuses.
const ILLEGAL_CHARACTER: &str =
    "has a character that AWS doesn't allow in the name of a secret or parameter";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_matches_the_requested_id() {
        let arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/db-AbCdEf";
        let is_answered = |asked: &str, name: Option<&str>, arn: Option<&str>| {
            SecretId::parse(asked)
                .unwrap()
                .1
                .is_answered_by(name, arn.and_then(Arn::parse).as_ref())
        };
        for asked in ["prod/db", arn, arn.strip_suffix("-AbCdEf").unwrap()] {
            assert!(is_answered(asked, Some("prod/db"), Some(arn)), "{asked}");
        }
        assert!(is_answered("prod/db", None, Some(arn)));
        for asked in ["prod/d", "db", "prod/db2"] {
            assert!(!is_answered(asked, Some("prod/db"), Some(arn)), "{asked}");
        }
        let replica = arn.replace("prod/db", "prod/db-replica");
        for asked in ["prod/db", arn.strip_suffix("-AbCdEf").unwrap()] {
            assert!(
                !is_answered(asked, Some("prod/db-replica"), Some(&replica)),
                "{asked}"
            );
        }
        assert!(!is_answered(
            &arn.replace("us-east-1", "eu-west-1"),
            Some("prod/db"),
            Some(arn)
        ));
        assert!(!is_answered("prod/db", None, None));
    }
}
