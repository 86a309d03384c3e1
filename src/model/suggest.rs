//! Finds the name that is most similar to a misspelled one, for "did you mean".

/// The number of misspelled names of one kind that get a suggestion. Each look-up reads all
/// candidates, so thousands of them would take minutes.
pub const MOST_SUGGESTIONS: usize = 20;

/// Returns the most similar candidate, or `None` if none of them is similar. Case doesn't matter:
/// `password` finds `PASSWORD`.
///
/// Names are compared by their optimal string alignment distance. For similar names, this distance
/// is less than the length of the shorter name, and at most a third (rounded) of the length of the
/// longer one. If several candidates are equally close, the first one in the alphabet is returned.
pub fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let lower_name = name.to_lowercase();
    let length = lower_name.chars().count();
    let mut near = Vec::new();
    for candidate in candidates {
        let lower = candidate.to_lowercase();
        let other_length = lower.chars().count();
        let (shorter, longer) = (length.min(other_length), length.max(other_length));
        let limit = shorter.saturating_sub(1).min((longer + 1) / 3);
        // The distance is at least the difference of the lengths, so a comparison would take time
        // for nothing.
        if shorter == 0 || longer - shorter > limit {
            continue;
        }
        let distance = strsim::osa_distance(&lower_name, &lower);
        if distance <= limit {
            near.push((distance, candidate));
        }
    }
    near.into_iter().min().map(|(_, candidate)| candidate)
}

/// Returns a candidate that becomes the name if one letter is changed, added or removed, or if two
/// letters are swapped. Names with other digits are different on purpose: `prod/web1`, `prod/web2`.
pub fn one_letter_away<'a>(
    name: &str,
    mut candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    let digits = |text: &str| text.replace(|c: char| !c.is_ascii_digit(), "");
    candidates.find(|candidate| {
        strsim::osa_distance(name, candidate) == 1 && digits(name) == digits(candidate)
    })
}

/// Returns the hint for a misspelled name.
pub fn did_you_mean(nearest: &str) -> String {
    format!("did you mean {nearest:?}?")
}

/// Returns the hint for a misspelled name, with what to write instead, unless that is only the
/// name. If `write` is `None`, the hint only has the name.
pub fn did_you_mean_to_write(nearest: &str, write: Option<String>) -> String {
    match write {
        Some(write) if write != nearest => format!("{} Write {write}", did_you_mean(nearest)),
        Some(_) | None => did_you_mean(nearest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelled_name_gets_the_most_similar_one_as_a_suggestion_and_an_unrelated_name_gets_none()
    {
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
        // If several names are equally close, the first one in the alphabet is suggested.
        assert_eq!(
            nearest("host3", ["host2", "host1"].into_iter()),
            Some("host1")
        );
    }
}
