"""Prints the findings of parliament about each policy of standard input, a list of texts."""

import json
import sys

from parliament import analyze_policy_string

findings = [[str(finding) for finding in analyze_policy_string(policy).findings] for policy in json.load(sys.stdin)]
json.dump(findings, sys.stdout)
