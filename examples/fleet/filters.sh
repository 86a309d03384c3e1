# Creates the metric filters of a CloudWatch log group. The lines must be JSON
# (SECRETS_EXEC_LOG_FORMAT=json).
#
#     sh filters.sh /ecs/app
group=$1
filter() {
    aws logs put-metric-filter --log-group-name "$group" --filter-name "secrets-exec-$1" \
        --filter-pattern "{ (\$.logger = \"secrets-exec\") && $3 }" \
        --metric-transformations \
            "metricName=$2,metricNamespace=secrets-exec,metricValue=1,defaultValue=0"
}
filter failed Failed '($.event = "error") && ($.status != 75)'
filter bug Failed '($.event = "bug")'
filter not-stopped Failed '($.event = "not_stopped")'
filter temporary Temporary '($.event = "error") && ($.status = 75)'
filter interrupted Temporary '($.event = "signal")'
filter poll-failed PollFailed '($.event = "poll_failed")'
filter local Local '($.event = "local")'
