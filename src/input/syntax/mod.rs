//! Parses YAML, TOML and JSON into one syntax tree, `model::tree`.

mod json;
mod positions;
mod syntax_error;
mod toml;
mod yaml;

use std::path::Path;

use crate::model::tree::Node;
use syntax_error::SyntaxError;
pub use syntax_error::TABLE_AS_KEY;

/// The format of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// YAML 1.2.
    Yaml,
    /// TOML 1.0.
    Toml,
    Json,
}

impl Format {
    /// Returns the format of the path's extension; YAML for an unknown one.
    pub fn of(path: &Path) -> Self {
        let extension = path.extension().map(|extension| extension.to_ascii_lowercase());
        match extension.as_ref().and_then(|extension| extension.to_str()) {
            Some("toml") => Self::Toml,
            Some("json") => Self::Json,
            _ => Self::Yaml,
        }
    }

    /// Parses a whole file, with or without a byte order mark. A YAML file without content, or a null, is an empty
    /// table.
    ///
    /// # Errors
    /// The first syntax error, or every duplicate key.
    pub fn parse(self, text: &str) -> Result<Node, Vec<SyntaxError>> {
        match self.parse_with_duplicates(text) {
            (Some(node), duplicates) if duplicates.is_empty() => Ok(node),
            (_, errors) => Err(errors),
        }
    }

    /// Parses a whole file like [`Self::parse`]. A YAML file with duplicate keys is returned without their later entries, and with an
    /// error for each, so that its other errors are found as well.
    pub fn parse_with_duplicates(self, text: &str) -> (Option<Node>, Vec<SyntaxError>) {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let parsed = match self {
            Self::Yaml => yaml::parse(text),
            Self::Toml => toml::parse(text).map(|node| (node, Vec::new())),
            Self::Json => json::parse(text).map(|node| (node, Vec::new())),
        };
        match parsed {
            Ok((node, duplicates)) => (Some(node), duplicates),
            Err(errors) => (None, errors),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tree::Kind;

    fn table(node: &Node) -> Vec<(&str, usize, &str)> {
        let Kind::Table(entries) = &node.kind else { return Vec::new() };
        entries
            .iter()
            .map(|(key, value)| (key.text.as_str(), value.position.line, value.text().unwrap_or("-")))
            .collect()
    }

    #[test]
    fn the_three_formats_give_the_same_tree() {
        let texts = [
            (Format::Yaml, "z: one\na: \"t\\twø\"\n"),
            (Format::Toml, "z = 'one'\na = \"t\\twø\"\n"),
            (Format::Json, "{\"z\": \"one\",\n\"a\": \"t\\twø\"}"),
        ];
        for (format, text) in texts {
            assert_eq!(table(&format.parse(text).unwrap()), [("z", 1, "one"), ("a", 2, "t\twø")], "{format:?}");
        }
    }

    #[test]
    fn a_yaml_text_without_content_is_an_empty_table() {
        for text in ["", "# nothing\n", "---\n# nothing\n", "null\n", "~"] {
            let node = Format::Yaml.parse(text).unwrap();
            assert!(matches!(&node.kind, Kind::Table(entries) if entries.is_empty()), "{text:?}: {node:?}");
        }
    }

    #[test]
    fn a_plain_yaml_scalar_is_text_and_a_number_of_toml_or_json_is_not() {
        let yaml = Format::Yaml.parse("a: 007\nb: yes\nc: 1.10\nd: 2026-11-20\ne: |\n  two\n  lines\n").unwrap();
        assert_eq!(
            table(&yaml).iter().map(|entry| entry.2).collect::<Vec<_>>(),
            ["007", "yes", "1.10", "2026-11-20", "two\nlines\n"]
        );
        assert_eq!(table(&Format::Json.parse(r#"{"a": 7}"#).unwrap()), [("a", 1, "-")]);
        assert_eq!(table(&Format::Toml.parse("a = 7").unwrap()), [("a", 1, "-")]);
        assert_eq!(table(&Format::Yaml.parse("a: ~").unwrap()), [("a", 1, "-")]);
    }

    #[test]
    fn a_yaml_tag_of_the_core_schema_is_accepted_on_a_value_of_its_type() {
        let text = "a: !!bool \"true\"\nb: !!int 0x1F\nc: !!float -1.5e3\nd: !!str 007\ne: !!int +07";
        let values = ["true", "0x1F", "-1.5e3", "007", "+07"];
        let yaml = Format::Yaml.parse(text).unwrap();
        assert_eq!(table(&yaml).iter().map(|entry| entry.2).collect::<Vec<_>>(), values);
        assert_eq!(table(&Format::Yaml.parse("a: !!null ~\nb: !!null\n").unwrap()), [("a", 1, "-"), ("b", 2, "-")]);
        for value in [
            "!!bool yes",
            "!!int 1.5",
            "!!int 0x",
            "!!int",
            "!!float .inf",
            "!!float x",
            "!!null x",
            "!!map x",
            "!!binary eA==",
        ] {
            assert!(Format::Yaml.parse(&format!("a: {value}")).is_err(), "{value}");
        }
    }

    #[test]
    fn a_merge_key_is_an_error_unless_it_is_quoted() {
        assert!(Format::Yaml.parse("a: &a {b: c}\n<<: *a").is_err());
        assert_eq!(table(&Format::Yaml.parse("'<<': one").unwrap()), [("<<", 1, "one")]);
    }

    #[test]
    fn a_duplicate_key_is_an_error_on_its_line() {
        for (format, text) in
            [(Format::Yaml, "a: 1\na: 2"), (Format::Json, "{\"a\": 1,\n\"a\": 2}"), (Format::Toml, "a = 1\na = 2")]
        {
            let errors = format.parse(text).unwrap_err();
            assert_eq!(errors[0].position.unwrap().line, 2, "{format:?} {errors:?}");
        }
    }

    #[test]
    fn a_syntax_error_has_a_position_and_a_message() {
        for (format, text) in [
            (Format::Yaml, "a: 1\nb: [1"),
            (Format::Yaml, "a: 1\n---\nb: 2"),
            (Format::Yaml, "a: 1\nb: !exec rm"),
            (Format::Toml, "a = 1\nb = ["),
            (Format::Json, "{\"a\": 1,\n\"b\": ["),
        ] {
            let errors = format.parse(text).unwrap_err();
            assert!(errors[0].position.is_some_and(|position| position.line >= 2), "{format:?} {errors:?}");
            assert!(errors[0].message.len() > 5, "{format:?} {errors:?}");
        }
        for format in [Format::Yaml, Format::Json] {
            assert!(format.parse(&"[".repeat(100_000)).is_err());
        }
        assert!(Format::Toml.parse(&format!("a = {}", "[".repeat(100_000))).is_err());
    }

    #[test]
    fn a_key_has_its_own_position() {
        for (format, text) in
            [(Format::Yaml, "a:\n\n  b"), (Format::Json, "{\"a\":\n\n\"b\"}"), (Format::Toml, "a = [\n]")]
        {
            let node = format.parse(text).unwrap();
            let Kind::Table(entries) = node.kind else { unreachable!() };
            assert_eq!(entries[0].0.position.line, 1, "{format:?}");
        }
    }

    #[test]
    fn an_alias_bomb_is_an_error() {
        let mut text = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
        for n in 1..12 {
            let previous = format!("*a{}", n - 1);
            text.push_str(&format!("a{n}: &a{n} [{}]\n", [previous.as_str(); 10].join(",")));
        }
        assert!(Format::Yaml.parse(&text).is_err());
        assert_eq!(table(&Format::Yaml.parse("a: &x one\nb: *x").unwrap()), [("a", 1, "one"), ("b", 2, "one")]);
    }

    #[test]
    fn a_surrogate_pair_in_json_is_one_character() {
        assert_eq!(table(&Format::Json.parse(r#"{"a": "\ud83d\ude00"}"#).unwrap()), [("a", 1, "😀")]);
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_a_parser_panic(text in "[ -~\n]{0,80}") {
            for format in [Format::Yaml, Format::Toml, Format::Json] {
                let _ = format.parse(&text);
            }
        }
    }
}
