"""Reads a list of policies from standard input, and prints what parliament finds in each of them."""

import json
import sys

from parliament import analyze_policy_string

findings = [[str(finding) for finding in analyze_policy_string(policy).findings] for policy in json.load(sys.stdin)]
json.dump(findings, sys.stdout)
