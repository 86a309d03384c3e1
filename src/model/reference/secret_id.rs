//! Names and ARNs of secrets and parameters.

use std::fmt;

use super::arn::{Arn, Region, Store};
use crate::model::mistakes::Fault;

/// The name or the ARN of a secret or parameter. The name of a parameter doesn't begin with `ssm:`,
/// because the locator has the store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SecretId {
    Name(String),
    /// The variable that should name the secret, but is empty. Such a secret is never requested.
    Empty(String),
    /// The ARN of a secret may be written without the six random characters at its end.
    Arn(Arn),
}

/// A path, which stands for the parameters below it.
#[derive(Clone, Copy, Debug)]
pub struct ParameterPath<'a> {
    /// The name with the slash at its end. The name of a path from an ARN doesn't begin with a
    /// slash.
    pub name: &'a str,
    /// False for `/path/*`, which stands only for the parameters directly below the path.
    pub is_recursive: bool,
}

impl ParameterPath<'_> {
    /// True if the path stands for a parameter below it. `rest` is the part of the parameter's name
    /// that follows the path.
    pub fn includes(&self, rest: &str) -> bool {
        !rest.is_empty() && (self.is_recursive || !rest.contains('/'))
    }
}

impl SecretId {
    /// Parses the name of a secret, `ssm:` and the name of a parameter, or an ARN of either.
    /// Returns the store, too.
    ///
    /// # Errors
    /// If the name is empty, too long or illegal, or the ARN is malformed.
    pub fn parse(text: &str) -> Result<(Store, Self), Fault> {
        if Arn::has_prefix(text) {
            return parse_arn(text).map(|(store, arn)| (store, Self::Arn(arn)));
        }

        let (store, name) = match text.strip_prefix("ssm:") {
            Some(name) => (Store::ParameterStore, name),
            None => (Store::SecretsManager, text),
        };
        if name.is_empty() {
            let help = "write the name of a secret, as in prod/db:password. If the name comes from a shell variable, the variable isn't set";
            return Err(Fault::new("doesn't name a secret").help(help));
        }
        if !is_legal_name(store, name) {
            return Err(Fault::new(ILLEGAL_CHARACTER));
        }
        let longest = match store {
            Store::SecretsManager => 512,
            Store::ParameterStore => LONGEST_PARAMETER_NAME,
        };
        if name.len() > longest {
            let defect =
                format!("has a name of more than {longest} characters, which no {store} can have");
            return Err(Fault::new(defect));
        }
        if store == Store::ParameterStore && name.contains("//") {
            return Err(Fault::new(TWO_SLASHES));
        }
        Ok((store, Self::Name(name.to_owned())))
    }

    /// Returns the ARN, or `None` for a name.
    pub fn arn(&self) -> Option<&Arn> {
        let Self::Arn(arn) = self else { return None };
        Some(arn)
    }

    /// Returns the region of an ARN, or `None` for a name.
    pub fn region(&self) -> Option<Region> {
        self.arn().and_then(Arn::region)
    }

    /// Returns the id of the replica in another region: the ARN with that region, or the same name.
    pub fn in_region(&self, region: &Region) -> Self {
        match self {
            Self::Name(_) | Self::Empty(_) => self.clone(),
            Self::Arn(arn) => Self::Arn(arn.in_region(region)),
        }
    }

    /// Returns the name within an account and region. For an ARN, this is its resource without
    /// `secret:` or `parameter/`.
    pub fn name(&self) -> &str {
        match self {
            Self::Name(name) => name,
            Self::Empty(_) => "",
            Self::Arn(arn) => {
                let resource = arn.resource();
                resource
                    .strip_prefix("secret:")
                    .or_else(|| resource.strip_prefix("parameter/"))
                    .unwrap_or(resource)
            }
        }
    }

    /// Returns a path, or `None` for a secret or a parameter. A path is written with a slash at its
    /// end, or with `/*`. The name of a parameter never ends like that.
    pub fn path(&self, store: Store) -> Option<ParameterPath<'_>> {
        let name = self.name().trim_end_matches('*');
        let is_path = store == Store::ParameterStore && name.ends_with('/');
        is_path.then_some(ParameterPath {
            name,
            is_recursive: name == self.name(),
        })
    }

    /// True for an ARN that ends with a hyphen and six characters, as a complete ARN of a secret
    /// does. The ARN may still be incomplete, because the name of a secret can end in the same way.
    pub fn may_be_complete(&self) -> bool {
        let ending = self.name().rfind('-').map(|at| &self.name()[at..]);
        self.arn().is_some() && ending.is_some_and(is_random_ending)
    }

    /// True if an answer with this name and ARN is for this id, and not for another secret. If the
    /// answer has both, both must be right. An answer to a request with an ARN must have an ARN.
    ///
    /// A request may have an ARN without the hyphen and the six random characters at its end. AWS
    /// accepts that.
    pub fn is_answered_by(&self, name: Option<&str>, arn: Option<&Arn>) -> bool {
        let Some(arn) = arn else {
            return self.arn().is_none() && name == Some(self.name());
        };
        let resource = match self {
            Self::Name(_) | Self::Empty(_) => Some(arn.resource()),
            Self::Arn(requested) => arn.resource_next_to(requested),
        };
        let Some(answered) = resource.and_then(|resource| resource.strip_prefix("secret:")) else {
            return false;
        };
        // The answer's own name is a part of its ARN, and is requested with or without the random
        // ending.
        let is_own = |name: &str| {
            let rest = answered.strip_prefix(name);
            rest.is_some_and(|rest| rest.is_empty() || is_random_ending(rest))
        };
        let is_requested = |name: &str| name == self.name() || self.name() == answered;
        is_own(self.name()) && name.is_none_or(|name| is_own(name) && is_requested(name))
    }
}

impl fmt::Display for SecretId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Empty(variable) => write!(f, "${{{variable}}}"),
            Self::Arn(arn) => write!(f, "{arn}"),
        }
    }
}

/// True for a hyphen and six characters. In its ARN, AWS appends them to the name of a secret.
fn is_random_ending(text: &str) -> bool {
    text.strip_prefix('-').is_some_and(|random| {
        random.len() == 6 && random.bytes().all(|b| b.is_ascii_alphanumeric())
    })
}

/// True for the characters of names: those that CreateSecret allows, and `!`, which only AWS's own
/// services use (`rds!cluster-…`).
pub fn is_name_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || "/_+=.@!-".contains(c)
}

/// True if the name only has characters that AWS allows. A path may end with `/*`.
fn is_legal_name(store: Store, name: &str) -> bool {
    let path = match store {
        Store::SecretsManager => None,
        Store::ParameterStore => name.strip_suffix("/*"),
    };
    path.unwrap_or(name).chars().all(is_name_character)
}

/// True for one word, such as `info` or `0.0.0.0`. It may be the name of a secret, but most names
/// have a slash or a hyphen, so it is more often plain text.
pub fn is_bare_word(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || c == '.')
}

/// Returns the fault of text that begins like an ARN, but doesn't have all parts of one.
fn incomplete_arn() -> Fault {
    Fault::new("is an incomplete ARN").help("copy the whole ARN, as the AWS console shows it")
}

/// Parses the ARN of a secret or parameter. Returns the store, too.
///
/// # Errors
/// If the ARN is incomplete or malformed, or is the ARN of something else.
fn parse_arn(text: &str) -> Result<(Store, Arn), Fault> {
    let service = text.split(':').nth(2).unwrap_or_default();
    if service.is_empty() {
        return Err(incomplete_arn());
    }
    let Some(store) = Store::from_service(service) else {
        let defect = match service {
            "kms" => "is the ARN of a KMS key, not of a secret or parameter",
            _ => "is the ARN of something other than a secret or parameter",
        };
        let help = "write the name or the ARN of the secret itself, as in prod/db:password";
        return Err(Fault::new(defect).help(help));
    };

    let prefix = match store {
        Store::SecretsManager => "secret:",
        Store::ParameterStore => "parameter/",
    };
    let arn = Arn::parse(text).ok_or_else(incomplete_arn)?;
    let name = arn.resource().strip_prefix(prefix).unwrap_or_default();
    let fields = text.split(':').count();
    // If the account is missing, for example, the fields after it move, and the resource has
    // another prefix.
    let is_complete =
        fields >= store.arn_fields() && arn.has_partition() && arn.account().is_some();
    if name.is_empty() && arn.account().is_some() && !prefix.starts_with(arn.resource()) {
        let (before, resource) = text.split_at(text.len() - arn.resource().len());
        let defect = format!("is an ARN that doesn't have {prefix:?} before the name");
        // `secret/prod/db` has a slash instead of a colon.
        let name = resource.strip_prefix(&prefix.replace(':', "/"));
        let bare_name = name.unwrap_or(resource).trim_start_matches('/');
        let help = format!("write {before}{prefix}{bare_name}");
        return Err(Fault::new(defect).help(help));
    }
    if name.is_empty() || !is_complete {
        return Err(incomplete_arn());
    }

    let has_region = arn.region().is_some_and(|region| region.area().is_some());
    let defect = if fields > store.arn_fields() {
        "has a key, a stage or a version id after the ARN, which can't come from a variable"
    } else if !has_region {
        "is an ARN whose fourth field isn't a region code such as us-east-1"
    } else if !is_legal_name(store, name) {
        ILLEGAL_CHARACTER
    } else if store == Store::ParameterStore && arn.resource().contains("//") {
        let help = format!("write {}", text.replace("//", "/"));
        return Err(Fault::new(TWO_SLASHES).help(help));
    } else {
        return Ok((store, arn));
    };
    Err(Fault::new(defect))
}

/// The most characters that a parameter's name can have. AWS allows 1011 characters for the whole
/// ARN, and the shortest beginning, `arn:aws:ssm:us-east-1:123456789012:parameter`, takes 44 of
/// them before the name's first slash.
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
    fn an_answer_for_another_secret_is_not_accepted() {
        let arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/db-AbCdEf";
        let is_answered = |requested: &str, name: Option<&str>, arn: Option<&str>| {
            SecretId::parse(requested)
                .unwrap()
                .1
                .is_answered_by(name, arn.and_then(Arn::parse).as_ref())
        };
        for requested in ["prod/db", arn, arn.strip_suffix("-AbCdEf").unwrap()] {
            assert!(
                is_answered(requested, Some("prod/db"), Some(arn)),
                "{requested}"
            );
        }
        assert!(is_answered("prod/db", None, Some(arn)));
        for requested in ["prod/d", "db", "prod/db2"] {
            assert!(
                !is_answered(requested, Some("prod/db"), Some(arn)),
                "{requested}"
            );
        }
        let replica = arn.replace("prod/db", "prod/db-replica");
        for requested in ["prod/db", arn.strip_suffix("-AbCdEf").unwrap()] {
            assert!(
                !is_answered(requested, Some("prod/db-replica"), Some(&replica)),
                "{requested}"
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
