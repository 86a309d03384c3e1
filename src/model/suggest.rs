//! Finds the existing name that is most similar to a misspelled one, for "did you mean".

/// The maximum length of a name that is compared, in characters. The time grows with the product of both lengths.
const MAX_LENGTH: usize = 256;

/// Returns the candidate with the smallest edit distance to `wanted`.
///
/// The distance must be less than the length of the shorter name, and at most a third (rounded) of the longer one.
pub fn nearest<'a>(wanted: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let length = wanted.chars().count();
    if length > MAX_LENGTH {
        return None;
    }
    let close = |candidate: &'a str| {
        let other = candidate.chars().count();
        let distance = if other > MAX_LENGTH { usize::MAX } else { distance(wanted, candidate) };
        let is_close = distance < length.min(other) && distance <= (length.max(other) + 1) / 3;
        is_close.then_some((distance, candidate))
    };
    candidates.filter_map(close).min().map(|(_, candidate)| candidate)
}

/// The Damerau-Levenshtein distance without regard to case, so that `password` finds `PASSWORD`.
fn distance(left: &str, right: &str) -> usize {
    strsim::damerau_levenshtein(&left.to_lowercase(), &right.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelling_finds_its_word_and_another_word_finds_none() {
        let keys = || ["host", "password", "port"].into_iter();
        assert_eq!(nearest("pasword", keys()), Some("password"));
        assert_eq!(nearest("PORT", keys()), Some("port"));
        assert_eq!(nearest("api_token", keys()), None);
        assert_eq!(nearest("x", [].into_iter()), None);
        assert_eq!(nearest("t", ["s", "to"].into_iter()), None);
        assert_eq!(nearest("bd", ["db"].into_iter()), Some("db"));
        assert_eq!(nearest(&"x".repeat(60_000), [&*"y".repeat(60_000)].into_iter()), None);
    }
}
