# SPDX-License-Identifier: Apache-2.0
"""Answers that come late, that lack something, or that refuse one resource of many."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from functions.incident.model import StepOutcome
from functions.steps.evidence import protect, snapshot, tags
from functions.steps.network import isolate
from functions.steps.step import Step
from hub.simulation.world_spec import Eni
from tests.conftest import NewScenario
from tests.finding.findings import asff
from tests.scenario import INSTANCE, Scenario, instance
from tests.steps.made import run, task
from tests.steps.test_fresh_group import ALWAYS, answering, member_ec2


def without_value(parsed: dict[str, Any]) -> None:
    if "DisableApiStop" in parsed:
        parsed["DisableApiStop"] = {}


def test_an_attribute_without_a_value_is_a_gap_of_its_own(new_scenario: NewScenario) -> None:
    scenario = new_scenario()
    with answering(member_ec2(scenario), "DescribeInstanceAttribute", without_value):
        (handed,) = scenario.hand_over(asff())
    assert handed.delivered.receives == 1
    assert scenario.incident.state == "partial"
    (step,) = [each for each in scenario.incident.steps if each.outcome is StepOutcome.FAILED]
    assert [(item.what, item.error) for item in step.items if item.error] == [("disableApiStop", "UnreadError")]
    assert scenario.host()["termination_protection"] is True
    assert [len(eni["groups"]) for eni in scenario.host()["enis"]] == [1]


def unswapped(parsed: dict[str, Any]) -> None:
    for each in parsed["NetworkInterfaces"]:
        each["Groups"] = [{"GroupId": "sg-before", "GroupName": "app"}]


def unprotected(parsed: dict[str, Any]) -> None:
    if "DisableApiTermination" in parsed:
        parsed["DisableApiTermination"] = {"Value": False}


def no_snapshots(parsed: dict[str, Any]) -> None:
    parsed["Snapshots"] = []


def no_tags(parsed: dict[str, Any]) -> None:
    parsed["Tags"] = []


LATE: list[tuple[Step, str, Any]] = [
    (isolate.STEP, "DescribeNetworkInterfaces", unswapped),
    (protect.STEP, "DescribeInstanceAttribute", unprotected),
    (snapshot.STEP, "DescribeSnapshots", no_snapshots),
    (tags.STEP, "DescribeTags", no_tags),
]


@pytest.mark.parametrize(("step", "operation", "change"), LATE, ids=[step.name for step, _, _ in LATE])
@pytest.mark.parametrize("late", [3, ALWAYS])
def test_what_shows_late_is_read_again_for_three_seconds(
    new_scenario: NewScenario, step: Step, operation: str, change: Any, late: int
) -> None:
    scenario = new_scenario()
    with task(scenario) as tasks:
        each = tasks[step]
        applied = step.apply(each, step.prepare(each) if step.prepare else None)
        began = scenario.simulation.clock.now()
        with answering(each.member.ec2, operation, change, late):
            verified = step.verify(each, applied)
        waited = (scenario.simulation.clock.now() - began).total_seconds()
    assert verified.outcome is (StepOutcome.FAILED if late == ALWAYS else StepOutcome.DONE)
    assert verified.transient is (late == ALWAYS)
    assert 0 < round(waited, 1) <= 3  # the calls take a fraction of a millisecond each


def attach(scenario: Scenario, index: int = 1) -> str:
    ec2 = scenario.other_client()
    [reservation] = ec2.describe_instances(InstanceIds=[INSTANCE])["Reservations"]
    subnet = reservation["Instances"][0]["SubnetId"]
    made = ec2.create_network_interface(SubnetId=subnet, Groups=[scenario.group("app")])["NetworkInterface"]
    ec2.attach_network_interface(NetworkInterfaceId=made["NetworkInterfaceId"], InstanceId=INSTANCE, DeviceIndex=index)
    return str(made["NetworkInterfaceId"])


def test_an_interface_attached_during_containment_is_found(new_scenario: NewScenario) -> None:
    scenario = new_scenario()
    with task(scenario) as tasks:
        each = tasks[isolate.STEP]
        applied = isolate.apply(each, isolate.prepare(each))
        new = attach(scenario)
        verified = isolate.verify(each, applied)
    assert verified.outcome is StepOutcome.FAILED
    assert [(item.what, item.transient) for item in verified.items if item.error] == [(new, True)]
    assert new not in verified.receipt["verified"]
    assert isolate.isolation(verified).failed == {new}


def refuse_together(resource: str) -> Any:
    """Refuse CreateTags wherever this resource is among those named."""

    def refuse(params: dict[str, Any], **_: Any) -> None:
        if resource in params["Resources"]:
            raise ClientError({"Error": {"Code": "TagLimitExceeded", "Message": "no room"}}, "CreateTags")

    return refuse


def test_one_resource_without_room_for_a_tag_leaves_the_others_tagged(new_scenario: NewScenario) -> None:
    scenario = new_scenario(instance(volumes=2))
    full = scenario.host()["volumes"][0]["id"]
    with task(scenario) as tasks:
        each = tasks[tags.STEP]
        each.member.ec2.meta.events.register("provide-client-params.ec2.CreateTags", refuse_together(full))
        result = run(tags.STEP, each)
    assert [(item.what, item.error) for item in result.items if item.error] == [(full, "TagLimitExceeded")]
    assert full not in result.receipt["resources"]
    assert len(result.receipt["resources"]) == 3
    assert scenario.host()["tags"]["status"] == "isolated"


def test_the_baseline_of_tags_has_those_keys_alone_that_a_release_restores(new_scenario: NewScenario) -> None:
    scenario = new_scenario(instance(volumes=2, tags={"Name": "web", "status": "live", "team": "payments"}))
    with task(scenario) as tasks:
        kept = tasks[tags.STEP].section["tags"]
    assert kept[INSTANCE] == {"status": "live"}
    assert {key for tags in kept.values() for key in tags} <= {"status", "cordon:incident"}


def test_very_many_tags_do_not_keep_the_host_from_being_isolated(new_scenario: NewScenario) -> None:
    scenario = new_scenario(instance(volumes=3, enis=(Eni(), Eni())))
    host = scenario.host()
    resources = [INSTANCE, *(each["id"] for each in [*host["enis"], *host["volumes"]])]
    tags = [{"Key": f"{number:02}{'é' * 120}", "Value": "é" * 250} for number in range(45)]
    for resource in resources:
        scenario.other_client().create_tags(Resources=[resource], Tags=tags)
    scenario.deliver(asff())
    assert scenario.incident.state == "contained"


def test_snapshots_do_not_multiply_where_they_can_not_be_looked_up(new_scenario: NewScenario) -> None:
    scenario = new_scenario(instance(volumes=2), faults=["ec2:DescribeSnapshots=UnauthorizedOperation"])
    for hour in range(3):
        scenario.hand_over(asff(UpdatedAt=f"2026-03-02T1{hour}:42:00.000Z"))
    assert len(scenario.simulation.world()["snapshots"]) == 2
    (step,) = [each for each in scenario.incident.steps if each.name == "snapshot"]
    assert step.outcome is StepOutcome.FAILED
    assert "UnauthorizedOperation" in step.reason


def test_nothing_is_made_when_the_end_of_a_try_is_unknown_and_unseen(new_scenario: NewScenario) -> None:
    faults = ["ec2:CreateSnapshots=timeout-after", "ec2:DescribeSnapshots=UnauthorizedOperation"]
    scenario = new_scenario(instance(volumes=2), faults=faults)
    scenario.hand_over(asff())
    assert len(scenario.simulation.world()["snapshots"]) == 2
    assert scenario.calls("CreateSnapshot") == []


@pytest.mark.parametrize("gone", [False, True])
def test_a_snapshot_on_record_is_made_anew_only_when_it_is_gone(new_scenario: NewScenario, *, gone: bool) -> None:
    """Its tag may be taken away, which leaves it where it is."""
    from dataclasses import replace

    scenario = new_scenario(instance(volumes=2))
    with task(scenario) as tasks:
        first = run(snapshot.STEP, tasks[snapshot.STEP])
        made = first.receipt["snapshots"]
        _, one = min(made.items())
        if gone:
            scenario.other_client().delete_snapshot(SnapshotId=one)
        else:
            scenario.other_client().delete_tags(Resources=[one], Tags=[{"Key": "cordon:incident"}])
        second = run(snapshot.STEP, replace(tasks[snapshot.STEP], resumed=True, receipt=first.receipt))
    assert second.outcome is StepOutcome.DONE
    assert (second.receipt["snapshots"] == made) is not gone
    assert len(scenario.simulation.world()["snapshots"]) == 2
