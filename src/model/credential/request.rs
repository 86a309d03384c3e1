//! The request of a unit, which systemd puts into the address of its end of the connection.

use std::fmt;

/// A unit, and the name of the credential that it loads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialRequest {
    pub unit: String,
    pub name: String,
}

impl CredentialRequest {
    /// Parses the abstract address of systemd's end of the connection, without its leading NUL: `RANDOM/unit/UNIT/CREDENTIAL`
    /// (systemd.exec(5), LoadCredential=). Neither name may contain a slash.
    pub fn parse(address: &[u8]) -> Option<Self> {
        let fields: Vec<&str> = std::str::from_utf8(address).ok()?.split('/').collect();
        match fields[..] {
            [random, "unit", unit, name] if ![random, unit, name].contains(&"") => {
                Some(Self { unit: unit.to_owned(), name: name.to_owned() })
            }
            _ => None,
        }
    }
}

impl fmt::Display for CredentialRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.unit, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_holds_the_unit_and_the_credential() {
        let request = CredentialRequest::parse(b"7346d6d71a010657/unit/app@1.service/tok").unwrap();
        assert_eq!((&*request.unit, &*request.name), ("app@1.service", "tok"));
        for address in
            ["", "r/unit/app.service", "r/unit//tok", "/unit/a.service/t", "r/user/a.service/t", "r/unit/a/b/c"]
        {
            assert_eq!(CredentialRequest::parse(address.as_bytes()), None, "{address}");
        }
        assert_eq!(CredentialRequest::parse(b"r/unit/\xff/t"), None);
    }
}
