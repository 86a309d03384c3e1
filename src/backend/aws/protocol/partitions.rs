//! The partitions of AWS's regions, and the hosts of the commercial one.
//!
//! For hosts in other partitions the SDK's rules are used, which parse a table of all partitions at the cost of half a million
//! instructions, and do not tell a partition's name.

use crate::model::reference::Region;

/// The first part of the regions' codes in the commercial partition.
const AREAS: [&str; 9] = ["af", "ap", "ca", "eu", "il", "me", "mx", "sa", "us"];

/// The names of the other partitions in ARNs, by the part of a region's code before its direction and number.
const OTHERS: [(&str, &str); 7] = [
    ("cn", "aws-cn"),
    ("us-gov", "aws-us-gov"),
    ("us-iso", "aws-iso"),
    ("us-isob", "aws-iso-b"),
    ("eu-isoe", "aws-iso-e"),
    ("us-isof", "aws-iso-f"),
    ("eusc-de", "aws-eusc"),
];

/// Returns the host of a service, if `region` is in the commercial partition.
pub fn commercial_host(service: &str, region: &Region) -> Option<String> {
    let is_commercial = region.area().is_some_and(|area| AREAS.contains(&area));
    is_commercial.then(|| format!("{service}.{region}.amazonaws.com"))
}

/// Returns the name of a region's partition in ARNs. A code of another form counts as commercial.
pub fn partition_of(region: &Region) -> &'static str {
    let area = region.area();
    OTHERS
        .iter()
        .find(|(other, _)| Some(*other) == area)
        .map_or("aws", |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_of_a_region_has_its_partition() {
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
            ("local", "aws"),
            ("eu-west-1a", "aws"),
        ] {
            assert_eq!(partition_of(&Region::parse(code).unwrap()), name, "{code}");
        }
    }
}
