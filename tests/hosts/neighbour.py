"""Runs moto on port 5000 of every address. It has the secret x, whose text is $SECRET."""

import os
import pathlib
import threading

import boto3
from moto.server import ThreadedMotoServer

# The first server can be reached only in this container. It creates the secret in shared memory
# before the second one starts.
ThreadedMotoServer(ip_address="127.0.0.1", port=5001, verbose=False).start()
keys = {"aws_access_key_id": "AKIADUMMY", "aws_secret_access_key": "dummy"}
client = boto3.client("secretsmanager", region_name="us-east-1", endpoint_url="http://127.0.0.1:5001", **keys)
client.create_secret(Name="x", SecretString=os.environ["SECRET"])
ThreadedMotoServer(ip_address="0.0.0.0", port=5000, verbose=False).start()
pathlib.Path("/shared/ready").touch()
threading.Event().wait()
