//! What each answer in the place of a value means: one table for a launch, its fallback regions, the cache, the agent and
//! `--agent-fallback`. `identity.rows` has the answers of the issuers of credentials.

use crate::support::*;

const READ: &str = "GetSecretValue";

/// What follows from an answer.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Meaning {
    /// It is asked again, and 75 after the allowed attempts; then the next region is asked, and the cache covers it.
    MayPass,
    /// 75 after one request in each region; the cache covers it.
    OncePerRegion,
    /// 75 after one request; no other region is asked, and the cache covers it.
    WrongClock,
    /// This status after one request; no other region is asked, and the entry in the cache is kept, but not used.
    Refused(i32),
    /// The same, and the entry in the cache is removed.
    Forgotten(i32),
}

use Meaning::*;

impl Meaning {
    fn status(self) -> i32 {
        match self {
            MayPass | OncePerRegion | WrongClock => 75,
            Refused(status) | Forgotten(status) => status,
        }
    }
}

fn coded(status: u16, code: &'static str) -> Fault {
    Fault::Error {
        status,
        code,
        message: "the difference is too large".to_owned(),
    }
}

/// A success with neither SecretString nor SecretBinary.
fn without_value() -> Fault {
    let arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:x-AbCdEf";
    fault::success(&format!(
        r#"{{"ARN":"{arn}","Name":"x","VersionId":"{CURRENT_ID}","VersionStages":["AWSCURRENT"]}}"#
    ))
}

/// Each answer of Secrets Manager, its meaning, and what is said of it.
fn answers() -> Vec<(Fault, Meaning, &'static str)> {
    const YEAR: u64 = 60 * 60 * 24 * 365;
    vec![
        (fault::throttled(), MayPass, "ThrottlingException"),
        (fault::internal_error(), MayPass, "InternalServiceError"),
        (fault::unavailable(), MayPass, "ServiceUnavailable"),
        (
            Fault::Close,
            MayPass,
            "closed the connection before its answer was complete",
        ),
        (Fault::Xml { status: 429 }, MayPass, "429"),
        (Fault::Xml { status: 500 }, MayPass, "500"),
        (Fault::Xml { status: 502 }, MayPass, "502"),
        (Fault::Xml { status: 503 }, MayPass, "503"),
        (Fault::Xml { status: 504 }, MayPass, "504"),
        (fault::another_secret(), MayPass, "not about this secret"),
        (
            fault::empty_object(),
            MayPass,
            "an answer that is not about this secret",
        ),
        (
            fault::page(),
            MayPass,
            "not from AWS (HTTP status 200, text/html)",
        ),
        (plain(302, ""), MayPass, "302"),
        (
            plain(403, "<html><title>Blocked</title></html>"),
            OncePerRegion,
            "not from AWS (HTTP status 403, text/plain)",
        ),
        (
            plain(401, "log in first"),
            OncePerRegion,
            "not from AWS (HTTP status 401, text/plain)",
        ),
        (
            Fault::Xml { status: 403 },
            OncePerRegion,
            "not from AWS (HTTP status 403, text/xml)",
        ),
        // A server that asks for a longer pause than there is time. AWS's own header extends a pause by at most five seconds.
        (fault::retry_after(u64::MAX), MayPass, "503"),
        (fault::retry_after(YEAR), MayPass, "503"),
        (fault::amz_retry_after(u64::MAX), MayPass, "503"),
        (fault::clock_skew(), WrongClock, "clock"),
        (coded(403, "RequestTimeTooSkewed"), WrongClock, "clock"),
        (coded(403, "RequestExpired"), WrongClock, "clock"),
        (coded(403, "RequestInTheFuture"), WrongClock, "clock"),
        (fault::not_found(), Forgotten(78), "us-east-1"),
        (
            fault::no_such_version("staging label: AWSCURRENT"),
            Forgotten(78),
            "no version has the stage AWSCURRENT",
        ),
        (fault::marked_for_deletion(), Forgotten(78), "deletion"),
        (
            without_value(),
            Forgotten(78),
            "the secret \"x\" has no value",
        ),
        // Its message holds the canary, which the sandbox looks for.
        (fault::unknown_code(), Refused(78), "BrandNewException"),
        (
            fault::denied("x"),
            Forgotten(77),
            "secretsmanager:GetSecretValue",
        ),
        (
            fault::denied_by_boundary(),
            Forgotten(77),
            "the administrator who set the boundary has to allow this",
        ),
        (fault::denied_by_kms(), Forgotten(77), "kms:Decrypt"),
        (fault::not_decrypted(), Forgotten(77), "DecryptionFailure"),
        (fault::key_out_of_use(), Forgotten(77), "pending"),
        (
            fault::unrecognized_client(),
            Refused(77),
            "UnrecognizedClientException",
        ),
        (fault::expired_token(), Refused(77), "ExpiredTokenException"),
    ]
}

#[test]
fn a_secret_is_asked_for_again_after_a_fault_that_may_pass_and_after_no_other() {
    side_by_side(answers(), |(fault, meaning, said)| {
        if meaning == MayPass {
            let aws = served().fails_first(READ, 2, fault.clone());
            sandbox(&aws)
                .case(said)
                .run()
                .warned_of_nothing()
                .launched()
                .has("A", "v-4c7a1e");
            assert_eq!(aws.reads().len(), 3, "{said}");
        }
        let aws = served().fails(READ, fault);
        let run = sandbox(&aws).attempts(2).timeout("50s").case(said).run();
        run.refused(meaning.status()).says(["A (", "x:k", said]);
        assert_eq!(
            aws.reads().len(),
            if meaning == MayPass { 2 } else { 1 },
            "{run}"
        );
    });
}

#[test]
fn a_fallback_region_is_asked_after_an_outage_and_not_after_a_denial_or_an_absence() {
    side_by_side(answers(), |(fault, meaning, said)| {
        let launch = |aws: &Aws| {
            sandbox(aws)
                .args(["--fallback-region", "us-west-2"])
                .attempts(1)
                .case(said)
        };
        let aws = served().region_fails("us-east-1", fault.clone());
        let run = launch(&aws).timeout("50s").run();
        let regions = if matches!(meaning, MayPass | OncePerRegion) {
            run.launched_silently().has("A", "v-4c7a1e");
            let aws = served().fails(READ, fault);
            launch(&aws).timeout("50s").run().refused(75).says([
                "in the region us-east-1",
                "in the fallback region us-west-2",
            ]);
            assert_eq!(aws.reads().len(), 2, "{said}");
            &["us-east-1", "us-west-2"][..]
        } else {
            run.refused(meaning.status()).says([said]);
            &["us-east-1"]
        };
        assert_eq!(
            aws.reads().iter().map(Call::region).collect::<Vec<_>>(),
            regions,
            "{run}"
        );
    });
}

#[test]
fn a_cached_answer_covers_each_fault_that_is_an_outage_and_is_removed_by_a_refusal() {
    side_by_side(answers(), |(fault, meaning, said)| {
        let (aws, cache) = (served(), CacheDirectory::new());
        let launch = cache.with(sandbox(&aws).case(said), &[]).attempts(1);
        launch.run().launched_silently();
        let aws = aws.fails(READ, fault);
        let run = launch.run();
        if meaning.status() == 75 {
            let used = "so the cache is used\n";
            run.launched()
                .has("A", "v-4c7a1e")
                .says(["warning: ", used]);
            let value = "note: the cached value of the secret \"x\" is ";
            run.says([value, " old (version c0c0c0c0-"]);
            assert_eq!(run.stderr().matches("warning: ").count(), 1, "{run}");
        } else {
            run.refused(meaning.status()).says([said]);
        }
        let is_kept = !matches!(meaning, Forgotten(_));
        assert_eq!(cache.names().len(), usize::from(is_kept), "{run}");
        let _aws = aws.fails(READ, fault::unavailable());
        let outage = launch.run();
        if is_kept {
            outage.launched().has("A", "v-4c7a1e")
        } else {
            outage.refused(75)
        };
    });
}

/// Each answer of the agent: those of Secrets Manager, which it forwards, and its own.
fn answers_of_the_agent() -> Vec<(Fault, Meaning, &'static str)> {
    let mut answers = answers();
    // No proxy stands before the agent: its refusals need no code.
    answers.retain(|(_, meaning, said)| *meaning != OncePerRegion && *said != "302");
    answers.extend([
        (own(504, "TimeoutError"), MayPass, "TimeoutError"),
        (own(502, "ConnectionError"), MayPass, "ConnectionError"),
        (own(500, "InternalFailure"), MayPass, "InternalFailure"),
        (plain(429, ""), MayPass, "429"),
        (plain(500, "Internal error"), MayPass, "500"),
        (
            fault::success(r#"["x",null,null,["AWSCURRENT"],"a value",null]"#),
            MayPass,
            "cannot be read",
        ),
        (plain(403, "Bad Token"), Refused(77), "token"),
        (Fault::Xml { status: 403 }, Refused(77), "token"),
        (
            own(403, "AccessDeniedException"),
            Refused(77),
            "AccessDenied",
        ),
        (own(403, "ThrottlingException"), Refused(77), "Throttling"),
        (plain(302, ""), Refused(78), "302"),
        (plain(404, "Not found"), Refused(78), "404"),
        (plain(400, "Forwarded"), Refused(78), "400"),
        (plain(405, ""), Refused(78), "405"),
    ]);
    answers
}

#[test]
fn the_agent_is_asked_again_after_an_outage_and_agent_fallback_does_not_bypass_its_refusal() {
    let tokened = || {
        Sandbox::new()
            .env("AWS_TOKEN", AGENT_TOKEN)
            .resolve("A=x:k")
            .timeout("50s")
    };
    side_by_side(answers_of_the_agent(), |(fault, meaning, said)| {
        let through = |agent: &Aws, aws: &Aws| {
            tokened()
                .aws(aws)
                .arg(format!("--agent={}", agent.url()))
                .case(said)
        };
        let aws = served();
        if meaning == MayPass {
            let agent = served().fails_first(AGENT_READ, 1, fault.clone());
            through(&agent, &aws)
                .run()
                .launched_silently()
                .has("A", "v-4c7a1e");
            assert_eq!(agent.calls().len(), 2, "{said}");
        }
        let agent = served().fails(AGENT_READ, fault);
        let said = if meaning == MayPass { "x:k" } else { said };
        through(&agent, &aws)
            .attempts(1)
            .run()
            .refused(meaning.status())
            .says(["A (", said]);
        assert!(aws.calls().is_empty(), "{said}");
        let run = through(&agent, &aws).arg("--agent-fallback").run();
        if meaning == MayPass {
            run.launched_silently().has("A", "v-4c7a1e");
        } else {
            run.refused(meaning.status());
        }
        assert_eq!(
            (agent.calls().len(), aws.reads().len()),
            (2, usize::from(meaning == MayPass)),
            "{run}"
        );
    });
}
