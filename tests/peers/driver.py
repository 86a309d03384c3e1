"""`driver.py ENDPOINT` calls boto3 for each line of JSON that it reads, and prints the answer as a line of JSON.

A call is {"service", "operation", "parameters", "region", "credentials"}; its answer is {"ok": …} or {"error": …}.
Bytes are {"$bytes": [0, 255]} in a call and {"$base64": "AP8="} in an answer.
"""

import base64
import json
import sys

import boto3
from botocore.exceptions import ClientError

ENDPOINT = sys.argv[1]
DUMMY = {"aws_access_key_id": "AKIADUMMY", "aws_secret_access_key": "dummy"}
clients = {}


def client(service, region, credentials):
    key = (service, region, tuple(sorted(credentials.items())))
    if key not in clients:
        clients[key] = boto3.client(service, region_name=region, endpoint_url=ENDPOINT, **credentials)
    return clients[key]


def call(service, operation, parameters, region="us-east-1", credentials=None):
    return getattr(client(service, region, credentials or DUMMY), operation)(**parameters)


def from_wire(pairs):
    return bytes(pairs["$bytes"]) if pairs.keys() == {"$bytes"} else pairs


def to_wire(value):
    return {"$base64": base64.b64encode(value).decode()} if isinstance(value, bytes) else str(value)


for line in sys.stdin:
    try:
        answer = {"ok": call(**json.loads(line, object_hook=from_wire))}
    except ClientError as refusal:
        answer = {"error": str(refusal)}
    print(json.dumps(answer, default=to_wire), flush=True)
