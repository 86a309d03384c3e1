//! Resolution of paths: the module that a path names, and the one that defines what it leads to.

use super::module::{Mention, ModulePath, Name};
use super::tree::Tree;

/// The meaning of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    Module(ModulePath),
    /// Something that this module defines, by its name.
    Item(ModulePath, String),
    /// A path into another crate, without imports that shorten it: `["std", "fs", "read"]`.
    External(Vec<String>),
}

/// A meaning of a path, with the module that it was taken from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    /// The module that the text names: the one with a re-export if it leads through one.
    pub via: Option<ModulePath>,
    pub target: Target,
}

impl Found {
    fn external(path: &[String]) -> Self {
        Self { via: None, target: Target::External(path.to_vec()) }
    }

    fn module(path: ModulePath) -> Self {
        Self { via: None, target: Target::Module(path) }
    }
}

/// Imports that are being followed: the module and the name of each.
type Trail<'a> = Vec<(&'a ModulePath, &'a str)>;

impl Tree {
    /// Every meaning of a path: a module and a function can have one name.
    pub fn resolve(&self, mention: &Mention) -> Vec<Found> {
        let path = &mention.path;
        let is_code = !mention.text.starts_with("use ");
        if mention.is_global {
            vec![Found::external(path)]
        } else if is_code && path.len() == 1 {
            // An import of this name was mentioned by its `use`, unless it came by a glob.
            self.by_glob(&mention.module, &path[0], &mut Vec::new())
        } else {
            self.follow(&mention.module, path, &mut Vec::new())
        }
    }

    fn follow<'a>(&'a self, scope: &'a ModulePath, path: &'a [String], trail: &mut Trail<'a>) -> Vec<Found> {
        let Some((first, rest)) = path.split_first() else { return Vec::new() };
        let mut found = self.first(scope, first, !rest.is_empty(), trail);
        for (index, segment) in rest.iter().enumerate() {
            let has_more = index + 1 < rest.len();
            found = found.iter().flat_map(|found| self.step(found, segment, has_more, trail)).collect();
        }
        found
    }

    /// The meanings of the first segment of a path, in the scope of a module.
    fn first<'a>(&'a self, scope: &ModulePath, name: &'a str, has_more: bool, trail: &mut Trail<'a>) -> Vec<Found> {
        let root = if scope.first().is_some_and(|first| first == "main") { &scope[..1] } else { &[] };
        match name {
            "crate" => vec![Found::module(root.to_vec())],
            "self" => vec![Found::module(scope.clone())],
            "super" => vec![Found::module(scope[..scope.len().saturating_sub(1)].to_vec())],
            "secrets_exec" if !root.is_empty() => vec![Found::module(Vec::new())],
            name => match self.modules.get_key_value(scope) {
                Some((scope, _)) => {
                    let found = self.members(scope, name, has_more, trail);
                    if found.is_empty() { vec![Found::external(&[name.to_owned()])] } else { found }
                }
                None => Vec::new(),
            },
        }
    }

    /// The meanings of a path that is one segment longer.
    fn step<'a>(&'a self, found: &Found, segment: &'a str, has_more: bool, trail: &mut Trail<'a>) -> Vec<Found> {
        match &found.target {
            Target::External(path) => {
                let path = [path.as_slice(), &[segment.to_owned()]].concat();
                vec![Found { target: Target::External(path), ..found.clone() }]
            }
            // A variant, or an associated item.
            Target::Item(..) => vec![found.clone()],
            Target::Module(module) if segment == "super" => {
                let parent = module[..module.len().saturating_sub(1)].to_vec();
                vec![Found { target: Target::Module(parent), ..found.clone() }]
            }
            Target::Module(module) if segment == "self" => {
                vec![Found { target: Target::Module(module.clone()), ..found.clone() }]
            }
            Target::Module(module) => {
                let Some((module, _)) = self.modules.get_key_value(module) else { return vec![found.clone()] };
                let mut members = self.members(module, segment, has_more, trail);
                if members.is_empty() {
                    // Only a macro can have defined it.
                    members.push(Found { via: None, target: Target::Item(module.clone(), segment.to_owned()) });
                }
                for member in &mut members {
                    let is_child = matches!(&member.target, Target::Module(child)
                        if child.len() == module.len() + 1 && child.starts_with(module));
                    member.via = found.via.clone().or((!is_child).then(|| module.clone()));
                }
                members
            }
        }
    }

    /// The meanings of a name inside a module. Before `::`, a child module hides everything else.
    fn members<'a>(
        &'a self,
        module: &'a ModulePath,
        name: &'a str,
        has_more: bool,
        trail: &mut Trail<'a>,
    ) -> Vec<Found> {
        let child = [module.as_slice(), &[name.to_owned()]].concat();
        let mut found = Vec::new();
        if self.modules.contains_key(&child) {
            found.push(Found::module(child));
            if has_more {
                return found;
            }
        }
        if trail.contains(&(module, name)) {
            return found;
        }
        trail.push((module, name));
        for meaning in self.modules.get(module).and_then(|scope| scope.names.get(name)).into_iter().flatten() {
            match meaning {
                Name::Item => {
                    found.push(Found { via: None, target: Target::Item(module.clone(), name.to_owned()) });
                }
                Name::Import(path) => found.extend(self.follow(module, path, trail)),
            }
        }
        trail.pop();
        if found.is_empty() { self.by_glob(module, name, trail) } else { found }
    }

    /// The meanings that a name gets by `use path::*`.
    fn by_glob<'a>(&'a self, module: &'a ModulePath, name: &'a str, trail: &mut Trail<'a>) -> Vec<Found> {
        let Some(scope) = self.modules.get(module) else { return Vec::new() };
        let is_own = scope.names.contains_key(name);
        if is_own || trail.contains(&(module, "*")) {
            return Vec::new();
        }
        trail.push((module, "*"));
        let mut found = Vec::new();
        for glob in &scope.globs {
            for target in self.follow(module, glob, trail) {
                let Target::Module(target) = target.target else { continue };
                let Some((target, _)) = self.modules.get_key_value(&target) else { continue };
                found.extend(self.members(target, name, false, trail));
            }
        }
        trail.pop();
        found
    }
}
