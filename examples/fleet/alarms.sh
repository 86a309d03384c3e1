# Creates the alarms for the metrics of filters.sh, once for all services. Replace the topic.
alarm() {
    aws cloudwatch put-metric-alarm --alarm-name "secrets-exec-$1" \
        --namespace secrets-exec --metric-name "$2" \
        --statistic Sum --period "$3" --evaluation-periods "$4" --threshold 0 \
        --comparison-operator GreaterThanThreshold --treat-missing-data notBreaching \
        --alarm-actions arn:aws:sns:us-east-1:123456789012:on-call
}
alarm failed Failed 300 1
alarm temporary Temporary 300 3
alarm poll-failed PollFailed 7200 2
alarm local Local 300 1
