"""Prints the names of all AWS_ variables that are in the source code of botocore, as JSON."""

import ast
import json
import pathlib
import re

import botocore

names = set()
for source in pathlib.Path(botocore.__file__).parent.rglob("*.py"):
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch("AWS_[A-Z0-9_]+", node.value):
            names.add(node.value)
print(json.dumps(sorted(names)), flush=True)
