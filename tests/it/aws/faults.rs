//! What each answer other than a value means: one table for a launch, its fallback regions, the
//! cache, the agent. `identity.rows` has the answers of the services that
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
    fn status(self) -> i32 {
        match self {
            MayPass | OncePerRegion | WrongClock => 75,
            Refused(status) | Forgotten(status) => status,
        }
    }
}

/// Each answer of Secrets Manager, as rows name it, and a part of the message about it.
const ANSWERS: &str = r#"
may pass        | throttled            | ThrottlingException
may pass        | internal error       | InternalServiceError
may pass        | unavailable          | ServiceUnavailable
may pass        | closes               | closed the connection before its answer was complete
may pass        | 400 xml              | status 400, text/xml)
may pass        | 429 xml              | 429
may pass        | 500 xml              | 500
may pass        | 502 xml              | 502
may pass        | 503 xml              | 503
may pass        | 504 xml              | 504
may pass        | 200 {"Name":"y","SecretString":"{\"k\":\"cAnArY-7f3a9c51\"}"} | isn't about this secret
may pass        | 200 {}               | isn't about this secret
may pass        | page                 | isn't from AWS (HTTP status 200, text/html)
may pass        | 302                  | 302
once per region | 403 <html>Blocked    | isn't from AWS (HTTP status 403, text/plain)
once per region | 401 log in first     | status 401, text/plain)
once per region | 403 xml              | status 403, text/xml)
wrong clock     | clock skew           | clock
wrong clock     | 403 {"__type":"RequestTimeTooSkewed","message":"the difference is too large"} | clock
wrong clock     | 403 {"__type":"RequestExpired","message":"the difference is too large"}       | clock
wrong clock     | 403 {"__type":"RequestInTheFuture","message":"the difference is too large"}   | clock
forgotten 78    | absent               | us-east-1
forgotten 78    | deleted              | deletion
forgotten 78    | 200 {"Name":"x","VersionStages":["AWSCURRENT"]} | the secret "x" has no value
forgotten 77    | denied               | secretsmanager:GetSecretValue
forgotten 77    | denied by boundary   | an administrator has to allow the action in the permissions boundary
forgotten 77    | denied by kms        | kms:Decrypt
forgotten 77    | not decrypted        | DecryptionFailure
forgotten 77    | key out of use       | pending
refused 78      | 400 {"__type":"BrandNewException","Message":"a new reason"} | BrandNewException: a new reason
refused 77      | unrecognized client  | UnrecognizedClientException
refused 77      | expired              | ExpiredTokenException
refused 77      | 400 {"__type":"SubscriptionRequiredException","Message":"no subscription"} | SubscriptionRequiredException
"#;

/// Each answer of the agent that isn't an answer of Secrets Manager.
const ANSWERS_OF_THE_AGENT: &str = r#"
may pass   | 504 {"__type":"TimeoutError"}          | TimeoutError
may pass   | 502 {"__type":"ConnectionError"}       | ConnectionError
may pass   | 500 {"__type":"InternalFailure"}       | InternalFailure
may pass   | 429                                    | 429
may pass   | 500 Internal error                     | 500
may pass   | 302                                    | 302
may pass   | 404 Not found                          | HTTP status 404: Not found
may pass   | 400 not ready to serve traffic, please wait | HTTP status 400: not ready to serve traffic, please wait
may pass   | 405                                    | 405
may pass   | 200 ["x",null,null,["AWSCURRENT"],"a value",null] | can't be read
refused 77 | 403 Bad Token                          | token
refused 77 | 403 xml                                | token
refused 77 | 403 {"__type":"AccessDeniedException"} | AccessDenied
refused 77 | 403 {"__type":"ThrottlingException"}   | Throttling
"#;

/// An answer, its meaning, and a part of the message about it.
type Reported = (Fault, Meaning, &'static str);

fn read(table: &'static str) -> Vec<Reported> {
    let row = |line: &'static str| {
        let cells: Vec<&str> = line.split(" | ").map(str::trim).collect();
        let meaning = match cells[0] {
            "may pass" => MayPass,
            "once per region" => OncePerRegion,
            "wrong clock" => WrongClock,
            "forgotten 78" => Forgotten(78),
            "forgotten 77" => Forgotten(77),
            "refused 78" => Refused(78),
            "refused 77" => Refused(77),
            other => panic!("{other:?} isn't a meaning"),
        };
        (fault::named(cells[1], "x"), meaning, cells[2])
    };
    table.trim().lines().map(row).collect()
}

/// Each answer of Secrets Manager, including those with a header.
fn answers() -> Vec<Reported> {
    const YEAR: u64 = 60 * 60 * 24 * 365;
    let login = "https://user:pw@login.example:8443/sso?token=hunter2-4c7a1e";
    let redirected = "isn't from AWS (HTTP status 302, a redirect to login.example)";
    let redirect = fault::with_header(302, "location", login);
    let no_current = fault::no_such_version("staging label: AWSCURRENT");
    let no_version = "no version has the stage AWSCURRENT";
    let mut answers = read(ANSWERS);
    answers.extend([
        (redirect, MayPass, redirected),
        // The server asks for a longer pause than the launch has time for. AWS's own header extends
        // a pause by at most five seconds.
        (fault::retry_after(u64::MAX), MayPass, "503"),
        (fault::retry_after(YEAR), MayPass, "503"),
        (fault::amz_retry_after(u64::MAX), MayPass, "503"),
        (no_current, Forgotten(78), no_version),
    ]);
    answers
}

#[test]
fn a_launch_tries_again_after_temporary_errors_and_after_no_other_error() {
    side_by_side(answers(), |(fault, meaning, said)| {
        if meaning == MayPass {
            let aws = served().fails_first(READ, 2, fault.clone());
            sandbox(&aws).case(said).run().launched_with_value();
            assert_eq!(aws.reads().len(), 3, "{said}");
        }
        let aws = served().fails(READ, fault);
        let run = sandbox(&aws).attempts(2).timeout("50s").case(said).run();
        run.refused(meaning.status(), ["A (", said]);
        let attempts = if meaning == MayPass { 2 } else { 1 };
        assert_eq!(aws.reads().len(), attempts, "{run}");
    });
}

#[test]
fn a_fallback_region_is_asked_after_an_outage_but_not_after_a_denial_or_an_absence() {
    side_by_side(answers(), |(fault, meaning, said)| {
        let launch = |aws: &Aws| {
            let launch = sandbox(aws).args(["--fallback-region", "us-west-2"]);
            launch.attempts(1).timeout("50s").case(said).run()
        };
        let aws = served().region_fails("us-east-1", fault.clone());
        let run = launch(&aws);
        let regions = if matches!(meaning, MayPass | OncePerRegion) {
            let used = "so us-west-2 is used instead of us-east-1";
            run.says_only(&[used.to_owned()]).launched();
            run.has("A", "v-4c7a1e");
            let aws = served().fails(READ, fault);
            let parts = ["the region us-east-1", "the fallback region us-west-2"];
            launch(&aws).refused(75, parts);
            assert_eq!(aws.reads().len(), 2, "{said}");
            &["us-east-1", "us-west-2"][..]
        } else {
            run.refused(meaning.status(), [said]);
            &["us-east-1"]
        };
        let asked: Vec<_> = aws.reads().iter().map(Call::region).collect();
        assert_eq!(asked, regions, "{run}");
    });
}

#[test]
fn a_cached_answer_is_used_in_each_outage_and_removed_after_a_denial_or_an_absence() {
    side_by_side(answers(), |(fault, meaning, said)| {
        let (aws, cache) = (served(), CacheDirectory::new());
        let launch = cache.with(sandbox(&aws).case(said), &[]).attempts(1);
        launch.run().launched_silently();
        let aws = aws.fails(READ, fault);
        let run = launch.run();
        if meaning.status() == 75 {
            let used = "so the cache is used\n";
            let value = "note: the cached value of the secret \"x\" is ";
            run.launched().has("A", "v-4c7a1e");
            run.says(["warning: ", used, value, " old (version c0c0c0c0-"]);
            assert_eq!(run.stderr().matches("warning: ").count(), 1, "{run}");
        } else {
            run.refused(meaning.status(), [said]);
        }
        let is_kept = !matches!(meaning, Forgotten(_));
        assert_eq!(cache.names().len(), usize::from(is_kept), "{run}");
        let _aws = aws.fails(READ, fault::unavailable());
        let status = if is_kept { 0 } else { 75 };
        launch.run().ended(Status::Exit(status));
    });
}

/// Each answer of the agent: those of Secrets Manager, which it forwards, and its own.
fn answers_of_the_agent() -> Vec<Reported> {
    let mut answers = answers();
    // A proxy is never in front of the agent, so even a refusal without an error code comes from
    // the agent.
    answers.retain(|(_, meaning, said)| {
        *meaning != OncePerRegion && !said.contains("302") && !said.contains("400")
    });
    answers.extend(read(ANSWERS_OF_THE_AGENT));
    answers
}

/// A launch that reads a secret through the agent.
fn through(agent: &Aws, aws: &Aws, case: &str) -> Sandbox {
    let launch = sandbox(aws).env("AWS_TOKEN", AGENT_TOKEN).timeout("50s");
    launch.arg(format!("--agent={}", agent.url())).case(case)
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
fn a_secret_is_never_read_from_aws_instead_of_the_agent() {
    side_by_side(answers_of_the_agent(), |(fault, meaning, said)| {
        let agent = served().fails(AGENT_READ, fault);
        let aws = served();
        let part = if meaning == MayPass { "A (" } else { said };
        let run = through(&agent, &aws, said).attempts(1).run();
        run.refused(meaning.status(), ["A (", part]);
        assert!(aws.calls().is_empty(), "{said}");
    });
}
