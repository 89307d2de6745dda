# SPDX-License-Identifier: Apache-2.0
"""Reading back: what was set and is not so is told, whatever the call answered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from functions.incident.model import StepOutcome, StepResult
from functions.steps.evidence import protect, snapshot, tags
from functions.steps.network import isolate
from functions.steps.step import Step
from hub.simulation.world_spec import Eni
from tests.conftest import NewScenario
from tests.scenario import INSTANCE, Scenario, instance
from tests.steps.made import task


def swap_back(scenario: Scenario, result: StepResult) -> str:
    interface = str(result.receipt["swapped"][0])
    scenario.other_client().modify_network_interface_attribute(
        NetworkInterfaceId=interface, Groups=[scenario.group("app")]
    )
    return interface


def add_a_group(scenario: Scenario, result: StepResult) -> str:
    interface = str(result.receipt["swapped"][1])
    groups = [result.receipt["group"], scenario.group("app")]
    scenario.other_client().modify_network_interface_attribute(NetworkInterfaceId=interface, Groups=groups)
    return interface


def open_the_group(scenario: Scenario, result: StepResult) -> str:
    everybody = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    scenario.other_client().authorize_security_group_egress(GroupId=result.receipt["group"], IpPermissions=everybody)
    return "quarantine group"


def switch_protection_off(scenario: Scenario, _: StepResult) -> str:
    scenario.other_client().modify_instance_attribute(InstanceId=INSTANCE, DisableApiTermination={"Value": False})
    return "disableApiTermination"


def let_volumes_go(scenario: Scenario, _: StepResult) -> str:
    mapping = {"DeviceName": "/dev/xvda", "Ebs": {"DeleteOnTermination": True}}
    scenario.other_client().modify_instance_attribute(InstanceId=INSTANCE, BlockDeviceMappings=[mapping])
    return "volumes"


def delete_a_snapshot(scenario: Scenario, result: StepResult) -> str:
    volume, made = next(iter(result.receipt["snapshots"].items()))
    scenario.other_client().delete_snapshot(SnapshotId=made)
    return str(volume)


def take_a_tag(scenario: Scenario, result: StepResult) -> str:
    resource = str(result.receipt["resources"][0])
    scenario.other_client().delete_tags(Resources=[resource], Tags=[{"Key": "cordon:incident"}])
    return resource


MEDDLING: list[tuple[Step, Callable[[Scenario, StepResult], str]]] = [
    (isolate.STEP, swap_back),
    (isolate.STEP, add_a_group),
    (isolate.STEP, open_the_group),
    (protect.STEP, switch_protection_off),
    (protect.STEP, let_volumes_go),
    (snapshot.STEP, delete_a_snapshot),
    (tags.STEP, take_a_tag),
]


@pytest.mark.parametrize(("step", "meddle"), MEDDLING, ids=[meddle.__name__ for _, meddle in MEDDLING])
def test_what_did_not_take_effect_is_told(new_scenario: NewScenario, step: Step, meddle: Any) -> None:
    scenario = new_scenario(instance(enis=(Eni(), Eni()), volumes=2))
    with task(scenario) as tasks:
        each = tasks[step]
        applied = step.apply(each, step.prepare(each) if step.prepare else None)
        assert applied.outcome is StepOutcome.DONE
        assert step.verify(each, applied).outcome is StepOutcome.DONE
        what = meddle(scenario, applied)
        verified = step.verify(each, applied)
    assert verified.outcome is StepOutcome.FAILED
    assert what in {item.what for item in verified.items if item.outcome is StepOutcome.FAILED}
    assert verified.reason
    assert verified.receipt.get("swapped") == applied.receipt.get("swapped")


READS = {
    isolate.STEP: "DescribeNetworkInterfaces",
    protect.STEP: "DescribeInstanceAttribute",
    snapshot.STEP: "DescribeSnapshots",
    tags.STEP: "DescribeTags",
}


@pytest.mark.parametrize("step", READS, ids=lambda step: step.name)
def test_what_can_not_be_read_back_is_not_called_done(new_scenario: NewScenario, step: Step) -> None:
    scenario = new_scenario()
    with task(scenario) as tasks:
        each = tasks[step]
        applied = step.apply(each, step.prepare(each) if step.prepare else None)

        def refuse(**_: Any) -> None:
            raise ClientError({"Error": {"Code": "UnauthorizedOperation", "Message": "no"}}, READS[step])

        # From here on, as when a permission is taken away meanwhile.
        each.member.ec2.meta.events.register_first(f"before-call.ec2.{READS[step]}", refuse)
        verified = step.verify(each, applied)
    assert verified.outcome is StepOutcome.FAILED
    assert "UnauthorizedOperation" in verified.reason
    if step is isolate.STEP:
        assert verified.receipt["verified"] == []


def test_every_interface_is_read_back(new_scenario: NewScenario) -> None:
    scenario = new_scenario(instance(enis=(Eni(), Eni(), Eni())))
    with task(scenario) as tasks:
        each = tasks[isolate.STEP]
        result = isolate.STEP.verify(each, isolate.STEP.apply(each, isolate.prepare(each)))
    assert sorted(result.receipt["verified"]) == sorted(eni["id"] for eni in scenario.host()["enis"])
