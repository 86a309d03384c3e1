//! AWS's partitions, and the hosts of the commercial one.
//!
//! For hosts in other partitions the SDK's rules are used, which parse a table of all partitions at the cost of half a million
//! instructions.

use crate::model::reference::Region;

/// A group of regions with identities of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partition {
    /// As in ARNs.
    pub name: &'static str,
    /// The last labels of the hosts of its services.
    pub dns_suffix: &'static str,
}

/// The first part of the regions' codes in the commercial partition.
const AREAS: [&str; 9] = ["af", "ap", "ca", "eu", "il", "me", "mx", "sa", "us"];

pub const COMMERCIAL: Partition = Partition { name: "aws", dns_suffix: "amazonaws.com" };

/// The other partitions, by the part of a region's code before its direction and number. From the SDK's table
/// (aws-sdk-secretsmanager 1.125, `endpoint_lib.rs`).
const OTHERS: [(&str, Partition); 7] = [
    ("cn", Partition { name: "aws-cn", dns_suffix: "amazonaws.com.cn" }),
    ("us-gov", Partition { name: "aws-us-gov", dns_suffix: "amazonaws.com" }),
    ("us-iso", Partition { name: "aws-iso", dns_suffix: "c2s.ic.gov" }),
    ("us-isob", Partition { name: "aws-iso-b", dns_suffix: "sc2s.sgov.gov" }),
    ("eu-isoe", Partition { name: "aws-iso-e", dns_suffix: "cloud.adc-e.uk" }),
    ("us-isof", Partition { name: "aws-iso-f", dns_suffix: "csp.hci.ic.gov" }),
    ("eusc-de", Partition { name: "aws-eusc", dns_suffix: "amazonaws.eu" }),
];

/// Returns the host of a service, if `region` is in the commercial partition.
pub fn commercial_host(service: &str, region: &Region) -> Option<String> {
    let is_commercial = area(region.as_str()).is_some_and(|area| AREAS.contains(&area));
    is_commercial.then(|| format!("{service}.{region}.amazonaws.com"))
}

/// Returns the partition of a region, if its code has the form of one.
pub fn partition_of(region: &Region) -> Option<Partition> {
    let area = area(region.as_str())?;
    let other = OTHERS.iter().find(|(other, _)| *other == area).map(|(_, partition)| *partition);
    other.or_else(|| AREAS.contains(&area).then_some(COMMERCIAL))
}

/// Returns `AREA` of `AREA-DIRECTION-NUMBER`.
fn area(region: &str) -> Option<&str> {
    let (rest, number) = region.rsplit_once('-')?;
    let (area, direction) = rest.rsplit_once('-')?;
    let is_name = !direction.is_empty() && direction.bytes().all(|byte| byte.is_ascii_lowercase());
    (is_name && number.parse::<u8>().is_ok()).then_some(area)
}

#[cfg(test)]
mod tests {
    use aws_sdk_secretsmanager::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};

    use super::*;

    /// The host of Secrets Manager by the SDK's rules.
    fn host_of_sdk(region: &str) -> String {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let parameters = Params::builder().region(region).build().unwrap();
        let endpoint = runtime.block_on(DefaultResolver::new().resolve_endpoint(&parameters)).unwrap();
        endpoint.url().trim_start_matches("https://").to_owned()
    }

    #[test]
    fn the_dns_suffix_of_each_partition_is_that_of_the_sdk() {
        for (code, name) in [
            ("us-east-1", "aws"),
            ("ap-southeast-5", "aws"),
            ("us-gov-1", "aws"),
            ("cn-northwest-1", "aws-cn"),
            ("us-gov-west-1", "aws-us-gov"),
            ("us-iso-east-1", "aws-iso"),
            ("us-isob-west-1", "aws-iso-b"),
            ("eu-isoe-west-1", "aws-iso-e"),
            ("us-isof-south-1", "aws-iso-f"),
            ("eusc-de-east-1", "aws-eusc"),
        ] {
            let partition = partition_of(&Region::parse(code).unwrap()).unwrap();
            assert_eq!(partition.name, name);
            assert_eq!(host_of_sdk(code), format!("secretsmanager.{code}.{}", partition.dns_suffix));
        }
    }

    #[test]
    fn a_code_of_another_form_has_no_partition() {
        for code in ["local", "xx-west-1", "eu-west-1a", "us-east", "aws-global"] {
            assert_eq!(partition_of(&Region::parse(code).unwrap()), None, "{code}");
        }
    }
}
