//! Where AWS's services are.

/// Whether a region is one of AWS's own, commercial partition, whose hosts follow one rule. To know the other partitions the
/// SDK parses a table of them, at half a million instructions.
pub fn is_commercial(region: &str) -> bool {
    let is_word = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    match region.split('-').collect::<Vec<_>>()[..] {
        [area, place, number] => {
            matches!(area, "af" | "ap" | "ca" | "eu" | "il" | "me" | "mx" | "sa" | "us")
                && is_word(place)
                && number.parse::<u8>().is_ok()
        }
        _ => false,
    }
}
