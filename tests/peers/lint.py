"""Prints what parliament finds in policies. Each line of JSON with a list of policies results in one line of JSON."""

import json
import sys

from parliament import analyze_policy_string

for line in sys.stdin:
    findings = [[str(finding) for finding in analyze_policy_string(policy).findings] for policy in json.loads(line)]
    print(json.dumps(findings), flush=True)
