//! `check` and `policy`: the values, secrets and permissions of a launch, without a value.

use crate::support::aws::Aws;
use crate::support::outcome::Outcome;
use crate::support::sandbox::Sandbox;

mod describe;
mod json;
mod metadata;
mod offline;
mod policy;
mod table;

fn check(aws: &Aws) -> Sandbox {
    Sandbox::new().aws(aws).arg("check").bare()
}

/// The cells of the line that begins with this cell.
fn line(table: &str, first: &str) -> Vec<String> {
    let mut lines = table.lines().map(|line| line.split("  ").map(str::trim).filter(|word| !word.is_empty()));
    let found = lines.find(|words| words.clone().next() == Some(first));
    found.unwrap_or_else(|| panic!("no line {first:?}: {table}")).map(str::to_owned).collect()
}

/// The statuses of the lines that begin with these words.
fn statuses<const N: usize>(run: &Outcome, first: [&str; N]) -> [String; N] {
    first.map(|first| line(&run.stdout(), first).pop().unwrap())
}
