"""Prints the host names of services in regions by the rules of botocore. Each line of JSON in the input results in one line of JSON. An empty object asks for the partition of each region."""

import json
import sys

import botocore.session
from botocore.endpoint_provider import EndpointProvider

loader = botocore.session.Session().get_component("data_loader")
partitions = loader.load_data("partitions")

for line in sys.stdin:
    wanted = json.loads(line)
    if not wanted:
        names = {region: found["id"] for found in partitions["partitions"] for region in found["regions"]}
        print(json.dumps({region: name for region, name in names.items() if not region.endswith("-global")}), flush=True)
        continue
    rules = EndpointProvider(loader.load_service_model(wanted["service"], "endpoint-rule-set-1"), partitions)
    choice = {"UseFIPS": wanted["fips"], "UseDualStack": wanted["dual"]}
    if wanted["service"] == "sts":
        choice["UseGlobalEndpoint"] = False
    urls = [rules.resolve_endpoint(Region=region, **choice).url for region in wanted["regions"]]
    print(json.dumps([url.removeprefix("https://") for url in urls]), flush=True)
