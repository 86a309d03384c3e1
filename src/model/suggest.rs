//! "did you mean": the existing name that is most like one that does not exist, and which names a message may quote.

/// Nobody misspells what is longer, and comparing costs the product of both lengths.
pub const LONGEST: usize = 256;

/// The candidate that `wanted` is most likely a misspelling of, if any is close enough to be worth saying.
pub fn nearest<'a>(wanted: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let length = wanted.chars().count();
    if length > LONGEST {
        return None;
    }
    let close = |candidate: &'a str| {
        let other = candidate.chars().count();
        let distance = if other > LONGEST { usize::MAX } else { distance(wanted, candidate) };
        let is_close = distance < length.min(other) && distance <= (length.max(other) + 1) / 3;
        is_close.then_some((distance, candidate))
    };
    candidates.filter_map(close).min().map(|(_, candidate)| candidate)
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
        assert_eq!(nearest("t", ["s", "to"].into_iter()), None);
        assert_eq!(nearest("bd", ["db"].into_iter()), Some("db"));
        assert_eq!(nearest(&"x".repeat(60_000), [&*"y".repeat(60_000)].into_iter()), None);
    }
}
