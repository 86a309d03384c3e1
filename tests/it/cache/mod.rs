//! `--cache`: a launch uses what AWS answered an earlier launch.

mod check {
    rows::rows!("tests/it/cache/check.rows");
}
mod directory;
mod entries;
mod identity {
    rows::rows!("tests/it/cache/identity.rows");
}
mod killed;
mod launch {
    rows::rows!("tests/it/cache/launch.rows");
}
mod outages;
