"""Prints what botocore finds in configuration files. Each line of JSON with a profile and paths results in one line of JSON."""

import json
import os
import sys

import botocore.session

for line in sys.stdin:
    wanted = json.loads(line)
    os.environ["AWS_CONFIG_FILE"] = wanted["config"]
    os.environ["AWS_SHARED_CREDENTIALS_FILE"] = wanted["credentials"]
    try:
        session = botocore.session.Session(profile=wanted["profile"])
        keys = session.get_credentials()
        found = {
            "region": session.get_config_variable("region"),
            "key": keys and keys.access_key,
            "token": keys and keys.token,
        }
    except Exception as error:
        found = {"error": str(error)}
    print(json.dumps(found), flush=True)
