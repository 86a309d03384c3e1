//! The metric filters and alarms of examples/fleet, created in moto.

use serde_json::Value;

use super::moto::{Moto, shell};
use crate::docs::adopting::{filter_script, metric_filters};
use crate::support::directory::Directory;
use crate::support::sandbox::repository_file;

#[test]
fn the_scripts_of_examples_fleet_create_an_alarm_for_each_metric() {
    let moto = or_skip!(Moto::shared());
    let directory = Directory::new();
    let shell = or_skip!(shell(moto, directory.path(), "examples/fleet"));
    shell("aws logs create-log-group --log-group-name /ecs/app");
    let filter_script = filter_script();
    shell(&format!("set -- /ecs/app\n{filter_script}"));
    shell(&repository_file("examples/fleet/alarms.sh"));

    let answer = |command: &str| -> Value { serde_json::from_str(&shell(command)).unwrap() };
    let created = answer("aws logs describe-metric-filters --log-group-name /ecs/app");
    let filters = created["metricFilters"].as_array().unwrap().iter();
    let metrics = filters.map(|filter| &filter["metricTransformations"][0]["metricName"]);
    let mut metrics: Vec<&str> = metrics.map(|name| name.as_str().unwrap()).collect();
    metrics.sort_unstable();
    let shown = metric_filters(&filter_script);
    let mut shown: Vec<&str> = shown.iter().map(|(metric, _)| &**metric).collect();
    shown.sort_unstable();
    assert_eq!(metrics, shown);

    // Several filters can write the same metric.
    metrics.dedup();
    let alarms = answer("aws cloudwatch describe-alarms");
    let alarms = alarms["MetricAlarms"].as_array().unwrap();
    assert_eq!(alarms.len(), metrics.len(), "{alarms:?}");
    for alarm in alarms {
        assert_eq!(alarm["Namespace"], "secrets-exec", "{alarm}");
        let metric = alarm["MetricName"].as_str().unwrap();
        assert!(metrics.contains(&metric), "{alarm}");
    }
}
