//! `--cache`: a launch uses what AWS answered an earlier one.

use crate::support::aws::Aws;
use crate::support::aws::fault::{self, Fault};
use crate::support::aws::secret::{CURRENT_ID, Secret};
use crate::support::cache::CacheDirectory;
use crate::support::sandbox::sandbox;

#[test]
fn an_answer_younger_than_the_ttl_needs_no_request() {
    let aws = Aws::start().secret("x", Secret::json(r#"{"k":"v","l":"w"}"#));
    let cache = CacheDirectory::new();
    cache.with(sandbox(&aws), &["--cache-ttl", "1h"]).run().launched_silently().has("A", "v");
    // Another key of the same answer.
    cache
        .with(sandbox(&aws).resolve("B=x:l"), &["--cache-ttl", "1h"])
        .run()
        .launched_silently()
        .has("A", "v")
        .has("B", "w");
    assert_eq!(aws.calls().len(), 1);
}
