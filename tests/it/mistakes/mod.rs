//! Mistakes that operators and developers make, each with all that it prints. A page (`*.console`) is a topic, a paragraph a mistake:
//!
//! ```text
//! # A key that is mistyped.
//! $ cat >secrets-exec.yaml <<EOF
//! > env:
//! >   DB_HOST: prod/db:hots
//! > EOF
//! $ secrets-exec -- app
//! secrets-exec: error: secret prod/db, region us-east-1: has no key "hots"
//! [78]
//! ```
//!
//! - A paragraph is a shell of its own, in `/home/dev/app`, an empty directory. `app` is a program that does nothing.
//! - Standard output and standard error stand as they come, without blank lines; below them in brackets the exit status, unless it is 0.
//! - AWS is a fake with the secrets of [`catalogue`]. The environment has its endpoint, us-east-1 and keys, which `unset` and `env -u` take
//!   away, and no instance metadata.
//! - Every value of a secret ends with `-4c7a1e`, in the catalogue and in the local files of a page. No command may print it.
//! - A directory of the test is written as `/home/dev`, the port of the fake as `PORT`, and the time that attempts took as `TIME`.
//!
//! `UPDATE=1 cargo test --test it mistakes::` writes what the commands print into the pages: read the diff. With CI set it compares as always.

use std::path::Path;
use std::{env, fs};

use crate::support::aws::secret::Secret;
use crate::support::aws::{Aws, Version, fault};
use crate::support::console::{Console, script};
use crate::support::rows::side_by_side;
use crate::support::sandbox::{CANARY, Sandbox};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/mistakes");

/// The end of every value that a page or [`catalogue`] has.
const VALUE: &str = "4c7a1e";

/// Pages of mistakes that are found before any request.
const WITHOUT_REQUESTS: [&str; 2] = ["arguments", "declaration"];

/// A byte that no output holds.
const SEPARATOR: char = '\u{1}';

/// The secrets and parameters of all pages.
fn catalogue() -> Aws {
    let arn = |name: &str| format!("arn:aws:secretsmanager:us-east-1:123456789012:secret:{name}-AbCdEf");
    let by_scp = "with an explicit deny in a service control policy";
    Aws::start()
        .secret(
            "prod/db",
            Secret::text(
                r#"{"host": "db.internal-4c7a1e", "port": 5432, "user": "app-4c7a1e", "password": "p-4c7a1e", "none": null,
                    "replicas": ["one-4c7a1e", "two-4c7a1e"], "tls": {"key": "key-4c7a1e"}}"#,
            ),
        )
        .secret("prod/flags", Secret::text(r#"{"FEATURES": "{\"limits\": \"v-4c7a1e\"}"}"#))
        .secret("prod/list", Secret::text(r#"["one-4c7a1e", "two-4c7a1e"]"#))
        .secret("prod/text", Secret::text("words-4c7a1e"))
        .secret("prod/empty", Secret::text(r#"{"": "v-4c7a1e"}"#))
        .secret("prod/nul", Secret::text(r#"{"key": "a\u0000b-4c7a1e"}"#))
        .secret("denied/identity", Secret::failing(fault::denied(&arn("denied/identity"))))
        .secret("debug", Secret::failing(fault::denied(&arn("debug"))))
        .secret("denied/absent", Secret::failing(fault::denied("denied/absent")))
        .secret("denied/scp", Secret::failing(fault::denied_on(&arn("denied/scp"), by_scp)))
        .secret("denied/kms", Secret::failing(fault::denied_by_kms()))
        .secret("denied/decryption", Secret::failing(fault::not_decrypted()))
        .secret("denied/expired", Secret::failing(fault::expired_token()))
        .secret("denied/client", Secret::failing(fault::unrecognized_client()))
        .secret("gone/deleted", Secret::failing(fault::marked_for_deletion()))
        .secret("gone/novalue", Secret::failing(fault::no_such_version("staging label: AWSCURRENT")))
        .secret("throttled", Secret::failing(fault::throttled()))
        .secret("broken", Secret::failing(fault::internal_error()))
        .secret("silent", Secret::failing(fault::Fault::Hang))
        .secret("closed", Secret::failing(fault::Fault::Close))
        .secret("portal", Secret::failing(fault::page()))
        .secret("short", Secret::text(r#"{"key": "v-4c7a1e"}"#).cut_short())
        .secret("clock", Secret::failing(fault::clock_skew()))
        .denies_roles()
        .denies_parameter("/denied/key")
        .parameter("/clash/db/host", &[Version::text("one-4c7a1e")])
        .parameter("/clash/db_host", &[Version::text("two-4c7a1e")])
        .parameter("/clash/ld/preload", &[Version::text("three-4c7a1e")])
        .parameter("/prod/app/level", &[Version::text("debug-4c7a1e")])
}

/// The paths of all pages.
pub fn pages() -> Vec<String> {
    let names = fs::read_dir(FOLDER).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let pages: Vec<String> =
        names.filter(|name| Path::new(name).extension().is_some_and(|end| end == "console")).collect();
    assert!(!pages.is_empty());
    pages.iter().map(|name| format!("{FOLDER}/{name}")).collect()
}

/// The paragraphs of a page.
pub fn mistakes(page: &str) -> Vec<Console> {
    fs::read_to_string(page).unwrap().split("\n\n").map(Console::parse).collect()
}

/// A script of the commands, each in the shell of its paragraph, with [`SEPARATOR`] around its exit status.
fn in_shells(mistakes: &[Console]) -> String {
    let mut lines = "umask 022\nprintf '#!/bin/sh\\n' >bin/app && chmod +x bin/app\n".to_owned();
    for (number, mistake) in mistakes.iter().enumerate() {
        lines += &format!("(\nmkdir -p {number}/app && export HOME=$PWD/{number} && cd {number}/app\n");
        for (command, _) in &mistake.commands {
            lines += &format!("{{ {command}\n}} 2>&1\nprintf '\\001%s\\001' $?\n");
        }
        lines += ")\n";
    }
    lines
}

/// Replaces the time in `(after 1 attempt in 1.0s: …)`, and in the last line of `-v`.
fn without_time(mut output: String) -> String {
    for (before, after) in [(" attempt in ", ": "), ("secrets in ", ", ")] {
        if let Some((beginning, rest)) = output.split_once(before) {
            let (_, end) = rest.split_once(after).unwrap();
            output = format!("{beginning}{before}TIME{after}{end}");
        }
    }
    output
}

/// Runs the mistakes of a page, and returns its text with what they print now.
fn printed(page: &str, mistakes: &[Console]) -> String {
    let aws = catalogue();
    let sandbox = Sandbox::new().aws(&aws).env("PATH", "/usr/bin:/bin").bare();
    let directory = sandbox.path("");
    let run = sandbox.prepared_by(&script(&in_shells(mistakes))).run();
    let stdout = run.launched().stdout();
    assert!(!stdout.contains(VALUE) && !stdout.contains(CANARY), "a value is printed: {stdout}");
    if WITHOUT_REQUESTS.iter().any(|name| page.ends_with(&format!("/{name}.console"))) {
        assert!(aws.calls().is_empty(), "{page}: {:?}", aws.calls());
    }
    let mut outputs = stdout.split(SEPARATOR);
    let mut paragraphs = Vec::new();
    for (number, mistake) in mistakes.iter().enumerate() {
        let home = directory.join(number.to_string());
        let mut paragraph = mistake.prose.clone();
        for (command, _) in &mistake.commands {
            let [output, status] = [outputs.next().unwrap(), outputs.next().unwrap()];
            let output = output
                .replace(home.to_str().unwrap(), "/home/dev")
                .replace(directory.join("bin").to_str().unwrap(), "/usr/local/bin")
                .replace(&format!(":{}", aws.address().port()), ":PORT");
            let output = without_time(output);
            paragraph += &format!("$ {}\n{output}", command.replace('\n', "\n> "));
            if status != "0" {
                paragraph += &format!("[{status}]\n");
            }
        }
        paragraphs.push(paragraph);
    }
    paragraphs.join("\n")
}

#[test]
fn every_mistake_prints_what_its_page_says() {
    let is_updated = env::var_os("UPDATE").is_some() && env::var_os("CI").is_none();
    side_by_side(pages(), |page| {
        let mistakes = mistakes(&page);
        let printed = printed(&page, &mistakes);
        if is_updated {
            fs::write(&page, &printed).unwrap();
        }
        let shown = fs::read_to_string(&page).unwrap();
        for (shown, printed) in shown.split("\n\n").zip(printed.split("\n\n")) {
            assert!(shown.trim_end() == printed.trim_end(), "{page}:\n{shown}\n--- now ---\n{printed}");
        }
        assert_eq!(shown, printed);
    });
}
