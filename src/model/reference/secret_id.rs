//! Names and ARNs of secrets and parameters, and their stores: Secrets Manager and Parameter Store.
//! [`SecretId::is_answered_by`] checks that an answer is for the requested secret.

use std::fmt;
use std::sync::Arc;

use super::arn::{Arn, Region};
use crate::model::fault::Fault;
use crate::model::shown::text_or;

/// The prefix of a parameter in a reference.
const PARAMETER_PREFIX: &str = "ssm:";

/// A name or ARN. The prefix `ssm:` isn't included, because the locator has a field for the store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SecretId {
    Name(Arc<str>),
    /// A secret's ARN may lack the hyphen and the six random characters at the end.
    Arn(Arn),
}

/// A path such as `/prod/`, which stands for the parameters below it.
#[derive(Clone, Copy, Debug)]
pub struct ParameterPath<'a> {
    /// Ends with a slash. It also begins with one, unless it comes from an ARN.
    pub name: &'a str,
    /// True for `/path/`, and false for `/path/*`, which includes only parameters directly below.
    pub is_recursive: bool,
}

impl ParameterPath<'_> {
    /// `rest` is what follows the path in the parameter's name: `db/host` for `/prod/db/host` below
    /// `/prod/`.
    pub fn includes(&self, rest: &str) -> bool {
        !rest.is_empty() && (self.is_recursive || !rest.contains('/'))
    }
}

impl SecretId {
    /// Parses a secret's name, `ssm:` and a parameter's name, or the ARN of either.
    pub fn parse(text: &str) -> Result<(Store, Self), Fault> {
        if Arn::has_prefix(text) {
            return parse_arn(text).map(|(store, arn)| (store, Self::Arn(arn)));
        }

        let (store, name) = Store::split_prefix(text);
        if name.is_empty() {
            let help = "write SECRET:KEY, or set the shell variable that the name comes from";
            return Err(Fault::new("doesn't name a secret").help(help));
        }
        if !is_legal_name(store, name) {
            return Err(Fault::new(ILLEGAL_CHARACTER));
        }
        if store == Store::ParameterStore && name.contains("//") {
            return Err(two_slashes(text));
        }
        let longest = match store {
            // The limit of CreateSecret, the operation that creates secrets.
            Store::SecretsManager => 512,
            Store::ParameterStore => LONGEST_PARAMETER_NAME,
        };
        if name.len() > longest {
            let defect =
                format!("has a name of more than {longest} characters, which no {store} can have");
            return Err(Fault::new(defect));
        }
        if text == "ssm:/" {
            let help = "write ssm:/PATH/ (a shell variable was probably empty)";
            return Err(Fault::new("is the path of all parameters").help(help));
        }
        if let Some(fault) = slash_fault(text) {
            return Err(fault);
        }
        Ok((store, Self::Name(name.into())))
    }

    pub fn arn(&self) -> Option<&Arn> {
        let Self::Arn(arn) = self else { return None };
        Some(arn)
    }

    /// The id of the same secret in another region. The ARN of a public parameter, which has no
    /// account, becomes the parameter's name.
    pub fn in_region(&self, region: &Region) -> Self {
        match self {
            Self::Name(_) => self.clone(),
            Self::Arn(arn) if arn.account().is_none() => {
                Self::Name(format!("/{}", self.name()).into())
            }
            Self::Arn(arn) => Self::Arn(arn.in_region(region)),
        }
    }

    /// The name or, for an ARN, the resource without `secret:` or `parameter/`.
    pub fn name(&self) -> &str {
        match self {
            Self::Name(name) => name,
            Self::Arn(arn) => {
                let resource = arn.resource();
                resource
                    .strip_prefix("secret:")
                    .or(resource.strip_prefix("parameter/"))
                    .unwrap_or(resource)
            }
        }
    }

    /// True for an ARN that ends like a secret's complete ARN. It may still be incomplete, because
    /// a secret's name can end like this, too.
    pub fn may_be_complete(&self) -> bool {
        let name = self.name();
        self.arn().is_some()
            && name
                .rfind('-')
                .is_some_and(|at| is_random_ending(&name[at..]))
    }

    /// True if an answer with this name and ARN is for the requested secret. (Parameters are
    /// checked elsewhere.)
    ///
    /// The answer's ARN must be the requested ARN, or contain the requested name. It may have a
    /// random ending that the request lacks. The answer's name must fit both the request and the
    /// answer's ARN. If the answer has no ARN, only the requested name is accepted.
    pub fn is_answered_by(&self, name: Option<&str>, arn: Option<&Arn>) -> bool {
        let Some(arn) = arn else {
            return self.arn().is_none() && name == Some(self.name());
        };
        let resource = match self {
            // A name doesn't say which account the secret is in, so the account isn't checked.
            Self::Name(_) => Some(arn.resource()),
            Self::Arn(requested) => arn.resource_in_account_of(requested),
        };
        // The name with the random ending: `prod/db-AbCdEf`.
        let Some(full_name) = resource.and_then(|resource| resource.strip_prefix("secret:")) else {
            return false;
        };
        let is_in_arn = |name: &str| {
            let rest = full_name.strip_prefix(name);
            // Nothing is left if `name` comes from a complete ARN, which includes the ending.
            rest.is_some_and(|rest| rest.is_empty() || is_random_ending(rest))
        };
        if !is_in_arn(self.name()) {
            return false;
        }
        let Some(name) = name else { return true };
        // In a complete ARN, `self.name()` has the random ending, but the answer's name doesn't.
        is_in_arn(name) && (name == self.name() || full_name == self.name())
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

/// True for a hyphen and six letters or digits, which AWS appends to the name in a secret's ARN.
fn is_random_ending(text: &str) -> bool {
    text.strip_prefix('-')
        .is_some_and(|end| end.len() == 6 && end.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// Splits `prod/db-CxwhVq` into `prod/db` and `-CxwhVq`. The six characters must include a capital
/// letter or a digit, so `prod/db-master` isn't split.
pub fn split_random_ending(name: &str) -> Option<(&str, &str)> {
    let (before, ending) = name.split_at(name.rfind('-')?);
    let is_word = ending
        .trim_start_matches('-')
        .bytes()
        .all(|b| b.is_ascii_lowercase());
    if is_word || before.is_empty() || !is_random_ending(ending) {
        return None;
    }
    Some((before, ending))
}

/// True for a character that AWS allows in a name. Only secrets of AWS's own services can have `!`
/// (`rds!cluster-…`).
pub fn is_name_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || "/_+=.@!-".contains(c)
}

/// Checks the characters of a name. A parameter's path may end with `/*`.
fn is_legal_name(store: Store, name: &str) -> bool {
    let checked = match store {
        Store::SecretsManager => name,
        Store::ParameterStore => name.strip_suffix("/*").unwrap_or(name),
    };
    checked.chars().all(is_name_character)
}

/// The error for `ssm:prod/app/level`: a parameter's name that contains a slash must also begin
/// with one.
pub fn slash_fault(text: &str) -> Option<Fault> {
    let name = text.strip_prefix(PARAMETER_PREFIX)?;
    if !name.contains('/') || name.starts_with('/') {
        return None;
    }
    let defect = "has a parameter whose name contains a slash, but doesn't begin with one";
    Some(Fault::new(defect).help(format!("write ssm:/{}", text_or("NAME", name))))
}

pub(super) fn incomplete_arn() -> Fault {
    Fault::new("isn't the whole ARN of a secret or parameter").help(ARN_REMEDY)
}

const ARN_REMEDY: &str = "copy the whole ARN: arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME, or arn:aws:ssm:REGION:ACCOUNT:parameter/NAME";

/// Parses the ARN of a secret or a parameter. The service in the ARN says which of the two it is.
fn parse_arn(text: &str) -> Result<(Store, Arn), Fault> {
    let arn = Arn::parse(text).ok_or_else(incomplete_arn)?;
    let store = Store::from_service(arn.service()).ok_or_else(|| {
        Fault::new("is the ARN of something other than a secret or parameter").help(ARN_REMEDY)
    })?;
    let prefix = match store {
        Store::SecretsManager => "secret:",
        Store::ParameterStore => "parameter/",
    };
    let has_region = arn.region().is_some_and(|region| region.has_known_form());
    // Without an account, a field is probably missing, so the others are in the wrong places. Only
    // AWS's public parameters have no account.
    let has_account = arn.account().is_some() || text.contains("::parameter/aws/service/");
    let name = arn.resource().strip_prefix(prefix).unwrap_or_default();
    if !has_account || !has_region || !arn.has_partition() || name.is_empty() {
        return Err(incomplete_arn());
    }
    if !is_legal_name(store, name) {
        return Err(Fault::new(ILLEGAL_CHARACTER));
    }
    if store == Store::ParameterStore && arn.resource().contains("//") {
        return Err(two_slashes(text));
    }
    Ok((store, arn))
}

/// AWS allows 1011 characters for the whole ARN
/// (<https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html>). At
/// least 44 of them come before the name: `arn:aws:ssm:us-east-1:123456789012:parameter`.
const LONGEST_PARAMETER_NAME: usize = 1011 - 44;

const ILLEGAL_CHARACTER: &str =
    "has a character that AWS doesn't allow in the name of a secret or parameter";

/// The hint for a name with an empty part, such as `prod//db`.
pub const EMPTY_PIECE: &str = "a shell variable was probably empty";

/// True for `prod//db`, `/db` and `prod/`, in which a part of the name is probably missing.
pub fn has_empty_piece(name: &str) -> bool {
    let has_one_slash = name.matches('/').count() == 1;
    name.contains("//") || has_one_slash && (name.starts_with('/') || name.ends_with('/'))
}

/// The error for two slashes in a row, which AWS allows only in secrets' names. For another tool's
/// `ssm://x`, and for `parameter//` in an ARN, the help suggests a single slash.
pub(super) fn two_slashes(text: &str) -> Fault {
    let defect = "has two slashes in a row, which AWS doesn't allow in the name of a parameter";
    let help = if text.starts_with("ssm://") || text.contains(":parameter//") {
        format!(
            "write {}",
            text_or("ssm:/NAME", &text.replacen("//", "/", 1))
        )
    } else {
        EMPTY_PIECE.to_owned()
    };
    Fault::new(defect).help(help)
}

/// The AWS service that stores a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Store {
    SecretsManager,
    ParameterStore,
}

impl Store {
    /// Finds the store by its [`Self::service`].
    pub fn from_service(service: &str) -> Option<Self> {
        [Self::SecretsManager, Self::ParameterStore]
            .into_iter()
            .find(|store| store.service() == service)
    }

    /// The service's name in ARNs, host names and signatures.
    pub fn service(self) -> &'static str {
        match self {
            Self::SecretsManager => "secretsmanager",
            Self::ParameterStore => "ssm",
        }
    }

    /// The prefix of a name in a reference.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::SecretsManager => "",
            Self::ParameterStore => PARAMETER_PREFIX,
        }
    }

    /// True for the name of a parameter or a path, but not for an ARN, which never begins with
    /// `ssm:`.
    pub fn has_prefix(text: &str) -> bool {
        text.starts_with(PARAMETER_PREFIX)
    }

    /// `ssm:/prod/level` becomes Parameter Store and `/prod/level`. The text must not be an ARN.
    pub fn split_prefix(text: &str) -> (Self, &str) {
        match text.strip_prefix(PARAMETER_PREFIX) {
            Some(name) => (Self::ParameterStore, name),
            None => (Self::SecretsManager, text),
        }
    }

    pub fn label_noun(self) -> &'static str {
        match self {
            Self::SecretsManager => "stage",
            Self::ParameterStore => "label",
        }
    }
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SecretsManager => "secret",
            Self::ParameterStore => "parameter",
        })
    }
}

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
