//! Applies the filters of a lookup in a template, such as `{{ db.host | trim }}`.

use serde_json::Value;

use crate::model::answer::SecretValue;
use crate::model::entry::template::{Filter, Printing};
use crate::model::fault::Fault;
use crate::model::message::{Problem, Remark, Syntax, surroundings_remark};
use crate::model::plan::Planned;
use crate::model::shown::shown;
use crate::model::url::percent_encode;

/// The value that a lookup found, and where it comes from.
pub(super) enum Found {
    /// `is_json` is true for a value that is JSON already, such as a number or an object, so the
    /// filter `tojson` doesn't encode it.
    Secret {
        value: SecretValue,
        is_json: bool,
    },
    Variable(SecretValue),
    /// The text of the filter `default`, because the value is absent.
    Default(SecretValue),
}

/// The text that replaces a lookup, with the remarks on it.
pub(super) struct Printed {
    pub value: SecretValue,
    /// The value before the filters, if it was read from a secret.
    pub read: Option<SecretValue>,
    /// The remarks on the value before it was encoded. Empty for a default.
    pub remarks: Vec<Remark>,
}

impl Printed {
    /// Applies a lookup's filters. `around` is the text before and after the lookup.
    pub fn new(
        found: Found,
        printing: &Printing,
        around: (&str, &str),
        syntax: Syntax,
        entry: &Planned,
    ) -> Result<Self, Problem> {
        let filters = &printing.filters;
        let first_encoding = filters.iter().position(Filter::is_encoding);
        let (plain, mut encoding) = filters.split_at(first_encoding.unwrap_or(filters.len()));
        if let Found::Secret { is_json: true, .. } = found
            && plain.is_empty()
            && let [Filter::ToJson, others @ ..] = encoding
        {
            encoding = others;
        }

        let failed = |fault: Fault| {
            let fault = fault.about(&format!("the value of {}", shown(&printing.written)));
            Problem::configuration(fault)
                .code("template")
                .for_entry(entry.subject.clone())
        };
        let (Found::Secret { value, .. } | Found::Variable(value) | Found::Default(value)) = &found;
        let before_encoding = filtered(value, plain).map_err(failed)?;
        let printed = filtered(&before_encoding, encoding).map_err(failed)?;
        if entry.subject.written.is_some() {
            text_of(&printed).map_err(failed)?;
        }

        let mut remarks = Remark::about(before_encoding.expose(), &entry.target);
        let mut read = None;
        match found {
            Found::Default(_) => remarks.clear(),
            Found::Variable(_) => remarks.retain(|remark| *remark == Remark::Empty),
            Found::Secret { value, .. } => {
                // The template may add line feeds to a key or certificate, so only the template's
                // whole text is checked for broken PEM.
                remarks.retain(|remark| {
                    !matches!(remark, Remark::BrokenPem { .. } | Remark::EncodedPem)
                });
                remarks.extend(surroundings_remark(
                    value.expose(),
                    printed.expose(),
                    filters.iter().any(Filter::escapes),
                    around,
                    syntax,
                ));
                read = Some(value);
            }
        }
        Ok(Self {
            value: printed,
            read,
            remarks,
        })
    }
}

/// Applies the filters in order. An error's text has no subject, as in `isn't base64`: the caller
/// adds it.
fn filtered(value: &SecretValue, filters: &[Filter]) -> Result<SecretValue, Fault> {
    filters
        .iter()
        .try_fold(SecretValue::new(value.expose()), |value, filter| {
            apply(filter, &value)
        })
}

fn apply(filter: &Filter, value: &SecretValue) -> Result<SecretValue, Fault> {
    if *filter == Filter::Base64Encode {
        return Ok(value.base64_encoded());
    }
    let text = text_of(value)?;
    Ok(SecretValue::new(match filter {
        Filter::UrlEncode => percent_encode(text),
        Filter::ToJson => Value::from(text).to_string(),
        Filter::Trim => text.trim().to_owned(),
        Filter::Replace(old, new) => text.replace(old, new),
        Filter::Base64Encode | Filter::Base64Decode => {
            let help = "remove b64decode, or store the value as base64";
            return value
                .base64_decoded()
                .ok_or_else(|| Fault::new("isn't base64").help(help));
        }
    }))
}

/// The error's text, `isn't UTF-8 text`, has no subject: the caller adds it.
fn text_of(value: &SecretValue) -> Result<&str, Fault> {
    str::from_utf8(value.expose()).map_err(|_| {
        let help = "write {{ ALIAS.KEY | b64encode }}, or list the secret under \"files\"";
        Fault::new("isn't UTF-8 text").help(help)
    })
}
