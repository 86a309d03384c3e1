//! What each answer other than a value means: one table for a launch, its fallback regions, the
//! cache, the agent and `--agent-fallback`. `identity.rows` has the answers of the services that
//! issue credentials.

use crate::support::*;

const READ: &str = "GetSecretValue";

/// What follows from an answer.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Meaning {
    /// The request is sent again. After the allowed attempts, the next region is asked, and the
    /// cache can provide the value. The status is 75.
    MayPass,
    /// There is one request in each region, and the cache can provide the value. The status is 75.
    OncePerRegion,
    /// There is only one request, in one region, and the cache can provide the value. The status is
    /// 75.
    WrongClock,
    /// There is only one request, in one region, and this is the status. A cached answer isn't
    /// used, but it is kept.
    Refused(i32),
    /// Like [`Meaning::Refused`], but the cached answer is removed.
    Forgotten(i32),
}

use Meaning::*;

impl Meaning {
    /// The exit status of a launch that gets such an answer.
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

/// Each answer of Secrets Manager, its meaning, and a part of the message about it.
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
        (fault::another_secret(), MayPass, "isn't about this secret"),
        (
            fault::empty_object(),
            MayPass,
            "a response that isn't about this secret",
        ),
        (
            fault::page(),
            MayPass,
            "isn't from AWS (HTTP status 200, text/html)",
        ),
        (plain(302, ""), MayPass, "302"),
        (
            fault::redirect("https://user:pw@login.example:8443/sso?token=hunter2-4c7a1e"),
            MayPass,
            "isn't from AWS (HTTP status 302, a redirect to login.example)",
        ),
        (
            plain(403, "<html><title>Blocked</title></html>"),
            OncePerRegion,
            "isn't from AWS (HTTP status 403, text/plain)",
        ),
        (
            plain(401, "log in first"),
            OncePerRegion,
            "isn't from AWS (HTTP status 401, text/plain)",
        ),
        (
            Fault::Xml { status: 403 },
            OncePerRegion,
            "isn't from AWS (HTTP status 403, text/xml)",
        ),
        // The server asks for a longer pause than the launch has time for. AWS's own header extends
        // a pause by at most five seconds.
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
        // The message of this answer contains the canary, which the sandbox looks for in the
        // output.
        (fault::unknown_code(), Refused(78), "BrandNewException"),
        (
            fault::denied("x"),
            Forgotten(77),
            "secretsmanager:GetSecretValue",
        ),
        (
            fault::denied_by_boundary(),
            Forgotten(77),
            "an administrator has to allow this in the permissions boundary",
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
fn a_launch_tries_again_after_each_error_that_may_be_temporary_and_after_no_other_error() {
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
        run.refused(meaning.status()).says(["A (", said]);
        assert_eq!(
            aws.reads().len(),
            if meaning == MayPass { 2 } else { 1 },
            "{run}"
        );
    });
}

#[test]
fn a_secret_is_read_in_the_fallback_region_after_an_outage_but_not_if_it_is_denied_or_absent() {
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
            run.launched_with_value();
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
fn a_cached_answer_is_used_after_each_kind_of_outage_and_removed_if_the_secret_is_denied_or_absent()
{
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
    // A proxy is never in front of the agent, so even a refusal without an error code comes from
    // the agent.
    answers.retain(|(_, meaning, said)| *meaning != OncePerRegion && !said.contains("302"));
    answers.extend([
        (own(504, "TimeoutError"), MayPass, "TimeoutError"),
        (own(502, "ConnectionError"), MayPass, "ConnectionError"),
        (own(500, "InternalFailure"), MayPass, "InternalFailure"),
        (plain(429, ""), MayPass, "429"),
        (plain(500, "Internal error"), MayPass, "500"),
        (
            fault::success(r#"["x",null,null,["AWSCURRENT"],"a value",null]"#),
            MayPass,
            "can't be read",
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

/// A launch that reads a secret through the agent.
fn through(agent: &Aws, aws: &Aws, case: &str) -> Sandbox {
    Sandbox::new()
        .env("AWS_TOKEN", AGENT_TOKEN)
        .resolve("A=x:k")
        .timeout("50s")
        .aws(aws)
        .arg(format!("--agent={}", agent.url()))
        .case(case)
}

#[test]
fn a_launch_tries_the_agent_again_after_an_outage() {
    let mut outages = answers_of_the_agent();
    outages.retain(|(_, meaning, _)| *meaning == MayPass);
    side_by_side(outages, |(fault, _, said)| {
        let agent = served().fails_first(AGENT_READ, 1, fault);
        let aws = served();
        through(&agent, &aws, said).run().launched_with_value();
        assert_eq!(agent.calls().len(), 2, "{said}");
        assert!(aws.calls().is_empty(), "{said}");
    });
}

#[test]
fn a_secret_is_read_from_aws_only_with_agent_fallback_and_only_during_an_outage_of_the_agent() {
    side_by_side(answers_of_the_agent(), |(fault, meaning, said)| {
        let agent = served().fails(AGENT_READ, fault);
        let aws = served();
        let part = if meaning == MayPass { "A (" } else { said };
        through(&agent, &aws, said)
            .attempts(1)
            .run()
            .refused(meaning.status())
            .says(["A (", part]);
        assert!(aws.calls().is_empty(), "{said}");
        let run = through(&agent, &aws, said).arg("--agent-fallback").run();
        if meaning == MayPass {
            run.launched_with_value();
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
