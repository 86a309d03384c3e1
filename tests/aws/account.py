"""The secrets, parameters and roles that a run creates in an account of AWS, and their removal by the tag that all of them carry."""

import base64
import json
import secrets
import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

TAG = "secrets-exec-test"
TAGS = [{"Key": TAG, "Value": "remove"}]
# How long the keys of a role are valid (the minimum of AWS), and how long AWS may take until a new
# role can be used, in seconds.
SESSION, PATIENCE = 900, 120
# The error codes for objects that have already been removed.
GONE = ("ResourceNotFoundException", "ParameterNotFound", "NoSuchEntity")


class Account:
    """An account, which boto3 reaches by a session. `names` are the words that the cases may use."""

    def __init__(self, session, regions, endpoint, kms_key):
        self.session, self.regions, self.region, self.endpoint = session, regions, regions[0], endpoint
        self.clients = {}
        self.caller = self.client("sts").get_caller_identity()["Arn"]
        _, self.partition, _, _, self.id, _ = self.caller.split(":")
        # Messages show a name only if it consists of words, so it has letters instead of a number.
        word = "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(8))
        self.prefix, self.value = f"{TAG}-{word}", f"välue-{secrets.token_hex(4)}"
        fields = f'{{"user":"{self.value}","ratio":1.10,"a.b":"dot","list":[{{"id":1}},"two"],"none":null}}'
        binary = bytes(range(1, 256)) + self.value.encode()
        text, first = {"SecretString": self.value}, {"SecretString": f"{self.value}-1"}
        self.secrets = {"text": text, "of_+=.@-these": text, "ends-AbCdEf": text, "deleted": text, "empty": {}}
        self.secrets |= {"versions": first, "restarted": first, "signalled": first}
        self.secrets |= {"json": {"SecretString": fields}, "binary": {"SecretBinary": binary}}
        self.parameters = {f"path/k{number:02}": ("String", f"{self.value}-{number}") for number in range(25)}
        self.parameters["secure"] = ("SecureString", json.dumps({"user": f"{self.value}-1"}))
        self.parameters |= {"string": ("String", self.value), "list": ("StringList", f"{self.value},two")}
        self.names = {
            "p": self.prefix,
            "account": self.id,
            "region": self.region,
            "elsewhere": "us-west-2" if "us-west-2" not in regions else "eu-north-1",
            "value": self.value,
            "fields": fields,
            "binary": binary.decode(errors="surrogateescape"),
            "binary_in_base64": base64.b64encode(binary).decode(),
            "arn_parameter": f"arn:{self.partition}:ssm:{self.region}:{self.id}:parameter/{self.prefix}",
            "role": f"arn:{self.partition}:iam::{self.id}:role/{TAG}/{self.prefix}",
            "many": "env:\n" + "".join(f"  V{at}: {{ from: ssm:/{self.prefix}/{at}, default: d }}\n" for at in range(3000)),
        }
        if len(regions) > 1:
            self.names["other"] = regions[1]
            self.secrets["replicated"] = text | {"AddReplicaRegions": [{"Region": region} for region in regions[1:]]}
        if kms_key:
            self.names["key"] = kms_key
            self.secrets["encrypted"] = text | {"KmsKeyId": kms_key}

    def client(self, service, region=None):
        """A client, which is kept, because boto3 takes a while to make one."""
        key = service, region or self.region
        if key not in self.clients:
            retries = Config(retries={"mode": "adaptive", "max_attempts": 12})
            self.clients[key] = self.session.client(*key, endpoint_url=self.endpoint, config=retries)
        return self.clients[key]

    def create(self, policy):
        """Creates everything, and yields after each request. `policy` returns the policy of `limited`, or with `--metadata` of `described`."""
        client = self.client("secretsmanager")
        for name, content in self.secrets.items():
            arn = client.create_secret(Name=f"{self.prefix}/{name}", Tags=TAGS, **content)["ARN"]
            word = name.partition("-")[0]
            yield self.names.update({f"arn_{word}": arn, f"partial_{word}": arn[:-7]})
        for number, stage in ((2, "AWSCURRENT"), (3, "blue/green")):
            yield self.names.update({f"version_{number}": self.put("versions", number, stage)})
        yield client.delete_secret(SecretId=f"{self.prefix}/deleted", RecoveryWindowInDays=7)
        client = self.client("ssm")
        for name, (kind, value) in self.parameters.items():
            yield client.put_parameter(Name=f"/{self.prefix}/{name}", Type=kind, Value=value, Tags=TAGS)
        second = self.parameters["secure"][1].replace('-1"', '-2"')
        yield client.put_parameter(Name=f"/{self.prefix}/secure", Type="SecureString", Value=second, Overwrite=True)
        yield client.label_parameter_version(Name=f"/{self.prefix}/secure", ParameterVersion=1, Labels=["blue"])
        self.policy = policy()
        yield self.create_role("denied", [])
        # This policy allows reading AWS's public price list, and nothing in the account.
        prices = f"arn:{self.partition}:iam::aws:policy/AWSPriceListServiceFullAccess"
        yield self.create_role("bounded", self.policy["Statement"], prices)
        yield self.create_role("described", policy("--metadata")["Statement"])
        yield self.create_role("limited", self.policy["Statement"])
        yield from self.wait()

    def put(self, name, number, stage="AWSCURRENT"):
        """Stores another version of a secret, and returns its id."""
        options = {"SecretId": f"{self.prefix}/{name}", "SecretString": f"{self.value}-{number}"}
        return self.client("secretsmanager").put_secret_value(**options, VersionStages=[stage])["VersionId"]

    def create_role(self, name, statements, boundary=None):
        """Creates a role, which can do only what boundary.json, or another policy, allows."""
        owners = {"AWS": [f"arn:{self.partition}:iam::{self.id}:root", self.caller]}
        trust = document([{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": owners}])
        boundary = boundary or f"arn:{self.partition}:iam::{self.id}:policy/{TAG}-boundary"
        options = {"RoleName": f"{self.prefix}-{name}", "Path": f"/{TAG}/", "Tags": TAGS, "PermissionsBoundary": boundary}
        self.client("iam").create_role(AssumeRolePolicyDocument=trust, **options)
        if statements:
            self.give(name, statements)

    def give(self, role, statements):
        """Gives a role a policy. With moto, the policy is for any resource, because moto compares only actions."""
        if self.endpoint:
            statements = [statement | {"Resource": "*"} for statement in statements]
        names = {"RoleName": f"{self.prefix}-{role}", "PolicyName": "test"}
        self.client("iam").put_role_policy(PolicyDocument=document(statements), **names)

    def wait(self):
        """Waits until the role `limited` may read and the replicas exist. Yields while it waits."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self.old_keys, self.expiry = self.keys("limited"), time.monotonic() + SESSION
                limited = boto3.Session(*self.old_keys.values(), region_name=self.region)
                client = limited.client("secretsmanager", endpoint_url=self.endpoint)
                client.get_secret_value(SecretId=f"{self.prefix}/json")
                for region in self.regions[1:]:
                    self.client("secretsmanager", region).get_secret_value(SecretId=f"{self.prefix}/replicated")
                return
            except ClientError:
                if time.monotonic() > deadline:
                    raise
            yield time.sleep(2)

    def keys(self, identity):
        """The variables with the keys of the shell, of a role, or of a role without a statement of its policy."""
        if identity == "shell":
            return variables(*self.session.get_credentials().get_frozen_credentials()[:3])
        if identity == "expired":
            return self.old_keys
        role, _, missing = identity.partition(" without ")
        options = {"RoleArn": f"{self.names['role']}-{role}", "RoleSessionName": "test", "DurationSeconds": SESSION}
        statements = [statement for statement in self.policy["Statement"] if statement["Sid"] != missing]
        if missing:
            options["Policy"] = document(statements)
        if self.endpoint and role == "limited":
            self.give(role, statements)  # moto takes no notice of a session's policy
        keys = self.client("sts").assume_role(**options)["Credentials"]
        return variables(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])

    def found(self):
        """Everything that has the tag in the regions of this run, no matter which run made it. Each item is a kind, a region and a name."""
        roles = [role["RoleName"] for role in self.listed("iam", None, "list_roles", PathPrefix=f"/{TAG}/")]
        tags = {role: self.client("iam").list_role_tags(RoleName=role)["Tags"] for role in roles}
        found = {("role", None, role) for role in roles if TAGS[0] in tags[role]}
        by_tag = [{"Key": f"tag:{TAG}", "Values": [TAGS[0]["Value"]]}]
        by_key = [{"Key": "tag-key", "Values": [TAG]}]
        for region in self.regions:
            parameters = self.listed("ssm", region, "describe_parameters", ParameterFilters=by_tag)
            found |= {("parameter", region, parameter["Name"]) for parameter in parameters}
            options = {"Filters": by_key, "IncludePlannedDeletion": True}
            # AWS also finds keys that only begin with this text.
            for secret in self.listed("secretsmanager", region, "list_secrets", **options):
                # A replica is removed with its primary secret.
                if TAGS[0] in secret["Tags"]:
                    found |= {("secret", secret.get("PrimaryRegion", region), secret["Name"])}
        return {thing for thing in found if thing[2].lstrip("/").startswith(f"{TAG}-")}

    def created(self):
        """Everything that this run creates. AWS may list a secret only some minutes later."""
        created = {("secret", self.region, f"{self.prefix}/{name}") for name in self.secrets}
        created |= {("parameter", self.region, f"/{self.prefix}/{name}") for name in self.parameters}
        return created | {("role", None, f"{self.prefix}-{name}") for name in ("denied", "bounded", "described", "limited")}

    def listed(self, service, region, operation, **parameters):
        pages = self.client(service, region).get_paginator(operation).paginate(**parameters)
        return [item for page in pages for items in page.values() if isinstance(items, list) for item in items]

    def remove(self, things):
        """Removes these objects, in several attempts because a replica takes time. Prints and returns what is left."""
        for _ in range(5):
            left = {}
            for thing in things:
                try:
                    self.remove_one(*thing)
                except ClientError as error:
                    if error.response["Error"]["Code"] not in GONE:
                        left[thing] = error
            if not left:
                return left
            things = left
            time.sleep(2)
        print(*(f"left: {kind} {name}: {error}" for (kind, _, name), error in left.items()), sep="\n")
        return left

    def remove_one(self, kind, region, name):
        if kind == "parameter":
            self.client("ssm", region).delete_parameter(Name=name)
        elif kind == "role":
            client = self.client("iam")
            for policy in client.list_role_policies(RoleName=name)["PolicyNames"]:
                client.delete_role_policy(RoleName=name, PolicyName=policy)
            client.delete_role(RoleName=name)
        else:
            client = self.client("secretsmanager", region)
            replicas = client.describe_secret(SecretId=name).get("ReplicationStatus")
            if replicas:
                regions = [replica["Region"] for replica in replicas]
                client.remove_regions_from_replication(SecretId=name, RemoveReplicaRegions=regions)
            client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)


def document(statements):
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, separators=(",", ":"))


def variables(key, secret, token):
    return {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": token or ""}
