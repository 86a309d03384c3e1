//! What the plan came to: each variable with its value.

use crate::binding::{EnvName, Origin};
use crate::reference::Locator;
use crate::secret::SecretValue;

/// A variable and its value.
#[derive(Debug)]
pub struct Variable {
    /// The variable.
    pub name: EnvName,
    /// Its value, ready to be set.
    pub value: SecretValue,
    /// Where it was declared.
    pub origin: Origin,
    /// What it was read from; `None` for a literal or a default.
    pub read_from: Option<Locator>,
}

/// Every variable that is to be set, each name once. What is optional and absent is not among them.
#[derive(Debug)]
pub struct Resolved(Vec<Variable>);

impl Resolved {
    /// The variables, in the order of the plan.
    pub fn iter(&self) -> impl Iterator<Item = &Variable> {
        self.0.iter()
    }

    /// The variable of that name.
    pub fn get(&self, name: Option<&str>) -> Option<&Variable> {
        self.0.iter().find(|variable| Some(variable.name.as_str()) == name)
    }
}

impl FromIterator<Variable> for Resolved {
    fn from_iter<T: IntoIterator<Item = Variable>>(variables: T) -> Self {
        Self(variables.into_iter().collect())
    }
}
