# SPDX-License-Identifier: Apache-2.0
"""A command as a person would type it says exactly what the call would have said."""

from __future__ import annotations

import json
import shlex
from typing import Any

import botocore.session
import pytest
from botocore import xform_name
from botocore.validate import ParamValidator

from functions.aws.command import aws_command

REGION = "eu-west-1"
CALLS: list[tuple[str, str, dict[str, Any], str]] = [
    (
        "ec2",
        "ModifyNetworkInterfaceAttribute",
        {"NetworkInterfaceId": "eni-0a1b2c3d", "Groups": ["sg-0a", "sg-0b"]},
        "aws ec2 modify-network-interface-attribute --network-interface-id eni-0a1b2c3d --groups sg-0a sg-0b",
    ),
    (
        "ec2",
        "CreateTags",
        {"Resources": ["i-0a1b2c3d"], "Tags": [{"Key": "status", "Value": "it's live; $HOME"}]},
        """aws ec2 create-tags --resources i-0a1b2c3d --tags '[{"Key":"status","Value":"it'"'"'s live; $HOME"}]'""",
    ),
    (
        "autoscaling",
        "AttachInstances",
        {"InstanceIds": ["i-0a1b2c3d"], "AutoScalingGroupName": "a name with spaces"},
        "aws autoscaling attach-instances --instance-ids i-0a1b2c3d --auto-scaling-group-name 'a name with spaces'",
    ),
    (
        "autoscaling",
        "EnterStandby",
        {"AutoScalingGroupName": "web", "ShouldDecrementDesiredCapacity": False},
        "aws autoscaling enter-standby --auto-scaling-group-name web --no-should-decrement-desired-capacity",
    ),
    (
        "elbv2",
        "RegisterTargets",
        {"TargetGroupArn": "web", "Targets": [{"Id": "i-0a1b2c3d", "Port": 8080}]},
        'aws elbv2 register-targets --target-group-arn web --targets \'[{"Id":"i-0a1b2c3d","Port":8080}]\'',
    ),
    (
        "iam",
        "UpdateAccessKey",
        {"UserName": "alice", "AccessKeyId": "0123456789abcdef", "Status": "Active"},
        "aws iam update-access-key --user-name alice --access-key-id 0123456789abcdef --status Active",
    ),
]


@pytest.mark.parametrize(("service", "operation", "parameters", "command"), CALLS, ids=[each[1] for each in CALLS])
def test_the_command_says_what_the_call_says(
    service: str, operation: str, parameters: dict[str, Any], command: str
) -> None:
    told = aws_command(service, operation, parameters, REGION)
    assert told == f"{command} --region {REGION}"
    shape = botocore.session.get_session().get_service_model(service).operation_model(operation).input_shape
    assert ParamValidator().validate(parameters, shape).generate_report() == ""
    assert understood(told, shape) == parameters


def test_a_list_of_maps_and_a_lone_flag() -> None:
    told = aws_command("ec2", "ModifyInstanceAttribute", {"InstanceId": "i-0a", "DisableApiStop": True}, REGION)
    assert told == f"aws ec2 modify-instance-attribute --instance-id i-0a --disable-api-stop --region {REGION}"


def understood(command: str, shape: Any) -> dict[str, Any]:
    """Read a command as the AWS CLI does: an option for each member of the input, words or JSON after it."""
    words = shlex.split(command)
    members = {f"--{xform_name(name, '-')}": name for name in shape.members}
    found: dict[str, Any] = {}
    option = ""
    for word in words[3 : words.index("--region")]:
        if word.startswith("--"):
            option = members.get(word) or members[word.replace("--no-", "--", 1)]
            found[option] = [] if shape.members[option].type_name != "boolean" else word in members
        else:
            found[option].append(json.loads(word) if word.startswith("[") else word)
    return {name: _plain(value, shape.members[name].type_name) for name, value in found.items()}


def _plain(value: Any, kind: str) -> Any:
    if kind == "list":
        return value[0] if value and isinstance(value[0], list) else value
    return value if kind == "boolean" else value[0]
