"""Assumes the role of a profile with an MFA code, and stores its session in ~/.aws/cli/cache, as the AWS CLI does."""

import os
import sys

import botocore.session
from botocore.utils import JSONFileCache

session = botocore.session.Session(profile=sys.argv[1])
provider = session.get_component("credential_provider").get_provider("assume-role")
provider.cache = JSONFileCache(os.path.expanduser("~/.aws/cli/cache"))
provider._prompter = lambda question: "123456"
session.get_credentials().get_frozen_credentials()
