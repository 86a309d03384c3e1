//! Samples of output that don't follow commands, or only commands that need AWS: a launch with the
//! fake prints each of them.

use regex_lite::Regex;
use serde_json::json;

use super::page::{Page, stable};
use super::user_pages;
use crate::support::*;

/// The page of each sample, the command that prints it, and the declaration, in which `⏎` is a line
/// feed. The samples of a page are in the page's order.
const SAMPLES: &str = "\
README.md | secrets-exec check | env: { DB_PASSWORD: prod/db:password }
docs/check.md | secrets-exec check | env:⏎  A: { value: a }⏎  DB_HOST: prod/db:host⏎  DB_PASSWORD: prod/db:pasword⏎  PORT: ssm:/prod/app/port⏎  B: { value: b }
docs/check.md | secrets-exec check --metadata | env: { A: prod/api, B: prod/db }
docs/kubernetes.md | secrets-exec -- true | env:⏎  DB_HOST: prod/db:host⏎  DB_PASSWORD: prod/db:password
docs/lambda.md | secrets-exec -- true | env:⏎  DB_HOST: prod/db:hots
docs/logs.md | secrets-exec -v -- true | env:⏎  DB_HOST: prod/db:host⏎  DB_PASSWORD: prod/db:password
docs/outages.md | for launch in 1 2; do secrets-exec --cache $CACHE -- true; done | env: { A: prod/db:host }
docs/rotation.md | secrets-exec --on-rotation restart --poll-signal USR2 -- node app.js | env: { DB_PASSWORD: prod/db:password }
docs/systemd.md | secrets-exec -- true | env:⏎  DB_HOST: prod/db:host⏎  DB_PASSWORD: prod/db:pasword
";

/// The lines that systemd and Lambda print, journald's prefix, and the folder of a declaration.
const NOT_IN_A_SANDBOX: &str = r"(?m)^(systemd\[1\]|INIT_REPORT|RequestId).*\n|app\[92\]: |/etc/(app|secrets-exec)/|/var/task/";

/// AWS as a page describes it.
fn fake(page: &str) -> Aws {
    let version = |id, password: &str| {
        let database = json!({ "host": "host-4c7a1e", "password": password });
        Secret::text(&database.to_string()).with_id(id)
    };
    let first = version("bd59c3b5-7f1a-4c0e-9a50-1f2e3d4c5b6a", "first-4c7a1e");
    let answer = first.versions[0].response("prod/db", "us-east-1", "123456789012");
    let then = |secret: Secret| secret.after([Fault::Exactly(answer)]);
    let db = match page {
        "docs/kubernetes.md" => Secret::failing(fault::denied(
            "arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/db-AbCdEf",
        )),
        "docs/outages.md" => then(Secret::failing(fault::unavailable())),
        "docs/rotation.md" => then(version(
            "38d24e26-504d-4dc8-b362-433473c8025a",
            "next-4c7a1e",
        )),
        _ => first,
    };
    let rotation = json!({
        "RotationEnabled": true, "RotationRules": { "AutomaticallyAfterDays": 30 }, "LastRotatedDate": 1_523_477_145, "KmsKeyId": "alias/app",
        "PrimaryRegion": "us-east-1", "ReplicationStatus": [{ "Region": "eu-west-1", "Status": "InSync" }],
    });
    Aws::start()
        .secret("prod/db", db)
        .describes("prod/db", rotation)
        .secret("prod/api", Secret::text(CANARY))
        .describes("prod/api", json!({ "KmsKeyId": "alias/app" }))
        .parameter("/prod/app/port", &["80", "81", "82"].map(Version::text))
}

/// What a command prints on an instance with a role. `node` asks for a poll after a second, and
/// runs until it is stopped. When it is started again, it ends.
fn printed(page: &str, declaration: &str, command: &str) -> String {
    let (aws, cache) = (fake(page), CacheDirectory::new());
    let node = "#!/bin/sh\n[ -e started ] && exit\ntouch started\n(sleep 1; kill -USR2 $PPID) &\nexec sleep 20\n";
    let sandbox = Sandbox::new().bare().aws(&aws).without_keys();
    let sandbox = sandbox.on_instance(&aws).attempts(1);
    let sandbox = sandbox.env("CACHE", cache.path());
    let sandbox = sandbox.declaration(&declaration.replace('⏎', "\n"));
    let script = script(&format!("{{ {command}\n}} 2>&1; true"));
    let sandbox = sandbox.executable("bin/node", node).prepared_by(&script);
    let printed = sandbox.run().launched().stdout();
    printed.replace("user/of-the-test", "assumed-role/app/i-0123456789")
}

/// The lines of secrets-exec in a text, without what is different in each run.
fn own_lines(text: &str) -> String {
    let text = Regex::new(NOT_IN_A_SANDBOX).unwrap().replace_all(text, "");
    text.lines().map(|line| stable(line) + "\n").collect()
}

/// True if a text has all parts of a sample, which are separated by `…`, in the same order.
pub fn has_parts(sample: &str, text: &str) -> bool {
    let mut rest = text;
    sample.split('…').map(str::trim).all(|part| {
        let found = rest.split_once(part);
        rest = found.map_or("", |(_, after)| after);
        found.is_some()
    })
}

/// True if a text is the sample, or has all its parts if the sample has a `…`.
fn shows(sample: &str, text: &str) -> bool {
    has_parts(sample, text) && (sample.contains('…') || sample == text)
}

#[test]
fn every_sample_of_output_in_the_readme_and_in_docs_is_what_a_launch_prints() {
    let mut pages = user_pages();
    // `tests/peers/tutorial.rs` follows this page with moto.
    pages.retain(|page| page != "docs/tutorial.md");
    side_by_side(pages, |page| {
        let mut launches = SAMPLES.lines().filter(|line| line.starts_with(&page));
        for sample in Page::read(&page).samples() {
            let launch = launches.next().expect(sample);
            let [_, command, declaration] = launch.split(" | ").collect::<Vec<_>>()[..] else {
                panic!("{launch}")
            };
            let printed = printed(&page, declaration, command);
            let is_shown = shows(&own_lines(sample), &own_lines(&printed));
            assert!(is_shown, "{launch} prints:\n{printed}\n{page}:\n{sample}");
        }
        assert_eq!(launches.next(), None);
    });
}
