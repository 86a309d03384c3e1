"""Prints the hosts of services in regions by botocore's rules: for each line of JSON, one line of JSON."""

import json
import sys

import botocore.session
from botocore.endpoint_provider import EndpointProvider

loader = botocore.session.Session().get_component("data_loader")
partitions = loader.load_data("partitions")

for line in sys.stdin:
    wanted = json.loads(line)
    rules = EndpointProvider(loader.load_service_model(wanted["service"], "endpoint-rule-set-1"), partitions)
    choice = {"UseFIPS": wanted["fips"], "UseDualStack": wanted["dual"]}
    if wanted["service"] == "sts":
        choice["UseGlobalEndpoint"] = False
    urls = [rules.resolve_endpoint(Region=region, **choice).url for region in wanted["regions"]]
    print(json.dumps([url.removeprefix("https://") for url in urls]), flush=True)
