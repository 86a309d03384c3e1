//! Cache entries that are cut short, changed or of another user. `entries.rows` has all other
//! tests.

use std::fs;
use std::os::unix::fs::chown;

use super::directory::is_root;
use crate::support::*;

::rows::rows!("tests/it/cache/entries.rows");

#[test]
fn a_damaged_cache_entry_or_one_of_another_owner_is_not_used_even_in_an_outage() {
    let (aws, cache) = (served(), CacheDirectory::new());
    let launch = cache.with(sandbox(&aws).attempts(1), &["--cache-ttl", "1h"]);
    launch.run().launched_silently();
    let whole = fs::read(cache.entry()).unwrap();
    let _aws = aws.fails("GetSecretValue", fault::unavailable());
    for at in (0..whole.len()).step_by(23) {
        fs::write(cache.entry(), &whole[..at]).unwrap();
        launch
            .run()
            .refused(75, ["couldn't be used, because it is damaged"]);
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << (at % 8);
        fs::write(cache.entry(), &flipped).unwrap();
        launch.run().refused(75, ["couldn't be used"]);
    }
    fs::write(cache.entry(), &whole).unwrap();
    launch.run().launched();
    if is_root() {
        chown(cache.entry(), Some(65534), None).unwrap();
        let run = launch.run();
        run.refused(75, ["belongs to another user"]);
    }
}
