"""`rotator.py MOTO POSTGRES_PORT` rotates the password of a PostgreSQL user in the four steps of AWS's rotation functions.

It reads lines of JSON, each {"secret", "strategy", "step"}, and answers each with a line. The strategy is "single" (the
user's own password changes) or "alternating" (APP and APP_clone take turns, and the secret names the one whose password
has just changed). Secrets Manager invokes a rotation function with the same steps: createSecret, setSecret,
testSecret, finishSecret.
"""

import json
import secrets
import sys

import boto3
import pg8000.native

MOTO, PORT = sys.argv[1], int(sys.argv[2])
client = boto3.client(
    "secretsmanager",
    region_name="us-east-1",
    endpoint_url=MOTO,
    aws_access_key_id="AKIADUMMY",
    aws_secret_access_key="dummy",
)


def version(secret, stage):
    answer = client.get_secret_value(SecretId=secret, VersionStage=stage)
    return answer["VersionId"], json.loads(answer["SecretString"])


def connected(user, password=None):
    return pg8000.native.Connection(user, host="127.0.0.1", port=PORT, database="postgres", password=password)


def create(secret, strategy):
    _, current = version(secret, "AWSCURRENT")
    pending = dict(current, password=secrets.token_hex(16))
    if strategy == "alternating":
        user = current["username"]
        pending["username"] = user.removesuffix("_clone") if user.endswith("_clone") else f"{user}_clone"
    client.put_secret_value(SecretId=secret, SecretString=json.dumps(pending), VersionStages=["AWSPENDING"])


def set_password(secret, strategy):
    _, current = version(secret, "AWSCURRENT")
    _, pending = version(secret, "AWSPENDING")
    # A single user changes its own password. With alternating users, a superuser changes that of
    # the user whose turn it is.
    by = connected(current["username"], current["password"]) if strategy == "single" else connected("postgres", "master")
    by.run(f"ALTER USER \"{pending['username']}\" WITH PASSWORD '{pending['password']}'")
    by.close()


def test(secret, _):
    _, pending = version(secret, "AWSPENDING")
    connected(pending["username"], pending["password"]).close()


def finish(secret, _):
    current, _ = version(secret, "AWSCURRENT")
    pending, _ = version(secret, "AWSPENDING")
    client.update_secret_version_stage(
        SecretId=secret, VersionStage="AWSCURRENT", MoveToVersionId=pending, RemoveFromVersionId=current
    )


STEPS = {"createSecret": create, "setSecret": set_password, "testSecret": test, "finishSecret": finish}
for line in sys.stdin:
    order = json.loads(line)
    STEPS[order["step"]](order["secret"], order["strategy"])
    print(json.dumps("done"), flush=True)
