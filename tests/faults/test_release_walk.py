# SPDX-License-Identifier: Apache-2.0
"""A release that dies or is refused half-way can be run again, and then the host is as it was."""

from __future__ import annotations

from typing import Any

import pytest

from hub.simulation.deployment import Deployment
from hub.simulation.errors import Crash
from hub.simulation.faults import Fault
from hub.simulation.run import Request, deployed
from hub.simulation.world_spec import Eni
from tests.end_to_end.scenes import bundle, event, host, world

LEASE_SECONDS = 100

CALLS = {
    # every AWS call of a release, and how often it is made
    "dynamodb:Query": 2,
    "dynamodb:UpdateItem": 1,
    "dynamodb:BatchGetItem": 1,
    "dynamodb:TransactWriteItems": 2,
    "sts:AssumeRole": 1,
    "sns:Publish": 1,
    "ec2:DescribeInstances": 1,
    "ec2:DescribeNetworkInterfaces": 1,
    "ec2:DescribeVolumes": 1,
    "ec2:DescribeInstanceAttribute": 3,
    "ec2:ModifyNetworkInterfaceAttribute": 2,
    "ec2:ModifyInstanceAttribute": 4,
    "ec2:DeleteTags": 10,
}
CRASHES = ("crash-before", "crash-after")
REPRESENTATIVE = 1
"""Of each operation the first call runs with every test, ``make faults`` walks them all."""


def cases() -> list[Any]:
    return [
        pytest.param(
            operation,
            what,
            number,
            id=f"{operation} #{number + 1} {what}",
            marks=() if number < REPRESENTATIVE and what == "crash-after" else (pytest.mark.faults,),
        )
        for operation, count in CALLS.items()
        for number in range(count)
        for what in CRASHES
    ]


def contained(deployment: Deployment) -> str:
    deployment.warm_up()
    deployment.deliver([event()])
    [incident] = deployment.incidents()
    assert incident.state.value == "contained"
    return incident.id


def calls_of_release(deployment: Deployment, before: int) -> dict[str, int]:
    counted: dict[str, int] = {}
    for call in deployment.simulation.calls[before:]:
        name = f"{call['service']}:{call['operation']}"
        counted[name] = counted.get(name, 0) + 1
    return counted


SPEC = world(host(enis=(Eni(), Eni()), volumes=2))


def test_the_table_names_every_call() -> None:
    with deployed(Request([], bundle(), SPEC)) as deployment:
        before = deployment.simulation.world()
        incident = contained(deployment)
        made = len(deployment.simulation.calls)
        assert deployment.release(incident).state.value == "released"
        assert calls_of_release(deployment, made) == CALLS
        assert deployment.simulation.world()["instances"] == before["instances"]


@pytest.mark.parametrize(("operation", "what", "number"), cases())
def test_a_release_that_dies_is_run_again(operation: str, what: str, number: int) -> None:
    service, _, called = operation.partition(":")
    with deployed(Request([], bundle(), SPEC)) as deployment:
        before = deployment.simulation.world()
        incident = contained(deployment)
        deployment.simulation.inject([Fault(service, called, what, 1, skip=number)])
        with pytest.raises(Crash):
            deployment.release(incident)
        deployment.simulation.clock.sleep(LEASE_SECONDS)
        [record] = deployment.incidents()
        if record.state.value != "released":  # else it died after its last write
            record = deployment.release(incident)
        assert record.state.value == "released"
        assert deployment.simulation.world()["instances"] == before["instances"]
