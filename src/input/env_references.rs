//! Parses references in the values of inherited variables, for `--resolve-env`.
//!
//! A value is an ARN, with KEY, STAGE and VERSION-ID after it, or text that contains CloudFormation's dynamic
//! references. Aliases and `${NAME}` are not supported there, and KEY of a dynamic reference is a literal top-level
//! key.

use glob::Pattern;

use crate::model::entry::{Entry, EntrySource, OnMissing, Origin, Part, Target, Transform};
use crate::model::env_name::{EnvName, OWN_PREFIX};
use crate::model::inherited::Inherited;
use crate::model::plan::Layer;
use crate::model::reference::{
    Aliases, Arn, Locator, PathError, Reference, ReferenceError, SecretId, SecretIdError, SecretRef, Selector, Store,
    Version, VersionError,
};

/// An error of an inherited variable with references.
#[derive(Debug, PartialEq)]
pub struct EnvReferenceError {
    /// The name of the variable.
    pub name: String,
    pub problem: EnvReferenceProblem,
}

#[derive(Debug, PartialEq)]
pub enum EnvReferenceProblem {
    /// A malformed ARN, or illegal fields after it.
    Reference(ReferenceError),
    /// `{{resolve:` without `}}`.
    Unterminated,
    /// `{{resolve:…}}` of another service.
    UnknownService(String),
    /// A secret whose field after the id is not `SecretString`.
    NotSecretString,
    /// A dynamic reference with too many fields.
    TooManyFields,
    /// A dynamic reference with an illegal id.
    Id(SecretIdError),
    /// A path of parameters.
    ParameterPath(PathError),
    /// A version that no secret or parameter can have.
    Version(VersionError),
    /// A value that is not UTF-8.
    NotText,
    /// A name that is not `[A-Za-z_][A-Za-z0-9_]*`. Without an error the command would get the reference as text.
    IllegalName,
    /// PATH, in which the command is looked up before any request.
    Path,
}

const OPEN: &str = "{{resolve:";

const CLOSE: &str = "}}";

/// Returns an entry for each variable whose name matches and whose value contains references.
///
/// # Errors
/// One for each variable with a malformed reference.
pub fn layer(inherited: &Inherited, patterns: &[Pattern]) -> Result<Layer, Vec<EnvReferenceError>> {
    let mut entries = Vec::new();
    let mut errors = Vec::new();
    for (name, value) in inherited.iter() {
        let name = name.to_string_lossy();
        // The command does not inherit SECRETS_EXEC_*.
        let is_selected = patterns.iter().any(|pattern| pattern.matches(&name)) && !name.starts_with(OWN_PREFIX);
        if !is_selected {
            continue;
        }
        match entry(&name, value) {
            Ok(found) => entries.extend(found),
            Err(problem) => errors.push(EnvReferenceError { name: name.into_owned(), problem }),
        }
    }
    if errors.is_empty() { Ok(Layer { entries, ..Layer::default() }) } else { Err(errors) }
}

fn entry(name: &str, value: &std::ffi::OsStr) -> Result<Option<Entry>, EnvReferenceProblem> {
    let text = value.to_string_lossy();
    let source = if is_arn(&text) {
        EntrySource::Composed(vec![Part::Reference(arn(&text)?)])
    } else if text.contains(OPEN) {
        EntrySource::Composed(parts(&text)?)
    } else {
        return Ok(None);
    };
    if value.to_str().is_none() {
        return Err(EnvReferenceProblem::NotText);
    }
    if name == "PATH" {
        return Err(EnvReferenceProblem::Path);
    }
    let name = EnvName::parse(name).map_err(|_| EnvReferenceProblem::IllegalName)?;
    let (transform, on_missing) = (Transform::default(), OnMissing::Fail);
    Ok(Some(Entry { target: Target::Env(name), source, transform, on_missing, origin: Origin::Inherited }))
}

/// True if the value begins like the ARN of a secret or parameter. ARNs of other services are left to the command.
fn is_arn(text: &str) -> bool {
    Arn::is_meant(text) && text.split(':').nth(2).and_then(Store::of_service).is_some()
}

fn arn(text: &str) -> Result<SecretRef, EnvReferenceProblem> {
    if text.contains("${") {
        return Err(EnvReferenceProblem::Reference(ReferenceError::BadVariable));
    }
    let reference = Reference::parse(text).map_err(EnvReferenceProblem::Reference)?;
    let located =
        reference.locate(&Aliases::default(), &Inherited::default()).map_err(EnvReferenceProblem::Reference)?;
    located.single().map_err(EnvReferenceProblem::ParameterPath)
}

/// Splits a value at its dynamic references.
fn parts(text: &str) -> Result<Vec<Part>, EnvReferenceProblem> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(OPEN) {
        let (reference, after) = after.split_once(CLOSE).ok_or(EnvReferenceProblem::Unterminated)?;
        if !before.is_empty() {
            parts.push(Part::Text(before.to_owned()));
        }
        parts.push(Part::Reference(dynamic_reference(reference)?));
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.to_owned()));
    }
    Ok(parts)
}

/// Parses `secretsmanager:ID:SecretString:KEY:STAGE:VERSION`, `ssm:NAME:VERSION` or `ssm-secure:NAME:VERSION`.
fn dynamic_reference(text: &str) -> Result<SecretRef, EnvReferenceProblem> {
    let (service, rest) = text.split_once(':').unwrap_or((text, ""));
    match service {
        "secretsmanager" => secret(rest),
        "ssm" | "ssm-secure" => parameter(rest)?.single().map_err(EnvReferenceProblem::ParameterPath),
        other => Err(EnvReferenceProblem::UnknownService(other.to_owned())),
    }
}

fn secret(text: &str) -> Result<SecretRef, EnvReferenceProblem> {
    let (id, fields) = split_id(text, Store::SecretsManager)?;
    let mut fields = fields.into_iter();
    if !matches!(fields.next().unwrap_or_default(), "" | "SecretString") {
        return Err(EnvReferenceProblem::NotSecretString);
    }
    let mut filled = || fields.next().filter(|field| !field.is_empty()).map(str::to_owned);
    let selector = filled().map_or(Selector::Whole, Selector::Key);
    let version = Version::new(filled(), filled());
    if fields.next().is_some() {
        return Err(EnvReferenceProblem::TooManyFields);
    }
    Ok(SecretRef { locator: locator(&id, version)?, selector })
}

fn parameter(text: &str) -> Result<SecretRef, EnvReferenceProblem> {
    let (name, fields) = split_id(text, Store::ParameterStore)?;
    let version = match *fields {
        [] | [""] => Version::Current,
        [version] => Version::Id(version.to_owned()),
        _ => return Err(EnvReferenceProblem::TooManyFields),
    };
    let id = if Arn::is_meant(&name) { name } else { format!("ssm:{name}") };
    Ok(SecretRef { locator: locator(&id, version)?, selector: Selector::Whole })
}

/// Splits an id, which has colons of its own if it is an ARN, from the fields after it.
fn split_id(text: &str, store: Store) -> Result<(String, Vec<&str>), EnvReferenceProblem> {
    let count = if Arn::is_meant(text) { store.arn_fields() } else { 1 };
    let mut fields: Vec<&str> = text.split(':').collect();
    if fields.len() < count {
        return Err(EnvReferenceProblem::Id(SecretIdError::ArnCutShort(text.to_owned())));
    }
    let rest = fields.split_off(count);
    Ok((fields.join(":"), rest))
}

fn locator(id: &str, version: Version) -> Result<Locator, EnvReferenceProblem> {
    let (store, id) = SecretId::parse(id).map_err(EnvReferenceProblem::Id)?;
    if version != Version::Current {
        version.check(store).map_err(EnvReferenceProblem::Version)?;
    }
    Ok(Locator { store, region: id.region(), id, role: None, version })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf";

    fn found(value: &str) -> Result<Vec<Part>, EnvReferenceProblem> {
        let source = entry("A", value.as_ref())?.map(|entry| entry.source);
        Ok(match source {
            Some(EntrySource::Composed(parts)) => parts,
            _ => Vec::new(),
        })
    }

    fn ids(value: &str) -> Vec<String> {
        let name = |part: Part| match part {
            Part::Text(text) => format!("{text:?}"),
            Part::Reference(SecretRef { locator, selector }) => {
                format!("{} {selector} {:?}", locator.written_id(), locator.version)
            }
        };
        found(value).unwrap().into_iter().map(name).collect()
    }

    #[test]
    fn a_whole_value_that_is_an_arn_is_a_reference() {
        assert_eq!(ids(ARN), [format!("{ARN}  Current")]);
        assert_eq!(ids(&format!("{ARN}:password::")), [format!("{ARN} password Current")]);
        assert!(ids("arn:aws:s3:::bucket").is_empty());
        assert!(ids(&format!("see {ARN}")).is_empty());
        assert!(matches!(found("arn:aws:secretsmanager:eu-west-1"), Err(EnvReferenceProblem::Reference(_))));
        assert!(matches!(found(&format!("{ARN}${{X}}")), Err(EnvReferenceProblem::Reference(_))));
    }

    #[test]
    fn several_dynamic_references_stand_in_one_value() {
        let value = "u:{{resolve:secretsmanager:db:SecretString:user}}@{{resolve:ssm:/host:3}}/x";
        assert_eq!(ids(value), ["\"u:\"", "db user Current", "\"@\"", "ssm:/host  Id(\"3\")", "\"/x\""]);
    }

    #[test]
    fn every_field_after_the_id_is_optional() {
        assert_eq!(ids("{{resolve:secretsmanager:db}}"), ["db  Current"]);
        assert_eq!(
            ids(&format!("{{{{resolve:secretsmanager:{ARN}:SecretString:$k:AWSPREVIOUS:}}}}")),
            [format!("{ARN} $k Stage(\"AWSPREVIOUS\")")]
        );
        let id = "d0d0d0d0-1111-4222-8333-444455556666";
        assert_eq!(ids(&format!("{{{{resolve:secretsmanager:db::k::{id}}}}}")), [format!("db k Id({id:?})")]);
        let parameter = "{{resolve:ssm-secure:arn:aws:ssm:eu-west-1:123456789012:parameter/a:2}}";
        assert!(
            matches!(&found(parameter).unwrap()[0], Part::Reference(found) if found.locator.store == Store::ParameterStore)
        );
    }

    #[test]
    fn a_malformed_reference_is_an_error() {
        for (value, problem) in [
            ("{{resolve:secretsmanager:db", EnvReferenceProblem::Unterminated),
            ("x{{resolve:secretsmanager:db:SecretBinary}}", EnvReferenceProblem::NotSecretString),
            ("{{resolve:secretsmanager:db:SecretString:k:s:v:x}}", EnvReferenceProblem::TooManyFields),
            ("{{resolve:vault:db}}", EnvReferenceProblem::UnknownService("vault".into())),
            ("{{resolve:secretsmanager:}}", EnvReferenceProblem::Id(SecretIdError::Empty)),
            ("{{resolve:secretsmanager:db::k::v1}}", EnvReferenceProblem::Version(VersionError::IdLength)),
            ("{{resolve:ssm:/p:latest}}", EnvReferenceProblem::Version(VersionError::Number)),
            ("{{resolve:ssm:/p/}}", EnvReferenceProblem::ParameterPath(PathError::OutsideEnvFrom)),
            (
                "arn:aws:ssm:eu-west-1:123456789012:parameter/p/",
                EnvReferenceProblem::ParameterPath(PathError::OutsideEnvFrom),
            ),
            ("{{resolve:}}", EnvReferenceProblem::UnknownService(String::new())),
        ] {
            assert_eq!(found(value), Err(problem), "{value}");
        }
        assert!(matches!(found("{{resolve:secretsmanager:arn:aws:secretsmanager}}"), Err(EnvReferenceProblem::Id(_))));
    }

    #[test]
    fn only_variables_that_match_the_pattern_are_read() {
        let variables = [("DB_A", ARN), ("DB_B", "plain"), ("OTHER", ARN), ("PATH", "/bin")];
        let inherited = Inherited::new(variables.into_iter().map(|(name, value)| (name.into(), value.into())));
        let layer = layer(&inherited, &[Pattern::new("DB_*").unwrap()]).unwrap();
        assert_eq!(layer.entries.iter().map(|entry| entry.target.to_string()).collect::<Vec<_>>(), ["DB_A"]);
    }

    proptest::proptest! {
        #[test]
        fn no_value_panics(text in "(\\{\\{resolve:|arn:aws:|secretsmanager:|ssm:|\\}\\}|[a-z:$]){0,8}") {
            let _ = entry("A", text.as_ref());
        }
    }
}
