//! The variables of a file that are moved.

use std::collections::{BTreeMap, HashMap};

use glob::Pattern;

use super::binding::{Binding, Statement};
use super::error::{EnvFileProblem, Found, Nothing};
use crate::model::env_name::{EnvName, OWN_PREFIX, matches_any};
use crate::model::migration::{FileNotice, Left, Setting};

/// The variables to move, in the order of the file, and what is to be said about the file.
#[derive(Debug)]
pub struct EnvFile {
    pub settings: Vec<Setting>,
    pub notices: Vec<FileNotice>,
    /// The lines of those that are not moved, in order.
    pub rest: Vec<usize>,
}

/// Selects the variables with names that match `only`; all if it is empty. `docker` has the values that Docker reads, unless the
/// file is JSON.
///
/// # Errors
/// One for each variable that cannot be moved, or if none is left.
pub fn select(
    statements: impl IntoIterator<Item = Statement>,
    only: &[Pattern],
    docker: Option<&BTreeMap<&str, &str>>,
) -> Result<EnvFile, Vec<Found>> {
    let is_chosen = |name: &str| only.is_empty() || matches_any(only, name);
    let mut selection = Selection::default();
    for statement in statements {
        match statement {
            Statement::Pem { name, line } if name.as_deref().map_or(only.is_empty(), is_chosen) => {
                selection.errors.push((Some(line), EnvFileProblem::Pem));
            }
            Statement::Illegal(line) | Statement::Pem { line, .. } => {
                selection.notices.push(FileNotice::Illegal(line));
                selection.rest.push(line);
            }
            Statement::Binding(binding) if is_chosen(&binding.name) => {
                selection.add(binding);
            }
            Statement::Binding(binding) => {
                selection.has_others = true;
                selection.rest.push(binding.line);
            }
        }
    }
    selection.finish(docker)
}

#[derive(Default)]
struct Selection {
    /// `None` for one that was taken back.
    settings: Vec<Option<Setting>>,
    notices: Vec<FileNotice>,
    left_out: BTreeMap<Left, Vec<(EnvName, usize)>>,
    errors: Vec<Found>,
    /// The lines of those that are not moved.
    rest: Vec<usize>,
    /// The places in `settings` by name.
    places: HashMap<EnvName, usize>,
    /// True if `--only` leaves some out.
    has_others: bool,
}

impl Selection {
    fn add(&mut self, Binding { name, value, is_literal, line }: Binding) {
        let Some(value) = value else {
            return self.take_back(&name, line);
        };
        let Ok(name) = EnvName::parse(&name) else {
            return self.errors.push((Some(line), EnvFileProblem::IllegalName));
        };
        if let Some(reason) = left_out(name.as_str()) {
            self.rest.push(line);
            return self.left_out.entry(reason).or_default().push((name, line));
        }
        if value.expose().contains(&0) {
            return self.errors.push((Some(line), EnvFileProblem::Nul(name.to_string())));
        }
        // The last value of a name applies, and the place of the first.
        let setting = Setting { name, value, is_literal, line };
        match self.places.get(&setting.name) {
            Some(place) => {
                self.notices.push(FileNotice::Twice(setting.name.clone(), line));
                self.settings[*place] = Some(setting);
            }
            None => {
                self.places.insert(setting.name.clone(), self.settings.len());
                self.settings.push(Some(setting));
            }
        }
    }

    /// Notes a name without a value, which also takes back an earlier value.
    fn take_back(&mut self, name: &str, line: usize) {
        let place = EnvName::parse(name).ok().and_then(|name| self.places.remove(&name));
        match place.and_then(|place| self.settings[place].take()) {
            Some(Setting { name, line: earlier, .. }) => {
                self.notices.push(FileNotice::TakenBack { name, line, earlier });
                self.rest.push(earlier);
            }
            None => self.notices.push(FileNotice::NoValue(line)),
        }
    }

    fn finish(mut self, docker: Option<&BTreeMap<&str, &str>>) -> Result<EnvFile, Vec<Found>> {
        let nothing = match (self.left_out.is_empty(), self.has_others) {
            (false, _) => Nothing::LeftOut,
            (true, true) => Nothing::NotChosen,
            (true, false) => Nothing::Empty,
        };
        let settings: Vec<Setting> = self.settings.into_iter().flatten().collect();
        self.notices.extend(self.left_out.into_iter().map(|(reason, names)| FileNotice::LeftOut(reason, names)));
        if settings.is_empty() && self.errors.is_empty() {
            self.errors.push((None, EnvFileProblem::Nothing(nothing)));
        }
        if !self.errors.is_empty() {
            return Err(self.errors);
        }
        if let Some(docker) = docker {
            let differs = |setting: &&Setting| {
                let read = docker.get(setting.name.as_str());
                read.is_none_or(|value| value.as_bytes() != setting.value.expose())
            };
            self.notices.extend(named(&settings, differs, FileNotice::Docker));
        }
        let has_dollar = |setting: &&Setting| setting.value.expose().contains(&b'$');
        self.notices.extend(named(&settings, has_dollar, FileNotice::Dollar));
        self.rest.sort_unstable();
        Ok(EnvFile { settings, notices: self.notices, rest: self.rest })
    }
}

fn left_out(name: &str) -> Option<Left> {
    match name {
        "PATH" => Some(Left::Path),
        _ if name.starts_with("AWS_") => Some(Left::Aws),
        _ if name.starts_with(OWN_PREFIX) => Some(Left::Own),
        _ => None,
    }
}

/// Returns a notice about the variables for which `is_meant` is true, if there are any.
fn named(
    settings: &[Setting],
    is_meant: impl Fn(&&Setting) -> bool,
    notice: fn(Vec<(EnvName, usize)>) -> FileNotice,
) -> Option<FileNotice> {
    let names: Vec<_> = settings.iter().filter(is_meant).map(|setting| (setting.name.clone(), setting.line)).collect();
    (!names.is_empty()).then(|| notice(names))
}
