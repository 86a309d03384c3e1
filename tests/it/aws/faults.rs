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

/// An answer, and a part of the message about it.
type Reported = (Fault, &'static str);

/// Gives these answers a meaning.
fn with_meaning(
    meaning: Meaning,
    answers: impl IntoIterator<Item = Reported>,
) -> impl Iterator<Item = (Fault, Meaning, &'static str)> {
    let answers = answers.into_iter();
    answers.map(move |(fault, said)| (fault, meaning, said))
}

/// Each answer of Secrets Manager, its meaning, and a part of the message about it.
fn answers() -> Vec<(Fault, Meaning, &'static str)> {
    const YEAR: u64 = 60 * 60 * 24 * 365;
    let redirect = fault::redirect("https://user:pw@login.example:8443/sso?token=hunter2-4c7a1e");
    let redirected = "isn't from AWS (HTTP status 302, a redirect to login.example)";
    let closed = "closed the connection before its answer was complete";
    let may_pass = [
        (fault::throttled(), "ThrottlingException"),
        (fault::internal_error(), "InternalServiceError"),
        (fault::unavailable(), "ServiceUnavailable"),
        (Fault::Close, closed),
        (Fault::Xml { status: 400 }, "status 400, text/xml)"),
        (Fault::Xml { status: 429 }, "429"),
        (Fault::Xml { status: 500 }, "500"),
        (Fault::Xml { status: 502 }, "502"),
        (Fault::Xml { status: 503 }, "503"),
        (Fault::Xml { status: 504 }, "504"),
        (fault::another_secret(), "isn't about this secret"),
        (fault::empty_object(), "isn't about this secret"),
        (fault::page(), "isn't from AWS (HTTP status 200, text/html)"),
        (plain(302, ""), "302"),
        (redirect, redirected),
        // The server asks for a longer pause than the launch has time for. AWS's own header extends
        // a pause by at most five seconds.
        (fault::retry_after(u64::MAX), "503"),
        (fault::retry_after(YEAR), "503"),
        (fault::amz_retry_after(u64::MAX), "503"),
    ];
    let blocked = plain(403, "<html><title>Blocked</title></html>");
    let once_per_region = [
        (blocked, "isn't from AWS (HTTP status 403, text/plain)"),
        (plain(401, "log in first"), "status 401, text/plain)"),
        (Fault::Xml { status: 403 }, "status 403, text/xml)"),
    ];
    let wrong_clock = [
        (fault::clock_skew(), "clock"),
        (coded(403, "RequestTimeTooSkewed"), "clock"),
        (coded(403, "RequestExpired"), "clock"),
        (coded(403, "RequestInTheFuture"), "clock"),
    ];
    let no_current = fault::no_such_version("staging label: AWSCURRENT");
    let absent = [
        (fault::not_found(), "us-east-1"),
        (no_current, "no version has the stage AWSCURRENT"),
        (fault::marked_for_deletion(), "deletion"),
        (without_value(), "the secret \"x\" has no value"),
    ];
    let boundary = "an administrator has to allow this in the permissions boundary";
    let denied = [
        (fault::denied("x"), "secretsmanager:GetSecretValue"),
        (fault::denied_by_boundary(), boundary),
        (fault::denied_by_kms(), "kms:Decrypt"),
        (fault::not_decrypted(), "DecryptionFailure"),
        (fault::key_out_of_use(), "pending"),
    ];
    // The message of this answer contains the canary, which the sandbox looks for in the output.
    let unknown = [(fault::unknown_code(), "BrandNewException")];
    let wrong_keys = [
        (fault::unrecognized_client(), "UnrecognizedClientException"),
        (fault::expired_token(), "ExpiredTokenException"),
    ];
    with_meaning(MayPass, may_pass)
        .chain(with_meaning(OncePerRegion, once_per_region))
        .chain(with_meaning(WrongClock, wrong_clock))
        .chain(with_meaning(Forgotten(78), absent))
        .chain(with_meaning(Forgotten(77), denied))
        .chain(with_meaning(Refused(78), unknown))
        .chain(with_meaning(Refused(77), wrong_keys))
        .collect()
}

#[test]
fn a_launch_tries_again_after_each_error_that_may_be_temporary_and_after_no_other_error() {
    side_by_side(answers(), |(fault, meaning, said)| {
        if meaning == MayPass {
            let aws = served().fails_first(READ, 2, fault.clone());
            sandbox(&aws)
                .case(said)
                .run()
                .says_only(&[])
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
    answers.retain(|(_, meaning, said)| {
        let is_of_a_proxy = said.contains("302") || said.contains("400");
        *meaning != OncePerRegion && !is_of_a_proxy
    });
    let list = fault::success(r#"["x",null,null,["AWSCURRENT"],"a value",null]"#);
    let may_pass = [
        (own(504, "TimeoutError"), "TimeoutError"),
        (own(502, "ConnectionError"), "ConnectionError"),
        (own(500, "InternalFailure"), "InternalFailure"),
        (plain(429, ""), "429"),
        (plain(500, "Internal error"), "500"),
        (list, "can't be read"),
    ];
    let denied = [
        (plain(403, "Bad Token"), "token"),
        (Fault::Xml { status: 403 }, "token"),
        (own(403, "AccessDeniedException"), "AccessDenied"),
        (own(403, "ThrottlingException"), "Throttling"),
    ];
    let refused = [
        (plain(302, ""), "302"),
        (plain(404, "Not found"), "404"),
        (plain(400, "Forwarded"), "400"),
        (plain(405, ""), "405"),
    ];
    answers.extend(with_meaning(MayPass, may_pass));
    answers.extend(with_meaning(Refused(77), denied));
    answers.extend(with_meaning(Refused(78), refused));
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
