"""Validates declarations against a JSON Schema.

Reads {"schema": ..., "documents": [...], "yaml": [...]} from standard input, where `documents` are JSON texts and `yaml` YAML
texts, and prints a JSON list with the error of each in that order, or null.
"""

import json
import sys

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

task = json.load(sys.stdin)
Draft202012Validator.check_schema(task["schema"])
validator = Draft202012Validator(task["schema"])
documents = [json.loads(text) for text in task["documents"]] + [yaml.safe_load(text) for text in task["yaml"]]
errors = (best_match(validator.iter_errors(document)) for document in documents)
json.dump([error and f"{error.json_path}: {error.message}" for error in errors], sys.stdout)
