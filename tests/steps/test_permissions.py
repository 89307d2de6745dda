# SPDX-License-Identifier: Apache-2.0
"""No call is made that no step declares. That no declaration is unused tests/authorization proves, grant by grant."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import botocore.session
import pytest

from functions.aws.roles import reading
from functions.steps.registry import OBSERVING, STEPS, contain_actions, identity_actions, release_actions
from functions.steps.step import Step
from hub.simulation.run import run
from hub.simulation.world_spec import Eni
from tests.faults.scenarios import SCENARIOS, request
from tests.finding.findings import asff
from tests.intake.policies import C2, policy
from tests.scenario import Scenario, instance, open_scenario

SECOND = "i-0000000000000002"
HOST = instance(enis=(Eni(), Eni(("db",))), volumes=2, tags={"status": "live"})

WAYS: Mapping[str, Mapping[str, Any]] = {
    "a fresh host": {},
    "another host, for which the group is there": {"hosts": [HOST, instance(SECOND)]},
    "Spot": {"hosts": [instance(lifecycle="spot")]},
    "no volume": {"hosts": [instance(volumes=0)]},
    "the set of snapshots is refused": {"faults": ["ec2:CreateSnapshots=SnapshotLimitExceeded"]},
    "the set of snapshots times out": {"faults": ["ec2:CreateSnapshots=timeout-after"]},
    "making the group times out": {"faults": ["ec2:CreateSecurityGroup=timeout-after"]},
    "the process dies when the group is made": {"faults": ["ec2:RevokeSecurityGroupEgress=crash-before"]},
    "the process dies after the swap": {"faults": ["ec2:ModifyNetworkInterfaceAttribute=crash-after"]},
    "the tags are not put on for long": {"faults": ["ec2:CreateTags=InternalError*4"]},
}


_IAM_NAMES = {"elbv2": "elasticloadbalancing"}


def _actions(calls: Sequence[Mapping[str, Any]]) -> set[str]:
    """Return what IAM calls these calls in a member account."""
    members = [call for call in calls if call["service"] in {"autoscaling", "ec2", "elbv2", "iam"}]
    return {f"{_IAM_NAMES.get(call['service'], call['service'])}:{call['operation']}" for call in members}


def _go(scenario: Scenario, hosts: int = 1) -> tuple[set[str], set[str]]:
    """Contain every host and release it; return what each of the two called."""
    scenario.deliver(asff(C2))
    if hosts > 1:
        scenario.deliver(asff(C2, finding="b" * 32, instances=[SECOND]))
    contained = len(scenario.calls())
    for incident in scenario.deployment.incidents():
        scenario.deployment.release(incident.id)
    calls = scenario.calls()
    return _actions(calls[:contained]), _actions(calls[contained:])


@functools.cache
def _called(way: str, bundle: bytes) -> tuple[set[str], set[str]]:
    if way in SCENARIOS:
        ended = run(replace(request(SCENARIOS[way]), then_release=True))
        first = [call for call in ended.calls if call["delivery"] == 1]
        return _actions(first), _actions([call for call in ended.calls if call["delivery"] > 1])
    how = dict(WAYS[way])
    hosts = how.pop("hosts", [HOST])
    with open_scenario(bundle, *hosts, **how) as scenario:
        return _go(scenario, len(hosts))


@pytest.mark.parametrize("way", [*WAYS, *SCENARIOS])
def test_nothing_undeclared_is_called(bundle: bytes, way: str) -> None:
    contained, released = _called(way, bundle)
    assert contained <= contain_actions(changing=True) | identity_actions()
    assert released <= release_actions() | identity_actions()


def test_observing_reads_and_nothing_else(bundle: bytes) -> None:
    with open_scenario(bundle) as scenario:
        scenario.deliver(asff(Sample=True))
        called = _actions(scenario.calls())
    assert called <= contain_actions(changing=False)
    assert called >= OBSERVING


@pytest.mark.parametrize("step", [each for each in STEPS if not each.within], ids=lambda step: step.name)
def test_a_step_by_itself_changes_what_it_declares(step: Step) -> None:
    """With every other step switched off, what is changed is what this one and its options declare, both ways."""
    others = ", ".join(
        f"{each.name}: {{enabled: {'true' if each is step else 'false'}}}" for each in STEPS if not each.within
    )
    with open_scenario(policy(f"steps: {{{others}}}\n"), HOST) as scenario:
        before, after = _go(scenario)
    own = [each for each in STEPS if step.name in {each.name, each.within}]
    may = {action for each in own for action in (*each.permissions, *each.release_permissions)}
    assert {action for action in before | after if not reading(action)} <= may


def test_every_declared_action_is_one_of_its_services() -> None:
    session = botocore.session.Session()
    names = {_IAM_NAMES.get(name, name): name for name in ("autoscaling", "ec2", "elbv2", "iam")}
    for step in STEPS:
        identity = tuple(grant.action for grant in step.identity_grants)
        for action in (*step.permissions, *step.release_permissions, *identity):
            service, _, operation = action.partition(":")
            if action != "iam:PassRole":  # a right that no operation is called by
                assert operation in session.get_service_model(names[service]).operation_names
        assert len(set(step.permissions)) == len(step.permissions)
