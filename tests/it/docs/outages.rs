//! docs/outages.md: a launch prints the line that the page shows.

use super::page::Page;
use crate::support::*;

#[test]
fn a_launch_from_the_cache_prints_the_warning_that_docs_outages_md_shows() {
    let cache = or_skip!(CacheDirectory::for_later());
    let aws = Aws::start().secret("prod/db", Secret::text(r#"{"password":"p-4c7a1e"}"#));
    let sandbox = Sandbox::new()
        .aws(&aws)
        .resolve("DB_PASSWORD=prod/db:password")
        .env("AWS_MAX_ATTEMPTS", "1");
    let launch = cache.with(sandbox, &[]);
    launch.run().launched_silently();
    let _aws = aws.fails("GetSecretValue", fault::unavailable());
    let run = later(launch, 3 * 3600 + 12 * 60).run();
    assert_eq!(
        Page::read("docs/outages.md").blocks("text")[0],
        run.launched().stderr()
    );
}
