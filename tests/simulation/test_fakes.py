# SPDX-License-Identifier: Apache-2.0
"""Every fake answers as botocore's model of the call says, before and after the way over the wire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import botocore.session
import pytest

from hub.simulation.simulation import Simulation
from hub.simulation.transport import Fake
from tests.simulation.shapes import misfits
from tests.simulation.worlds import ACCOUNT, INSTANCE, REGION, instance, world

CORE = botocore.session.Session()

PARAMETERS: dict[tuple[str, str], dict[str, Any]] = {
    ("sts", "AssumeRole"): {
        "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/cordon/cordon-contain",
        "RoleSessionName": "inc-1",
        "ExternalId": f"cordon-{ACCOUNT}",
        "SourceIdentity": "inc-1",
        "Tags": [{"Key": "cordon-incident", "Value": "inc-1"}],
    },
    ("sts", "GetCallerIdentity"): {},
}


def output_shape(service: str, operation: str) -> Any:
    return CORE.get_service_model(service).operation_model(operation).output_shape


def test_there_is_an_example_of_every_fake() -> None:
    with Simulation(world()) as simulation:
        assert set(simulation.transport.fakes) == set(PARAMETERS)


@pytest.mark.parametrize(("service", "operation"), PARAMETERS)
def test_a_fake_fits_the_model(service: str, operation: str) -> None:
    with Simulation(world()) as simulation:
        transport = simulation.transport
        outputs: list[Mapping[str, Any]] = []
        fake: Fake = transport.fakes[service, operation]

        def listening(*arguments: Any) -> Mapping[str, Any]:
            outputs.append(fake(*arguments))
            return outputs[-1]

        transport.fakes[service, operation] = listening
        client = simulation.session.client(service)
        answer = getattr(client, botocore.xform_name(operation))(**PARAMETERS[service, operation])
    assert list(misfits(outputs[0], output_shape(service, operation))) == []
    del answer["ResponseMetadata"]
    assert list(misfits(answer, output_shape(service, operation))) == []
    assert set(answer) == set(outputs[0])


CORRECTED: list[tuple[str, str, dict[str, Any]]] = [
    ("ec2", "DescribeInstances", {"InstanceIds": [INSTANCE]}),
    ("ec2", "DescribeNetworkInterfaces", {}),
    ("ec2", "DescribeSecurityGroups", {}),
    ("ec2", "DescribeSecurityGroupRules", {}),
    ("ec2", "CreateSnapshots", {"InstanceSpecification": {"InstanceId": INSTANCE}, "Description": "evidence"}),
    ("ec2", "DescribeSnapshots", {"OwnerIds": ["self"]}),
    ("ec2", "GetConsoleOutput", {"InstanceId": INSTANCE, "Latest": True}),
    ("ec2", "GetConsoleScreenshot", {"InstanceId": INSTANCE}),
    ("autoscaling", "DescribeAutoScalingInstances", {"InstanceIds": [INSTANCE]}),
]


@pytest.mark.parametrize(("service", "operation", "parameters"), CORRECTED)
def test_what_is_corrected_still_fits_the_model(service: str, operation: str, parameters: dict[str, Any]) -> None:
    with Simulation(world(instance(managed_by="eks-auto"), instance("i-0000000000000002"))) as simulation:
        client = simulation.session_in(ACCOUNT).client(service, region_name=REGION)
        answer = getattr(client, botocore.xform_name(operation))(**parameters)
    del answer["ResponseMetadata"]
    assert list(misfits(answer, output_shape(service, operation))) == []


def test_the_checker_finds_what_does_not_fit() -> None:
    shape = output_shape("sts", "GetCallerIdentity")
    assert list(misfits({"Account": 1, "Owner": "x"}, shape)) == [
        "GetCallerIdentityResponse.Account is 1, no string",
        "GetCallerIdentityResponse has no member Owner",
    ]
