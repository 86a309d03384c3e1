//! The hosts of AWS's commercial partition. Other partitions are resolved by the SDK, which parses a table of them at the cost of half
//! a million instructions.

use crate::model::reference::Region;

/// The first words of the commercial partition's regions.
const AREAS: [&str; 9] = ["af", "ap", "ca", "eu", "il", "me", "mx", "sa", "us"];

/// The host of a service, if `region` is in the commercial partition.
pub fn commercial_host(service: &str, region: &Region) -> Option<String> {
    is_commercial(region.as_str()).then(|| format!("{service}.{region}.amazonaws.com"))
}

/// True for `AREA-PLACE-NUMBER`. Regions of other partitions have four words, such as `us-gov-west-1`, or another area.
fn is_commercial(region: &str) -> bool {
    let is_word = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    match region.split('-').collect::<Vec<_>>()[..] {
        [area, place, number] => AREAS.contains(&area) && is_word(place) && number.parse::<u8>().is_ok(),
        _ => false,
    }
}
