//! AWS's own endpoints and the partitions of its regions, compared with the rules of botocore: in
//! each region, with and without FIPS and dual stack.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::python::{Script, interpreter};
use crate::support::network::{NOWHERE, Proxy};
use crate::support::outcome::assert_same;
use crate::support::sandbox::{ACCESS_SECRET, Sandbox};

/// The name of the service in botocore, with which its host name begins, and the arguments of a
/// launch that calls it in each region.
const SERVICES: [(&str, &str); 3] = [
    ("secretsmanager", "-e A=x"),
    ("ssm", "-e A=ssm:/x"),
    (
        "sts",
        "-e A=x --role-arn arn:aws:iam::123456789012:role/Reader",
    ),
];

/// A launch whose connections are all closed by the proxy, which secrets-exec treats as an outage
/// of the region.
fn refused_launch(proxy: &Proxy, fips: bool, dual: bool) -> Sandbox {
    Sandbox::new()
        .env("AWS_ACCESS_KEY_ID", "AKIA")
        .env("AWS_SECRET_ACCESS_KEY", ACCESS_SECRET)
        .env("HTTPS_PROXY", proxy.url())
        .attempts(1)
        .env("AWS_USE_FIPS_ENDPOINT", fips.to_string())
        .env("AWS_USE_DUALSTACK_ENDPOINT", dual.to_string())
}

/// The host names with this prefix that a proxy was asked for.
fn hosts(proxy: &Proxy, prefix: &str) -> BTreeSet<String> {
    let lines = proxy.request_lines();
    let hosts = lines
        .iter()
        .filter_map(|line| line.strip_prefix("CONNECT "));
    let hosts = hosts.map(|host| host.trim_end_matches(":443").to_owned());
    hosts.filter(|host| host.starts_with(prefix)).collect()
}

/// The regions of all partitions in botocore, each with the partition's name in ARNs.
fn partitions(botocore: &mut Script) -> BTreeMap<String, String> {
    serde_json::from_value(botocore.ask(&json!({}))).unwrap()
}

#[test]
fn a_policy_names_the_partition_of_each_region_that_botocore_lists() {
    let interpreter = or_skip!(interpreter());
    let partitions = partitions(&mut Script::start(&interpreter, "endpoints.py", &[]));
    let regions: Vec<&str> = partitions.keys().map(String::as_str).collect();
    let launch = Sandbox::new().env("SECRETS_EXEC_FALLBACK_REGION", regions[1..].join(","));
    let run = launch
        .region(regions[0])
        .args(["policy", "-e", "A=x"])
        .bare()
        .run();
    let policy = run.stdout();
    for (region, partition) in &partitions {
        let arn = format!("\"arn:{partition}:secretsmanager:{region}:*:secret:x-??????\"");
        assert!(policy.contains(&arn), "{arn}: {run}");
    }
}

#[test]
fn requests_are_sent_to_the_endpoint_that_botocore_chooses() {
    let interpreter = or_skip!(interpreter());
    let mut botocore = Script::start(&interpreter, "endpoints.py", &[]);
    let regions = partitions(&mut botocore).into_keys().collect::<Vec<_>>();
    let mut regions: Vec<&str> = regions.iter().map(String::as_str).collect();
    regions.extend(["us-nowhere-12", "xx-west-1"]);
    let mut expected = |service: &str, regions: &[&str], fips: bool, dual: bool| {
        let wanted = json!({ "service": service, "regions": regions, "fips": fips, "dual": dual });
        serde_json::from_value::<BTreeSet<String>>(botocore.ask(&wanted)).unwrap()
    };
    for (fips, dual) in [(false, false), (true, false), (false, true), (true, true)] {
        for (service, arguments) in SERVICES {
            let proxy = Proxy::before(NOWHERE);
            let launch = refused_launch(&proxy, fips, dual)
                .env("SECRETS_EXEC_FALLBACK_REGION", regions[1..].join(","));
            let launch = launch.region(regions[0]).args(arguments.split(' '));
            let run = launch.run();
            let expected = expected(service, &regions, fips, dual);
            let about = format!("FIPS {fips}, dual stack {dual}: {run}");
            assert_same(&hosts(&proxy, service), &expected, about);
        }
        // The region of the SSO portal is in the profile. The name of the token's file is the SHA-1
        // of the URL.
        for region in ["eu-central-1", "us-gov-west-1", "cn-north-1"] {
            let proxy = Proxy::before(NOWHERE);
            let config = format!(
                "[profile dev]\nsso_region = {region}\nsso_start_url = https://corp\nsso_account_id = 123456789012\n\
                 sso_role_name = Reader\n"
            );
            let token = json!({ "accessToken": "t", "expiresAt": "2999-01-01T00:00:00Z", "startUrl": "https://corp" });
            let launch = refused_launch(&proxy, fips, dual).home_file(".aws/config", &config);
            let file = ".aws/sso/cache/17da54e8ec4ee05390f1915bb3ef5fea7ebd238e.json";
            let launch = launch.home_file(file, &token.to_string()).region(region);
            let run = launch.args(["--profile", "dev", "-e", "A=x"]).run();
            let expected = expected("sso", &[region], fips, dual);
            assert_same(&hosts(&proxy, "portal"), &expected, run);
        }
    }
}
