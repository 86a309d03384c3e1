"""`aws_cli.py SERVICE OPERATION [OPTION VALUE]...` calls AWS as the AWS CLI does, and fails for a wrong or missing option.

The AWS CLI is made of botocore's models, which have the operations, their options, and which of them are required. The
endpoint, the profiles and the credentials come from the environment.
"""

import pathlib
import sys

from botocore import xform_name
from botocore.session import Session
from botocore.validate import validate_parameters

service, operation, *options = sys.argv[1:]
given = dict(zip(options[::2], options[1::2], strict=True))
session = Session(profile=given.pop("--profile", None))
client = session.create_client(service, region_name=given.pop("--region", None))
operations = {xform_name(name, "-"): name for name in client.meta.service_model.operation_names}
shape = client.meta.service_model.operation_model(operations[operation]).input_shape
names = {f"--{xform_name(name, '-')}": name for name in shape.members}


def content(text):
    return pathlib.Path(text.removeprefix("file://")).read_text() if text.startswith("file://") else text


parameters = {names[option]: content(text) for option, text in given.items()}
validate_parameters(parameters, shape)
if service != "account":  # moto doesn't have these operations
    getattr(client, xform_name(operations[operation]))(**parameters)
