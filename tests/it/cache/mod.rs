//! `--cache`: a launch uses what AWS answered an earlier launch.

mod check;
mod directory;
mod entries;
mod identity;
mod killed;
mod launch;
mod outages;
