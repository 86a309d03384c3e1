//! The check that a response comes from the requested region and account.
//!
//! A name alone does not identify a secret: an endpoint of another region or account has secrets of the same name.

use crate::model::answer::{FetchError, Refusal};
use crate::model::reference::{Arn, Region, Role, SecretId};

/// A region and an account, each `None` if unknown.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ArnScope {
    pub region: Option<Region>,
    account: Option<String>,
}

impl ArnScope {
    /// The scope that a response's ARN names. AWS's public parameters have no account.
    pub fn of(arn: Option<&Arn>) -> Self {
        Self { region: arn.and_then(Arn::region), account: arn.and_then(Arn::account).map(str::to_owned) }
    }

    /// The scope of a request: the region that it is sent to, and the account of the id's ARN or else of the role's.
    pub fn requested(id: &SecretId, role: Option<&Role>, region: Option<&Region>) -> Self {
        let arn = id.arn().or(role.map(|role| &role.arn));
        Self { region: region.cloned().or_else(|| id.region()), account: Self::of(arn).account }
    }

    /// Compares the requested scope with that of a response. A part that is unknown in either is not compared.
    ///
    /// # Errors
    /// [`Refusal::OtherRegion`] or [`Refusal::OtherAccount`].
    pub fn check(&self, found: &Self) -> Result<(), FetchError> {
        let differ = |asked: Option<&str>, found: Option<&str>| {
            asked.zip(found).filter(|(asked, found)| asked != found).map(|(asked, found)| (asked.into(), found.into()))
        };
        let region = differ(self.region.as_ref().map(Region::as_str), found.region.as_ref().map(Region::as_str));
        let account = differ(self.account.as_deref(), found.account.as_deref());
        match (region, account) {
            (Some((asked, found)), _) => Err(FetchError::Refused(Refusal::OtherRegion { asked, found })),
            (None, Some((asked, found))) => Err(FetchError::Refused(Refusal::OtherAccount { asked, found })),
            (None, None) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARAMETER: &str = "arn:aws:ssm:eu-west-1:123456789012:parameter/x";

    fn requested(id: &str, role: Option<&str>) -> ArnScope {
        let (_, id) = SecretId::parse(id).unwrap();
        let role = role.map(|arn| Role::parse(arn, None).unwrap());
        ArnScope::requested(&id, role.as_ref(), Region::parse("eu-west-1").ok().as_ref())
    }

    #[test]
    fn an_unknown_region_or_account_is_not_compared() {
        let requested = requested("ssm:/x", Some("arn:aws:iam::123456789012:role/Reader"));
        for arn in [
            None,
            Some("x"),
            Some("arn:aws:ssm:eu-west-1::parameter/x"),
            Some("arn:aws:ssm:::parameter/x"),
            Some(PARAMETER),
        ] {
            assert_eq!(requested.check(&ArnScope::of(arn.and_then(Arn::parse).as_ref())), Ok(()), "{arn:?}");
        }
    }

    #[test]
    fn an_account_is_compared_with_that_of_the_arn_before_that_of_the_role() {
        // A resource policy can let a role of another account read the secret.
        let found = ArnScope::of(Arn::parse(PARAMETER).as_ref());
        let role = Some("arn:aws:iam::210987654321:role/Reader");
        assert_eq!(requested(PARAMETER, role).check(&found), Ok(()));
        let refused = requested("ssm:/x", role).check(&found);
        assert!(matches!(refused, Err(FetchError::Refused(Refusal::OtherAccount { .. }))), "{refused:?}");
        assert_eq!(requested("ssm:/x", None).check(&found), Ok(()));
    }
}
