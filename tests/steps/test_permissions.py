# SPDX-License-Identifier: Apache-2.0
"""The permissions that steps declare are the calls that are made: no call undeclared, no declaration unused."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from functions.steps.registry import OBSERVING, STEPS, contain_actions, release_actions
from hub.simulation.world_spec import Eni
from tests.finding.findings import asff
from tests.intake.policies import C2, policy
from tests.stage import Stage, instance, staged

SECOND = "i-0000000000000002"
HOST = instance(enis=(Eni(), Eni(("db",))), volumes=2, tags={"status": "live"})

TAGGED_WHEN_MADE = "tags at creation need ec2:CreateTags, although CreateTags is not called"
NOT_CALLED = {("isolate", "ec2:CreateTags"): TAGGED_WHEN_MADE, ("snapshot", "ec2:CreateTags"): TAGGED_WHEN_MADE}
"""Permissions that a step needs without calling the operation, and why."""

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


def _ec2(calls: Sequence[Mapping[str, Any]]) -> set[str]:
    return {f"ec2:{call['operation']}" for call in calls if call["service"] == "ec2"}


def _go(stage: Stage, hosts: int = 1) -> tuple[set[str], set[str]]:
    """Contain every host and release it; return what each of the two called."""
    stage.deliver(asff(C2))
    if hosts > 1:
        stage.deliver(asff(C2, finding="b" * 32, instances=[SECOND]))
    contained = len(stage.calls())
    for incident in stage.deployment.incidents():
        stage.deployment.release(incident.id)
    calls = stage.calls()
    return _ec2(calls[:contained]), _ec2(calls[contained:])


@functools.cache
def _called(way: str, bundle: bytes) -> tuple[set[str], set[str]]:
    how = dict(WAYS[way])
    hosts = how.pop("hosts", [HOST])
    with staged(bundle, *hosts, **how) as stage:
        return _go(stage, len(hosts))


@pytest.mark.parametrize("way", WAYS)
def test_nothing_undeclared_is_called(bundle: bytes, way: str) -> None:
    contained, released = _called(way, bundle)
    assert contained <= contain_actions(changing=True)
    assert released <= release_actions()


def test_nothing_declared_is_never_called(bundle: bytes) -> None:
    ways = [_called(way, bundle) for way in WAYS]
    assert set().union(*(contained for contained, _ in ways)) == contain_actions(changing=True)
    assert set().union(*(released for _, released in ways)) == release_actions()


def test_observing_reads_and_nothing_else(bundle: bytes) -> None:
    with staged(bundle) as stage:
        stage.deliver(asff(Sample=True))
        called = _ec2(stage.calls())
    assert called <= contain_actions(changing=False)
    assert called >= OBSERVING


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_a_step_by_itself_changes_what_it_declares(step: Any) -> None:
    """With every other step switched off, what is changed is what this one declares, in both directions."""
    others = ", ".join(f"{each.name}: {{enabled: {'true' if each is step else 'false'}}}" for each in STEPS)
    bundle = policy(f"steps: {{{others}}}\n")
    contained: set[str] = set()
    released: set[str] = set()
    for faults in ([], ["ec2:CreateSnapshots=SnapshotLimitExceeded"]):
        with staged(bundle, HOST, faults=faults) as stage:
            before, after = _go(stage)
            contained |= before
            released |= after
    declared = {each for each in step.permissions if ":Describe" not in each}
    silent = {action for name, action in NOT_CALLED if name == step.name}
    if step.name == "isolate":
        silent |= {"ec2:AuthorizeSecurityGroupIngress"} - contained  # these policies let nobody in
    assert {each for each in contained if ":Describe" not in each} == declared - silent
    assert {each for each in released if ":Describe" not in each} == {
        each for each in step.release_permissions if ":Describe" not in each
    }


def test_every_declared_action_is_one_of_ec2s() -> None:
    import botocore.session  # noqa: PLC0415

    names = set(botocore.session.Session().get_service_model("ec2").operation_names)
    for step in STEPS:
        for action in (*step.permissions, *step.release_permissions):
            service, _, operation = action.partition(":")
            assert service == "ec2"
            assert operation in names
        assert len(set(step.permissions)) == len(step.permissions)
