# SPDX-License-Identifier: Apache-2.0
"""An AWS call as a person would type it: for what Cordon leaves to them."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

from botocore import xform_name

_PROGRAMS = {"autoscaling": "autoscaling", "ec2": "ec2", "elbv2": "elbv2", "iam": "iam"}


def aws_command(service: str, operation: str, parameters: Mapping[str, Any], region: str) -> str:
    """Return the command of the AWS CLI for a call, quoted for a shell; lists and maps as JSON where they must be."""
    words = ["aws", _PROGRAMS[service], xform_name(operation, "-")]
    for name, value in parameters.items():
        option = f"--{xform_name(name, '-')}"
        if isinstance(value, bool):
            words.append(option if value else option.replace("--", "--no-", 1))
        elif isinstance(value, list) and all(isinstance(each, str) for each in value):
            words += [option, *value]
        else:
            words += [option, value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))]
    return shlex.join([*words, "--region", region])
