//! `--cache`: a launch uses what AWS answered an earlier launch.

mod directory;
mod entries;
mod killed;
mod outages;

::rows::files!("tests/it/cache", check identity launch);
