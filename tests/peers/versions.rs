//! Versions of a secret: the current one, one by staging label, one by id, or one by both.

use super::moto::Moto;
use crate::support::sandbox::CANARY;

#[test]
fn after_a_rotation_the_current_version_is_read_and_the_previous_one_by_its_label() {
    let Some(moto) = Moto::shared() else { return };
    moto.secret("versions/rotated", r#"{"password":"old"}"#);
    moto.put("versions/rotated", r#"{"password":"new"}"#, &[]);
    let sandbox = moto
        .sandbox()
        .resolve("CURRENT=versions/rotated:password")
        .resolve("NAMED=versions/rotated:password:AWSCURRENT")
        .resolve("PREVIOUS=versions/rotated:password:AWSPREVIOUS")
        .resolve("WHOLE=versions/rotated::AWSPREVIOUS");
    let outcome = sandbox.run();
    outcome
        .launched_silently()
        .has("CURRENT", "new")
        .has("NAMED", "new")
        .has("PREVIOUS", "old")
        .has("WHOLE", r#"{"password":"old"}"#);
}

#[test]
fn a_pending_version_is_read_only_by_its_label() {
    let Some(moto) = Moto::shared() else { return };
    moto.secret("versions/pending", "current");
    moto.put("versions/pending", "pending", &["AWSPENDING"]);
    let sandbox = moto.sandbox().resolve("CURRENT=versions/pending").resolve("PENDING=versions/pending::AWSPENDING");
    let outcome = sandbox.run();
    outcome.launched_silently().has("CURRENT", "current").has("PENDING", "pending");
}

#[test]
fn a_staging_label_of_ones_own_is_read() {
    let Some(moto) = Moto::shared() else { return };
    moto.secret("versions/own", "current");
    moto.put("versions/own", "blue", &["blue/green"]);
    let sandbox = moto.sandbox().resolve("VALUE=versions/own::blue/green");
    sandbox.run().launched_silently().has("VALUE", "blue");
}

#[test]
fn a_version_is_read_by_its_id_and_by_id_and_label_together() {
    let Some(moto) = Moto::shared() else { return };
    moto.secret("versions/by-id", "first");
    let second = moto.put("versions/by-id", "second", &[]);
    moto.put("versions/by-id", "third", &[]);
    let sandbox = moto
        .sandbox()
        .resolve(&format!("ID=versions/by-id:::{second}"))
        .resolve(&format!("BOTH=versions/by-id::AWSPREVIOUS:{second}"));
    let outcome = sandbox.run();
    outcome.launched_silently().has("ID", "second").has("BOTH", "second");
}

#[test]
fn a_label_that_belongs_to_another_version_is_refused() {
    let Some(moto) = Moto::shared() else { return };
    moto.secret("versions/contradiction", CANARY);
    let second = moto.put("versions/contradiction", CANARY, &[]);
    let reference = format!("VALUE=versions/contradiction::AWSPREVIOUS:{second}");
    let outcome = moto.sandbox().resolve(&reference).run();
    outcome.refused(78).says(["VALUE", "versions/contradiction"]);
}

#[test]
fn an_unknown_label_and_an_unknown_version_are_refused_and_named() {
    let Some(moto) = Moto::shared() else { return };
    moto.secret("versions/unknown", CANARY);
    let id = "00000000-0000-4000-8000-000000000000";
    let sandbox = moto
        .sandbox()
        .resolve("LABEL=versions/unknown::AWSPREVIOUS")
        .resolve(&format!("VERSION=versions/unknown:::{id}"));
    let facts = ["LABEL", "AWSPREVIOUS", "VERSION", id, "versions/unknown"];
    sandbox.run().refused(78).says(facts);
}
