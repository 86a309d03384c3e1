//! References as users write them, `SECRET[:KEY[:STAGE[:VERSION-ID]]]`, and the requests that they
//! stand for. A [`Reference`] is the text split into fields. With the aliases and the inherited
//! variables, it becomes a [`SecretRef`]:
//!
//! ```text
//! "db:password:AWSPREVIOUS"                               the text
//!    │ Reference::parse
//!    ▼
//! SECRET db, KEY password, STAGE AWSPREVIOUS              a Reference
//!    │ Reference::locate, with secrets: { db: "${STAGE}/db" } and STAGE=prod
//!    ▼
//! request prod/db, AWSPREVIOUS │ take the key password    a SecretRef: Locator │ Selector
//! ```
//!
//! Someone may have written a password where a reference belongs, and a variable may hold a secret.
//! So an error quotes at most the names of variables and a single character of the text, and never
//! the value of a variable.
//!
//! CodeBuild and `valueFrom` in ECS use the same format. Colons separate the fields, except after
//! `ssm`, in an ARN, in `${NAME:-default}`, and in the brackets of a JSONPath.

mod arn;
mod locator;
mod secret_id;

pub use arn::*;
pub use locator::*;
pub use secret_id::*;

use std::borrow::Cow;
use std::fmt;

use crate::model::environment::{Inherited, is_name};
use crate::model::fault::{
    Fault, VALUE_REMEDY, foreign_prefix, overlooked, overlooked_unless_empty, prefix_of_kind,
    quoted_character, several_lines,
};
use crate::model::shown::{is_in_quotes, without_tokens};

/// A reference split into fields. Aliases and `${NAME}` haven't been replaced yet. The printed form
/// parses to the same reference.
#[derive(Clone, Debug, PartialEq)]
pub struct Reference {
    /// A name, an ARN, an alias, or `ssm:` and the name of a parameter or a path.
    pub secret: String,
    pub selector: Selector,
    /// STAGE and VERSION-ID. If both are empty, the alias's version applies or, without an alias,
    /// the current version.
    pub version: Option<Version>,
}

/// The help for too many fields, or a version that AWS doesn't allow.
const PARTS_REMEDY: &str =
    "write SECRET:KEY:STAGE:VERSION-ID (for a parameter: ssm:NAME:KEY:LABEL:VERSION)";

/// The help for a secret's name that is written like a path, such as `prod/app/`.
pub const NO_PATHS: &str = "Secrets Manager has no paths: name each secret. For parameters, read the path with --env-from ssm:/PATH/";

/// The help for a character that can't be part of any name.
const FORMS: &str = "a secret is written SECRET:KEY, without quotes, a parameter ssm:/NAME, and plain text NAME: { value: … }. A variable in it is written ${NAME}";

/// The help for a `${` that doesn't begin a valid placeholder.
const VARIABLE_HELP: &str = "an inherited variable is written ${NAME} or ${NAME:-default}";

impl Reference {
    /// Parses a reference. Only SECRET is required.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let (secret, after_secret) = split_secret(text);
        let (key, after_key) = after_secret.map_or(("", None), split_key);
        let (stage, after_stage) = after_key.map_or(("", None), split_colon);
        let (version, after_version) = after_stage.map_or(("", None), split_colon);

        // Most references are ordinary, so a quick check saves them the slow `misread_text`.
        if !is_ordinary(text)
            && let Some(fault) = misread_text(text, secret, key)
        {
            return Err(fault);
        }
        validate_secret(secret)?;
        if after_version.is_some() {
            return Err(Fault::new("has too many colon-separated fields").help(PARTS_REMEDY));
        }
        // If the shell has no variable KEY, `"prod/db:$KEY"` would read the whole secret, so refuse
        // a reference with only colons. But allow the three colons that ECS writes after an ARN.
        let is_usual =
            after_secret == Some("::") && (Arn::has_prefix(secret) || is_placeholder(secret));
        if !is_usual && after_secret.is_some_and(|fields| fields.trim_matches(':').is_empty()) {
            let help = "write SECRET:KEY, or only SECRET (a shell variable was probably empty)";
            return Err(Fault::new("has only colons after the secret").help(help));
        }

        Ok(Self {
            secret: secret.to_owned(),
            selector: parse_selector(key)?,
            version: parse_version(stage, version)?,
        })
    }

    /// True for a text that was certainly meant as a reference, even if it is malformed: an ARN
    /// with further fields, or CloudFormation's `{{resolve:ssm:name}}`.
    pub fn is_meant_by(text: &str) -> bool {
        let (secret, fields) = split_secret(text);
        let is_arn_with_fields = Arn::has_prefix(text)
            && fields.unwrap_or_default().contains(|c| c != ':')
            && SecretId::parse(secret).is_ok();
        // All services in dynamic references begin with `s`: secretsmanager, ssm and ssm-secure.
        is_arn_with_fields || text.contains("{{resolve:s")
    }

    /// Turns the reference into a request and a selector. `alias` is the alias that SECRET names.
    pub fn locate(&self, alias: Option<&Alias>, inherited: &Inherited) -> Result<SecretRef, Fault> {
        let id = alias.map_or(&self.secret, |alias| &alias.id);
        let mut locator = locate_id(id, inherited)?;
        if let Some(alias) = alias {
            locator.region = locator.region.or_else(|| alias.region.clone());
            locator.role.clone_from(&alias.role);
        }
        locator.version = self
            .version
            .as_ref()
            .or(alias.map(|alias| &alias.version))
            .cloned()
            .unwrap_or(Version::CURRENT);

        let is_whole = self.selector == Selector::Whole && locator.version == Version::CURRENT;
        if locator.is_path() && !is_whole {
            let defect = "is a path, which can't have a key, a label or a version (for one parameter, write ssm:/NAME)";
            return Err(Fault::new(defect));
        }
        locator
            .version
            .validate(locator.store)
            .map_err(|defect| Fault::new(defect).help(PARTS_REMEDY))?;
        Ok(SecretRef {
            locator,
            selector: self.selector.clone(),
        })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = self.version.as_ref();
        let stage = version.and_then(Version::stage).unwrap_or("");
        let id = version.and_then(Version::id).unwrap_or("");
        // All trimmed colons are those of empty fields, because SECRET itself ends with a colon
        // only if it is an incomplete ARN, which is invalid anyway.
        let fields = format!(":{}:{stage}:{id}", self.selector);
        write!(f, "{}{}", self.secret, fields.trim_end_matches(':'))
    }
}

/// True for a reference in which [`misread_text`] would find nothing.
fn is_ordinary(text: &str) -> bool {
    let (name, _) = split_colon(text);
    name.contains('/')
        && !text.contains("://")
        && text.chars().all(|c| c == ':' || is_name_character(c))
}

/// The error for a text that was meant for another place or tool, or has a character that is easy
/// to overlook.
fn misread_text(text: &str, secret: &str, key: &str) -> Option<Fault> {
    // `ssm://token` looks like another tool's syntax, but has its own help text.
    if Store::has_prefix(secret) && secret.contains("//") {
        return Some(two_slashes(text));
    }
    // The brackets of a JSONPath can contain anything, so don't search the JSONPath for braces and
    // URLs.
    let (searched, plain_key) = match JsonPath::parse(key) {
        Some(_) => (text.replacen(key, "", 1), ""),
        None => (text.to_owned(), key),
    };
    // JSON contains spaces, which `overlooked_unless_empty` may report, so look for JSON first.
    several_lines(text, VALUE_REMEDY)
        .or_else(|| foreign_syntax_error(&searched))
        .or_else(|| Some(overlooked_unless_empty(secret)?.about("has a name that")))
        .or_else(|| Some(overlooked_unless_empty(plain_key)?.about("has a key that")))
}

/// NAME in an id that is nothing but `${NAME:-}` or, for a parameter, `ssm:${NAME:-}`. A path also
/// ends with `/` or `/*`.
pub fn optional_variable(id: &str) -> Option<&str> {
    let (store, name) = Store::split_prefix(id);
    let path = name.strip_suffix("/*").or(name.strip_suffix('/'));
    let placeholder = match store {
        Store::ParameterStore => path.unwrap_or(name),
        Store::SecretsManager => name,
    };
    placeholder
        .strip_prefix("${")?
        .strip_suffix(":-}")
        .filter(|name| is_name(name))
}

/// Expands an id, and creates a locator for the current version. A colon in a variable's value
/// doesn't begin a new field.
fn locate_id(text: &str, inherited: &Inherited) -> Result<Locator, Fault> {
    let extent = if is_placeholder(text) {
        Extent::WholeId
    } else {
        Extent::Part
    };
    let mut names = Vec::new();
    let mut empty = None;
    let expanded = replace_placeholders(text, |name, default| {
        let value = part_of_id(name, default, inherited, extent)?;
        names.push(name);
        if value.is_empty() {
            empty = Some(name);
        }
        Ok(value)
    })?;

    if let Some(name) = empty
        && lacks_part(&expanded, text)
    {
        return Err(empty_variable(name, Extent::Part));
    }
    let (store, id) = SecretId::parse(&expanded).map_err(|error| {
        if names.is_empty() {
            return error;
        }
        let names = names.join(" and ");
        // The help is dropped, because it may repeat an ARN from a variable's value.
        Fault::new(format!("{error} (after expanding {names})"))
    })?;
    Ok(Locator {
        store,
        region: id.arn().and_then(Arn::region),
        id,
        role: None,
        version: Version::CURRENT,
    })
}

/// True if SECRET is a single placeholder.
fn is_placeholder(secret: &str) -> bool {
    secret.starts_with("${") && secret.find('}') == Some(secret.len() - 1)
}

/// What a `${NAME}` stands for.
#[derive(Clone, Copy, PartialEq)]
enum Extent {
    WholeId,
    /// A part of an id or of a path.
    Part,
}

fn empty_variable(name: &str, extent: Extent) -> Fault {
    let help = match extent {
        // `${NAME:-}` leaves out the entry if the variable is empty.
        Extent::WholeId => format!("set {name}. If it may be empty, write ${{{name}:-}}"),
        Extent::Part => format!("set {name}"),
    };
    Fault::new(format!("uses the variable {name}, which is empty")).help(help)
}

/// True if an empty variable removed a part of a name: `prod/${APP:-}` became `prod/`, or
/// `ssm:/${APP:-}` became `ssm:/`. Reading a path that is too short would even return other
/// programs' parameters.
fn lacks_part(expanded: &str, written: &str) -> bool {
    let (_, name) = Store::split_prefix(expanded.trim_end_matches('*'));
    let ends_early = name.ends_with('/') && !written.trim_end_matches('*').ends_with('/');
    name.trim_matches('/').is_empty() || ends_early || name.contains("//")
}

/// Checks a SECRET whose variables haven't been expanded, so only the text around them is checked.
fn validate_secret(text: &str) -> Result<(), Fault> {
    let literal = replace_placeholders(text, |_, _| Ok(""))?;
    // A path may end with `/*`. In `${DIR}*`, the slash may come from the variable.
    let may_be_path = Store::has_prefix(text) || text.contains(":parameter/");
    let checked = if may_be_path && (text.ends_with("/*") || text.ends_with("}*")) {
        literal.trim_end_matches('*')
    } else {
        &literal
    };
    // Colons need no check here: SECRET contains them only in an ARN and after `ssm`.
    if let Some(character) = checked.chars().find(|&c| c != ':' && !is_name_character(c)) {
        return Err(illegal_character(character));
    }
    if !text.contains("${") {
        SecretId::parse(text)?;
    }
    Ok(())
}

fn illegal_character(character: char) -> Fault {
    let shown = quoted_character(character);
    let rule = "which AWS doesn't allow in the name of a secret or parameter";
    Fault::new(format!("contains {shown}, {rule}")).help(FORMS)
}

/// Splits a reference at the colon that ends SECRET. This isn't the first colon if SECRET is an ARN
/// or begins with `ssm:`.
pub fn split_secret(text: &str) -> (&str, Option<&str>) {
    let mut fields_left = if Store::has_prefix(text) {
        2
    } else if !Arn::has_prefix(text) {
        1
    } else if text.contains(":secretsmanager:") {
        // An ARN has six fields. A secret's last field contains a colon: `secret:NAME`.
        7
    } else {
        6
    };
    let mut is_in_placeholder = false;
    for (at, c) in text.char_indices() {
        is_in_placeholder = (is_in_placeholder || text[at..].starts_with("${")) && c != '}';
        if c == ':' && !is_in_placeholder {
            fields_left -= 1;
            if fields_left == 0 {
                return (&text[..at], Some(&text[at + 1..]));
            }
        }
    }
    (text, None)
}

/// Splits a text at its first colon, if it has one.
pub fn split_colon(text: &str) -> (&str, Option<&str>) {
    text.split_once(':')
        .map_or((text, None), |(field, rest)| (field, Some(rest)))
}

/// Splits the fields after SECRET at the colon that ends KEY, outside the brackets of a JSONPath.
fn split_key(text: &str) -> (&str, Option<&str>) {
    if !text.starts_with('$') {
        return split_colon(text);
    }
    match outside_quotes(text).find(|(_, c)| *c == ':') {
        Some((end, _)) => (&text[..end], Some(&text[end + 1..])),
        None => (text, None),
    }
}

/// The characters outside of square brackets and quotes, each with its index.
pub fn outside_quotes(text: &str) -> impl Iterator<Item = (usize, char)> {
    let mut depth = 0_usize;
    let mut quote = None;
    let mut is_escaped = false;
    text.char_indices().filter(move |(_, c)| {
        match (quote, *c) {
            (Some(_), _) if is_escaped => is_escaped = false,
            (Some(_), '\\') => is_escaped = true,
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(*c),
            (None, '[') => depth += 1,
            (None, ']') => depth = depth.saturating_sub(1),
            (None, _) => return depth == 0,
        }
        false
    })
}

fn parse_version(stage: &str, id: &str) -> Result<Option<Version>, Fault> {
    let stage = parse_version_field("has a stage that", stage)?;
    let id = parse_version_field("has a version id that", id)?;
    if stage.is_none() && id.is_none() {
        return Ok(None);
    }
    Ok(Some(Version::new(stage, id)))
}

/// `None` for an empty field. `predicate` is the beginning of the error.
fn parse_version_field(predicate: &str, text: &str) -> Result<Option<String>, Fault> {
    if text.is_empty() {
        return Ok(None);
    }
    let label = parse_label(text).map_err(|fault| fault.about(predicate))?;
    Ok(Some(label))
}

/// Parses a STAGE or a VERSION-ID in a reference or an alias.
pub fn parse_label(text: &str) -> Result<String, Fault> {
    if let Some(fault) = overlooked(text) {
        return Err(fault);
    }
    if text.contains([' ', '$']) {
        let help = "write the label or the id itself: ${NAME} is replaced only in SECRET";
        return Err(Fault::new("contains a space or \"$\"").help(help));
    }
    Ok(text.to_owned())
}

fn parse_selector(key: &str) -> Result<Selector, Fault> {
    Selector::parse(key).ok_or_else(|| {
        Fault::new("has a key with $ that isn't a valid JSONPath").help(
            r#"a key is written without $, and ${NAME} is replaced only in SECRET. In a JSONPath, a key with other characters than letters, digits and "_" is written ["a-b"]. A path has at most seven "(", and its regular expressions have no \p{L}"#,
        )
    })
}

/// The error for another tool's reference, a template, JSON, or a URL.
fn foreign_syntax_error(text: &str) -> Option<Fault> {
    let mut found = foreign_prefix(text);
    // Require a slash, because `secret:token` may mean the key `token` of a secret called "secret".
    if found.is_none() && text.contains('/') {
        found = prefix_of_kind("word", text);
    }
    if let Some(prefix) = found {
        let defect = format!("begins with \"{prefix}\", which is another tool's syntax");
        let help = "a secret is written SECRET:KEY, and a parameter ssm:/NAME";
        return Some(Fault::new(defect).help(help));
    }
    if let Some((_, rest)) = text.split_once("{{") {
        let expression = rest.split('}').next().unwrap_or_default().trim();
        let name = expression
            .trim_start_matches("env.")
            .trim_start_matches('.');
        let help = if is_name(name) {
            format!("an inherited variable is written ${{{name}}}")
        } else {
            "declare it as NAME: { template: \"…\" }".to_owned()
        };
        return Some(Fault::new("contains \"{{\", like a template").help(help));
    }
    if text.contains("://") || text.replace(' ', "").contains("{\"") {
        let defect = "is JSON, a URL or a connection string, not the name of a secret";
        return Some(Fault::new(defect).help(VALUE_REMEDY));
    }
    None
}

/// Replaces every `${NAME}` and `${NAME:-default}` with what `value_of` returns for the name and
/// the default.
fn replace_placeholders<'t>(
    text: &'t str,
    mut value_of: impl FnMut(&'t str, Option<&'t str>) -> Result<&'t str, Fault>,
) -> Result<Cow<'t, str>, Fault> {
    let malformed = || {
        let defect = "has a ${ that isn't followed by a variable name and a closing }";
        Fault::new(defect).help(VARIABLE_HELP)
    };

    let mut replaced = Cow::Borrowed("");
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (placeholder, after_brace) = after.split_once('}').ok_or_else(malformed)?;
        let (name_before_default, default) = placeholder.split_once(":-").unzip();
        let name = name_before_default.unwrap_or(placeholder);
        if !is_name(name) || default.is_some_and(|default| default.contains("${")) {
            return Err(malformed());
        }
        replaced = replaced + before + value_of(name, default)?;
        rest = after_brace;
    }
    Ok(replaced + rest)
}

/// Expands every `${NAME}` in a file's path.
pub fn expand_path(path: &str, inherited: &Inherited) -> Result<String, Fault> {
    let expanded = replace_placeholders(path, |name, default| {
        variable_value(name, default, inherited, Extent::Part)
    })?;
    Ok(expanded.into_owned())
}

/// The variables whose values must not be sent as part of a name: a declaration from somebody else
/// could also choose the host that gets them.
const CREDENTIAL_VARIABLES: [&str; 4] = [
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_TOKEN",
];

/// The value that replaces `${NAME}` in an id. It can't be a credential, and can never begin with
/// `ssm:`, which belongs before the placeholder.
///
/// The value may be an ARN only if the placeholder is the whole id. Otherwise, the value can't
/// contain a colon, because it could then choose a different account, region or service.
fn part_of_id<'a>(
    name: &str,
    default: Option<&'a str>,
    inherited: &'a Inherited,
    extent: Extent,
) -> Result<&'a str, Fault> {
    if CREDENTIAL_VARIABLES.contains(&name) {
        return Err(format!("uses {name}, which would be sent as a name").into());
    }
    let value = variable_value(name, default, inherited, extent)?;
    if without_tokens(value) != value {
        return Err(wrong_value(
            name,
            "looks like a token, which would be sent as a name",
        ));
    }
    // `${DB:-prod/db:password}` was probably meant to use `prod/db:password` unless DB is set, but
    // a default can't have a KEY.
    let (secret, fields) = split_secret(value);
    if default == Some(value) && (fields.is_some() || Store::has_prefix(value)) {
        return Err(format!("has a colon in the default of ${{{name}:-…}}").into());
    }
    if extent == Extent::Part && value.contains(':') {
        return Err(wrong_value(
            name,
            "contains a colon, so it can't be part of a secret's name",
        ));
    }
    if Store::has_prefix(value) {
        return Err(wrong_value(name, "begins with \"ssm:\""));
    }
    // With `DB=prod/db:host`, `:host` would become part of the secret's name.
    if fields.is_some() && SecretId::parse(secret).is_ok() {
        return Err(wrong_value(
            name,
            "is more than the name or ARN of a secret",
        ));
    }
    Ok(value)
}

/// The value of a variable or, if the variable is empty or not set, the default, which may be
/// empty, too. `extent` affects only the help.
fn variable_value<'a>(
    name: &str,
    default: Option<&'a str>,
    inherited: &'a Inherited,
    extent: Extent,
) -> Result<&'a str, Fault> {
    let usable_value = inherited
        .get(name)
        .filter(|value| default.is_none() || !value.is_empty());
    let Some(value) = usable_value else {
        return default.ok_or_else(|| {
            let text = format!("uses the variable {name}, which isn't set");
            Fault::new(text).help(format!("set and export {name}"))
        });
    };

    let text = value
        .to_str()
        .ok_or_else(|| wrong_value(name, "isn't UTF-8"))?;
    match overlooked_unless_empty(text) {
        Some(found) => Err(wrong_value(name, found)),
        None if text.is_empty() => Err(empty_variable(name, extent)),
        None if is_in_quotes(text) => Err(wrong_value(name, "is in quotes: remove them")),
        None => Ok(text),
    }
}

/// `defect` must not quote the value.
fn wrong_value(name: &str, defect: impl Into<Fault>) -> Fault {
    let fault: Fault = defect.into();
    fault.about(&format!("uses the variable {name}, whose value"))
}
