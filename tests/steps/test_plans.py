# SPDX-License-Identifier: Apache-2.0
"""A plan is pure, and what is then called is what was planned: operation for operation, parameter for parameter."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from functions.incident.model import PlannedCall
from functions.steps.network.quarantine_group import NEW_GROUP
from hub.simulation.world_spec import Eni
from tests.conftest import NewScenario
from tests.finding.findings import asff
from tests.intake.policies import TOR, policy
from tests.scenario import INSTANCE, Scenario, instance
from tests.steps.made import task

CHANGES = ("Modify", "Create", "Authorize", "Revoke", "Delete")
RULES = "(every rule that the group is made with)"
SHAPES = {
    "plain": instance(),
    "two interfaces, three volumes": instance(enis=(Eni(), Eni(("app", "db"))), volumes=3),
    "no volume": instance(volumes=0),
    "spot": instance(lifecycle="spot"),
    "with IPv6": instance(enis=(Eni(ipv6=True),)),
    "stopped, with a status of its own": instance(state="stopped", tags={"status": "live"}),
    "with a managed interface": instance(enis=(Eni(), Eni(requester_managed=True))),
}


def changes(scenario: Scenario) -> list[Mapping[str, Any]]:
    return [
        call
        for call in scenario.calls()
        if call["service"] == "ec2" and call["operation"].startswith(CHANGES) and not call["error"]
    ]


def counted(calls: list[tuple[str, Any]]) -> Counter[tuple[str, str]]:
    return Counter((operation, json.dumps(parameters, sort_keys=True)) for operation, parameters in calls)


def made(scenario: Scenario) -> Counter[tuple[str, str]]:
    """Return what was called, with the names that a plan has for what was not there yet."""
    calls = [(call["operation"], call["parameters"]) for call in changes(scenario)]
    groups = [eni["groups"] for eni in scenario.host()["enis"]]
    worn = next(step for step in scenario.incident.steps if step.name == "isolate").receipt["group"]
    assert [worn] in groups
    fresh = any(operation == "CreateSecurityGroup" for operation, _ in calls)
    told = []
    for operation, parameters in calls:
        text = json.dumps(parameters)
        given = json.loads(text.replace(worn, NEW_GROUP) if fresh else text)
        if operation == "RevokeSecurityGroupEgress":
            assert given["SecurityGroupRuleIds"]
            given["SecurityGroupRuleIds"] = [RULES]
        told.append((operation, given))
    return counted(told)


def planned(calls: tuple[PlannedCall, ...]) -> Counter[tuple[str, str]]:
    """Count the changes of EC2; what isn't known before the host is looked at closer has no parameters to compare."""
    changing = [call for call in calls if call.service == "ec2" and call.operation.startswith(CHANGES)]
    return counted([(call.operation, dict(call.parameters)) for call in changing])


@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_planned_is_what_is_called(new_scenario: NewScenario, shape: str) -> None:
    scenario = new_scenario(SHAPES[shape])
    scenario.deliver(asff())
    assert made(scenario) == planned(scenario.incident.plan)


def test_with_a_group_at_hand_the_plan_names_it(new_scenario: NewScenario) -> None:
    scenario = new_scenario(instance(), instance("i-0000000000000002"))
    scenario.deliver(asff(finding="b" * 32, instances=["i-0000000000000002"]))
    before = len(changes(scenario))
    scenario.deliver(asff())
    (incident,) = [each for each in scenario.deployment.incidents() if each.target.instance == INSTANCE]
    calls = [(call["operation"], call["parameters"]) for call in changes(scenario)[before:]]
    assert counted(calls) == planned(incident.plan)
    assert "CreateSecurityGroup" not in {call.operation for call in incident.plan}


def test_the_plan_of_an_observed_host_is_what_enforcing_it_does(new_scenario: NewScenario) -> None:
    observed = new_scenario()
    world = observed.simulation.world()
    observed.deliver(asff(Sample=True))
    assert observed.simulation.world() == world
    assert changes(observed) == []
    plan, incident = observed.incident.plan, observed.incident.id
    observed.simulation.clock.sleep(60)
    observed.deliver(asff(finding="b" * 32))
    assert observed.incident.id == incident
    assert made(observed) == planned(plan)


def test_planning_twice_gives_the_same(new_scenario: NewScenario) -> None:

    scenario = new_scenario()
    with task(scenario) as tasks:
        calls = len(scenario.calls())
        for step, each in tasks.items():
            assert step.plan(each) == step.plan(each)
        assert len(scenario.calls()) == calls


OPTIONS = policy(
    "steps: {isolate: {access: {ports: [22], cidrs: [198.51.100.0/24]}, network_acl: true, idle_timeout: true, "
    "public_address: disassociate}}\n"
)


def test_who_is_asked_is_told_what_will_be_refused_and_what_an_option_does(new_scenario: NewScenario) -> None:
    scenario = new_scenario(instance(public_ip="elastic"), bundle=OPTIONS)
    scenario.deliver(asff(TOR))
    (interface,) = scenario.host()["enis"]
    public = interface["addresses"][-1]
    assert {step.name: step.reason for step in scenario.incident.steps if step.reason} == {
        "network_acl": "will be refused where the VPC is another account's, or where investigators may come "
        "from inside it or through a transit gateway; an ACL without room is left out",
        "idle_timeout": "will be skipped where the host's type is not of the Nitro system",
        "public_address": f"takes {public} off the host",
    }
