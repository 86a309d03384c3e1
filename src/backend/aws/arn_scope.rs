//! The region and account that an answer's ARN names, against those that were asked.
//!
//! A name alone does not tell two secrets of that name apart: an endpoint of another region or account has one, too.

use crate::model::answer::{FetchError, Refusal};
use crate::model::reference::{Region, Role, SecretId};

/// A region and an account, each as far as it is known.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ArnScope {
    pub region: Option<Region>,
    pub account: Option<String>,
}

impl ArnScope {
    /// The origin that an ARN names. AWS's public parameters have no account, and what is no ARN names nothing.
    pub fn of(arn: Option<&str>) -> Self {
        let fields: Vec<&str> = arn.unwrap_or_default().splitn(6, ':').collect();
        let ["arn", _, _, region, account, _] = fields.as_slice() else { return Self::default() };
        let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        Self { region: Region::parse(region).ok(), account: is_account.then(|| (*account).to_owned()) }
    }

    /// The origin that a request wants: the region that it is sent to, and the account that the id or else the role names.
    pub fn asked(id: &SecretId, role: Option<&Role>, region: &Region) -> Self {
        let own = Self::of(Some(id.as_str())).account;
        let account = own.or_else(|| Self::of_role(role?).account);
        Self { region: Some(region.clone()), account }
    }

    fn of_role(role: &Role) -> Self {
        Self::of(Some(&role.arn))
    }

    /// Refuses an answer from another region or account than this one. What either leaves open is not compared.
    pub fn accepts(&self, found: &Self) -> Result<(), FetchError> {
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

    fn asked(id: &str, role: Option<&str>) -> ArnScope {
        let (id, ..) = SecretId::parse(id).unwrap();
        let role = role.map(|arn| Role::parse(arn, None).unwrap());
        ArnScope::asked(&id, role.as_ref(), &Region::parse("eu-west-1").unwrap())
    }

    #[test]
    fn what_an_answer_does_not_say_is_not_held_against_it() {
        let asked = asked("ssm:/x", Some("arn:aws:iam::123456789012:role/Reader"));
        for arn in [
            None,
            Some("x"),
            Some("arn:aws:ssm:eu-west-1::parameter/x"),
            Some("arn:aws:ssm:::parameter/x"),
            Some(PARAMETER),
        ] {
            assert_eq!(asked.accepts(&ArnScope::of(arn)), Ok(()), "{arn:?}");
        }
    }

    #[test]
    fn an_account_is_compared_with_that_of_the_arn_before_that_of_the_role() {
        // A policy of the secret's own account may let a role of another one read it.
        let found = ArnScope::of(Some(PARAMETER));
        let role = Some("arn:aws:iam::210987654321:role/Reader");
        assert_eq!(asked(PARAMETER, role).accepts(&found), Ok(()));
        let refused = asked("ssm:/x", role).accepts(&found);
        assert!(matches!(refused, Err(FetchError::Refused(Refusal::OtherAccount { .. }))), "{refused:?}");
        assert_eq!(asked("ssm:/x", None).accepts(&found), Ok(()));
    }
}
