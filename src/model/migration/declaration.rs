//! The text of the declaration that replaces the file.

use super::setting::Setting;
use crate::model::reference::{Locator, Region};

/// Keys that YAML 1.1, which other programs read, takes for booleans or null.
const NOT_TEXT: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];

/// Returns a declaration with an entry for each variable, and with the region of the secret if it was chosen by an option.
pub fn declaration(secret: &Locator, region: Option<&Region>, settings: &[Setting]) -> String {
    let mut text = String::new();
    if let Some(region) = region.filter(|_| secret.region.is_none()) {
        text += &format!("defaults:\n  region: {region}\n");
    }
    text += "env:\n";
    for Setting { name, .. } in settings {
        let name = name.as_str();
        let is_special = NOT_TEXT.iter().any(|special| special.eq_ignore_ascii_case(name));
        let key = if is_special { format!("\"{name}\"") } else { name.to_owned() };
        text += &format!("  {key}: {}\n", reference(&secret.id.to_string(), name));
    }
    text
}

/// Returns a reference, in quotes unless it begins with a letter: neither a name nor an ARN has a quote or a backslash.
fn reference(id: &str, key: &str) -> String {
    let is_plain = id.starts_with(|c: char| c.is_ascii_alphabetic());
    if is_plain { format!("{id}:{key}") } else { format!("\"{id}:{key}\"") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::env_name::EnvName;
    use crate::model::reference::{SecretId, Store, Version};
    use crate::model::secret_value::SecretValue;

    fn written(id: &str, region: Option<&str>, names: &[&str]) -> String {
        let (store, id) = SecretId::parse(id).unwrap();
        assert_eq!(store, Store::SecretsManager);
        let secret = Locator { store, region: id.region(), id, role: None, version: Version::Current };
        let setting = |name: &&str| Setting {
            name: EnvName::parse(name).unwrap(),
            value: SecretValue::new(""),
            is_literal: false,
            line: 1,
        };
        let region = region.map(|region| Region::parse(region).unwrap());
        declaration(&secret, region.as_ref(), &names.iter().map(setting).collect::<Vec<_>>())
    }

    #[test]
    fn each_variable_has_an_entry() {
        assert_eq!(written("prod/app", None, &["B", "a_1"]), "env:\n  B: prod/app:B\n  a_1: prod/app:a_1\n");
    }

    #[test]
    fn what_yaml_may_take_for_something_else_is_quoted() {
        assert_eq!(
            written("@/app", None, &["NO", "null"]),
            "env:\n  \"NO\": \"@/app:NO\"\n  \"null\": \"@/app:null\"\n"
        );
    }

    #[test]
    fn the_region_is_a_default_unless_the_arn_has_it() {
        let text = written("prod/app", Some("eu-west-1"), &["A"]);
        assert_eq!(text, "defaults:\n  region: eu-west-1\nenv:\n  A: prod/app:A\n");
        let arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:app-AbCdEf";
        assert_eq!(written(arn, Some("eu-west-1"), &["A"]), format!("env:\n  A: {arn}:A\n"));
    }
}
