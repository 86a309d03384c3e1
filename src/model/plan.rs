//! Merges the layers of a launch into its plan: which secrets to request, and in which order to
//! resolve the entries. Aliases and `${NAME}` are looked up, but nothing is read or requested here.
//!
//! ```text
//! layers, the earliest first             plan, in the order of precedence
//!
//! base.yaml                              of the command line
//!   DB_HOST: old/db:host           ─┐      LEVEL    read prod/app, key level
//!   LEVEL: { value: info }          │
//!                                   │    of app.yaml
//! app.yaml                          │      DB_HOST  read prod/db, key host
//!   secrets: { db: prod/db }        ├──▶   env-from read prod/flags, set a variable for each key
//!   DB_HOST: db:host                │
//!   env-from: [prod/flags]          │    of base.yaml
//!                                   │      DB_HOST  overridden by app.yaml: not looked up
//! command line                      │      LEVEL    overridden by the command line
//!   --env LEVEL=prod/app:level     ─┘
//! ```
//!
//! An alias such as `db` applies to its own layer and to all later ones.
//!
//! An entry is overridden here only if an entry with higher precedence certainly sets its target,
//! or if `--keep-existing` keeps its variable. Below an optional entry or an object, whose keys
//! aren't known yet, `resolve` decides.

use std::collections::BTreeSet;
use std::fmt;

use crate::model::entry::{
    Argument, Claims, Entry, Holder, ObjectSource, OnMissing, Operand, Origin, Part, Source,
    Subject, Target, Transform,
};
use crate::model::environment::{Inherited, OWN_PREFIX, placeholders};
use crate::model::fault::Fault;
use crate::model::message::{Place, Placed, Problem, Status};
use crate::model::options::Options;
use crate::model::reference::{
    Alias, Aliases, Locator, Reference, Region, SecretRef, Store, expand_path, optional_variable,
};
use crate::model::shown::{MOST_NAMES, noun_with_name, shown, some_of};

/// A source of entries: a declaration, the inherited variables, or the command line.
#[derive(Debug, Default)]
pub struct Layer {
    /// The aliases that this layer declares. They also apply to all later layers.
    pub aliases: Aliases,
    /// Aliases with mistakes that have been reported. Templates that use them don't cause further
    /// errors.
    pub refused_aliases: BTreeSet<String>,
    /// The `env-from` objects come last, because the layer's other entries override their keys.
    pub entries: Vec<Entry>,
}

/// True if an entry is certain to set the variable. A secret such as `${NAME:-}` may be absent, and
/// the variables of `env-from` aren't known until the secret is read.
pub fn is_certainly_set(name: &str, layers: &[Layer]) -> bool {
    layers.iter().flat_map(|layer| &layer.entries).any(|entry| {
        let is_set = entry
            .target
            .variable()
            .is_some_and(|set| set.as_str() == name);
        let may_be_empty = matches!(&entry.source, Source::Reference(reference) if optional_variable(&reference.secret).is_some());
        is_set && entry.on_missing != OnMissing::Optional && !may_be_empty
    })
}

/// The variables and files to set, and the secrets to request for them.
#[derive(Debug)]
pub struct Plan {
    /// The entries that may set something, in order of precedence. Within a layer, the `env-from`
    /// objects come last, in reverse order, because a later object overrides an earlier one.
    pub entries: Vec<Planned>,
    /// The entries that certainly have no effect: they are overridden, or the variable that should
    /// name their secret is empty. Their references stay as the user wrote them.
    pub overridden: Vec<Overridden>,
    /// The aliases of all layers.
    pub aliases: Aliases,
    /// The variables that `--keep-existing` keeps. They override every entry except one that
    /// resolves the references in the variable itself.
    pub kept_names: BTreeSet<String>,
    pub inherited: Inherited,
    /// The inherited variables that the command gets.
    pub retained: Inherited,
}

/// An entry whose references have been looked up.
pub type Planned = Entry<SecretRef>;
/// The object that an `env-from` entry reads.
pub type PlannedObject = ObjectSource<SecretRef>;

/// An entry that has no effect, and the reason why.
#[derive(Debug)]
pub struct Overridden {
    pub entry: Entry,
    pub holder: Holder,
}

impl Plan {
    /// True if an entry sets the variable `name`, to its value or to the path of its file.
    pub fn declares(&self, name: &str) -> bool {
        self.entries
            .iter()
            .filter_map(|entry| entry.target.variable())
            .any(|declared| declared.as_str() == name)
    }

    /// Merges the layers, which are ordered from earliest to latest. References and templates can
    /// use the variables in `inherited`, and the command inherits those in `retained`.
    pub fn new(
        layers: Vec<Layer>,
        inherited: &Inherited,
        retained: Inherited,
        keeps_existing: bool,
    ) -> Result<Self, Vec<Problem>> {
        let mut aliases = Aliases::default();
        let mut with_aliases = Vec::new();
        let mut refused_aliases = BTreeSet::new();
        let mut errors = Vec::new();
        for layer in layers {
            for (name, alias) in &layer.aliases {
                let place = alias.place.clone();
                // Two different aliases can't have the same name: entries in the earlier file would
                // use the earlier alias, so production could read development's secrets.
                if let Some(earlier) = aliases.insert(name.clone(), alias.clone())
                    && *alias
                        != (Alias {
                            place,
                            ..earlier.clone()
                        })
                {
                    let text = format!(
                        "the alias {:?} differs between {} and {}",
                        shown(name),
                        earlier.place,
                        alias.place,
                    );
                    errors.push(
                        Problem::configuration(text)
                            .help("give one of the two another name, or write ${STAGE} in its id"),
                    );
                }
            }
            refused_aliases.extend(layer.refused_aliases.clone());
            with_aliases.push((aliases.clone(), layer));
        }

        let mut kept = BTreeSet::new();
        if keeps_existing {
            kept = kept_names(&retained);
        }
        let mut lookup = Lookup {
            aliases: Aliases::default(),
            refused_aliases,
            inherited,
            claims: Claims::new(&kept),
            errors,
        };
        let mut entries = Vec::new();
        let mut overridden = Vec::new();
        // The latest layer comes first, because its entries override those of the others.
        for (number, (layer_aliases, layer)) in with_aliases.into_iter().rev().enumerate() {
            lookup.aliases = layer_aliases;
            let (planned, without_effect) = lookup.planned_layer(number, layer);
            entries.extend(planned);
            overridden.extend(without_effect);
        }

        if !lookup.errors.is_empty() {
            return Err(lookup.errors);
        }
        Ok(Self {
            entries,
            overridden,
            aliases,
            kept_names: kept,
            inherited: inherited.clone(),
            retained,
        })
    }

    /// Everything to request. Some requests may turn out to be unnecessary, if an optional entry
    /// overrides the one that needed them.
    pub fn locators(&self) -> BTreeSet<&Locator> {
        self.entries
            .iter()
            .flat_map(|entry| entry.source.references())
            .map(|found| &found.locator)
            .collect()
    }

    /// The regions that aliases set.
    pub fn alias_regions(&self) -> Vec<Placed<Region>> {
        self.aliases
            .iter()
            .filter_map(|(name, alias)| {
                let position = format!("{}: {}", alias.place, noun_with_name("alias", name));
                let option = "region";
                let place = &Place::Declaration { position, option };
                Some(Placed::new(alias.region.clone()?, place))
            })
            .collect()
    }

    /// The error if `--on-rotation signal=NAME` is useless: without a file at a `path`, a new value
    /// can never reach the running command.
    pub fn useless_signal_problem(&self, options: &Options) -> Option<Problem> {
        let Placed { value, place } = options.rotation.as_ref()?;
        if value.on_rotation.signal().is_none()
            || self.entries.iter().any(|entry| entry.target.has_path())
        {
            return None;
        }
        let text = format!(
            "{place} can't be signal=NAME unless a file has a `path`, because a running program can't see new values of its \
             variables or of files in memory"
        );
        let remedy = "use restart instead, or declare a file with `path` under `files:`";
        Some(Problem::new(place.status(), text).help(remedy))
    }

    /// The literal that an entry sets the variable `name` to, if there is one.
    pub fn literal(&self, name: &str) -> Option<&str> {
        let entry = self
            .entries
            .iter()
            .find(|entry| matches!(&entry.target, Target::Env(env) if env.as_str() == name))?;
        let Source::Literal(text) = &entry.source else {
            return None;
        };
        Some(text)
    }
}

/// The variables that `--keep-existing` keeps. Leaves out a variable whose value is its own
/// placeholder, as in `DB_HOST=$DB_HOST`. Other tools leave this behind if they have no value.
fn kept_names(existing: &Inherited) -> BTreeSet<String> {
    let mut kept = BTreeSet::new();
    for (name, value) in existing.iter() {
        // No entry can have a name that isn't UTF-8.
        if let Some(name) = name.to_str()
            && !value.is_empty()
            && !placeholders(name).iter().any(|text| value == text.as_str())
        {
            kept.insert(name.to_owned());
        }
    }
    kept
}

/// The fault of an entry that sets a variable that no command gets, or that sets PATH to anything
/// but a literal.
fn unsettable(entry: &Entry) -> Option<Fault> {
    let name = entry.target.variable()?.as_str();
    if name.starts_with(OWN_PREFIX) {
        return Some(
            "the name begins with SECRETS_EXEC_, but no command gets such a variable".into(),
        );
    }
    // The command is looked up in PATH before any secret is read, so PATH must be a literal.
    let has_only_value = matches!(
        (&entry.target, &entry.source),
        (Target::Env(_), Source::Literal(_))
    ) && entry.transform == Transform::default()
        && entry.pattern.is_none()
        && entry.on_missing == OnMissing::Fail;
    if name != "PATH" || has_only_value {
        return None;
    }
    let text = "PATH can only be set with \"value\", because it decides which program runs";
    Some(Fault::new(text).help("set PATH in a declaration: env: { PATH: { value: … } }"))
}

/// The reason why a source isn't planned.
enum Unplanned {
    /// The secret is `${NAME:-}`, and the variable is empty or not set. The string is NAME.
    EmptyVariable(String),
    /// The source has a mistake, which has been added to the errors.
    Refused,
}

struct Lookup<'a> {
    /// The aliases of the current layer and of all earlier ones.
    aliases: Aliases,
    /// The names of all aliases that were refused, because of mistakes that were reported.
    refused_aliases: BTreeSet<String>,
    inherited: &'a Inherited,
    /// What the entries planned so far are certain to set.
    claims: Claims<'a>,
    errors: Vec<Problem>,
}

impl Lookup<'_> {
    /// Looks up the references of a layer's entries. Returns the entries in order of precedence,
    /// and those that have no effect. An entry whose references can't be looked up is left out.
    ///
    /// `layer_number` is 0 for the latest layer.
    fn planned_layer(
        &mut self,
        layer_number: usize,
        layer: Layer,
    ) -> (Vec<Planned>, Vec<Overridden>) {
        let mut planned = Vec::new();
        let mut overridden = Vec::new();
        let mut claimed = BTreeSet::new();
        for mut entry in layer.entries {
            if let Some(fault) = unsettable(&entry) {
                self.refuse(&entry.subject, fault);
            }
            for claim in entry.target.claims() {
                if let Some(claim) = claimed.replace(claim) {
                    let fault = Fault::new(format!("{claim} appears twice"));
                    self.refuse(&entry.subject, fault.help("keep only one of the two"));
                }
            }
            self.expand_file_path(&mut entry.target, &entry.subject);
            if let Some(holder) = certain_holder(&entry, &self.claims) {
                self.claims.pass_on(&entry.target, &entry.subject);
                overridden.push(Overridden { entry, holder });
                continue;
            }
            let source = match self.planned_source(&entry.source, &entry.subject) {
                Ok(source) => Some(source),
                Err(Unplanned::EmptyVariable(name)) => {
                    let OnMissing::Default(text) = &entry.on_missing else {
                        let holder = Holder::EmptyVariable(name);
                        overridden.push(Overridden { entry, holder });
                        continue;
                    };
                    Some(Source::Default(text.clone(), name))
                }
                Err(Unplanned::Refused) => None,
            };

            // An entry that may be absent doesn't override anything yet. For an object, `add` does
            // nothing, because only its keys have claims.
            if entry.on_missing != OnMissing::Optional {
                self.claims.add(&entry.target, &entry.subject);
            }
            planned.extend(source.map(|source| entry.with_source(source)));
        }

        // Number the entries in the order in which they are written, with the overridden ones last.
        // `check` sorts entries by line, and then by this id.
        for (number, id) in planned
            .iter_mut()
            .map(|entry| &mut entry.id)
            .chain(overridden.iter_mut().map(|left| &mut left.entry.id))
            .enumerate()
        {
            id.layer = layer_number;
            id.number = number;
        }

        // The latest object has the highest precedence, so it comes first.
        let object_at = planned.partition_point(|entry| !matches!(entry.source, Source::Object(_)));
        planned[object_at..].reverse();
        (planned, overridden)
    }

    /// Expands a file's path. On the command line, it must be absolute.
    fn expand_file_path(&mut self, target: &mut Target, subject: &Subject) {
        let Target::File(file) = target else { return };
        let Some(path) = &mut file.path else { return };
        let is_on_command_line = subject.origin == Origin::Argument(Argument::AsFileAtPath);
        let fault = match expand_path(&path.written, self.inherited) {
            Ok(expanded) => {
                path.expanded = expanded.into();
                if !is_on_command_line || path.expanded.is_absolute() {
                    return;
                }
                Fault::new("isn't absolute")
            }
            Err(fault) => fault,
        };
        self.refuse(subject, fault.about("the path"));
    }

    fn planned_source(
        &mut self,
        source: &Source,
        subject: &Subject,
    ) -> Result<Source<SecretRef>, Unplanned> {
        Ok(match source {
            Source::Literal(text) => Source::Literal(text.clone()),
            Source::Default(text, name) => Source::Default(text.clone(), name.clone()),
            Source::Reference(written) => Source::Reference(self.locate_single(written, subject)?),
            Source::Composed(parts) => Source::Composed(self.planned_parts(parts, subject)?),
            Source::Object(ObjectSource { reference, naming }) => {
                // An object may be a path, so don't use `locate_single`, which refuses paths.
                let reference = self.locate(reference, subject)?;
                let naming = naming.clone();
                Source::Object(ObjectSource { reference, naming })
            }
        })
    }

    /// Looks up a reference to one secret or parameter. Refuses a path.
    fn locate_single(
        &mut self,
        reference: &Reference,
        subject: &Subject,
    ) -> Result<SecretRef, Unplanned> {
        let found = self.locate(reference, subject)?;
        let written: &dyn fmt::Display = match self.alias(reference, subject) {
            Some(alias) => &alias.id,
            None => reference,
        };
        found
            .single(written)
            .map_err(|fault| self.refuse(subject, fault.about("the reference")))
    }

    /// Replaces the alias and the variables in a reference.
    fn locate(&mut self, reference: &Reference, subject: &Subject) -> Result<SecretRef, Unplanned> {
        let alias = self.alias(reference, subject);
        let id = alias.map_or(&reference.secret, |alias| &alias.id);
        let Some(name) = self.empty_optional_variable(id, subject) else {
            return reference
                .locate(alias, self.inherited)
                .map_err(|fault| self.refuse(subject, fault.about("the reference")));
        };
        // The variable is empty. To find mistakes in the rest of the reference, use NAME itself as
        // the name of the secret.
        let (store, _) = Store::split_prefix(id);
        let stand_in = Alias {
            id: format!("{}{name}", store.prefix()),
            ..alias.cloned().unwrap_or_default()
        };
        let name = name.to_owned();
        reference
            .locate(Some(&stand_in), self.inherited)
            .map_err(|fault| self.refuse(subject, fault.about("the reference")))?;
        Err(Unplanned::EmptyVariable(name))
    }

    /// NAME, if an id is `${NAME:-}`, the variable is empty or not set, and the entry can be left
    /// out. The only entry of `get` can't be left out.
    fn empty_optional_variable<'t>(&self, id: &'t str, subject: &Subject) -> Option<&'t str> {
        let name = optional_variable(id)?;
        let is_only_entry = subject.origin == Origin::Argument(Argument::Get);
        if is_only_entry || self.inherited.non_empty(name).is_some() {
            return None;
        }
        Some(name)
    }

    /// The alias that a reference names, if any. A reference in an inherited variable can't use
    /// one.
    fn alias(&self, reference: &Reference, subject: &Subject) -> Option<&Alias> {
        if subject.origin == Origin::Inherited {
            return None;
        }
        self.aliases.get(&reference.secret)
    }

    /// Adds an error about the entry. The fault's text must be a whole sentence.
    fn refuse(&mut self, subject: &Subject, fault: Fault) -> Unplanned {
        let status = match subject.origin {
            Origin::Argument(_) => Status::Usage,
            Origin::File { .. } | Origin::Inherited => Status::Configuration,
        };
        self.errors
            .push(Problem::new(status, fault).for_entry(subject.clone()));
        Unplanned::Refused
    }

    /// Looks up the references in a template or an inherited variable. In a template, stops at the
    /// first name that isn't an alias.
    fn planned_parts(
        &mut self,
        parts: &[Part<Reference>],
        subject: &Subject,
    ) -> Result<Vec<Part>, Unplanned> {
        let mut planned = Vec::new();
        let mut unplanned = None;
        for part in parts {
            planned.push(match part {
                Part::Text(text) => Part::Text(text.clone()),
                Part::Lookup(Operand::Variable(name), printing) => {
                    Part::Lookup(Operand::Variable(name.clone()), printing.clone())
                }
                Part::Lookup(Operand::Secret(reference), printing) => {
                    let is_template = subject.origin != Origin::Inherited;
                    let name = &reference.secret;
                    if is_template && !self.aliases.contains_key(name) {
                        if !self.refused_aliases.contains(name) {
                            let fault = self.unknown_name(name);
                            let problem = Problem::configuration(fault)
                                .for_part(printing.position.clone())
                                .for_entry(subject.clone());
                            self.errors.push(problem);
                        }
                        return Err(Unplanned::Refused);
                    }
                    match self.locate_single(reference, subject) {
                        Ok(found) => Part::Lookup(Operand::Secret(found), printing.clone()),
                        Err(reason) => {
                            // Go on, because the other parts may have mistakes of their own.
                            unplanned = Some(reason);
                            continue;
                        }
                    }
                }
            });
        }
        match unplanned {
            Some(reason) => Err(reason),
            None => Ok(planned),
        }
    }

    fn unknown_name(&self, name: &str) -> Fault {
        // Take one name more than a message lists, so that the list ends with "…" if it isn't
        // complete.
        let aliases: Vec<String> = (self.aliases.keys())
            .filter(|alias| !self.refused_aliases.contains(*alias))
            .take(MOST_NAMES + 1)
            .map(|alias| shown(alias))
            .collect();
        let listed = match &*some_of(&aliases) {
            "" => "none".to_owned(),
            names => names.to_owned(),
        };
        let name = shown(name);
        let text = format!("the template uses {name:?}, which isn't an alias under \"secrets\"");
        Fault::new(text).help(format!(
            "declare an alias, secrets: {{ ALIAS: SECRET }}, and write {{{{ ALIAS.KEY }}}} in the template (the aliases so far: {listed})"
        ))
    }
}

/// What is certain to override an entry. An `env-from` object is overridden only if other entries
/// or `--keep-existing` hold all of its variables.
fn certain_holder(entry: &Entry, claims: &Claims<'_>) -> Option<Holder> {
    let origin = &entry.subject.origin;
    let Source::Object(object) = &entry.source else {
        return claims.holder(&entry.target, origin);
    };
    // Unless all names are known and allowed, nothing is certain to override the object.
    let names = object.naming.certain_variables()?;
    if names.is_empty() {
        return None;
    }
    for name in names {
        claims.holder(&Target::Env(name), origin)?;
    }
    Some(Holder::Several)
}
