//! Parses `valueFrom` of an ECS task definition.
//!
//! The format differs from that of a reference: an ARN of a secret is followed by nothing or by all of
//! `:JSON-KEY:VERSION-STAGE:VERSION-ID`; a key is literal; a text that is no ARN is a parameter's name; `${NAME}` is
//! not expanded. The rules are those of `getASMParametersFromInput` in the ECS agent
//! (agent/taskresource/asmsecret/asmsecret.go).

use super::arn::Arn;
use super::grammar::{Reference, parse_version};
use super::reference_error::ReferenceError;
use super::secret_id::SecretId;
use super::selector::Selector;
use super::store::Store;

impl Reference {
    /// Parses a `valueFrom`.
    ///
    /// # Errors
    /// A text that ECS would reject.
    pub fn from_ecs(value_from: &str) -> Result<Self, ReferenceError> {
        if value_from.is_empty() {
            return Err(ReferenceError::Empty);
        }
        if !Arn::is_meant(value_from) {
            return literal(&format!("ssm:{value_from}"), "", "", "");
        }
        let fields: Vec<&str> = value_from.split(':').collect();
        let store = fields.get(2).and_then(|service| Store::of_service(service));
        let (arn, rest) = fields.split_at(store.map_or(fields.len(), Store::arn_fields).min(fields.len()));
        match (store, rest) {
            (_, []) => literal(value_from, "", "", ""),
            (Some(Store::SecretsManager), [key, stage, version]) => literal(&arn.join(":"), key, stage, version),
            (Some(store), _) => {
                Err(ReferenceError::EcsFields { text: value_from.to_owned(), count: fields.len(), store })
            }
            (None, _) => literal(value_from, "", "", ""),
        }
    }
}

/// Returns a reference without `${NAME}` in the id and without JSONPath in the key.
fn literal(id: &str, key: &str, stage: &str, version: &str) -> Result<Reference, ReferenceError> {
    // The id is no alias: it begins with `arn:` or `ssm:`. Nor is it expanded: `$` is an illegal character.
    SecretId::parse(id).map_err(ReferenceError::Id)?;
    let version = parse_version(stage, version)?;
    Ok(Reference { secret: id.to_owned(), selector: Selector::literal(key), version })
}

#[cfg(test)]
mod tests {
    use jsonpath_rust::query::js_path_process;
    use proptest::prelude::*;

    use super::*;
    use crate::model::inherited::Inherited;
    use crate::model::reference::alias::Aliases;
    use crate::model::reference::secret_id::SecretIdError;
    use crate::model::reference::selector::JsonPath;
    use crate::model::reference::version::Version;

    const ARN: &str = "arn:aws:secretsmanager:us-east-1:123456789012:secret:appauthexample-AbCdEf";
    const ID: &str = "9d4cb84b-ad69-40c0-a0ab-cead36b967e8";

    /// Returns the id, the printed selector and the version.
    fn parts(value_from: &str) -> (String, String, Version) {
        let reference = Reference::from_ecs(value_from).unwrap();
        let found = reference.locate(&Aliases::default(), &Inherited::default()).unwrap();
        (found.locator.written_id(), found.selector.to_string(), found.locator.version)
    }

    #[test]
    fn the_examples_of_the_aws_documentation_are_parsed() {
        for (suffix, key, version) in [
            ("", "", Version::Current),
            (":::", "", Version::Current),
            (":username1::", "username1", Version::Current),
            ("::AWSPREVIOUS:", "", Version::Stage("AWSPREVIOUS".into())),
            (&format!(":::{ID}"), "", Version::Id(ID.into())),
            (":username1:AWSPREVIOUS:", "username1", Version::Stage("AWSPREVIOUS".into())),
            (&format!(":username1::{ID}"), "username1", Version::Id(ID.into())),
        ] {
            assert_eq!(parts(&format!("{ARN}{suffix}")), (ARN.into(), key.into(), version), "{suffix}");
        }
    }

    #[test]
    fn an_arn_of_a_secret_has_seven_fields_or_ten() {
        for (suffix, count) in [(":username1", 8), (":", 8), (":username1:", 9), (":a::b:", 11), ("::::", 11)] {
            let text = format!("{ARN}{suffix}");
            let error = ReferenceError::EcsFields { text: text.clone(), count, store: Store::SecretsManager };
            assert_eq!(Reference::from_ecs(&text), Err(error));
        }
        let short = ARN.rsplit_once(':').unwrap().0;
        assert_eq!(Reference::from_ecs(short), Err(ReferenceError::Id(SecretIdError::ArnCutShort(short.into()))));
    }

    #[test]
    fn a_key_is_literal_even_if_it_looks_like_a_path() {
        for (key, printed) in [
            ("db.host", "db.host"),
            ("$", "$['$']"),
            ("$.db", "$['$.db']"),
            ("$['it\\", r"$['$[\'it\\']"),
            ("$\t", r"$['$\u0009']"),
            ("${KEY}", "$['${KEY}']"),
        ] {
            let reference = Reference::from_ecs(&format!("{ARN}:{key}::")).unwrap();
            assert_eq!(reference.to_string(), format!("{ARN}:{printed}"));
            assert_eq!(Reference::parse(&reference.to_string()), Ok(reference));
        }
    }

    #[test]
    fn a_text_that_is_no_arn_is_a_parameter() {
        for name in ["/prod/db/password", "prod.db", "GITHUB_TOKEN"] {
            assert_eq!(parts(name), (format!("ssm:{name}"), String::new(), Version::Current));
        }
        let arn = "arn:aws-cn:ssm:cn-north-1:123456789012:parameter/prod/db";
        assert_eq!(parts(arn), (arn.into(), String::new(), Version::Current));
        let versioned = format!("{arn}:3");
        let error = ReferenceError::EcsFields { text: versioned.clone(), count: 7, store: Store::ParameterStore };
        assert_eq!(Reference::from_ecs(&versioned), Err(error));
        assert!(matches!(Reference::from_ecs("ssm:/prod/db"), Err(ReferenceError::Id(_))));
    }

    #[test]
    fn a_variable_is_not_expanded() {
        for text in ["${STAGE}/db", "${STAGE:-prod}", &ARN.replace("us-east-1", "${REGION}"), &format!("{ARN}${{X}}")] {
            assert!(matches!(Reference::from_ecs(text), Err(ReferenceError::Id(_))), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_key_is_the_same_key_when_it_is_printed_and_read(key in "\\$[^:]{0,12}", other in "[^:]{1,12}") {
            let reference = Reference::from_ecs(&format!("{ARN}:{key}::")).unwrap();
            prop_assert_eq!(Reference::parse(&reference.to_string()), Ok(reference));
            let made = JsonPath::of_key(&key);
            let read = JsonPath::parse(&Selector::literal(&key).to_string()).unwrap();
            let secret = serde_json::json!({ (key.as_str()): "this", (format!("{key}{other}")): "not this" });
            for path in [made, read] {
                let found = js_path_process(path.query(), &secret).unwrap();
                prop_assert_eq!(found.iter().map(|node| node.val.as_str()).collect::<Vec<_>>(), [Some("this")]);
            }
        }

        #[test]
        fn no_text_panics(text in any::<String>(), suffix in "[a-z:$]{0,20}") {
            let _ = Reference::from_ecs(&text);
            let _ = Reference::from_ecs(&format!("{ARN}{suffix}"));
        }
    }
}
