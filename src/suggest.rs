//! "did you mean": the existing name that is most like one that does not exist.

/// The candidate that `wanted` is most likely a misspelling of, if any is close enough to be worth saying.
pub fn nearest<'a>(wanted: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .map(|candidate| (distance(wanted, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= wanted.chars().count().max(candidate.chars().count()).div_ceil(3))
        .min()
        .map(|(_, candidate)| candidate)
}

/// Letters of another case are no difference, so that `password` finds `PASSWORD`.
fn distance(left: &str, right: &str) -> usize {
    strsim::damerau_levenshtein(&left.to_lowercase(), &right.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelling_finds_its_word_and_a_stranger_none() {
        let keys = || ["host", "password", "port"].into_iter();
        assert_eq!(nearest("pasword", keys()), Some("password"));
        assert_eq!(nearest("PORT", keys()), Some("port"));
        assert_eq!(nearest("api_token", keys()), None);
        assert_eq!(nearest("x", [].into_iter()), None);
    }
}
