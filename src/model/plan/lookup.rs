//! Looks up the references of entries: aliases, and `${NAME}`. Errors are collected, so that all of
//! them are in one report.

use std::collections::BTreeMap;

use crate::model::entry::template::{Template, TemplateError, calculation_error, expressions};
use crate::model::entry::{EntrySource, Holder, Naming, Origin, Part, Subject, Target};
use crate::model::env_variables::Inherited;
use crate::model::problem::{Impact, Problem};
use crate::model::reference::{Aliases, Reference, ReferenceError, SecretRef, expand_path};
use crate::model::suggest::{self, MOST_SUGGESTIONS, did_you_mean};

/// The source of an entry, with its references looked up.
#[derive(Debug)]
pub enum PlannedSource {
    Value(ValueSource),
    Object(ObjectSource),
    /// The entry has no effect, because an entry of a later layer sets the target. Its references
    /// haven't been looked up.
    Overridden(Holder),
}

/// An object of `env-from`, whose keys set variables.
#[derive(Debug)]
pub struct ObjectSource {
    pub reference: SecretRef,
    pub naming: Naming,
}

impl PlannedSource {
    /// Returns the references that the entry reads.
    pub fn references(&self) -> Vec<&SecretRef> {
        match self {
            Self::Value(source) => source.references(),
            Self::Object(object) => vec![&object.reference],
            Self::Overridden(_) => Vec::new(),
        }
    }
}

/// The source of a single value, with its references looked up.
#[derive(Clone, Debug, PartialEq)]
pub enum ValueSource {
    Secret(SecretRef),
    Literal(String),
    Composed(Vec<Part>),
    Template {
        template: Template,
        /// The secret of each alias that the template uses.
        inputs: BTreeMap<String, SecretRef>,
    },
}

impl ValueSource {
    /// Returns the references that the value is made of.
    pub fn references(&self) -> Vec<&SecretRef> {
        match self {
            Self::Secret(reference) => vec![reference],
            Self::Literal(_) => Vec::new(),
            Self::Composed(parts) => parts
                .iter()
                .filter_map(|part| match part {
                    Part::Reference(reference) => Some(reference),
                    Part::Text(_) => None,
                })
                .collect(),
            Self::Template { inputs, .. } => inputs.values().collect(),
        }
    }
}

/// Looks up the references of one layer.
pub struct Lookup<'a> {
    pub aliases: &'a Aliases,
    pub inherited: &'a Inherited,
    /// The variables that the entries of all layers set.
    pub variables: &'a BTreeMap<String, Subject>,
    /// The errors of all layers so far.
    pub errors: &'a mut Vec<Problem>,
}

impl Lookup<'_> {
    /// Expands the placeholders in the path of a file. If that fails, adds the error.
    pub fn expand_path(&mut self, target: &mut Target, subject: &Subject) {
        let Target::File(file) = target else { return };
        let Some(path) = &mut file.path else { return };
        match expand_path(&path.to_string_lossy(), self.inherited) {
            Ok(expanded) => *path = expanded.into(),
            Err(ReferenceError { defect, help }) => {
                let problem = Problem::configuration(format!("the path {defect}"));
                let problem = problem.replace_help(help);
                self.errors
                    .push(problem.for_entry(subject.clone(), Impact::None));
            }
        }
    }

    /// Looks up the references of a source. Returns `None` if one of them can't be looked up, and
    /// adds the error.
    pub fn planned_source(
        &mut self,
        source: EntrySource,
        subject: &Subject,
    ) -> Option<PlannedSource> {
        let value = match source {
            EntrySource::Literal(text) => ValueSource::Literal(text),
            EntrySource::Reference(reference) => {
                ValueSource::Secret(self.locate(&reference, subject)?)
            }
            // The references in an inherited variable are ARNs or `{{resolve:…}}`, which can't use
            // an alias. `input/env_references` has looked them up.
            EntrySource::Composed(parts) => ValueSource::Composed(parts),
            EntrySource::Template(template) => {
                let inputs = self.template_inputs(&template, subject)?;
                ValueSource::Template { template, inputs }
            }
            EntrySource::Object(reference, naming) => {
                // [`Self::locate`] refuses a path, but an object may be one: the path then stands
                // for all parameters below it.
                let located = reference.locate(self.aliases, self.inherited);
                let reference = located.map_err(|error| self.refuse(subject, error)).ok()?;
                return Some(PlannedSource::Object(ObjectSource { reference, naming }));
            }
        };
        Some(PlannedSource::Value(value))
    }

    /// Looks up a reference to one secret or parameter. Returns `None` if that fails, and adds the
    /// error.
    fn locate(&mut self, reference: &Reference, subject: &Subject) -> Option<SecretRef> {
        let located = reference.locate(self.aliases, self.inherited);
        let single = located.and_then(SecretRef::single);
        single.map_err(|error| self.refuse(subject, error)).ok()
    }

    /// Adds an error. A reference on the command line may be a misplaced value, so the error
    /// doesn't show it.
    fn refuse(&mut self, subject: &Subject, error: ReferenceError) {
        let message = error.message();
        let (problem, subject) = match subject.origin {
            Origin::Argument(_) => (Problem::usage(message), subject.without_reference()),
            Origin::File { .. } | Origin::Inherited => {
                (Problem::configuration(message), subject.clone())
            }
        };
        let problem = problem.replace_help(error.help);
        self.errors.push(problem.for_entry(subject, Impact::None));
    }

    /// Looks up the aliases that a template uses. Returns `None` if a name isn't an alias, and adds
    /// an error for each such name.
    fn template_inputs(
        &mut self,
        template: &Template,
        subject: &Subject,
    ) -> Option<BTreeMap<String, SecretRef>> {
        if let Some(TemplateError { text, help }) = self.misread_expression(template) {
            let problem = Problem::configuration(text).replace_help(help);
            self.errors
                .push(problem.for_entry(subject.clone(), Impact::None));
            return None;
        }

        let mut inputs = BTreeMap::new();
        for name in &template.names {
            match (self.aliases.get(name), Reference::parse(name)) {
                (Some(_), Ok(reference)) => {
                    let found = self.locate(&reference, subject);
                    inputs.extend(found.map(|found| (name.clone(), found)));
                }
                (None, _) | (_, Err(_)) => {
                    let error = self.unknown_name(name, template);
                    self.errors
                        .push(error.for_entry(subject.clone(), Impact::None));
                }
            }
        }
        (inputs.len() == template.names.len()).then_some(inputs)
    }

    /// Returns the error of an expression that Jinja doesn't read in the way it was meant. A part
    /// of it is a name that isn't an alias.
    fn misread_expression(&self, template: &Template) -> Option<TemplateError> {
        let is_unknown =
            |name: &str| template.names.contains(name) && !self.aliases.contains_key(name);
        expressions(&template.text)
            .filter(|expression| expression.split(['.', '/', '-']).any(is_unknown))
            .find_map(calculation_error)
    }

    /// Returns the error for a name in a template that isn't an alias.
    fn unknown_name(&self, name: &str, template: &Template) -> Problem {
        let text =
            format!("the template uses {name:?}, but there is no {name:?} under \"secrets\"");
        // Each look-up reads all aliases, so only the first errors get a suggestion.
        let most = if self.errors.len() < MOST_SUGGESTIONS {
            usize::MAX
        } else {
            0
        };
        let aliases = self.aliases.keys().map(String::as_str).take(most);

        let help = if let Some(variable) = self.variables.get(name) {
            variable_help(variable, self.aliases)
        } else if self.inherited.get(name).is_some() {
            format!("for the inherited variable, write {{{{ env.{name} }}}}")
        } else if template.text.contains(&format!("set {name} ")) {
            format!("write {{% set {name} = '' %}} before the {{% if %}}")
        } else if let Some(nearest) = suggest::nearest(name, aliases) {
            did_you_mean(nearest)
        } else if template.text.contains(&format!("{name}(")) {
            "the functions of templates are \"range\", \"dict\" and \"namespace\"".to_owned()
        } else {
            format!("add it there, as in secrets: {{ {name}: prod/db }}")
        };
        Problem::configuration(text).help(help)
    }
}

/// Returns what to write in a template instead of a variable that this launch sets. If the
/// variable's secret is an alias, or has a slash, this is the expression for its reference, as in
/// the error about a reference in a template.
pub fn variable_help(variable: &Subject, aliases: &Aliases) -> String {
    let Some(reference) = variable.reference() else {
        return format!("write the text of {} into the template", variable.label);
    };
    let secret = reference.split(':').next().unwrap_or_default();
    if (aliases.contains_key(secret) || secret.contains('/'))
        && let Some(TemplateError {
            help: Some(help), ..
        }) = calculation_error(reference)
    {
        return help;
    }
    "name its secret under \"secrets\", as in db: prod/db, and write {{ db.host }}".to_owned()
}
