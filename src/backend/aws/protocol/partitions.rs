//! The hosts of AWS's commercial partition.
//!
//! For other partitions the SDK's rules are used, which parse a table of all partitions at the cost of half a million instructions.

use crate::model::reference::Region;

/// The first part of the regions' codes in the commercial partition.
const AREAS: [&str; 9] = ["af", "ap", "ca", "eu", "il", "me", "mx", "sa", "us"];

/// Returns the host of a service, if `region` is in the commercial partition.
pub fn commercial_host(service: &str, region: &Region) -> Option<String> {
    is_commercial(region.as_str()).then(|| format!("{service}.{region}.amazonaws.com"))
}

/// True for `AREA-DIRECTION-NUMBER`. In other partitions the codes have four parts, such as `us-gov-west-1`, or another area.
fn is_commercial(region: &str) -> bool {
    let is_name = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    match region.split('-').collect::<Vec<_>>()[..] {
        [area, direction, number] => AREAS.contains(&area) && is_name(direction) && number.parse::<u8>().is_ok(),
        _ => false,
    }
}
