//! Finds the existing name that is most similar to a misspelled one, for "did you mean".

/// The most names of one kind for which a report looks for a similar one: each look-up reads all candidates.
pub const MOST_SUGGESTIONS: usize = 20;

/// Returns the candidate with the smallest distance (optimal string alignment) to `wanted`, without regard to case: `password` finds
/// `PASSWORD`.
///
/// The distance must be less than the length of the shorter name, and at most a third (rounded) of the longer one.
pub fn nearest<'a>(wanted: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = wanted.to_lowercase();
    let length = wanted.chars().count();
    let mut near = Vec::new();
    for candidate in candidates {
        let lower = candidate.to_lowercase();
        let other = lower.chars().count();
        let limit = length
            .min(other)
            .saturating_sub(1)
            .min((length.max(other) + 1) / 3);
        if length.min(other) > 0 && length.abs_diff(other) <= limit {
            let distance = strsim::osa_distance(&wanted, &lower);
            near.extend((distance <= limit).then_some((distance, candidate)));
        }
    }
    near.into_iter().min().map(|(_, candidate)| candidate)
}

/// Returns the hint for a misspelled name.
pub fn did_you_mean(nearest: &str) -> String {
    format!("did you mean {nearest:?}?")
}

/// Returns the hint for a misspelled name, with what to write for it.
pub fn did_you_mean_to_write(nearest: &str, write: Option<String>) -> String {
    let write = write.map(|write| format!(" Write {write}"));
    did_you_mean(nearest) + &write.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelling_finds_its_word_and_another_word_finds_none() {
        let keys = || ["host", "password", "port"].into_iter();
        assert_eq!(nearest("PORT", keys()), Some("port"));
        assert_eq!(nearest("api_token", keys()), None);
        assert_eq!(nearest("t", ["s", "to"].into_iter()), None);
        assert_eq!(nearest("", [""].into_iter()), None);
        assert_eq!(nearest("a", ["A"].into_iter()), Some("A"));
        assert_eq!(
            nearest(
                "password2",
                ["p", "password", "password_of_somebody_else"].into_iter()
            ),
            Some("password")
        );
        // Of equally close names the first in the alphabet.
        assert_eq!(
            nearest("host3", ["host2", "host1"].into_iter()),
            Some("host1")
        );
    }
}
