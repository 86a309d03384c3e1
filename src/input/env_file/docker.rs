//! The variables that Docker reads from a file of `--env-file`: each line is `NAME=VALUE` as it is, without quotes, escapes and
//! comments at its end (docker/cli, pkg/kvfile).

use std::collections::BTreeMap;

/// Returns the values by name, the last one of each. A line that Docker refuses gives none.
pub fn variables(text: &str) -> BTreeMap<&str, &str> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line).trim_start());
    let named = lines.filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('='));
    named.filter(|(name, _)| !name.is_empty() && !name.contains(char::is_whitespace)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_the_rest_of_its_line() {
        let text = "\u{feff}A='a' # b\r\n  B=  b \n# C=c\nexport D=d\n=e\nF\n\nA=\"last\"";
        let expected = [("A", "\"last\""), ("B", "  b ")];
        assert_eq!(variables(text), BTreeMap::from(expected));
    }
}
